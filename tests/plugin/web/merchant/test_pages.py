import re
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from werkzeug.test import TestResponse

from integrations.types import Person
from plugin.domain import personal_data
from plugin.runtime import now
from plugin.vault import Vault
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, states
from tests.plugin.web.support import rows, visible_text

EMAIL = "owner@shop.example"
PASSWORD = "correct horse battery"
QUICK_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
SETTINGS = {
    "minimum_inventory": "3",
    "notify": "per_unit",
    "customers_per_unit": "5",
    "wait_minutes": "30",
    "double_opt_in": "y",
    "sender_name": "Färn",
    "sender_email": "hello@shop.example",
    "postal_address": "Long Lane 1\r\n12345 Town",
}


def let_in(database: Connection, shop: ShopKeys) -> None:
    """Make the account, with a hash that is quick to check."""
    values = {"email": EMAIL, "hash": QUICK_HASH, "shop": shop.id}
    database.execute(
        text("INSERT INTO merchant (email, password_hash) VALUES (:email, :hash) ON CONFLICT DO NOTHING"), values
    )
    database.execute(
        text("INSERT INTO membership (shop_id, merchant_id) SELECT :shop, id FROM merchant WHERE email = :email"),
        values,
    )


@pytest.fixture
def merchant(engine: Engine, shop: ShopKeys) -> ShopKeys:
    """A shop with someone who runs it."""
    with engine.begin() as database:
        let_in(database, shop)
    return shop


@pytest.fixture
def signed_in(client: FlaskClient, merchant: ShopKeys) -> FlaskClient:
    """That person's browser."""
    assert sign_in(client).status_code == 302
    return client


def post(client: FlaskClient, path: str, data: dict[str, Any], *, page: str = "/merchant/sign-in") -> TestResponse:
    """Fill in a form of a page and send it."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get(page, follow_redirects=True).text)
    assert found
    return client.post(path, data={**data, "csrf_token": found[1]})


def sign_in(client: FlaskClient, email: str = EMAIL, password: str = PASSWORD) -> TestResponse:
    return post(client, "/merchant/sign-in", {"email": email, "password": password})


def send(client: FlaskClient, path: str, data: dict[str, Any] | None = None) -> TestResponse:
    """Send a form of the shop's page."""
    return post(client, path, data or {}, page="/merchant/")


def dead_message(engine: Engine, shop: ShopKeys) -> int:
    join(engine, shop, "lost@example.com")
    set_stock(engine, shop, 5)
    with engine.begin() as database:
        query = text("UPDATE message SET state = 'dead', reason = '550 no such user', attempts = 8 RETURNING id")
        return int(database.execute(query).scalar_one())


def test_strangers_are_sent_to_the_sign_in_page(client: FlaskClient, merchant: ShopKeys) -> None:
    for path in ("/merchant/", f"/merchant/shops/{merchant.id}/"):
        response = client.get(path)
        assert (response.status_code, response.location) == (302, "/merchant/sign-in")


def test_signing_in_leads_to_the_only_shop(client: FlaskClient, merchant: ShopKeys) -> None:
    response = sign_in(client, " Owner@Shop.example ")
    assert (response.status_code, response.location) == (302, "/merchant/")

    home = client.get("/merchant/")
    assert (home.status_code, home.location) == (302, f"/merchant/shops/{merchant.id}/")
    page = client.get(home.location)
    assert "<h1>Fern</h1>" in page.text
    assert page.headers["Cache-Control"] == "no-store"


def test_several_shops_are_a_choice(client: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    second = make_shop(engine, name="Moss", domain="https://moss.example")
    with engine.begin() as database:
        let_in(database, second)
    sign_in(client)

    page = client.get("/merchant/").text

    assert f"/merchant/shops/{merchant.id}/" in page
    assert f"/merchant/shops/{second.id}/" in page


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, "wrong password"), ("nobody@shop.example", PASSWORD), (EMAIL + "\0", PASSWORD), (EMAIL, PASSWORD + "\0")],
)
def test_wrong_address_or_password_gets_the_same_answer(
    client: FlaskClient, merchant: ShopKeys, email: str, password: str
) -> None:
    response = sign_in(client, email, password)

    assert response.status_code == 422
    assert "Address and password do not belong together." in response.text
    assert client.get("/merchant/").status_code == 302


def test_an_empty_sign_in_form_says_what_is_missing(client: FlaskClient, merchant: ShopKeys) -> None:
    response = sign_in(client, "", "")

    assert response.status_code == 422
    assert "Please enter your e-mail address." in response.text
    assert "Please enter your password." in response.text


def test_the_password_is_not_shown_again(client: FlaskClient, merchant: ShopKeys) -> None:
    response = sign_in(client, EMAIL, "wrong password")

    assert "wrong password" not in response.text
    assert EMAIL in response.text


