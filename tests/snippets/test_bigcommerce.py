"""The BigCommerce snippets on pages that imitate Cornerstone's product view, with a store that keeps the contract.

The store answers only when a test lets it, so that slow, lost and overtaking answers need no waiting. What
`<stockbell-notify>` does with its attributes is tested with the widget; here it is mostly an unknown element.
"""

import base64
import contextlib
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Locator, Page, Route, expect

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SNIPPETS = ROOT / "snippets" / "bigcommerce"
SCRIPT = SNIPPETS / "stockbell-bigcommerce.js"

SHOP = "http://shop.test"
HOST = "http://stockbell.test"
LOADER = f"{HOST}/s/pk_test.js"
TAG = f'<script src="{SHOP}/content/stockbell.js" data-host="{HOST}" data-key="pk_test"{{more}} async></script>'
WITH_TOKEN = TAG.format(more=' data-token="t0ken"')
TAG = TAG.format(more="")

SIZES = """
<div class="form-field" data-product-attribute="set-select">
  <label for="attribute_select_112">Size</label>
  <select class="form-select" name="attribute[112]" id="attribute_select_112" required>
    <option value="">Choose</option>
    <option data-product-attribute-value="98" value="98">S</option>
    <option data-product-attribute-value="99" value="99">M (Out of stock)</option>
    <option data-product-attribute-value="100" value="100">L</option>
  </select>
</div>
"""
COLOURS = """
<div class="form-field" data-product-attribute="swatch">
  <input type="radio" name="attribute[113]" value="7" id="swatch_7">
  <label for="swatch_7"><span class="form-option-variant" title="Red"></span></label>
  <input type="radio" name="attribute[113]" value="8" id="swatch_8">
  <label for="swatch_8"><span class="form-option-variant">Blue</span></label>
</div>
"""
FIELDS = """
<input type="hidden" name="action" value="add">
<input type="hidden" name="product_id" value="5">
<input type="hidden" name="qty[]" value="1">
"""
ENGRAVING = '<input type="text" name="attribute[114]" id="engraving">'
VIEW = """
<div class="productView" data-entity-id="{product_id}" data-name="{title}">
  <section class="productView-details product-data">
    <h1 class="productView-title"> {title} </h1>
    <dl class="productView-info"><dd class="productView-info-value" data-product-sku>{sku}</dd></dl>
  </section>
  <section class="productView-details product-options"><div class="productView-options">
    <form class="form" method="post" action="{shop}/cart.php" enctype="multipart/form-data" data-cart-item-add>
      <input type="hidden" name="action" value="add">
      <input type="hidden" name="product_id" value="{product_id}">
      <div data-product-option-change>{options}</div>
      <div id="add-to-cart-wrapper">
        <input class="form-input" name="qty[]" type="tel" value="1">
        <input name="photo" type="file">
        <div class="form-action">
          <input id="form-action-addToCart" class="button" type="submit" name="buy" value="Add to Cart">
        </div>
      </div>
    </form>
    <form data-wishlist-add><input type="hidden" name="variation_id" value="441522"></form>
  </div></section>
</div>
"""


def view(product_id: int = 77, options: str = "", *, title: str = "Blue mug", sku: str = "MUG") -> str:
    return VIEW.format(product_id=product_id, options=options, title=title, sku=sku, shop=SHOP)


def bc_data(**attributes: object) -> str:
    """What Stencil writes into product pages."""
    data = {"csrf_token": "c5rf", "product_attributes": {"sku": "MUG", "base": True, "purchasable": True, **attributes}}
    return f"<script>var BCData = {json.dumps(data)};</script>"


def json_ld(availability: str, **more: object) -> str:
    offer = {"@type": "Offer", "availability": f"https://schema.org/{availability}"}
    product = {"@context": "https://schema.org/", "@type": "Product", "sku": "MUG", "offers": offer, **more}
    return f'<script type="application/ld+json">{json.dumps(product)}</script>'


IN_STOCK = bc_data(instock=True)
SOLD_OUT = bc_data(instock=False, out_of_stock_message="Out of stock")


