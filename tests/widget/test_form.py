import re

import pytest
from playwright.sync_api import Route, expect

from tests.widget.storefront import SOLD_OUT, Storefront
from tests.widget.stub import Stub, accepted, refused

pytestmark = pytest.mark.browser


def test_signs_up_by_keyboard_alone(storefront: Storefront, stub: Stub) -> None:
    storefront.visit()
    keyboard = storefront.page.keyboard
    storefront.page.locator("#before").focus()

    keyboard.press("Tab")
    assert storefront.focus == "button button"
    keyboard.press("Enter")
    expect(storefront.email).to_be_focused()
    keyboard.type("ada@example.com")
    keyboard.press("Enter")
    expect(storefront.status).to_contain_text("ada@example.com")
    expect(storefront.submit).to_be_focused()
    keyboard.press("Enter")
    expect(storefront.dialog).to_be_hidden()

    assert storefront.focus == "button button"
    assert [body["email"] for body in stub.subscriptions] == ["ada@example.com"]


def test_sends_what_the_contract_names_and_no_more(storefront: Storefront, stub: Stub) -> None:
    storefront.visit(lang="en_GB", query="?utm_source=x&email=secret&variant=v1#part")
    storefront.sign_up(" ada@example.com ")
    expect(storefront.status).to_contain_text("ada@example.com")

    assert stub.subscriptions == [
        {
            "variant_id": "v1",
            "product_id": "p1",
            "email": "ada@example.com",
            "locale": "en_GB",
            "marketing_consent": False,
            "page_url": f"{stub.shop}/product?variant=v1",
        }
    ]


def test_tells_the_page_without_the_address(storefront: Storefront) -> None:
    storefront.visit()
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")

    subject = {"variantId": "v1", "productId": "p1"}
    answer = {"confirmationRequired": False, "inStock": False}
    assert storefront.told == [["opened", subject], ["subscribed", subject | answer]]


def test_dialog_is_modal_and_named(storefront: Storefront) -> None:
    storefront.visit()
    storefront.open()

    expect(storefront.dialog).to_have_role("dialog")
    expect(storefront.dialog).to_have_accessible_name("Get notified when it\u2019s back")
    assert storefront.dialog.evaluate("dialog => dialog.matches(':modal')")
    expect(storefront.email).to_have_accessible_name("E-mail address")


@pytest.mark.parametrize("key", ["Tab", "Shift+Tab"])
def test_focus_never_leaves_the_dialog(storefront: Storefront, stub: Stub, key: str) -> None:
    stub.settings = {"fields": ["marketing"]}
    storefront.visit()
    storefront.open()

    seen = []
    for _ in range(50):
        storefront.page.keyboard.press(key)
        seen.append(storefront.focus)

    assert set(seen) == {"input email", "input marketing_consent", "button submit", "button close"}


@pytest.mark.parametrize("way", ["Escape", "close button", "beside the dialog"])
def test_closing_gives_the_focus_back(storefront: Storefront, way: str) -> None:
    storefront.visit()
    storefront.open()

    if way == "Escape":
        storefront.page.keyboard.press("Escape")
    elif way == "close button":
        storefront.close.click()
    else:
        storefront.page.mouse.click(5, 5)

    expect(storefront.dialog).to_be_hidden()
    expect(storefront.button).to_be_focused()


def test_closing_gives_the_focus_to_a_button_that_a_click_does_not_focus(storefront: Storefront) -> None:
    storefront.visit()
    storefront.button.dispatch_event("click")
    storefront.email.wait_for()
    storefront.page.keyboard.press("Escape")

    expect(storefront.button).to_be_focused()


def test_closing_gives_the_focus_back_to_the_pages_own_button(storefront: Storefront) -> None:
    storefront.visit()
    storefront.page.evaluate(
        """() => {
          const element = document.querySelector("stockbell-notify");
          document.querySelector("#after").onclick = () => element.open();
        }"""
    )
    storefront.page.click("#after")
    storefront.email.wait_for()
    storefront.page.keyboard.press("Escape")

    expect(storefront.page.locator("#after")).to_be_focused()


def test_keeps_the_address_when_opened_again(storefront: Storefront) -> None:
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@example.com")
    storefront.page.keyboard.press("Escape")
    storefront.open()

    expect(storefront.email).to_have_value("ada@example.com")


def test_starts_afresh_after_a_sign_up(storefront: Storefront) -> None:
    storefront.visit()
    storefront.sign_up()
    expect(storefront.status).to_contain_text("as soon as")
    storefront.close.click()
    storefront.open()

    expect(storefront.status).to_be_empty()
    expect(storefront.submit).to_have_text("Notify me")


