"""Makes the README's picture of Shopify anew from a running `stockbell up --demo shopify`: `make pictures`."""

import re
import signal
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import launch_chromium  # noqa: E402
from tests.e2e.test_demo import start_stockbell  # noqa: E402

PICTURE = ROOT / "docs" / "pictures" / "shopify.png"
SHOPPERS = ("ada", "grace", "edith")
SOLD_OUT = "Sea blue"


def main() -> None:
    """Open the app in the simulated admin, sign some people up, and write what the merchant then sees."""
    with tempfile.TemporaryDirectory(prefix="stockbell-pictures-") as folder:
        process, said = start_stockbell(Path(folder) / "home", "up", "--demo", "shopify")
        _admin, app, storefront, *_ = re.findall(r"http://\S+", said)
        try:
            with launch_chromium() as browser:
                page = browser.new_page(viewport={"width": 1100, "height": 900}, reduced_motion="reduce")
                _open(page, app)
                for name in SHOPPERS:
                    _sign_up(page, storefront, f"{name}@example.com")
                _open(page, app)
                page.screenshot(path=PICTURE)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _open(page: Page, app: str) -> None:
    page.goto(app)
    frame = page.frame_locator("iframe")
    frame.get_by_role("heading", name="Waiting line").wait_for()
    for _ in range(20):
        if frame.get_by_text("Your catalog has been read.").count():
            break
        page.wait_for_timeout(1000)
        page.reload()
        frame.get_by_role("heading", name="Waiting line").wait_for()
    if frame.get_by_label("Ask people to confirm").is_checked():
        frame.get_by_label("Ask people to confirm").uncheck()
        frame.get_by_role("button", name="Save", exact=True).last.click()
        frame.get_by_text("Saved. Changing").wait_for()


def _sign_up(page: Page, storefront: str, email: str) -> None:
    page.goto(storefront)
    page.get_by_label("Variant").select_option(label=f"{SOLD_OUT} - sold out")
    page.get_by_role("button", name="Notify me when available").click()
    page.get_by_label("E-mail").fill(email)
    page.keyboard.press("Enter")
    page.get_by_role("dialog").get_by_role("status").wait_for()


if __name__ == "__main__":
    main()
