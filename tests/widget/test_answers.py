"""What the form says to each of the server's answers."""

import re

import pytest
from playwright.sync_api import expect

from tests.widget.storefront import Storefront
from tests.widget.stub import Answer, Stub, accepted, refused

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("answer", "title", "sentence"),
    [
        (accepted(), "on the list", "write to ada@example.com as soon as you can buy it again."),
        (
            accepted(confirmation_required=True),
            "Please check your inbox",
            "have sent a link to ada@example.com.",
        ),
        (accepted(in_stock=True), "Good news", "available right now. Reload the page to buy it."),
    ],
)
def test_announces_the_answer(storefront: Storefront, stub: Stub, answer: Answer, title: str, sentence: str) -> None:
    stub.subscription_answer = answer
    storefront.visit()
    storefront.sign_up()

    expect(storefront.status).to_contain_text(sentence)
    expect(storefront.dialog).to_have_accessible_name(re.compile(title))
    expect(storefront.email).to_be_hidden()
    expect(storefront.submit).to_be_focused()


def test_offers_to_reload_what_is_in_stock(storefront: Storefront, stub: Stub) -> None:
    stub.subscription_answer = accepted(in_stock=True)
    storefront.visit()
    storefront.sign_up()
    expect(storefront.submit).to_have_text("Reload the page")

    with storefront.page.expect_navigation():
        storefront.submit.click()


@pytest.mark.parametrize(
    ("answer", "message", "reason"),
    [
        (refused(404, "not_found"), "We cannot take requests for this item.", "unknown_variant"),
        (
            refused(422, "invalid", fields={"locale": ["Bad."]}),
            "Something went wrong on our side.",
            "invalid",
        ),
        (refused(429, "too_many", Retry_After="240"), "Please try again in 4 minutes.", "rate_limited"),
        (Answer(500), "Something went wrong on our side.", "failed"),
    ],
)
def test_explains_a_refusal_and_lets_try_again(
    storefront: Storefront, stub: Stub, answer: Answer, message: str, reason: str
) -> None:
    stub.subscription_answer = answer
    storefront.visit()
    storefront.sign_up()

    expect(storefront.alert).to_contain_text(message)
    expect(storefront.email).to_have_value("ada@example.com")
    assert storefront.told[-1] == ["error", {"variantId": "v1", "productId": "p1", "reason": reason}]

    stub.subscription_answer = accepted()
    storefront.submit.click()
    expect(storefront.status).to_contain_text("as soon as")
    expect(storefront.alert).to_be_empty()


def test_an_address_that_the_server_refuses_is_named_in_the_pages_language(storefront: Storefront, stub: Stub) -> None:
    stub.subscription_answer = refused(422, "invalid", fields={"email": ["This host takes no mail."]})
    storefront.visit(lang="de")
    storefront.sign_up()

    expect(storefront.dialog.locator("#email-error")).to_contain_text("Bitte prüfen Sie die Adresse.")
    expect(storefront.email).to_have_attribute("aria-invalid", "true")
    expect(storefront.email).to_be_focused()


def test_keeps_the_address_when_the_server_cannot_be_reached(storefront: Storefront) -> None:
    storefront.visit()
    storefront.cut("**/subscriptions")
    storefront.sign_up()

    expect(storefront.alert).to_contain_text("We could not reach the shop.")
    expect(storefront.email).to_have_value("ada@example.com")
    assert storefront.told[-1][1]["reason"] == "unreachable"


def test_gives_up_after_ten_seconds(storefront: Storefront, stub: Stub) -> None:
    stub.subscription_answer = accepted(delay_seconds=1)
    storefront.visit()
    storefront.page.evaluate("() => { const wait = setTimeout; window.setTimeout = (run, ms) => wait(run, ms / 100); }")
    storefront.sign_up()

    expect(storefront.alert).to_contain_text("We could not reach the shop.")


def test_answer_for_one_variant_never_shows_in_the_form_of_another(storefront: Storefront, stub: Stub) -> None:
    stub.subscription_answer = accepted(delay_seconds=0.2)
    storefront.visit()
    storefront.sign_up()
    storefront.close.click()
    storefront.element.evaluate("element => element.setAttribute('variant-id', 'v2')")
    storefront.open()
    storefront.page.wait_for_function("() => told.some(([name]) => name === 'subscribed')")

    expect(storefront.email).to_be_visible()
    expect(storefront.status).to_be_empty()
