"""Where the button is, how it looks, and what opens the form: as the page wants it."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.widget.storefront import SOLD_OUT, Storefront
from tests.widget.stub import PUBLIC_KEY, STOREFRONT, Stub

pytestmark = pytest.mark.browser

SNIPPETS = Path(__file__).parents[2] / "snippets"

FORM = """
<style>
  .btn {{ display: flex; padding: 13px 30px; border: 0; border-radius: 3px; background: rgb(10, 80, 40); color: #fff; }}
  .btn--disabled {{ opacity: 0.3; }}</style>
<form action="/cart/add">
  <select name="id"><option value="v1">S</option><option value="v2">M</option></select>
  <button type="submit" class="btn btn--disabled">Sold out</button>
  <stockbell-notify product-id="p1" sold-out="v1" {attributes}>{content}</stockbell-notify>
</form>
"""


def form(attributes: str = "", content: str = "") -> str:
    return FORM.format(attributes=attributes, content=content)


def test_replaces_the_themes_button_only_while_sold_out(storefront: Storefront) -> None:
    storefront.visit(form('replaces="[type=submit]"'))
    theirs = storefront.page.locator(".btn--disabled")
    expect(storefront.button).to_be_visible()
    expect(theirs).to_be_hidden()

    storefront.page.select_option("select", "v2")
    expect(theirs).to_be_visible()
    expect(theirs).to_have_css("display", "flex")
    expect(storefront.button).to_be_hidden()


def test_gives_the_themes_button_back_when_it_leaves_the_page(storefront: Storefront) -> None:
    storefront.visit(form('replaces="[type=submit]"'))
    theirs = storefront.page.locator(".btn--disabled")
    expect(theirs).to_be_hidden()
    storefront.element.evaluate("element => element.remove()")

    expect(theirs).to_be_visible()
    assert theirs.get_attribute("style") in {None, ""}


def test_takes_the_look_of_the_themes_button(storefront: Storefront) -> None:
    storefront.visit(form('look="theme"'))
    ours = storefront.page.locator("stockbell-notify > button")

    expect(ours).to_be_visible()
    expect(ours).to_have_css("background-color", "rgb(10, 80, 40)")
    expect(ours).to_have_css("border-radius", "3px")
    expect(ours).to_have_css("opacity", "1")
    ours.click()
    expect(storefront.email).to_be_focused()
    expect(storefront.submit).to_have_css("background-color", "rgb(10, 80, 40)")


def test_takes_a_button_of_the_pages_own_as_its_trigger(storefront: Storefront, stub: Stub) -> None:
    storefront.visit(form(content='<button slot="button" type="button" class="mine">Tell me</button>'))
    mine = storefront.page.locator(".mine")
    mine.click()
    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")
    storefront.close.click()
    expect(mine).to_be_focused()

    storefront.page.select_option("select", "v2")
    expect(mine).to_be_hidden()
    assert [body["variant_id"] for body in stub.subscriptions] == ["v1"]


def test_wears_given_classes_and_says_given_words(storefront: Storefront) -> None:
    storefront.visit(form('button-class="btn" label="Mail me"'))

    expect(storefront.page.locator("stockbell-notify > .btn")).to_have_accessible_name("Mail me")


def test_opens_in_line_without_covering_the_page(storefront: Storefront, stub: Stub) -> None:
    storefront.visit(form('display="inline"'))
    storefront.open()
    assert not storefront.dialog.evaluate("dialog => dialog.matches(':modal')")
    expect(storefront.dialog).to_have_role("region")
    storefront.page.click("#after")
    expect(storefront.email).to_be_visible()

    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")
    storefront.close.click()
    expect(storefront.button).to_be_focused()
    assert len(stub.subscriptions) == 1


def test_headless_shops_open_the_form_by_the_one_global(storefront: Storefront, stub: Stub) -> None:
    storefront.visit()
    storefront.element.evaluate("element => element.remove()")
    storefront.page.evaluate("stockbell.open('v7', { 'product-id': 'p7', 'product-title': 'Red mug' })")
    expect(storefront.dialog.locator(".item")).to_have_text("Red mug")
    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")
    storefront.page.keyboard.press("Escape")
    storefront.page.evaluate("stockbell.open('v8')")
    expect(storefront.email).to_be_visible()

    assert [(body["variant_id"], body["product_id"]) for body in stub.subscriptions] == [("v7", "p7")]
    expect(storefront.element).to_have_count(1)


def test_triggers_of_the_page_open_the_form_of_their_variant_or_of_the_element_beside_them(
    storefront: Storefront, stub: Stub
) -> None:
    storefront.visit(
        '<a href="/elsewhere" data-stockbell-open="v9" id="named">Size L</a>'
        f'<section>{form()}<a href="/elsewhere" data-stockbell-open id="beside"><b>Tell me</b></a></section>'
    )
    for trigger in ("#named", "#beside b"):
        storefront.page.click(trigger)
        email = storefront.page.locator("dialog[open] input[type=email]")
        email.fill("ada@example.com")
        email.press("Enter")
        expect(storefront.page.locator("dialog[open]").get_by_role("status")).to_contain_text("as soon as")
        storefront.page.keyboard.press("Escape")

    assert [body["variant_id"] for body in stub.subscriptions] == ["v9", "v1"]


def test_asks_for_phone_and_quantity_where_the_shop_wants_them(storefront: Storefront, stub: Stub) -> None:
    stub.settings = {"fields": ["phone", "quantity"]}
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@example.com")
    storefront.dialog.locator("#tel").fill("+44 20 7946 0000")
    storefront.dialog.locator("#quantity").fill("3")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")

    (body,) = stub.subscriptions
    assert (body["phone"], body["quantity"]) == ("+44 20 7946 0000", 3)


def test_a10_a_pinned_loader_fetches_its_settings_with_the_form(storefront: Storefront, stub: Stub) -> None:
    stub.settings = {"fields": ["quantity"]}
    script = (
        f'<script src="{stub.pinned_script}" integrity="{stub.integrity}" crossorigin="anonymous"'
        f' data-key="{PUBLIC_KEY}" data-host="{stub.host}" async></script>'
    )
    storefront.visit(script=script)
    expect(storefront.button).to_be_visible()
    assert len(stub.requests) == 1
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    assert [body["quantity"] for body in stub.subscriptions] == [1]
    assert len(stub.asked("GET", f"/s/{PUBLIC_KEY}.json")) == 1


def test_a_pinned_loader_asks_the_api_where_its_tag_says(storefront: Storefront, stub: Stub) -> None:
    """As on Shopify, where the shop's own address leads to it."""
    tag = f'data-key="{PUBLIC_KEY}" data-host="{stub.host}" data-api="{stub.host}/apps/stockbell"'
    storefront.visit(script=f'<script src="{stub.pinned_script}" {tag} async></script>')
    storefront.open()
    storefront.email.fill("ada@example.com")
    with storefront.page.expect_request("**/subscriptions") as asked:
        storefront.submit.click()

    assert asked.value.url == f"{stub.host}/apps/stockbell/api/v1/storefront/{PUBLIC_KEY}/subscriptions"


@pytest.mark.parametrize(
    ("lang", "label", "direction"),
    [
        ("fr-CA", "Me prévenir du retour en stock", "ltr"),
        ("he", "עדכנו אותי כשיחזור למלאי", "rtl"),
        ("ja", "再入荷", "ltr"),
    ],
)
def test_speaks_the_pages_language_in_its_direction(
    storefront: Storefront, lang: str, label: str, direction: str
) -> None:
    storefront.visit(lang=lang)
    expect(storefront.button).to_contain_text(label)
    storefront.open()

    expect(storefront.dialog).to_have_css("direction", direction)


def check(storefront: Storefront, body: str, script: str | None = None) -> Locator:
    """The panel that looks at a page with this on it."""
    storefront.visit(body, script=script)
    storefront.page.goto(f"{storefront.stub.shop}/product#stockbell-check")
    storefront.page.reload()
    return storefront.page.get_by_role("region", name="Stockbell check")


def test_the_check_says_what_works_and_what_does_not(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False}
    panel = check(storefront, form() + '<stockbell-notify variant-id="unknown" available="false"></stockbell-notify>')

    expect(panel).to_contain_text("Stockbell does not work here yet")
    expect(panel).to_contain_text("Variant v1: its button shows; Stockbell knows it (sold out, 0 waiting).")
    expect(panel).to_contain_text("Variant unknown: its button shows; Stockbell does not know it")
    expect(panel).to_contain_text("The form can be loaded.")
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)


OTHER_SCRIPT = '<script src="/s/another/klaviyo.js" type="text/plain"></script>'


@pytest.mark.parametrize(
    ("body", "verdict", "words"),
    [
        (
            '<stockbell-notify variant-id="v1" available="false"></stockbell-notify>',
            "works on this page",
            "sold out, 0",
        ),
        (
            '<stockbell-notify variant-id="v1" available="true"></stockbell-notify>',
            "look at one thing",
            "may come from",
        ),
        ('<stockbell-notify variant-id="v2" available="true"></stockbell-notify>', "works on this page", "in stock, 0"),
        ('<stockbell-notify variant-id="v2" available="false"></stockbell-notify>', "does not work", "may come from"),
        (
            '<stockbell-notify variant-id="v1" available="false" variant-field="[[["></stockbell-notify>',
            "does not work",
            "variant-field is no CSS selector: [[[",
        ),
        ('<a data-stockbell-open="v1">Tell me</a>', "works on this page", "1 data-stockbell-open"),
        ('<a data-stockbell-open="v9">Tell me</a>', "does not work", "Stockbell does not know it"),
        ("stockbell", "look at one thing", "Only where your own code calls stockbell.open"),
        (f'{OTHER_SCRIPT}<a data-stockbell-open="v1">Tell me</a>', "does not work", "another shop, another: remove it"),
    ],
)
def test_the_check_compares_what_the_page_says_with_what_stockbell_knows(
    storefront: Storefront, stub: Stub, body: str, verdict: str, words: str
) -> None:
    stub.availability = {"v1": False, "v2": True}
    panel = check(storefront, body)

    expect(panel.get_by_role("heading")).to_contain_text(verdict)
    expect(panel).to_contain_text(words)


def test_the_check_finds_a_script_that_stands_twice(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False}
    panel = check(storefront, form(), f'<script src="{stub.script}"></script>' * 2)

    expect(panel).to_contain_text("The script stands 2 times on this page: keep one.")


def test_a8_nothing_moves_with_the_snippets_own_style(storefront: Storefront) -> None:
    page = storefront.page
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    observe = """<script>
      window.shifts = 0;
      new PerformanceObserver((list) => list.getEntries().forEach((entry) => { shifts += entry.value; }))
        .observe({ type: "layout-shift", buffered: true });
    </script>"""
    style = re.search("<style>.*</style>", (SNIPPETS / "html" / "stockbell.html").read_text("utf-8"), re.DOTALL)
    assert style
    link = '<a href="/hosted">Notify me when available</a>'
    narrow = f'<div style="width: 160px">{form(content=link)}</div>'
    try:
        storefront.visit(observe + style[0] + form(content=link) + narrow)
        expect(storefront.button).to_have_count(2)
        page.wait_for_timeout(500)
        assert page.evaluate("shifts") == 0
    finally:
        session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        session.detach()


def test_json_ld_of_one_offer_tells_without_a_request(storefront: Storefront, stub: Stub) -> None:
    data = '{"@type": "Product", "offers": {"@type": "Offer", "availability": "https://schema.org/OutOfStock"}}'
    storefront.visit(
        f'<script type="application/ld+json">{data}</script><stockbell-notify variant-id="v1"></stockbell-notify>'
    )

    expect(storefront.button).to_be_visible()
    assert stub.asked("GET", f"{STOREFRONT}/variants/v1") == []


def test_json_ld_of_one_offer_says_nothing_about_the_variant_chosen_next(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v2": False}
    data = '{"@type": "Product", "offers": {"@type": "Offer", "availability": "https://schema.org/InStock"}}'
    storefront.visit(
        f'<script type="application/ld+json">{data}</script><stockbell-notify variant-id="v1"></stockbell-notify>'
    )
    expect(storefront.button).to_be_hidden()

    storefront.element.evaluate("element => element.setAttribute('variant-id', 'v2')")

    expect(storefront.button).to_be_visible()
    assert stub.asked("GET", f"{STOREFRONT}/variants/v1") == []


def test_json_ld_names_a_variant_by_its_ids_and_not_by_its_price(storefront: Storefront, stub: Stub) -> None:
    def offer(sku: str, price: str, state: str) -> str:
        availability = f"https://schema.org/{state}"
        told = {"sku": sku, "price": price, "width": "25", "provider": "25", "priceValidUntil": "25"}
        return json.dumps({"@type": "Offer", **told, "availability": availability})

    offers = f"[{offer('24', '25', 'InStock')}, {offer('25', '9.00', 'OutOfStock')}]"
    storefront.visit(
        f'<script type="application/ld+json">{{"offers": {offers}}}</script>'
        '<stockbell-notify variant-id="25"></stockbell-notify>'
    )

    expect(storefront.button).to_be_visible()


@pytest.mark.parametrize(("own", "related"), [("InStock", "OutOfStock"), ("OutOfStock", "InStock")])
def test_json_ld_of_related_products_says_nothing_about_this_one(
    storefront: Storefront, stub: Stub, own: str, related: str
) -> None:
    other = {"@type": "Product", "sku": "9", "offers": {"@type": "Offer", "availability": related}}
    product = {"@type": "Product", "sku": "v1", "offers": {"availability": own}, "isRelatedTo": [other]}
    storefront.visit(
        f'<script type="application/ld+json">{json.dumps(product)}</script>'
        '<stockbell-notify variant-id="v1"></stockbell-notify>'
    )
    storefront.page.wait_for_timeout(150)

    expect(storefront.button).to_be_visible(visible=own == "OutOfStock")
    assert stub.asked("GET", f"{STOREFRONT}/variants/v1") == []


def test_a_theme_that_shows_its_button_again_does_not_have_both(storefront: Storefront) -> None:
    storefront.visit(form('replaces="[type=submit]"'))
    theirs = storefront.page.locator(".btn--disabled")
    expect(theirs).to_be_hidden()

    theirs.evaluate("button => button.removeAttribute('style')")
    expect(theirs).to_be_hidden()
    storefront.page.select_option("select", "v2")
    expect(theirs).to_be_visible()


def test_takes_the_themes_look_but_no_class_that_its_scripts_act_on(storefront: Storefront) -> None:
    classes = "button single_add_to_cart_button is-disabled sold-out cursor-not-allowed opacity-60"
    storefront.visit(form('look="theme"').replace("btn--disabled", f"btn--disabled {classes}"))

    expect(storefront.page.locator("stockbell-notify > button")).to_have_class(re.compile(r"\bbutton\b"))
    left = storefront.page.locator("stockbell-notify > button").get_attribute("class") or ""
    assert not re.search("cart|disabled|sold|allowed|opacity", left)


def test_one_element_for_each_variant_stays_with_its_own(storefront: Storefront, stub: Stub) -> None:
    element = '<stockbell-notify fixed variant-id="v1" available="false"></stockbell-notify>'
    storefront.visit(f'<form><select name="id"><option>v1<option>v2</select></form>{element}')
    storefront.page.select_option("select", "v2")
    storefront.page.wait_for_timeout(150)
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    assert [body["variant_id"] for body in stub.subscriptions] == ["v1"]


def test_content_that_is_named_like_the_scripts_tag_is_not_believed(storefront: Storefront, stub: Stub) -> None:
    review = '<img name="currentScript" alt="" data-key="evil" data-host="https://evil.example">'
    script = f'<script src="{stub.pinned_script}" data-key="{PUBLIC_KEY}" data-host="{stub.host}"></script>'
    stub.pages["/product"] = ({}, f"<!doctype html>{review}{SOLD_OUT}{script}")
    storefront.page.goto(f"{stub.shop}/product")

    # Whose key it is cannot be known, so the page is left as it is.
    assert storefront.page.evaluate("() => customElements.get('stockbell-notify') === undefined")


def test_clicks_on_anything_are_harmless(storefront: Storefront) -> None:
    storefront.visit()
    storefront.page.evaluate("document.dispatchEvent(new Event('click'))")


def test_a_button_of_the_pages_own_does_not_send_the_form_around_it(storefront: Storefront) -> None:
    storefront.visit(
        '<form action="/elsewhere"><input type="hidden" name="id" value="v1">'
        '<stockbell-notify sold-out="v1"><button slot="button">Tell me</button></stockbell-notify></form>'
    )
    storefront.page.get_by_role("button", name="Tell me").click()

    expect(storefront.email).to_be_visible()
    assert storefront.page.url.endswith("/product")


def test_a_form_that_nobody_could_see_does_not_lock_the_page(storefront: Storefront) -> None:
    element = '<stockbell-notify variant-id="v1" available="false"></stockbell-notify>'
    storefront.visit(f'<div style="display: none">{element}</div><a href="#" data-stockbell-open>Tell me</a>')
    storefront.page.get_by_text("Tell me").click()
    storefront.page.wait_for_function(
        "() => !!document.querySelector('stockbell-notify').shadowRoot.querySelector('dialog')"
    )

    expect(storefront.dialog).not_to_have_attribute("open", "")
    storefront.page.locator("#before").click()
    assert storefront.told == []