class Question:
    """A request to `/remote/v1/product-attributes` that waits for its answer."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.product_id = urlsplit(route.request.url).path.rsplit("/", 1)[1]
        self.fields = dict(parse_qsl(route.request.post_data or "", keep_blank_values=True))

    @property
    def size(self) -> str:
        return self.fields.get("attribute[112]", "")

    def answer(self, *, instock: bool, variant: int | None = None, **more: object) -> None:
        data = {"sku": "MUG", "instock": instock, "purchasable": True, "out_of_stock_message": "Out of stock", **more}
        if variant:
            # The id that the old catalog gave comes first in the real answer too, and is another number.
            data |= {"variantId": variant + 500, "v3_variant_id": variant}
        self.send(200, json.dumps({"data": data}))

    def send(self, status: int, body: str, content_type: str = "application/json") -> None:
        with contextlib.suppress(Error):  # the page may no longer wait for it
            self.route.fulfill(status=status, body=body, content_type=content_type)

    @property
    def is_given_up(self) -> bool:
        return self.route.request.failure is not None


class Store:
    """One page of the shop and all that it asks for."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.html = ""
        self.loader = ""
        self.questions: list[Question] = []
        self.refused: list[str] = []
        self.graphql: list[dict[str, Any]] = []
        self.variants = [31]
        self.asked: list[str] = []
        self.complaints: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.route("**/*", self._serve)

    def _hear(self, message: ConsoleMessage) -> None:
        # The browser itself logs each failed request; no script can keep it from that.
        if "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _serve(self, route: Route) -> None:
        url = route.request.url
        path = urlsplit(url).path
        self.asked.append(url)
        if url == LOADER:
            route.fulfill(body=self.loader, content_type="text/javascript")
        elif path.startswith("/content/") or url == f"{HOST}/s/pk_test/bigcommerce.js":
            route.fulfill(body=SCRIPT.read_text(), content_type="text/javascript")
        elif path.startswith("/remote/v1/product-attributes/"):
            self._product_attributes(route)
        elif path == "/graphql":
            self._graphql(route)
        else:
            route.fulfill(body=self.html, content_type="text/html; charset=utf-8")

    def _product_attributes(self, route: Route) -> None:
        """Stencil's own script sends these headers and the serialized form; anything else is refused."""
        question = Question(route)
        headers = route.request.headers
        wanted = {
            "content-type": "application/x-www-form-urlencoded; charset=UTF-8",
            "x-requested-with": "stencil-utils",
            "stencil-config": "{}",
            "stencil-options": "{}",
        }
        is_form = question.fields.get("action") == "add" and question.fields.get("product_id") == question.product_id
        is_form = is_form and question.fields.get("qty[]") == "1" and not {"buy", "photo"} & set(question.fields)
        if route.request.method != "POST" or not is_form or any(headers.get(n) != v for n, v in wanted.items()):
            self.refused.append(route.request.post_data or "")
            route.fulfill(status=400, body="{}")
        else:
            self.questions.append(question)

    def _graphql(self, route: Route) -> None:
        if route.request.headers.get("authorization") != "Bearer t0ken":
            route.fulfill(status=401, body="{}")
            return
        self.graphql.append(json.loads(route.request.post_data or ""))
        edges = [{"node": {"entityId": variant}} for variant in self.variants]
        answer = {"data": {"site": {"product": {"variants": {"edges": edges}}}}}
        route.fulfill(body=json.dumps(answer), content_type="application/json")

    def visit(self, body: str, *, tag: str = TAG, head: str = "") -> None:
        self.html = f"<!doctype html><html lang=en><head>{head}</head><body>{body}{tag}</body></html>"
        self.page.goto(f"{SHOP}/blue-mug/")

    def question(self, number: int = 0) -> Question:
        """The nth question, waited for."""
        for _ in range(60):
            if len(self.questions) > number:
                return self.questions[number]
            self.page.wait_for_timeout(50)
        raise AssertionError(f"asked {len(self.questions)} times")

    def quiet(self, milliseconds: int = 600) -> int:
        """How often the store has been asked by now, with time enough for one more."""
        self.page.wait_for_timeout(milliseconds)
        return len(self.questions)

    @property
    def element(self) -> Locator:
        return self.page.locator("stockbell-notify")

    def choose(self, value: str) -> None:
        self.page.select_option("select[name='attribute[112]']", value)


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(5000)
    yield context
    context.close()


@pytest.fixture
def store(context: BrowserContext) -> Iterator[Store]:
    """Fails the test if the page's console was not quiet or a request was of the wrong form."""
    store = Store(context.new_page())
    yield store
    assert store.complaints == []
    assert store.refused == []


def offers(element: Locator, variant: str) -> None:
    """The element has been told to offer an alert for this variant."""
    expect(element).to_have_attribute("variant-id", variant)
    expect(element).to_have_attribute("available", "false")


def offers_nothing(element: Locator) -> None:
    expect(element).to_have_attribute("available", "true")


def has_no(element: Locator, name: str) -> None:
    expect(element).not_to_have_attribute(name, re.compile(".*"))


def test_asks_nothing_for_a_simple_product_in_stock(store: Store) -> None:
    store.visit(IN_STOCK + view())

    offers_nothing(store.element)
    expect(store.element).to_have_attribute("product-id", "77")
    # Or the widget would find the wish list's.
    expect(store.element).to_have_attribute("variant-field", "none")
    assert store.quiet() == 0
    assert [url for url in store.asked if "favicon" not in url][1:] == [f"{SHOP}/content/stockbell.js", LOADER]


