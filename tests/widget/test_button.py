import pytest
from playwright.sync_api import Route, expect

from tests.processes import wait_for
from tests.widget.storefront import Storefront
from tests.widget.stub import PUBLIC_KEY, STOREFRONT, Stub, look

pytestmark = pytest.mark.browser

FORM = """
<form action="/cart/add">
  <select name="id"><option value="v1">S</option><option value="v2">M</option></select>
  <stockbell-notify product-id="p1"></stockbell-notify>
</form>
"""


def test_shows_button_for_sold_out_variant(storefront: Storefront) -> None:
    storefront.visit()

    expect(storefront.button).to_be_visible()
    expect(storefront.button).to_have_accessible_name("Notify me when available")
    expect(storefront.page.get_by_text("Notify me", exact=True)).to_be_hidden()


def test_loads_nothing_but_the_loader_before_anybody_acts(storefront: Storefront, stub: Stub) -> None:
    storefront.visit()
    storefront.button.hover()

    assert [request.path for request in stub.requests] == [f"/s/{PUBLIC_KEY}.js"]


def test_hides_and_asks_nothing_while_in_stock(storefront: Storefront, stub: Stub) -> None:
    storefront.visit('<stockbell-notify variant-id="v1" available="true"></stockbell-notify>')

    expect(storefront.button).to_have_count(0)
    expect(storefront.element).to_have_css("display", "none")
    assert [request.path for request in stub.requests] == [f"/s/{PUBLIC_KEY}.js"]


def test_follows_attributes_within_200_ms(storefront: Storefront) -> None:
    storefront.visit()
    shown_after = """async (element, available) => {
      element.setAttribute("available", available);
      await new Promise((resolve) => setTimeout(resolve, 200));
      return element.offsetHeight > 0;
    }"""

    assert storefront.element.evaluate(shown_after, "true") is False
    assert storefront.element.evaluate(shown_after, "false") is True


def test_asks_for_the_variant_that_the_attribute_names_last(storefront: Storefront, stub: Stub) -> None:
    storefront.visit()
    storefront.element.evaluate("element => element.setAttribute('variant-id', 'v2')")
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    assert [body["variant_id"] for body in stub.subscriptions] == ["v2"]


def test_asks_the_server_once_per_variant_without_word_on_stock(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False, "v2": True}
    storefront.visit(
        '<stockbell-notify variant-id="v1"></stockbell-notify>'
        '<stockbell-notify variant-id="v1"></stockbell-notify>'
        '<stockbell-notify variant-id="v2"></stockbell-notify>'
    )

    expect(storefront.button).to_have_count(2)
    assert len(stub.asked("GET", f"{STOREFRONT}/variants/v1")) == 1
    assert len(stub.asked("GET", f"{STOREFRONT}/variants/v2")) == 1


@pytest.mark.parametrize("variant_id", ["unknown", "unreachable"])
def test_stays_hidden_and_quiet_when_stock_cannot_be_learnt(storefront: Storefront, variant_id: str) -> None:
    storefront.cut("**/variants/unreachable")
    with storefront.page.expect_event("requestfinished" if variant_id == "unknown" else "requestfailed"):
        storefront.visit(f'<stockbell-notify variant-id="{variant_id}"></stockbell-notify>')

    storefront.page.wait_for_timeout(50)
    expect(storefront.button).to_have_count(0)
    assert storefront.told == []


