"""A shop that moves over from Klaviyo changes the address of one script, and leaves the calls below it as they are."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.widget.storefront import Storefront
from tests.widget.stub import PUBLIC_KEY, Stub

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Blue mug</title></head><body>
<style>.btn {{ background: rgb(1, 2, 3); color: #fff; }}</style>
<h1>Blue mug</h1>
<form action="{root}/cart/add"><select name="id"><option value="1">S</option><option value="2">M</option></select>
<button type="submit" name="add" class="btn">Add to cart</button></form>{extra}
{before}<script src="{script}" {timing}></script>
<script>
  var klaviyo = klaviyo || [];
  klaviyo.init({init});
  klaviyo.enable("backinstock", {options});
</script></body></html>"""
# What Klaviyo's snippet leaves on a page until its script is there: each call waits in a queue, and is a promise.
STUB = """<script>
  window._klOnsite = window._klOnsite || [];
  window.klaviyo = new Proxy({}, { get: (_, name) => name === "push"
    ? (...calls) => _klOnsite.push(...calls)
    : (...given) => new Promise((done) => _klOnsite.push([name, ...given, done])) });
  klaviyo.identify({ $email: "ann@example.com" });
</script>"""
PRODUCT = {
    "id": 9,
    "title": "Blue mug",
    "tags": ["Sale", "Mugs"],
    "variants": [
        {"id": 1, "available": True, "inventory_management": "shopify", "inventory_policy": "deny"},
        {"id": 2, "available": False, "inventory_management": "shopify", "inventory_policy": "deny"},
    ],
}


class Shop:
    """A product page of a Shopify shop with Klaviyo's snippet."""

    def __init__(self, storefront: Storefront, stub: Stub) -> None:
        self.page: Page = storefront.page
        self.stub = stub

    def visit(
        self,
        options: dict[str, Any],
        *,
        root: str = "",
        extra: str = "",
        before: str = "",
        timing: str = "",
        product: Any = PRODUCT,
        **init: Any,
    ) -> None:
        def answer(route: Route) -> None:
            route.fulfill(json=product)

        self.page.route(f"**{root}/products/mug.js", answer)
        html = PAGE.format(
            root=root,
            script=f"{self.stub.host}/s/{PUBLIC_KEY}/klaviyo.js",
            init=json.dumps({"account": "ABC123", "platform": "shopify", **init}),
            options=json.dumps(options),
            extra=extra,
            before=before,
            timing=timing,
        )
        self.stub.pages[f"{root}/products/mug"] = ({}, html)
        self.page.goto(f"{self.stub.shop}{root}/products/mug")


@pytest.fixture
def shop(storefront: Storefront, stub: Stub) -> Shop:
    return Shop(storefront, stub)


@pytest.mark.parametrize("root", ["", "/fr"])
def test_the_snippet_gives_a_button_that_follows_the_variant(
    shop: Shop, storefront: Storefront, stub: Stub, root: str
) -> None:
    trigger = {"product_page_text": "Tell me", "product_page_class": "btn"}
    modal = {"headline": "{product_name} is gone", "email_field_label": "Mail", "subscription_success_label": "Done."}
    shop.visit({"trigger": trigger, "modal": modal}, root=root)
    ours = shop.page.locator("stockbell-notify > button")
    expect(ours).to_be_hidden()

    shop.page.select_option("select", "2")
    expect(ours).to_have_text("Tell me")
    expect(ours).to_have_css("background-color", "rgb(1, 2, 3)")
    ours.click()
    expect(storefront.dialog).to_have_accessible_name("Blue mug is gone")
    shop.page.get_by_label("Mail").fill("ada@example.com")
    shop.page.keyboard.press("Enter")
    expect(storefront.status).to_have_text("Done.")

    assert [(body["variant_id"], body["product_id"]) for body in stub.subscriptions] == [("2", "9")]


@pytest.mark.parametrize("timing", ["", "async", "defer"])
def test_calls_that_klaviyos_own_snippet_has_kept_are_answered(shop: Shop, storefront: Storefront, timing: str) -> None:
    modal = {"headline": "<h1>{product_name}</h1>"}
    shop.visit({"modal": modal}, before=STUB, timing=timing)
    shop.page.select_option("select", "2")
    shop.page.locator("stockbell-notify > button").click()

    expect(storefront.dialog.get_by_role("heading")).to_have_text("Blue mug")
    waiting = "() => _klOnsite.map(([name]) => name)"
    assert shop.page.evaluate(waiting) == ["identify"]  # what is Klaviyo's own stays for its script
    shop.page.evaluate("() => { klaviyo.push(['track', 'x']); void klaviyo.openForm('F'); }")
    assert shop.page.evaluate(waiting) == ["identify", "track", "openForm"]
    assert storefront.complaints == []