@pytest.mark.parametrize("head", [json_ld("InStock"), json_ld("PreOrder")])
def test_believes_structured_data_where_stencil_wrote_no_data(store: Store, head: str) -> None:
    store.visit(view(), head=head)

    offers_nothing(store.element)
    assert store.quiet() == 0


@pytest.mark.parametrize(
    "head",
    [
        json_ld("OutOfStock"),
        json_ld("InStock") + json_ld("OutOfStock"),  # of which product?
        '<script type="application/ld+json">{broken</script>',
        "",
    ],
)
def test_asks_where_the_page_does_not_say_that_the_product_is_in_stock(store: Store, head: str) -> None:
    store.visit(view(), head=head)
    store.question().answer(instock=False, variant=31)

    offers(store.element, "31")


def test_believes_microdata(store: Store) -> None:
    store.visit(view() + '<link itemprop="availability" href="http://schema.org/InStock">')

    offers_nothing(store.element)
    assert store.quiet() == 0


def test_offers_the_variant_of_a_sold_out_simple_product(store: Store) -> None:
    store.visit(SOLD_OUT + view())
    question = store.question()
    offers_nothing(store.element)

    question.answer(instock=False, variant=31)

    offers(store.element, "31")
    expect(store.element).to_have_attribute("product-title", "Blue mug")
    assert question.route.request.headers["x-xsrf-token"] == "c5rf"
    assert store.quiet() == 1


def test_sits_after_the_add_to_cart_button_even_where_the_theme_hides_that(store: Store) -> None:
    store.visit(SOLD_OUT + view())

    expect(store.page.locator("#add-to-cart-wrapper + stockbell-notify")).to_have_count(1)


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ('<p class="form-action"><button type="submit">Buy</button></p><i></i>', ".form-action + stockbell-notify"),
        ('<button type="submit">Buy</button><i></i>', "button + stockbell-notify"),
        ("<b></b>", "b + stockbell-notify"),
    ],
)
def test_finds_a_place_in_other_themes(store: Store, form: str, place: str) -> None:
    store.visit(f"<form data-cart-item-add>{FIELDS}{form}</form>")

    expect(store.page.locator(place)).to_have_attribute("product-id", "5")


def test_follows_a_product_view_without_a_form(store: Store) -> None:
    store.visit('<div class="productView" data-entity-id="5"><div class="productView-options"></div></div>')
    store.question().answer(instock=False, variant=31)

    offers(store.page.locator(".productView-options > stockbell-notify"), "31")
    assert store.question().product_id == "5"


def test_asks_graphql_for_the_only_variant_where_the_answer_names_none(store: Store) -> None:
    store.visit(SOLD_OUT + view(), tag=WITH_TOKEN)
    store.question().answer(instock=False)

    offers(store.element, "31")
    assert [request["variables"] for request in store.graphql] == [{"id": 77}]


def test_guesses_no_variant_of_several(store: Store) -> None:
    store.variants = [31, 32]
    store.visit(SOLD_OUT + view(), tag=WITH_TOKEN)
    store.question().answer(instock=False)
    store.quiet()

    offers_nothing(store.element)
    has_no(store.element, "variant-id")


def test_offers_nothing_without_an_id_or_a_token(store: Store) -> None:
    store.visit(SOLD_OUT + view())
    store.question().answer(instock=False)
    store.quiet()

    offers_nothing(store.element)
    assert f"{SHOP}/graphql" not in store.asked


def test_offers_nothing_that_the_merchant_took_off_sale(store: Store) -> None:
    store.visit(view())
    store.question().answer(instock=False, variant=31, purchasable=False)
    store.quiet()

    offers_nothing(store.element)


def test_asks_nothing_until_an_option_is_chosen(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES))

    offers_nothing(store.element)
    assert store.quiet() == 0


def test_follows_the_chosen_options(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES + COLOURS))
    store.choose("99")
    store.question(0).answer(instock=True)
    store.page.check("#swatch_7", force=True)
    store.question(1).answer(instock=False, variant=31)

    offers(store.element, "31")
    expect(store.element).to_have_attribute("variant-title", "M / Red")
    assert store.question(1).fields["attribute[113]"] == "7"

    store.page.check("#swatch_8", force=True)
    store.question(2).answer(instock=True, variant=32)
    expect(store.element).to_have_attribute("variant-id", "32")
    offers_nothing(store.element)
    expect(store.element).to_have_attribute("variant-title", "M / Blue")


def test_asks_at_once_for_options_that_are_chosen_by_default(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES.replace('value="99"', 'value="99" selected data-default')))
    store.question().answer(instock=False, variant=31)

    offers(store.element, "31")
    assert store.question().size == "99"


