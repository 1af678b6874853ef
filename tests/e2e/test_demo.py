"""`stockbell up --demo` as a stranger uses it: open the page, subscribe, restock, read the mail, stop."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.processes import ROOT, free_port, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("demo")]


@dataclass
class Running:
    """A running demo, by what it has printed."""

    process: subprocess.Popen[str]
    home: Path
    storefront: str
    mailbox: str
    merchant: str
    email: str
    password: str


def start_stockbell(home: Path, *words: str) -> tuple[subprocess.Popen[str], str]:
    """`stockbell up ...` on a free port; returns it and what it has printed once it runs."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith(("BASE_URL", "_URL"))}
    own = {"STOCKBELL_HOME": str(home), "STOCKBELL_PORT": str(free_port()), "STOCKBELL_WEB_PROCESSES": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "plugin.cli", *words],
        env={**environment, **own},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    said = ""
    while "Ctrl-C stops" not in said:
        line = process.stdout.readline()
        assert line, f"it ended: {said}"
        said += line
    return process, said[said.index("Stockbell runs") :]


def start_demo(home: Path) -> Running:
    process, said = start_stockbell(home, "up", "--demo")
    urls = re.findall(r"http://\S+", said)
    account = re.search(r"sign in as (\S+) with the password (\S+)", said)
    assert account
    return Running(process, home, *urls[:3], account[1], account[2])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    running = start_demo(tmp_path_factory.mktemp("demo") / "home")
    yield running
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(30) == 0
    assert running.process.stdout
    running.process.stdout.close()
    assert still_running(running.home) == []


def still_running(home: Path) -> list[str]:
    """Command lines of processes that work in this home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (entry / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(home) in line or f"STOCKBELL_HOME={home}\0" in environment:
                found.append(line)
    return found


@pytest.fixture(params=[(1280, 800), (375, 720)], ids=["desktop", "phone"])
def page(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Page]:
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    page = context.new_page()
    yield page
    context.close()


def test_a_shopper_asks_and_is_told_when_it_is_back(demo: Running, page: Page) -> None:
    person = f"shopper{time.time_ns()}@example.com"
    page.goto(demo.storefront)
    page.get_by_role("button", name="Sell out").click()
    wait_for(lambda: not knows_as_available(page), "Stockbell reads that it is sold out")

    page.get_by_role("button", name="Notify me when available").click()
    page.get_by_label("E-mail").fill(person)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("status")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Put 20 units back").click()

    page.goto(demo.mailbox)
    mail = page.get_by_role("listitem").filter(has_text=person)
    mail.wait_for(timeout=20_000)  # the page reloads itself
    mail.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("is back in stock")
    letter = page.frame_locator("iframe")
    expect(letter.get_by_role("link", name="Buy it now")).to_have_attribute("href", re.compile("variant="))

    unsubscribe = letter.get_by_role("link", name=re.compile("Unsubscribe")).get_attribute("href")
    assert unsubscribe
    page.goto(unsubscribe)
    page.get_by_role("button", name="Stop all alerts").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")


def test_a_shopper_whose_browser_runs_no_scripts_asks_on_a_page_of_its_own(demo: Running, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(demo.storefront)
    page.get_by_role("button", name="Sell out").click()
    wait_for(lambda: not knows_as_available(page), "Stockbell reads that it is sold out")

    page.get_by_role("link", name="Notify me when available").click()
    page.get_by_label("E-mail").fill(f"shopper{time.time_ns()}@example.com")
    page.get_by_role("button", name="Notify me").click()

    expect(page.get_by_role("status")).to_contain_text("shopper")
    context.close()


def knows_as_available(page: Page) -> bool:
    script = page.locator("script[src*='/s/']").get_attribute("src") or ""
    variant = page.locator("stockbell-notify").get_attribute("variant-id")
    api = script.replace("/s/", "/api/v1/storefront/").removesuffix(".js")
    answer = page.request.get(f"{api}/variants/{variant}")
    assert answer.ok, f"{answer.status}: {answer.text()}"
    return bool(answer.json()["available"])


WIDER_THAN_THE_WINDOW = """
() => document.documentElement.scrollWidth > innerWidth
  ? [...document.querySelectorAll("body *")].filter(each => each.getBoundingClientRect().right > innerWidth)
      .map(each => each.outerHTML.slice(0, 200))
  : []
"""


def test_the_merchant_sees_the_line_and_notifies_by_hand(demo: Running, page: Page) -> None:
    page.goto(demo.merchant)
    page.get_by_label("E-mail").fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hearth & Harbour")
    expect(page.get_by_role("heading", name="Waiting line")).to_be_visible()
    assert page.evaluate(WIDER_THAN_THE_WINDOW) == []


def test_a_second_start_in_the_same_home_says_so(demo: Running) -> None:
    environment = {**os.environ, "STOCKBELL_HOME": str(demo.home), "STOCKBELL_PORT": "1"}
    done = subprocess.run(
        [sys.executable, "-m", "plugin.cli", "up"],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == f"stockbell: 'stockbell up' runs already in {demo.home}.\n"


def test_a_taken_port_and_an_unwritable_home_are_one_clear_line(demo: Running, tmp_path: Path) -> None:
    port = demo.mailbox.split(":")[2].split("/")[0]
    (tmp_path / "file").write_text("")
    for home, words in (
        (tmp_path / "free", f"Port {port} on 127.0.0.1 cannot be used"),
        (tmp_path / "file", "cannot be"),
    ):
        environment = {**os.environ, "STOCKBELL_HOME": str(home), "STOCKBELL_PORT": port}
        done = subprocess.run(
            [sys.executable, "-m", "plugin.cli", "up"],
            env=environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert words in done.stderr


def test_servers_that_are_killed_are_started_again(demo: Running) -> None:
    ready = demo.mailbox.removesuffix("/mailbox") + "/readyz"
    killed = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                name = (entry / "comm").read_text().strip()
                works_in = (entry / "cwd").readlink()
                if name in {"postgres", "redis-server"} and demo.home in works_in.parents:
                    os.kill(int(entry.name), signal.SIGKILL)
                    killed += 1
    assert killed >= 2

    wait_for(lambda: not _is_ready(ready), "somebody notices")
    wait_for(lambda: _is_ready(ready), "everything is back", 60)


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(address, timeout=5, trust_env=False).is_success
    except httpx.HTTPError:
        return False