def test_the_box_for_marketing_comes_with_a_list_and_is_never_ticked(shop: Shop, storefront: Storefront) -> None:
    shop.visit({"modal": {"subscribe_checked": True, "newsletter_subscribe_label": "News"}}, list="L1")
    shop.page.select_option("select", "2")
    shop.page.locator("stockbell-notify > button").click()

    expect(storefront.dialog.get_by_role("checkbox", name="News")).not_to_be_checked()


@pytest.mark.parametrize(
    ("init", "is_there"),
    [
        ({"include_on_tags": "mugs, plates"}, True),
        ({"include_on_tags": "plates"}, False),
        ({"exclude_on_tags": "sale"}, False),
    ],
)
def test_tags_say_where_the_button_is(shop: Shop, storefront: Storefront, init: dict[str, Any], is_there: bool) -> None:
    with shop.page.expect_response("**/products/mug.js"):
        shop.visit({}, **init)
    shop.page.wait_for_timeout(100)

    expect(storefront.element).to_have_count(int(is_there))


def test_what_is_sold_when_out_of_stock_has_a_button_only_where_the_merchant_wants_it(
    shop: Shop, storefront: Storefront
) -> None:
    variants = [{**PRODUCT["variants"][0], "inventory_quantity": 0, "inventory_policy": "continue"}]  # type: ignore[index]
    product = {**PRODUCT, "variants": variants}
    shop.visit({}, product=product)
    expect(storefront.element).to_have_attribute("sold-out", "")

    shop.visit({}, product=product, display_on_policy_continue=True)
    expect(storefront.element).to_have_attribute("sold-out", "1")


def test_the_button_goes_where_the_options_say(shop: Shop, storefront: Storefront) -> None:
    shop.visit({"trigger": {"alternate_anchor": "here"}}, extra='<div id="here"></div>')
    expect(shop.page.locator("#here > stockbell-notify")).to_have_count(1)

    shop.visit({"trigger": {"replace_sold_out": True}})
    shop.page.select_option("select", "2")
    expect(shop.page.locator("[name=add]")).to_be_hidden()
    shop.page.select_option("select", "1")
    expect(shop.page.locator("[name=add]")).to_be_visible()

    shop.visit({}, extra='<a href="#" class="klaviyo-bis-trigger">Ring me</a>')
    own = shop.page.locator(".klaviyo-bis-trigger")
    expect(own).to_be_hidden()
    shop.page.evaluate("history.replaceState({}, '', '?variant=2'); document.querySelector('select').remove()")
    own.click()
    expect(storefront.email).to_be_visible()


def test_a_card_asks_only_when_somebody_comes_to_it_by_mouse_or_keyboard(shop: Shop, storefront: Storefront) -> None:
    gone = {**PRODUCT, "variants": [PRODUCT["variants"][1]]}  # type: ignore[index]
    card = (
        '<div class="klaviyo-product-container" data-klaviyo-handle="other"><a href="/products/other">Other</a>'
        '<div class="klaviyo-button-container"></div></div>'
    )
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(json=gone)

    shop.page.route("**/products/other.js", answer)
    shop.visit({"trigger": {"collection_page_text": "Tell me"}}, extra=card, exclude_on_tags="none")
    shop.page.wait_for_timeout(200)
    assert asked == []

    shop.page.get_by_role("link", name="Other").focus()
    expect(shop.page.locator(".klaviyo-button-container button")).to_have_text("Tell me")
    assert len(asked) == 1


def test_on_bigcommerce_its_own_script_comes_with_the_merchants_words(
    shop: Shop, storefront: Storefront, stub: Stub
) -> None:
    asked: list[str] = []

    def element(route: Route) -> None:
        asked.append(route.request.url)
        script = "document.forms[0].append(Object.assign(document.createElement('div'), { innerHTML: '%s' }))"
        notify = '<stockbell-notify variant-id="7" available="false"></stockbell-notify>'
        route.fulfill(body=script % notify, content_type="text/javascript")

    shop.page.route("**/bigcommerce.js", element)
    title = '<meta property="og:title" content="Blue mug">'
    trigger = {"product_page_text": "Tell me", "replace_sold_out": True}
    modal = {"headline": "{product_name} is gone"}
    shop.visit({"trigger": trigger, "modal": modal}, platform="bigcommerce", extra=title)

    storefront.button.click()

    expect(storefront.button).to_have_text("Tell me")
    expect(storefront.dialog).to_have_accessible_name("Blue mug is gone")
    assert asked == [f"{stub.host}/s/{PUBLIC_KEY}/bigcommerce.js"]
    script = shop.page.locator("script[src$='bigcommerce.js']")
    expect(script).to_have_attribute("data-replaces", "#form-action-addToCart")