def test_guessing_passwords_is_slowed_down(client: FlaskClient, merchant: ShopKeys) -> None:
    answers = [sign_in(client, EMAIL, f"guess {number}").status_code for number in range(11)]

    assert answers == [422] * 10 + [429]
    right = sign_in(client)
    assert right.status_code == 429
    assert 1 <= int(right.headers["Retry-After"]) <= 60
    assert "Too many tries" in right.text


@pytest.mark.parametrize("token", [None, "", "nonsense"])
def test_forms_from_elsewhere_are_refused(
    signed_in: FlaskClient, engine: Engine, merchant: ShopKeys, token: str | None
) -> None:
    join(engine, merchant, "a@example.com")
    before = rows(engine)
    data = {} if token is None else {"csrf_token": token}
    base = f"/merchant/shops/{merchant.id}"

    for path in (
        f"{base}/settings",
        f"{base}/notify-now",
        f"{base}/sync",
        f"{base}/check-page",
        f"{base}/messages/1/try-again",
        "/merchant/sign-in",
        "/merchant/sign-out",
    ):
        response = signed_in.post(path, data={**SETTINGS, **data, "variant_id": "v1"})
        assert response.status_code == 400, path
        assert response.mimetype == "text/html"
        assert "too old" in response.text
    assert rows(engine) == before
    assert signed_in.get(f"{base}/").status_code == 200