def test_asks_for_a_product_that_has_only_extras_to_choose(store: Store) -> None:
    store.visit(SOLD_OUT + view(options='<input type="checkbox" name="attribute[9]" value="1">'), tag=WITH_TOKEN)
    store.question().answer(instock=False)

    offers(store.element, "31")


def test_remembers_answers(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES))
    store.choose("98")
    store.question(0).answer(instock=False, variant=31)
    offers(store.element, "31")
    store.choose("99")
    store.question(1).answer(instock=False, variant=32)
    offers(store.element, "32")

    store.choose("98")

    offers(store.element, "31")
    assert store.quiet() == 2


def test_neither_quantity_nor_engraving_asks(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES + ENGRAVING))
    store.page.fill("#engraving", "For Ada")
    store.page.fill("[name='qty[]']", "3")

    assert store.quiet() == 0


def test_waits_until_the_shopper_has_chosen(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES))
    store.page.evaluate(
        """async () => {
          const select = document.querySelector("select");
          for (const value of ["98", "99", "100"]) {
            select.value = value;
            select.dispatchEvent(new Event("change", { bubbles: true }));
            await new Promise((resolve) => setTimeout(resolve, 60));
          }
        }"""
    )

    store.question()
    assert store.quiet() == 1
    assert store.question().size == "100"


def test_the_newest_answer_wins(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES))
    store.choose("98")
    slow = store.question(0)
    store.choose("99")
    quick = store.question(1)
    assert slow.is_given_up

    quick.answer(instock=False, variant=32)
    offers(store.element, "32")
    slow.answer(instock=False, variant=31)
    store.quiet()

    offers(store.element, "32")


def test_the_newest_answer_wins_where_requests_cannot_be_taken_back(store: Store) -> None:
    # As with the fetch() that old themes bring along.
    old = "const real = fetch; window.fetch = (url, { signal, ...rest }) => real(url, rest);"
    store.visit(IN_STOCK + view(options=SIZES), head=f"<script>{old}</script>")
    store.choose("98")
    slow = store.question(0)
    store.choose("99")
    store.question(1).answer(instock=False, variant=32)
    offers(store.element, "32")
    assert not slow.is_given_up

    slow.answer(instock=True, variant=31)
    store.quiet()

    offers(store.element, "32")


def test_offers_nothing_of_the_selection_before_while_it_asks(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES))
    store.choose("98")
    store.question(0).answer(instock=False, variant=31)
    offers(store.element, "31")

    # At once, without waiting for the next look.
    told = store.page.evaluate(
        """async () => {
          const select = document.querySelector("select");
          select.value = "99";
          select.dispatchEvent(new Event("change", { bubbles: true }));
          await new Promise((resolve) => setTimeout(resolve));
          const element = document.querySelector("stockbell-notify");
          return [element.getAttribute("available"), element.getAttribute("variant-id")];
        }"""
    )
    assert told == ["true", None]
    store.question(1)
    offers_nothing(store.element)


@pytest.mark.parametrize(
    "fail",
    [
        lambda question: question.send(500, "oops", "text/html"),
        lambda question: question.send(500, '{"data": {"instock": false, "v3_variant_id": 31}}'),
        lambda question: question.send(429, "{}"),
        lambda question: question.send(200, "<html>", "text/html"),
        lambda question: question.send(200, '{"data":{"sku":"MUG"}}'),
        lambda question: question.send(200, "null"),
        lambda question: question.route.abort(),
    ],
)
def test_leaves_the_page_alone_when_the_store_does_not_answer(store: Store, fail: Callable[[Question], None]) -> None:
    store.visit(IN_STOCK + view(options=SIZES))
    store.choose("98")
    before = theme_of(store)
    fail(store.question())

    assert store.quiet() == 1
    offers_nothing(store.element)
    assert theme_of(store) == before

    store.choose("99")
    store.question(1).answer(instock=False, variant=32)
    offers(store.element, "32")


def theme_of(store: Store) -> str:
    """The page without what the snippet put in."""
    text: str = store.page.locator(".productView").evaluate(
        "view => { const copy = view.cloneNode(true); copy.querySelector('stockbell-notify').remove(); "
        "return copy.outerHTML + view.querySelector('select').value; }"
    )
    return text


def test_asks_a_failing_store_three_times_and_no_more(store: Store) -> None:
    store.page.clock.install()
    store.visit(SOLD_OUT + view())
    for number in range(3):
        store.question(number).send(500, "")
        store.page.wait_for_timeout(100)
        store.page.clock.run_for(9000)
    store.page.clock.run_for(60_000)

    assert store.quiet() == 3


