"""Makes the README's pictures anew from a running demo: `make pictures`."""

import re
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import launch_chromium  # noqa: E402
from tests.e2e.test_demo import Running, knows_as_available, start_demo  # noqa: E402
from tests.processes import wait_for  # noqa: E402

PICTURES = ROOT / "docs" / "pictures"
DESKTOP, PHONE = (1200, 760), (375, 760)
SHOPPERS = ("ada", "grace", "edith", "mary", "rosalind")


def main() -> None:
    """Start a demo, walk through it, and write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="stockbell-pictures-") as folder:
        demo = start_demo(Path(folder) / "home")
        try:
            with launch_chromium() as browser:
                _demo_page(browser, demo)
                _shopper(browser, demo)
                _merchant(browser, demo)
        finally:
            demo.process.terminate()
            demo.process.wait(30)


def _open(browser: Browser, size: tuple[int, int], address: str) -> Page:
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce").new_page()
    page.goto(address)
    page.wait_for_load_state("networkidle")
    return page


def _side_by_side(browser: Browser, name: str, left: bytes, right: bytes) -> None:
    """Put two pictures beside each other with a page that shows both."""
    folder = PICTURES
    for part, content in (("left", left), ("right", right)):
        (folder / f".{part}.png").write_bytes(content)
    page = browser.new_page(viewport={"width": DESKTOP[0] + PHONE[0] + 72, "height": DESKTOP[1] + 48})
    page.goto(f"file://{folder}/")
    page.set_content(
        "<body style='margin:0;padding:24px;display:flex;gap:24px;background:#e9e9ee'>"
        + "".join(
            f"<img src='file://{folder}/.{part}.png' style='border-radius:10px;height:{DESKTOP[1]}px'>"
            for part in ("left", "right")
        )
    )
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"{name}.png")
    page.close()
    for part in ("left", "right"):
        (folder / f".{part}.png").unlink()


def _demo_page(browser: Browser, demo: Running) -> None:
    pages = [_open(browser, size, demo.storefront) for size in (DESKTOP, PHONE)]
    for page in pages:
        page.get_by_role("button", name="Notify me when available").wait_for()
    pages[1].get_by_role("button", name="Notify me when available").scroll_into_view_if_needed()
    _side_by_side(browser, "demo", pages[0].screenshot(), pages[1].screenshot())


def _shopper(browser: Browser, demo: Running) -> None:
    page = _open(browser, DESKTOP, demo.storefront)
    for name in SHOPPERS:
        page.goto(demo.storefront)
        page.get_by_role("button", name="Notify me when available").click()
        page.get_by_label("E-mail").fill(f"{name}@example.com")
        filled = page.screenshot()
        page.keyboard.press("Enter")
        page.get_by_role("dialog").get_by_role("status").wait_for()
        page.keyboard.press("Escape")
    wait_for(lambda: not knows_as_available(page), "Stockbell knows that it is sold out")
    page.get_by_role("button", name="Put 20 units back").click()
    page.goto(demo.mailbox)
    page.get_by_role("listitem").first.wait_for(timeout=20_000)
    letter = page.get_by_role("listitem").first.get_by_role("link").get_attribute("href")
    mail = _open(browser, (PHONE[0], DESKTOP[1]), f"{re.sub('/mailbox$', '', demo.mailbox)}{letter}/html")
    _side_by_side(browser, "shopper", filled, mail.screenshot())


def _merchant(browser: Browser, demo: Running) -> None:
    shopper = _open(browser, DESKTOP, demo.storefront)
    shopper.get_by_role("button", name="Sell out").click()
    wait_for(lambda: not knows_as_available(shopper), "Stockbell reads that it is sold out")
    for name in SHOPPERS[:3]:
        shopper.goto(demo.storefront)
        shopper.get_by_role("button", name="Notify me when available").click()
        shopper.get_by_label("E-mail").fill(f"{name}@example.com")
        shopper.keyboard.press("Enter")
        shopper.get_by_role("dialog").get_by_role("status").wait_for()
    page = _open(browser, (1100, 900), demo.merchant)
    page.get_by_label("E-mail").fill(demo.email)
    page.get_by_label("Password").fill(demo.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Waiting line").wait_for()
    time.sleep(0.3)
    page.screenshot(path=PICTURES / "merchant.png")


if __name__ == "__main__":
    main()