def test_stays_open_when_the_page_changes_its_mind_meanwhile(storefront: Storefront, stub: Stub) -> None:
    storefront.visit()
    storefront.open()
    storefront.element.evaluate(
        "element => { element.setAttribute('available', 'true'); element.setAttribute('variant-id', 'v2'); }"
    )
    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")
    storefront.close.click()

    expect(storefront.button).to_be_hidden()
    assert [body["variant_id"] for body in stub.subscriptions] == ["v1"]


def test_asks_once_however_often_the_button_is_pressed(storefront: Storefront, stub: Stub) -> None:
    stub.subscription_answer = accepted(delay_seconds=0.3)
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@example.com")
    storefront.submit.dblclick()

    expect(storefront.submit).to_have_attribute("aria-disabled", "true")
    expect(storefront.submit).to_have_text("Sending …")
    storefront.submit.press("Enter")
    expect(storefront.status).to_contain_text("as soon as")
    assert len(stub.subscriptions) == 1


def test_double_click_does_not_close_the_answer(storefront: Storefront) -> None:
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.submit).to_have_text("Close")
    storefront.submit.dispatch_event("click", {"detail": 2})

    expect(storefront.dialog).to_be_visible()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("", "Please enter your e-mail address."),
        ("ada", "Please check the address."),
        ("ada@example", "Please check the address."),
    ],
)
def test_names_a_wrong_address_beside_its_field(storefront: Storefront, stub: Stub, address: str, message: str) -> None:
    storefront.visit()
    storefront.open()
    expect(storefront.email).to_have_attribute("aria-invalid", "false")
    storefront.email.fill(address)
    storefront.submit.click()

    expect(storefront.email).to_have_attribute("aria-invalid", "true")
    expect(storefront.email).to_be_focused()
    described = storefront.email.get_attribute("aria-describedby")
    expect(storefront.dialog.locator(f"#{described}")).to_contain_text(message)
    assert stub.subscriptions == []

    storefront.email.press("End")
    storefront.email.type("x")
    expect(storefront.email).to_have_attribute("aria-invalid", "false")


def test_asks_for_marketing_consent_only_where_the_shop_wants_it(storefront: Storefront) -> None:
    storefront.visit()
    storefront.open()

    expect(storefront.dialog.get_by_role("checkbox")).to_have_count(0)


@pytest.mark.parametrize("ticked", [False, True])
def test_marketing_consent_is_unticked_until_the_shopper_ticks_it(
    storefront: Storefront, stub: Stub, *, ticked: bool
) -> None:
    stub.settings = {"fields": ["marketing"]}
    storefront.visit()
    storefront.open()
    box = storefront.dialog.get_by_role("checkbox")
    expect(box).not_to_be_checked()
    box.set_checked(ticked)
    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")

    assert [body["marketing_consent"] for body in stub.subscriptions] == [ticked]


def test_sends_what_a_robot_wrote_into_the_hidden_field(storefront: Storefront, stub: Stub) -> None:
    storefront.visit()
    storefront.open()
    trap = storefront.dialog.locator("input[name=website]")
    expect(trap).to_be_hidden()
    trap.evaluate("field => { field.value = 'spam'; }")
    storefront.email.fill("ada@example.com")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")

    assert [body["website"] for body in stub.subscriptions] == ["spam"]


def test_says_what_it_is_about_and_knows_who_is_signed_in(storefront: Storefront) -> None:
    storefront.visit(
        '<stockbell-notify variant-id="v1" available="false" product-title="Mug &lt;b&gt;"'
        ' variant-title="Blue" customer-email="ada@example.com"></stockbell-notify>'
    )
    storefront.open()

    expect(storefront.dialog.locator(".item")).to_have_text("Mug <b> · Blue")
    expect(storefront.email).to_have_value("ada@example.com")


def test_speaks_german_on_a_german_page(storefront: Storefront, stub: Stub) -> None:
    storefront.visit(lang="de-AT")
    expect(storefront.button).to_have_accessible_name("Benachrichtigen, wenn verfügbar")
    storefront.sign_up()

    expect(storefront.status).to_contain_text("sobald der Artikel wieder erhältlich ist")
    assert [body["locale"] for body in stub.subscriptions] == ["de-AT"]


def test_falls_back_to_the_shops_language(storefront: Storefront, stub: Stub) -> None:
    stub.settings = {"locale": "de"}
    storefront.visit(lang="xx")

    expect(storefront.button).to_have_accessible_name("Benachrichtigen, wenn verfügbar")


