"""`stockbell up --demo shopify` as a stranger uses it: open the app, sign up, restock, read the mail, stop, go on."""

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.test_demo import start_stockbell
from tests.processes import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.xdist_group("demo")]


@contextmanager
def running(home: Path) -> Iterator[list[str]]:
    """The demo; gives the addresses that it prints. Ctrl-C ends it."""
    process, said = start_stockbell(home, "up", "--demo", "shopify")
    try:
        yield re.findall(r"http://\S+", said)
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stdout
        process.stdout.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A merchant's and shopper's browser."""
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_a_stranger_goes_through_the_whole_story(tmp_path: Path, page: Page) -> None:
    with running(tmp_path / "home") as (admin, app, storefront, *_):
        open_app(page, app)
        sign_up(page, storefront, "ada@example.com")

    with running(tmp_path / "home") as (admin_again, _, _, mailbox, *_):
        assert admin_again == admin, "the shop is where it was"
        restock(page, admin)
        wait_for(lambda: "ada@example.com" in httpx.get(mailbox).text, "the mail", 60)
        assert httpx.get(mailbox).text.count("ada@example.com") == 1


def open_app(page: Page, address: str) -> None:
    """Open it until the catalog is read, and do without confirmation mails."""
    frame = page.frame_locator("iframe")

    def is_read() -> bool:
        page.goto(address)
        frame.get_by_role("heading", name="Waiting line").wait_for()
        return frame.get_by_text("Your catalog has been read.").count() == 1

    wait_for(is_read, "the catalog is read", 60)
    frame.get_by_label("Ask people to confirm").uncheck()
    frame.get_by_role("button", name="Save", exact=True).last.click()
    expect(frame.get_by_text("Saved. Changing")).to_be_visible()


def sign_up(page: Page, storefront: str, email: str) -> None:
    page.goto(storefront)
    page.get_by_label("Variant").select_option(label="Sea blue - sold out")
    page.get_by_role("button", name="Notify me when available").click()
    page.get_by_label("E-mail").fill(email)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("write to ada@example.com")


def restock(page: Page, admin: str) -> None:
    page.goto(admin)
    row = page.get_by_role("row").filter(has_text="Sea blue").first
    row.get_by_role("spinbutton").first.fill("5")
    row.get_by_role("button", name="Save").first.click()
    page.wait_for_load_state()
