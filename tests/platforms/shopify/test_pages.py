"""The pages of the simulated Shopify in a real browser: the app in its frame, and the storefront."""

from collections.abc import Iterator

import jwt
import pytest
from flask import Flask, request
from playwright.sync_api import Browser, Page, expect

from tests.platforms.custom import serve
from tests.platforms.shopify import Shopify

pytestmark = pytest.mark.browser
FERN = "fern.myshopify.com"
SECRET = "shpss_" + "0123456789abcdef" * 4
PAGE = """<!doctype html><meta charset="utf-8"><meta name="shopify-api-key" content="client">
<script src="{origin}/app-bridge.js"></script><link rel="icon" href="data:,">
<form data-save-bar action="javascript:void(0)"><input name="a" value="1" aria-label="Field"></form>
<output id="claims"></output><output id="blocks"></output>
<script>
  fetch("/api").then((answer) => answer.text()).then((text) => (document.querySelector("#claims").textContent = text));
  shopify.app.extensions().then(
    ([one]) => (document.querySelector("#blocks").textContent = one.activations.map((each) => each.status).join()),
    () => (document.querySelector("#blocks").textContent = "failed"),
  );
  shopify.toast.show("Hello");
</script>"""


@pytest.fixture
def shopify() -> Iterator[Shopify]:
    """Shopify with one shop and an app that only shows what App Bridge gives it."""
    servers = Shopify("client", SECRET)
    servers.add_shop(FERN).catalog.fill(products=1, variants_each=3)
    app = Flask(__name__)
    app.add_url_rule("/app/", "page", lambda: PAGE.replace("{origin}", servers.origin))
    app.add_url_rule("/api", "api", lambda: request.headers.get("Authorization", "none"))
    with serve(app) as address, servers.serving():
        servers.app_url = f"{address}/app"
        yield servers


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with browser.new_context() as context:
        context.set_default_timeout(5000)
        yield context.new_page()


def test_the_app_in_its_frame_gets_what_app_bridge_gives(page: Page, shopify: Shopify) -> None:
    page.goto(f"{shopify.origin}/{FERN}/admin")
    page.get_by_role("link", name="Open Stockbell").click()
    app = page.frame_locator("iframe")

    expect(app.locator("#claims")).to_contain_text("Bearer ")
    kind, token = app.locator("#claims").inner_text().split()
    claims = jwt.decode(token, SECRET, ["HS256"], {"verify_exp": False, "verify_nbf": False}, audience="client")
    assert (kind, claims["dest"]) == ("Bearer", f"https://{FERN}")
    expect(app.locator("#blocks")).to_have_text("active,available")
    expect(page.get_by_role("status")).to_have_text("Hello")


def test_the_save_bar_shows_unsaved_changes(page: Page, shopify: Shopify) -> None:
    shopify.shops[FERN].extensions = None
    page.goto(f"{shopify.origin}/{FERN}/admin/apps/client/")
    app = page.frame_locator("iframe")
    bar = app.get_by_role("region", name="Unsaved changes")
    expect(app.locator("#blocks")).to_have_text("failed")
    expect(bar).to_have_count(0)

    app.get_by_label("Field").fill("2")
    bar.get_by_role("button", name="Discard").click()
    expect(app.get_by_label("Field")).to_have_value("1")
    expect(bar).to_have_count(0)

    app.get_by_label("Field").fill("3")
    bar.get_by_role("button", name="Save").click()
    expect(bar).to_have_count(0)


STRANGER = """<script>
  addEventListener("message", (event) => (document.title = "heard " + JSON.stringify(event.data)));
  parent.postMessage({ shopifyBridge: 1, asks: "token" }, "*");
</script>"""


def test_a_token_goes_to_no_other_frame(page: Page, shopify: Shopify) -> None:
    page.goto(f"{shopify.origin}/{FERN}/admin/apps/client/")
    expect(page.frame_locator("#app").locator("#claims")).to_contain_text("Bearer ")

    add = "html => document.body.append(Object.assign(document.createElement('iframe'), { srcdoc: html }))"
    page.evaluate(add, STRANGER)
    page.wait_for_timeout(300)

    (stranger,) = [each for each in page.frames if each.url == "about:srcdoc"]
    assert stranger.title() == ""


def test_the_storefront_follows_the_choice(page: Page, shopify: Shopify) -> None:
    page.set_viewport_size({"width": 360, "height": 700})
    page.goto(shopify.origin)
    page.get_by_role("link", name="Thing 1").click()
    page.wait_for_url("**/products/thing-1")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    button = page.locator("button[name=add]")
    expect(button).to_be_enabled()

    page.get_by_label("Variant").select_option(index=0)

    expect(button).to_be_disabled()
    assert page.url.endswith(f"?variant={next(iter(shopify.shops[FERN].catalog.variants))}")