def test_gives_up_a_store_that_hangs(store: Store) -> None:
    store.page.clock.install()
    store.visit(SOLD_OUT + view())
    hanging = store.question(0)
    store.page.clock.run_for(5500)
    assert not hanging.is_given_up

    store.page.clock.run_for(1000)
    store.page.wait_for_timeout(100)
    assert hanging.is_given_up

    store.page.clock.run_for(9000)
    store.question(1).answer(instock=False, variant=31)
    offers(store.element, "31")


def test_follows_a_quick_view_that_comes_later(store: Store) -> None:
    store.visit('<div id="modal" class="modal" data-reveal style="display: none"></div>')
    assert store.quiet() == 0
    expect(store.element).to_have_count(0)
    assert LOADER not in store.asked

    put = "(modal, html) => { modal.innerHTML = html; }"
    store.page.locator("#modal").evaluate(put, f'<div class="modal-body quickView">{view(5)}</div>')
    assert store.quiet() == 0  # nobody sees it yet
    store.page.locator("#modal").evaluate("modal => { modal.style.display = 'block'; }")
    store.question().answer(instock=False, variant=31)
    offers(store.element, "31")

    store.page.locator("#modal").evaluate(put, f'<div class="modal-body quickView">{view(6)}</div>')
    store.question(1).answer(instock=True, variant=32)
    expect(store.element).to_have_attribute("product-id", "6")
    offers_nothing(store.element)
    assert [question.product_id for question in store.questions] == ["5", "6"]


def test_does_not_take_the_pages_data_for_the_quick_views(store: Store) -> None:
    store.visit(f'<div class="modal" data-reveal>{view(5, sku="")}</div>{view(77)}' + IN_STOCK)
    store.question().answer(instock=False, variant=31)

    offers(store.page.locator(".modal stockbell-notify"), "31")
    offers_nothing(store.page.locator("body > .productView stockbell-notify"))
    assert [question.product_id for question in store.questions] == ["5"]


def test_keeps_several_product_views_apart(store: Store) -> None:
    store.visit(IN_STOCK + view(77, SIZES) + view(78, SIZES.replace("112", "212"), title="Red mug"))
    first, second = store.element.nth(0), store.element.nth(1)
    store.choose("98")
    store.page.select_option("select[name='attribute[212]']", "99")
    # One at a time: the second waits for the first.
    assert store.quiet() == 1
    store.question(0).answer(instock=False, variant=31)
    store.question(1).answer(instock=False, variant=41)

    offers(first, "31")
    offers(second, "41")
    expect(second).to_have_attribute("product-title", "Red mug")


def test_each_form_of_one_view_has_its_own_element(store: Store) -> None:
    bar = f'<form data-cart-item-add class="sticky">{FIELDS}<button type="submit">Buy</button></form>'
    store.visit(IN_STOCK + view(5).replace("</section>\n</div>", f"{bar}</section></div>"))

    expect(store.page.locator("form.form > stockbell-notify")).to_have_count(1)
    expect(store.page.locator("form.sticky > stockbell-notify")).to_have_count(1)
    expect(store.page.locator(".productView stockbell-notify")).to_have_count(2)


def test_a_list_of_forms_asks_one_by_one_and_only_for_what_is_seen(store: Store) -> None:
    cards = "".join(f'<div style="height: 400px">{view(number, sku="")}</div>' for number in range(1, 21))
    store.page.set_viewport_size({"width": 800, "height": 600})
    store.visit(view(77) + IN_STOCK + cards)
    expect(store.element).to_have_count(21)

    number = 0
    while store.quiet(400) > number:
        assert len(store.questions) == number + 1
        store.questions[number].answer(instock=True, variant=31)
        number += 1

    assert 1 <= number <= 2


def test_returns_when_the_theme_redraws_its_form(store: Store) -> None:
    store.visit(SOLD_OUT + view().replace('<div id="add', '<div><div id="add').replace("</form>", "</div></form>", 1))
    store.question().answer(instock=False, variant=31)
    offers(store.element, "31")

    store.page.locator("form[data-cart-item-add]").evaluate(
        """form => { form.innerHTML = `<input type="hidden" name="product_id" value="77">
          <div><div id="add-to-cart-wrapper"><input type="submit"></div></div>`; }"""
    )

    expect(store.page.locator("#add-to-cart-wrapper + stockbell-notify")).to_have_attribute("variant-id", "31")
    assert store.quiet() == 1


def test_notices_options_that_the_theme_resets_without_telling(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES))
    store.choose("98")
    store.question().answer(instock=False, variant=31)
    offers(store.element, "31")

    store.page.evaluate("document.querySelector('select').selectedIndex = 0")

    offers_nothing(store.element)
    has_no(store.element, "variant-title")


