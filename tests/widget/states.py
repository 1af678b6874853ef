"""The states of the widget: how a shopper gets there. For the tests of accessibility, and for the pictures."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.widget.storefront import Storefront
from tests.widget.stub import Answer, Stub, accepted, refused

FIELDS = ["phone", "quantity", "marketing"]
"""All that a shop may ask for besides the address."""

State = Callable[[Storefront, Stub], None]


def _button(storefront: Storefront, _stub: Stub) -> None:
    storefront.button.wait_for()


def _fallback(storefront: Storefront, stub: Stub) -> None:
    storefront.cut(f"**{stub.form_path}")
    storefront.button.click()
    storefront.element.get_by_role("alert").get_by_role("link").wait_for()


def _open(storefront: Storefront, _stub: Stub) -> None:
    storefront.open()


def _mistakes(storefront: Storefront, _stub: Stub) -> None:
    storefront.open()
    storefront.email.fill("nonsense")
    storefront.dialog.locator("#tel").fill("12")
    storefront.submit.click()
    expect(storefront.email).to_have_attribute("aria-invalid", "true")


def _answered(answer: Answer) -> State:
    def state(storefront: Storefront, stub: Stub) -> None:
        stub.subscription_answer = answer
        storefront.sign_up()
        expect(storefront.submit).not_to_have_attribute("aria-disabled", "true")

    return state


def _sending(storefront: Storefront, stub: Stub) -> None:
    stub.subscription_answer = accepted(delay_seconds=3)
    storefront.sign_up()
    expect(storefront.submit).to_have_attribute("aria-disabled", "true")


STATES: dict[str, State] = {
    "button": _button,
    "fallback": _fallback,
    "open": _open,
    "mistakes": _mistakes,
    "sending": _sending,
    "accepted": _answered(accepted()),
    "confirm": _answered(accepted(confirmation_required=True)),
    "in_stock": _answered(accepted(in_stock=True)),
    "refused": _answered(refused(429, "too_many", Retry_After="240")),
}