@pytest.mark.parametrize("text_size", ["100%", "200%"])
def test_fits_a_screen_of_320_px(storefront: Storefront, stub: Stub, text_size: str) -> None:
    stub.settings = {"fields": ["marketing"]}
    storefront.page.set_viewport_size({"width": 320, "height": 480})
    storefront.visit(f"<style>html {{ font-size: {text_size} }}</style>{SOLD_OUT}", lang="de")
    assert storefront.button.evaluate("button => button.scrollWidth <= button.clientWidth")
    storefront.open()
    storefront.email.fill("wrong")
    storefront.submit.click()

    assert storefront.page.evaluate("document.documentElement.scrollWidth") <= 320
    assert storefront.dialog.evaluate("dialog => dialog.scrollWidth <= dialog.clientWidth")
    for target in storefront.dialog.locator("button, input[type=email], label.check").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 320


@pytest.mark.parametrize("way", ["stockbell.open", "a trigger that names the variant", "a trigger beside the element"])
def test_the_form_has_the_focus_and_gives_it_back_however_it_was_opened(
    storefront: Storefront, stub: Stub, way: str
) -> None:
    attribute = 'data-stockbell-open="v9"' if "names" in way else "data-stockbell-open"
    storefront.visit(f'<a href="#" {attribute} id="trigger">Tell me</a>{SOLD_OUT.replace("false", "true")}')
    if way == "stockbell.open":
        storefront.page.evaluate("stockbell.open('v9')")
    else:
        # By a click that gives no focus, as Safari's.
        storefront.page.evaluate("document.querySelector('#trigger').click()")

    expect(storefront.email).to_be_focused()
    storefront.page.keyboard.press("Escape")
    expect(storefront.dialog).to_be_hidden()
    if way != "stockbell.open":
        expect(storefront.page.locator("#trigger")).to_be_focused()


def test_a_double_click_while_the_form_is_on_its_way_opens_one(storefront: Storefront, stub: Stub) -> None:
    def late(route: Route) -> None:
        storefront.page.wait_for_timeout(200)
        route.continue_()

    storefront.page.route(f"**{stub.form_path}*", late)
    storefront.visit()
    storefront.button.dblclick()
    storefront.email.wait_for()

    expect(storefront.dialog).to_have_count(1)
    storefront.page.keyboard.press("Escape")
    expect(storefront.dialog).to_be_hidden()


@pytest.mark.parametrize("typed", ["-1", "1.6", "0", "12345"])
def test_a_quantity_that_cannot_be_kept_is_said_and_not_changed(storefront: Storefront, stub: Stub, typed: str) -> None:
    stub.settings = {"fields": ["quantity"]}
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@example.com")
    quantity = storefront.dialog.locator("#quantity")
    quantity.fill(typed)
    storefront.submit.click()

    expect(quantity).to_be_focused()
    expect(quantity).to_have_attribute("aria-invalid", "true")
    expect(quantity).to_have_accessible_description(re.compile("."))
    assert stub.subscriptions == []
    assert storefront.told[-1] == ["error", {"reason": "invalid", "variantId": "v1", "productId": "p1"}]

    quantity.fill("3")
    expect(storefront.dialog.locator("#quantity-error")).to_be_hidden()
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")
    assert stub.subscriptions[0]["quantity"] == 3


def test_a_quantity_may_be_left_open(storefront: Storefront, stub: Stub) -> None:
    stub.settings = {"fields": ["quantity"]}
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@example.com")
    storefront.dialog.locator("#quantity").fill("")
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")

    assert "quantity" not in stub.subscriptions[0]


@pytest.mark.parametrize("width", [320, 375])
def test_what_is_wrong_comes_into_sight_on_a_screen_of_a_few_lines(
    storefront: Storefront, stub: Stub, width: int
) -> None:
    stub.settings = {"fields": ["phone", "quantity", "marketing"]}
    stub.subscription_answer = refused(503, "unavailable")
    storefront.page.set_viewport_size({"width": width, "height": 256})  # 1280 x 1024 at 400 %
    storefront.visit()
    storefront.open()
    storefront.email.fill("ada@")
    storefront.email.press("Enter")
    expect(storefront.dialog.locator("#email-error span")).to_be_in_viewport(ratio=0.95)

    storefront.email.fill("ada@example.com")
    storefront.email.press("Enter")
    expect(storefront.dialog.locator(".alert span")).to_be_in_viewport(ratio=0.95)


@pytest.mark.parametrize("lang", ["ar", "he"])
def test_the_languages_direction_counts_whatever_the_shop_calls_the_button(
    storefront: Storefront, stub: Stub, lang: str
) -> None:
    stub.settings = {"texts": {lang: {"button": "iPhone 15"}}}
    storefront.visit(lang=lang)
    storefront.open()

    expect(storefront.dialog).to_have_css("direction", "rtl")