def test_the_page_shows_the_lines(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    join(engine, merchant, "a@example.com", "b@example.com")

    page = visible_text(signed_in.get(f"/merchant/shops/{merchant.id}/").text)

    assert "2 waiting" in page
    assert "Linen shirt Size v1" in page
    assert "Sold out" in page
    assert merchant.public_key in page
    assert merchant.api_key not in page


def test_settings_are_saved_and_nothing_is_sent(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    change(engine, merchant, minimum_inventory=9)
    join(engine, merchant, "a@example.com")
    set_stock(engine, merchant, 4)

    response = send(signed_in, f"/merchant/shops/{merchant.id}/settings", SETTINGS)

    assert response.status_code == 302
    assert "Saved." in signed_in.get(response.location).text
    shop = load(engine, merchant)
    assert (shop.rules.minimum_inventory, shop.rules.customers_per_unit, shop.rules.wait_minutes) == (3, 5, 30)
    assert (shop.double_opt_in, shop.sender_name, shop.sender_email) == (True, "Färn", "hello@shop.example")
    assert shop.postal_address.splitlines() == ["Long Lane 1", "12345 Town"]
    assert messages(engine, merchant) == []


def test_everyone_at_once_needs_no_numbers(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    form = {**SETTINGS, "notify": "all", "customers_per_unit": "", "wait_minutes": ""}
    del form["double_opt_in"]

    assert send(signed_in, f"/merchant/shops/{merchant.id}/settings", form).status_code == 302

    shop = load(engine, merchant)
    assert (shop.rules.customers_per_unit, shop.rules.wait_minutes, shop.double_opt_in) == ("all", 60, False)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("minimum_inventory", "0", "whole number"),
        ("minimum_inventory", "", "whole number"),
        ("minimum_inventory", "many", "whole number"),
        ("minimum_inventory", "99999999999", "whole number"),
        ("customers_per_unit", "", "whole number"),
        ("customers_per_unit", "-1", "whole number"),
        ("customers_per_unit", "1.5", "whole number"),
        ("wait_minutes", "", "whole number"),
        ("wait_minutes", "0", "whole number"),
        ("notify", "nobody", "Choose"),
        ("sender_email", "hello", "complete e-mail address"),
        ("sender_email", "a@b.example\r\nBcc: c@d.example", "complete e-mail address"),
        ("sender_name", "x" * 121, "120"),
        ("sender_name", "a\0b", "control characters"),
        ("postal_address", "x" * 501, "500"),
        ("postal_address", "a\0b", "control characters"),
    ],
)
def test_a_wrong_setting_is_kept_with_a_message_and_nothing_is_written(
    signed_in: FlaskClient, engine: Engine, merchant: ShopKeys, field: str, value: str, message: str
) -> None:
    before = rows(engine)

    response = send(signed_in, f"/merchant/shops/{merchant.id}/settings", {**SETTINGS, field: value})

    assert response.status_code == 422
    found = re.search(rf'id="{field}-error">([^<]+)<', response.text)
    assert found, response.text
    assert message in found[1]
    assert f'aria-describedby="{field}-error' in response.text
    assert "Färn" in response.text or field == "sender_name"
    if field != "notify":
        assert re.split("[\r\0]", value)[0] in response.text
    assert rows(engine) == before


def test_notify_now_says_how_many_are_told(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    change(engine, merchant, minimum_inventory=9)
    join(engine, merchant, "a@example.com", "b@example.com")
    set_stock(engine, merchant, 4)
    change(engine, merchant, minimum_inventory=1)
    assert "Notify 2 now" in signed_in.get(f"/merchant/shops/{merchant.id}/").text

    response = send(signed_in, f"/merchant/shops/{merchant.id}/notify-now", {"variant_id": "v1"})

    assert response.status_code == 302
    assert "2 people are being told." in signed_in.get(response.location).text
    assert set(states(engine, merchant).values()) == {"released"}


def test_notify_now_for_a_sold_out_variant_says_that_nobody_was_told(
    signed_in: FlaskClient, engine: Engine, merchant: ShopKeys
) -> None:
    join(engine, merchant, "a@example.com")

    response = send(signed_in, f"/merchant/shops/{merchant.id}/notify-now", {"variant_id": "v1"})

    assert "Nobody was told" in signed_in.get(response.location).text
    assert states(engine, merchant) == {"a@example.com": "waiting"}
    for unknown in ("zz", "", "\0"):
        response = send(signed_in, f"/merchant/shops/{merchant.id}/notify-now", {"variant_id": unknown})
        assert response.status_code == 404


def test_an_undeliverable_message_is_shown_and_tried_again(
    signed_in: FlaskClient, engine: Engine, merchant: ShopKeys
) -> None:
    number = dead_message(engine, merchant)
    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET state = 'undeliverable'"))
    page = signed_in.get(f"/merchant/shops/{merchant.id}/").text
    assert "550 no such user" in page

    response = send(signed_in, f"/merchant/shops/{merchant.id}/messages/{number}/try-again")

    assert response.status_code == 302
    assert messages(engine, merchant)[-1][1] == "pending"
    assert send(signed_in, f"/merchant/shops/{merchant.id}/messages/999/try-again").status_code == 404
    assert send(signed_in, f"/merchant/shops/{merchant.id}/messages/{2**70}/try-again").status_code == 404


def test_the_feed_can_be_read_on_demand(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    change(engine, merchant, feed="https://shop.example/feed.xml")

    response = send(signed_in, f"/merchant/shops/{merchant.id}/sync")

    assert response.status_code == 302
    assert "The feed is being read." in signed_in.get(response.location).text


def test_another_merchants_shop_is_not_found(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    other = make_shop(engine, name="Moss", domain="https://moss.example", feed="https://moss.example/feed")
    number = dead_message(engine, other)
    with engine.begin() as database:
        personal_data.ask(database, Vault("k" * 40), other.id, "9", Person("ann@example.com"), now())
        asked = database.execute(text("SELECT id FROM data_request")).scalar_one()
    before = rows(engine)
    base = f"/merchant/shops/{other.id}"

    for path in ("", "subscribers", f"data-requests/{asked}"):
        assert signed_in.get(f"{base}/{path}").status_code == 404
    assert signed_in.get(f"/merchant/shops/{merchant.id}/data-requests/{asked}").status_code == 404
    for path in ("settings", "notify-now", "sync", "check-page", "hide-welcome", f"messages/{number}/try-again"):
        assert send(signed_in, f"{base}/{path}", {**SETTINGS, "variant_id": "v1"}).status_code == 404
    own = f"/merchant/shops/{merchant.id}/messages/{number}/try-again"
    assert send(signed_in, own).status_code == 404
    assert rows(engine) == before


def test_signing_out_ends_the_session(signed_in: FlaskClient, merchant: ShopKeys) -> None:
    response = send(signed_in, "/merchant/sign-out")

    assert (response.status_code, response.location) == (302, "/merchant/sign-in")
    assert signed_in.get(f"/merchant/shops/{merchant.id}/").status_code == 302


def test_a_made_up_session_is_none(client: FlaskClient, merchant: ShopKeys) -> None:
    client.set_cookie("stockbell", "eyJtZXJjaGFudCI6MX0.aSInvalid.signature")

    assert client.get(f"/merchant/shops/{merchant.id}/").status_code == 302


def test_what_feeds_and_shoppers_write_is_escaped(signed_in: FlaskClient, engine: Engine, merchant: ShopKeys) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE variant SET product_title = '<img src=x onerror=alert(1)>'"))
        database.execute(text("UPDATE shop SET name = '</title><script>'"))
    join(engine, merchant, "a@example.com")

    page = signed_in.get(f"/merchant/shops/{merchant.id}/").text

    assert "<img src=x" not in page
    assert "<script>" not in page


def test_subscribers_are_listed_with_what_they_asked_for(
    signed_in: FlaskClient, engine: Engine, merchant: ShopKeys
) -> None:
    join(engine, merchant, "a@example.com")

    page = visible_text(signed_in.get(f"/merchant/shops/{merchant.id}/subscribers").text)

    assert "a@example.com Linen shirt Size v1 waiting" in page
    assert "There is no further page." in signed_in.get(f"/merchant/shops/{merchant.id}/subscribers?after=9999").text
    assert signed_in.get(f"/merchant/shops/{merchant.id}/subscribers?after={'9' * 40}").status_code == 200