def test_writes_nothing_while_nothing_changes(store: Store) -> None:
    store.visit(SOLD_OUT + view())
    store.question().answer(instock=False, variant=31)
    offers(store.element, "31")
    changes = store.page.evaluate(
        """async () => {
          let changes = 0;
          const all = { attributes: true, childList: true, subtree: true, characterData: true };
          new MutationObserver((records) => { changes += records.length; }).observe(document, all);
          await new Promise((resolve) => setTimeout(resolve, 900));
          return changes;
        }"""
    )

    assert changes == 0


def test_takes_the_themes_own_element(store: Store) -> None:
    own = '<stockbell-notify id="own" product-id="77"></stockbell-notify>'
    store.visit(IN_STOCK + view(options=SIZES).replace("</form>", f"{own}</form>", 1))
    store.choose("98")
    store.question().answer(instock=False, variant=31)

    offers(store.page.locator("#own"), "31")
    expect(store.element).to_have_count(1)


def test_leaves_an_element_alone_that_the_theme_filled_in(store: Store) -> None:
    own = '<stockbell-notify variant-id="900" available="false"></stockbell-notify>'
    store.visit(SOLD_OUT + view().replace("</form>", f"{own}</form>", 1))

    assert store.quiet() == 0
    offers(store.element, "900")


def test_works_once_when_it_is_installed_twice(store: Store) -> None:
    store.visit(SOLD_OUT + view(), tag=TAG + TAG.replace(" async", ""))
    store.question().answer(instock=False, variant=31)

    offers(store.element, "31")
    assert store.quiet() == 1
    assert store.asked.count(LOADER) == 1


def test_loads_the_widget_once_beside_a_tag_of_the_themes(store: Store) -> None:
    store.visit(IN_STOCK + view(), head=f'<script src="{LOADER}" defer></script>')
    expect(store.element).to_have_count(1)

    assert store.quiet() == 0
    expect(store.page.locator(f"script[src='{LOADER}']")).to_have_count(1)


def test_brings_nothing_to_pages_without_a_product(store: Store) -> None:
    store.visit('<div class="page"><form action="/search"><input name="id"></form></div>')

    assert store.quiet() == 0
    assert LOADER not in store.asked
    expect(store.element).to_have_count(0)


def test_reads_its_settings_from_the_tag_or_its_address(store: Store) -> None:
    src = f"{HOST}/content/stockbell.js?key=pk_test&amp;display=inline"
    store.visit(IN_STOCK + view(), tag=f'<script src="{src}" data-replaces="#form-action-addToCart" async></script>')

    expect(store.element).to_have_attribute("display", "inline")
    expect(store.element).to_have_attribute("replaces", "#form-action-addToCart")
    has_no(store.element, "look")
    store.quiet()
    assert LOADER in store.asked


@pytest.mark.parametrize("attributes", ['data-key="pk_test" data-host="not an address"', 'data-host="http://x.test"'])
def test_stays_quiet_with_wrong_settings(store: Store, attributes: str) -> None:
    store.visit(SOLD_OUT + view(), tag=f'<script src="{SHOP}/content/stockbell.js" {attributes} async></script>')
    store.question().answer(instock=False, variant=31)

    offers(store.element, "31")
    assert not [url for url in store.asked if "/s/" in url]


HOSTILE = """<script>
  Object.prototype.v3_variant_id = 666;
  Object.prototype.instock = false;
  Object.prototype.extend = function () {};
  Array.prototype.toJSON = function () { return "[...]"; };
  Array.prototype.each = function () {};
  Array.prototype.includes = Array.prototype.map = Array.prototype.find = () => { throw new Error("hostile"); };
  Array.from = Object.entries = Object.assign = () => { throw new Error("hostile"); };
  Function.prototype.bind = function () { return this; };
  String.prototype.startsWith = String.prototype.includes = () => { throw new Error("hostile"); };
  Element.prototype.remove = Element.prototype.hide = function () { this.style.display = "none"; };
</script>"""


def test_works_beside_scripts_that_bend_the_prototypes(store: Store) -> None:
    store.visit(IN_STOCK + view(options=SIZES), head=HOSTILE, tag=WITH_TOKEN)
    assert store.quiet() == 0
    store.choose("98")
    store.question(0).answer(instock=True)
    store.choose("99")
    store.question(1).answer(instock=False)

    offers(store.element, "31")
    assert [request["variables"] for request in store.graphql] == [{"id": 77}]


def test_adds_nothing_to_the_window(store: Store) -> None:
    store.visit(SOLD_OUT + view() + "<script>window.before = Object.keys(window);</script>")
    store.question().answer(instock=False, variant=31)
    offers(store.element, "31")

    assert store.page.evaluate("Object.keys(window).filter((name) => !before.includes(name))") == ["before"]