def test_reads_the_variant_from_the_nearest_product_form(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": True, "v2": False}
    storefront.visit(FORM, query="?variant=v9")
    expect(storefront.button).to_have_count(0)

    storefront.page.select_option("select", "v2")

    expect(storefront.button).to_be_visible()


def test_reads_the_variant_that_a_script_writes_into_a_hidden_field(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": True, "v2": False}
    storefront.visit('<form><input type="hidden" name="id" value="v1"><stockbell-notify></stockbell-notify></form>')

    storefront.page.evaluate("document.querySelector('input[name=id]').value = 'v2'")

    expect(storefront.button).to_be_visible()


def test_the_variant_that_the_page_names_is_a_beginning_where_its_field_says_the_same(
    storefront: Storefront, stub: Stub
) -> None:
    stub.availability = {"v2": True, "v3": False}
    titles = 'product-title="Blue mug" variant-title="Size 1"'
    element = f'<stockbell-notify variant-id="v1" available="false" {titles}></stockbell-notify>'
    storefront.visit(f'<form><select name="id"><option>v1<option>v2<option>v3</select>{element}</form>')
    storefront.open()
    expect(storefront.dialog).to_contain_text("Blue mug · Size 1")
    storefront.page.keyboard.press("Escape")

    storefront.page.select_option("select", "v2")
    expect(storefront.button).to_be_hidden()
    storefront.page.select_option("select", "v3")
    storefront.sign_up()
    expect(storefront.dialog).not_to_contain_text("Size 1")
    expect(storefront.status).to_contain_text("as soon as")
    storefront.close.click()
    storefront.page.select_option("select", "v1")
    expect(storefront.button).to_be_visible()

    assert [body["variant_id"] for body in stub.subscriptions] == ["v3"]
    assert stub.asked("GET", f"{STOREFRONT}/variants/v1") == []


def test_the_variant_that_the_page_names_stays_where_its_field_speaks_of_another(
    storefront: Storefront, stub: Stub
) -> None:
    element = '<stockbell-notify variant-id="other" available="false"></stockbell-notify>'
    storefront.visit(f'<form><select name="id"><option>v1<option>v2</select></form>{element}')
    storefront.page.select_option("select", "v2")
    storefront.page.wait_for_timeout(150)
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    assert [body["variant_id"] for body in stub.subscriptions] == ["other"]


def test_while_no_radio_is_chosen_no_other_product_is_meant(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False, "other": False}
    storefront.visit(
        '<form><input type="radio" name="id" value="v1" aria-label="S"><stockbell-notify></stockbell-notify></form>'
        '<form><input type="hidden" name="id" value="other"></form>'
    )
    storefront.page.wait_for_timeout(150)
    assert stub.asked("GET", f"{STOREFRONT}/variants/other") == []

    storefront.page.get_by_label("S").check()

    expect(storefront.button).to_be_visible()


def test_comes_back_when_the_theme_takes_its_button_away(storefront: Storefront, stub: Stub) -> None:
    storefront.visit(
        '<style>.btn { background: #fff; color: #123456; }</style><form><button class="btn">Add</button>'
        '<stockbell-notify look="theme" variant-id="v1" available="false"></stockbell-notify></form>'
    )
    notify = storefront.page.get_by_role("button", name="Notify me when available")
    expect(notify).to_be_visible()

    storefront.element.evaluate("element => element.replaceChildren()")
    notify.click()

    expect(storefront.email).to_be_focused()
    # The form's button is as readable as the theme's.
    expect(storefront.submit).to_have_css("color", "rgb(18, 52, 86)")
    storefront.element.evaluate("element => element.replaceChildren()")
    storefront.page.wait_for_timeout(150)
    expect(storefront.email).to_be_focused()  # while the form is open it stays


def test_a_field_that_says_0_has_nothing_chosen(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False}
    storefront.visit(
        '<form><input type="hidden" name="variation_id" value="0"><stockbell-notify></stockbell-notify></form>'
    )
    storefront.page.wait_for_timeout(150)
    assert stub.asked("GET", f"{STOREFRONT}/variants/0") == []

    storefront.page.evaluate("document.querySelector('[name=variation_id]').value = 'v1'")

    expect(storefront.button).to_be_visible()


def test_reads_the_variant_from_the_address(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v7": False}
    storefront.visit("<stockbell-notify></stockbell-notify>", query="?variant=v7")

    expect(storefront.button).to_be_visible()


def test_shows_the_pages_own_fallback_when_the_script_does_not_come(storefront: Storefront, stub: Stub) -> None:
    stub.pages["/product"] = ({}, '<stockbell-notify><a href="/hosted">Notify me</a></stockbell-notify>')
    storefront.page.goto(f"{stub.shop}/product")

    expect(storefront.page.get_by_role("link", name="Notify me")).to_be_visible()


def test_links_to_the_hosted_form_and_tries_anew_when_the_form_does_not_load(
    storefront: Storefront, stub: Stub
) -> None:
    storefront.cut(f"**{stub.form_path}")
    storefront.visit()
    storefront.button.click()

    link = storefront.element.get_by_role("alert").get_by_role("link")
    expect(link).to_have_attribute("href", f"{stub.host}/n/{PUBLIC_KEY}/v1")
    assert storefront.told == [["error", {"reason": "unreachable", "variantId": "v1", "productId": "p1"}]]

    storefront.page.unroute_all()
    storefront.open()
    expect(link).to_be_hidden()


def test_takes_the_shops_look_and_words(storefront: Storefront, stub: Stub) -> None:
    stub.settings = {
        "look": look({"accent": "#ffcc00", "on-accent": "#000", "radius": "20px"}),
        "texts": {"en": {"button": "Ring me"}},
    }
    storefront.visit()

    expect(storefront.button).to_have_accessible_name("Ring me")
    expect(storefront.button).to_have_css("background-color", "rgb(255, 204, 0)")
    expect(storefront.button).to_have_css("border-radius", "20px")
    expect(storefront.button).to_have_css("color", "rgb(0, 0, 0)")


def test_an_answer_about_a_variant_that_is_no_longer_chosen_shows_nothing(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False, "v2": True}
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    storefront.page.route("**/variants/v1", hold)
    storefront.visit('<stockbell-notify variant-id="v1"></stockbell-notify>')
    storefront.page.wait_for_function("() => customElements.get('stockbell-notify')")
    storefront.element.evaluate("element => element.setAttribute('variant-id', 'v2')")
    wait_for(lambda: len(stub.asked("GET", f"{STOREFRONT}/variants/v2")) == 1, "the second variant is asked for")

    with storefront.page.expect_response("**/variants/v1"):
        held[0].continue_()
    storefront.page.wait_for_timeout(300)

    expect(storefront.button).to_be_hidden()


def test_a_question_that_failed_is_asked_again_when_the_variant_is_chosen_again(
    storefront: Storefront, stub: Stub
) -> None:
    stub.availability = {"v1": False, "v2": True}
    storefront.page.route("**/variants/v1", lambda route: route.fulfill(status=500), times=1)
    with storefront.page.expect_response("**/variants/v1"):
        storefront.visit('<stockbell-notify variant-id="v1"></stockbell-notify>')
    expect(storefront.button).to_be_hidden()

    for variant_id in ("v2", "v1"):
        with storefront.page.expect_response(f"**/variants/{variant_id}"):
            storefront.element.evaluate("(element, id) => element.setAttribute('variant-id', id)", variant_id)

    expect(storefront.button).to_be_visible()


def test_a_selector_that_breaks_gives_the_themes_button_back(storefront: Storefront) -> None:
    storefront.visit(
        '<form><button class="theirs">Sold out</button>'
        '<stockbell-notify variant-id="v1" available="false" replaces=".theirs"></stockbell-notify></form>'
    )
    theirs = storefront.page.locator(".theirs")
    expect(theirs).to_be_hidden()

    storefront.element.evaluate("element => element.setAttribute('replaces', '[[[')")

    expect(theirs).to_be_visible()
    expect(storefront.button).to_be_hidden()
    assert storefront.complaints == []