def test_tells_a_real_element_in_few_steps(store: Store) -> None:
    store.loader = """
      window.told = [];
      customElements.define("stockbell-notify", class extends HTMLElement {
        static observedAttributes = ["variant-id", "available"];
        attributeChangedCallback(name, before, now) { if (before !== now) told.push([name, now]); }
      });"""
    store.visit(IN_STOCK + view(options=SIZES))
    expect(store.element).to_have_count(1)
    store.page.wait_for_function("() => window.told")
    store.choose("98")
    store.question(0).answer(instock=False, variant=31)
    offers(store.element, "31")
    store.choose("100")
    store.question(1).answer(instock=True, variant=33)
    expect(store.element).to_have_attribute("variant-id", "33")

    assert store.page.evaluate("told") == [
        ["available", "true"],
        ["variant-id", "31"],
        ["available", "false"],
        ["variant-id", None],
        ["available", "true"],
        ["variant-id", "33"],
    ]


CATALYST = """<div id="spot"></div><script type="module">
  import { openNotify, showNotify } from "/catalyst/notify.js";
  Object.assign(window, { openNotify, showNotify });
</script>"""


def test_catalyst_example_shows_moves_and_removes_the_button(store: Store) -> None:
    module = (SNIPPETS / "catalyst" / "notify.js").read_text()
    module = module.replace("https://HOST", HOST).replace('"PUBLIC_KEY"', '"pk_test"')
    store.page.route("**/catalyst/notify.js", lambda route: route.fulfill(body=module, content_type="text/javascript"))
    store.visit(CATALYST, tag="")
    store.page.wait_for_function("() => window.showNotify")
    show = "(selection) => { window.takeAway = showNotify(document.querySelector('#spot'), selection); }"

    store.page.evaluate(show, {"productId": 77, "variantId": None, "isInStock": False})
    offers_nothing(store.element)
    store.page.evaluate(show, {"productId": 77, "variantId": 31, "isInStock": False, "variantTitle": "M"})
    offers(store.element, "31")
    expect(store.element).to_have_attribute("variant-title", "M")
    store.page.evaluate(show, {"productId": 77, "variantId": 32, "isInStock": True})
    offers_nothing(store.element)
    expect(store.element).to_have_count(1)
    store.page.evaluate("takeAway()")
    expect(store.element).to_have_count(0)

    store.page.evaluate("window.stockbell = { open: (...given) => { window.opened = given; } }")
    store.page.evaluate("openNotify({ productId: 77, variantId: 31, isInStock: false, productTitle: 'Mug' })")
    assert store.page.evaluate("opened") == ["31", {"product-id": "77", "product-title": "Mug"}]
    store.page.evaluate("delete window.stockbell")
    with store.page.expect_navigation(url=f"{HOST}/n/pk_test/31"):
        store.page.evaluate("openNotify({ productId: 77, variantId: 31, isInStock: false })")


# What reference/scripts.v3.yml of bigcommerce/docs says of script_Post: types, and the words that are allowed.
SCRIPT_POST: dict[str, type | set[str]] = {
    "name": str,
    "description": str,
    "html": str,
    "src": str,
    "auto_uninstall": bool,
    "load_method": {"default", "async", "defer"},
    "location": {"head", "footer"},
    "visibility": {"storefront", "all_pages", "checkout", "order_confirmation"},
    "kind": {"src", "script_tag"},
    "consent_category": {"essential", "functional", "analytics", "targeting"},
    "enabled": bool,
    "channel_id": int,
    "integrity_hashes": list,
}


@pytest.mark.parametrize("name", ["script.json", "script-tag.json"])
def test_bodies_fit_the_scripts_api(name: str) -> None:
    body = json.loads((SNIPPETS / name).read_text())
    for field, value in body.items():
        kind = SCRIPT_POST[field]
        assert value in kind if isinstance(kind, set) else type(value) is kind, field
    common = {"location": "footer", "visibility": "storefront", "consent_category": "functional"}
    assert body | common | {"auto_uninstall": True, "enabled": True} == body
    assert len(body["name"]) <= 255
    assert body["channel_id"] >= 1
    assert "Functional: it offers what the visitor asks for" in body["description"]


def test_each_kind_of_script_has_its_own_fields() -> None:
    by_address = json.loads((SNIPPETS / "script.json").read_text())
    by_tag = json.loads((SNIPPETS / "script-tag.json").read_text())
    assert (by_address["kind"], by_address["load_method"], "html" in by_address) == ("src", "async", False)
    # "The load_method must be default", says the API; the tag itself is async.
    assert (by_tag["kind"], by_tag["load_method"], "src" in by_tag) == ("script_tag", "default", False)
    assert by_address["src"] == "https://HOST/s/PUBLIC_KEY/bigcommerce.js"
    assert len(re.findall(r"<script\b", by_tag["html"])) == 1
    assert " async>" in by_tag["html"]


def test_the_script_manager_and_the_api_get_the_same_tag() -> None:
    text = re.sub(r"<!--.*?-->", "", (SNIPPETS / "script-manager.html").read_text(), flags=re.DOTALL).strip()

    assert text == json.loads((SNIPPETS / "script-tag.json").read_text())["html"]


def test_the_script_managers_tag_works(store: Store) -> None:
    """Stockbell serves the file under an address that tells the shop."""
    tag = json.loads((SNIPPETS / "script-tag.json").read_text())["html"]
    tag = tag.replace("https://HOST", HOST).replace("PUBLIC_KEY", "pk_test")
    store.visit(SOLD_OUT + view(), tag=tag.replace("{{settings.storefront_api.token}}", "t0ken"))
    store.question().answer(instock=False)

    offers(store.element, "31")
    assert LOADER in store.asked


def handlebars(name: str) -> tuple[str, list[str]]:
    """A template without its comments, and the insides of its braces."""
    text = re.sub(r"\{\{!--.*?--\}\}", "", (SNIPPETS / name).read_text(), flags=re.DOTALL)
    return text, re.findall(r"\{\{(.*?)\}\}", text)


def test_the_partial_is_balanced_and_escapes_everything() -> None:
    text, expressions = handlebars("templates/components/stockbell/notify.html")
    assert "{{{" not in text
    assert "{{&" not in text
    assert text.count("{{") == text.count("}}") == len(expressions)
    open_blocks: list[str] = []
    for expression in expressions:
        if expression.startswith("#"):
            open_blocks.append(expression[1:].split()[0])
        elif expression.startswith("/"):
            assert open_blocks.pop() == expression[1:]
        elif expression == "else":
            assert open_blocks[-1] in {"if", "unless"}
        else:
            assert re.fullmatch(r"(\.\./)?[a-z]\w*(\.\w+)+", expression), expression
    assert open_blocks == []


def test_the_partial_has_its_values_in_quotes_or_in_text() -> None:
    text, expressions = handlebars("templates/components/stockbell/notify.html")
    for tag in re.findall(r"<[a-z][^<]*?>", text):
        bare = re.sub(r'"[^"]*"', "", tag)
        assert "{{" not in bare, tag
    assert 'href="https://HOST/n/PUBLIC_KEY/{{node.entityId}}"' in text
    words = {word for expression in expressions for word in expression.split()}
    assert {"product.id", "product.options.length", "../product.out_of_stock"} <= words


def test_the_readmes_query_asks_for_what_the_partial_uses() -> None:
    (query,) = re.findall(r'gql: "(.*)"', (SNIPPETS / "README.md").read_text())
    assert query.count("{") == query.count("}")
    _, expressions = handlebars("templates/components/stockbell/notify.html")
    used = {word for expression in expressions for word in re.findall(r"\bnode\.([\w.]+)", expression)}
    asked = set(re.findall(r"\w+", query))
    assert {part for path in used for part in path.split(".")} <= asked
    assert used == {"entityId", "inventory.isInStock", "options.edges", "displayName", "values.edges", "label"}


def test_the_readmes_hash_is_the_files() -> None:
    digest = base64.b64encode(hashlib.sha384(SCRIPT.read_bytes()).digest()).decode()

    assert f"sha384-{digest}" in (SNIPPETS / "README.md").read_text()


def test_the_script_is_small_and_builds_no_markup() -> None:
    text = SCRIPT.read_text()
    code = re.sub(r"^\s*(/?\*.*|//.*)$", "", text, flags=re.MULTILINE)

    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|new Function|console\.", code)
    assert not re.search(r"\bwindow\.\w+\s*=|localStorage|sessionStorage|document\.cookie", code)
    assert len(gzip.compress(code.encode(), 9)) < 4500


@pytest.mark.parametrize("name", ["stockbell-bigcommerce.js", "catalyst/notify.js"])
def test_types_in_comments_are_right(name: str) -> None:
    compiler = ROOT / "widget" / "node_modules" / ".bin" / "tsc"
    if not compiler.exists() or not shutil.which("node"):
        pytest.skip("the widget's tools are not installed")
    options = ["--allowJs", "--checkJs", "--noEmit", "--strict", "--noUncheckedIndexedAccess", "--ignoreConfig"]
    target = ["--target", "es2021", "--module", "esnext", "--types", "", "--lib", "es2021,dom,dom.iterable"]
    done = subprocess.run(
        [compiler, *options, *target, SNIPPETS / name], capture_output=True, text=True, timeout=120, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")
