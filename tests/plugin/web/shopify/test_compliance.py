"""What the law asks for comes by webhook, is refused when forged, and is carried out for real."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from plugin import scheduler
from plugin.db import metadata
from plugin.domain import personal_data
from plugin.runtime import now
from plugin.vault import Vault
from tests.plugin.web.support import rows
from tests.shopify_world import FERN, MOSS, SECRET, World, deliver, signed_headers

PERSON = "Ann.Lee@example.com"
PHONE = "+4915112345678"
DUTIES = ("customers/data_request", "customers/redact", "shop/redact")


def told(topic: str, shop: str = FERN, **person: Any) -> bytes:
    facts = {"shop_id": 954889, "shop_domain": shop, "customer": {"id": 191167, "email": PERSON, **person}}
    return json.dumps({**facts, "data_request": {"id": 9999}, "orders_requested": [299938]}).encode()


@pytest.fixture
def ready(installed: World, client: FlaskClient) -> World:
    """Two people have signed up for two variants; one of them was told about one."""
    installed.settle()
    path = f"/api/v1/storefront/{installed.known().public_key}/subscriptions"
    for variant_id in installed.variants:
        for who in ({"email": PERSON, "phone": PHONE}, {"email": "bob@example.com"}):
            assert client.post(path, json={"variant_id": variant_id, **who}).status_code == 202
    installed.change_stock(client, installed.variants[0], 5)
    deliver(client, DUTIES[0], told(DUTIES[0], "x"))  # a webhook that cannot be handled is kept as it came
    installed.work()
    return installed


def everything(world: World) -> str:
    """All that PostgreSQL and Redis hold, as text."""
    with world.runtime.engine.connect() as database:
        tables = [
            str(row)
            for table in metadata.sorted_tables
            for row in database.execute(text(f"SELECT t::text FROM {table.name} t")).scalars()
        ]
        bodies = database.execute(text("SELECT convert_from(body, 'UTF8') FROM webhook")).scalars()
        tables += bodies
    redis = world.runtime.redis
    keys: Any = redis.keys("*")
    values = [redis.dump(key) for key in keys]
    return " ".join([*tables, *map(str, keys), *map(str, values)]).lower()


@pytest.mark.parametrize("topic", DUTIES)
def test_p4_a_forged_one_is_refused_and_does_nothing(ready: World, client: FlaskClient, topic: str) -> None:
    before = rows(ready.runtime.engine)
    body = told(topic)
    good = signed_headers(topic, body)

    forged = [
        {**good, "X-Shopify-Hmac-Sha256": "AAAA"},
        {**good, "X-Shopify-Hmac-Sha256": ""},
        {name: value for name, value in good.items() if "Hmac" not in name},
        signed_headers(topic, body, secret="shpss_" + "f" * 64),
        signed_headers(topic, body + b" "),
    ]

    assert [client.post("/webhooks/shopify", data=body, headers=each).status_code for each in forged] == [401] * 5
    assert rows(ready.runtime.engine) == before


def test_p4_a_person_is_forgotten_everywhere(ready: World, client: FlaskClient) -> None:
    deliver(client, "customers/data_request", told("customers/data_request"))
    ready.work()
    assert PERSON.lower() in everything(ready)

    assert deliver(client, "customers/redact", told("customers/redact")).status_code == 202
    ready.work()

    left = everything(ready)
    assert PERSON.lower() not in left
    assert PHONE not in left
    assert "bob@example.com" in left
    assert ready.query("SELECT count(*) FROM data_request") == [(0,)]


def test_p4_a_person_is_forgotten_by_phone_number_alone(ready: World, client: FlaskClient) -> None:
    deliver(client, "customers/redact", told("customers/redact", email=None, phone=PHONE))
    ready.work()

    assert PERSON.lower() not in everything(ready)


def test_p4_a_person_is_forgotten_however_the_address_is_written(installed: World, client: FlaskClient) -> None:
    installed.settle()
    path = f"/api/v1/storefront/{installed.known().public_key}/subscriptions"
    written = "Ann@Bücher.example"
    assert client.post(path, json={"variant_id": installed.variants[0], "email": written}).status_code == 202
    assert "xn--bcher-kva" in everything(installed)

    deliver(client, "customers/redact", told("customers/redact", email=written))
    installed.work()

    assert "xn--bcher-kva" not in everything(installed)


def test_p4_a_webhook_that_waits_to_be_handled_again_is_forgotten_too(ready: World, client: FlaskClient) -> None:
    order = {"id": 1, "email": PERSON, "created_at": now().isoformat(), "line_items": []}
    deliver(client, "orders/create", json.dumps(order).encode())
    with ready.runtime.engine.begin() as database:
        database.execute(text("UPDATE webhook SET due_at = now() + interval '1 hour' WHERE state = 'pending'"))

    deliver(client, "customers/redact", told("customers/redact"))
    ready.work()

    assert PERSON.lower() not in everything(ready)


def test_p4_a_data_request_by_phone_number_finds_the_person(ready: World, client: FlaskClient) -> None:
    body = told("customers/data_request", email=None, phone=PHONE)
    deliver(client, "customers/data_request", body)
    ready.work()
    ((number,),) = ready.query("SELECT id FROM data_request")

    answer = client.get(f"/shopify/shops/{ready.known().id}/data-requests/{number}", headers=ready.bearer())

    found = json.loads(answer.data)
    assert len(found["subscriptions"]) == 2
    assert {row["email"].lower() for row in found["subscriptions"]} == {PERSON.lower()}
    assert len(found["messages"]) == 1


def test_p4_another_shops_data_request_is_not_found(ready: World, client: FlaskClient) -> None:
    ready.shopify.add_shop(MOSS, name="Moss")
    assert client.get("/shopify/", headers=ready.bearer(MOSS)).status_code == 200
    deliver(client, "customers/data_request", told("customers/data_request"))
    ready.work()
    ((number,),) = ready.query("SELECT id FROM data_request")

    answer = client.get(f"/shopify/shops/{ready.known(MOSS).id}/data-requests/{number}", headers=ready.bearer(MOSS))

    assert answer.status_code == 404


def test_p4_requests_without_a_number_are_each_kept(ready: World, client: FlaskClient) -> None:
    for person in ("a@example.com", "b@example.com"):
        body = json.dumps({"shop_domain": FERN, "customer": {"email": person}}).encode()
        deliver(client, "customers/data_request", body)
    ready.work()

    assert ready.query("SELECT count(*) FROM data_request") == [(2,)]


def test_a_data_request_under_another_secret_key_is_said_to_be_lost(ready: World, client: FlaskClient) -> None:
    deliver(client, "customers/data_request", told("customers/data_request"))
    ready.work()
    ((number,),) = ready.query("SELECT id FROM data_request")
    headers = ready.bearer()
    ready.runtime.__dict__["vault"] = Vault("x" * 40)

    answer = client.get(f"/shopify/shops/{ready.known().id}/data-requests/{number}", headers=headers)

    assert answer.status_code == 410
    assert "STOCKBELL_SECRET_KEY" in answer.text


def test_p4_a_data_request_gives_a_file_with_every_row(ready: World, client: FlaskClient) -> None:
    assert deliver(client, "customers/data_request", told("customers/data_request", phone=PHONE)).status_code == 202
    assert deliver(client, "customers/data_request", told("customers/data_request", phone=PHONE)).status_code == 202
    ready.work()
    ((number,),) = ready.query("SELECT id FROM data_request")

    answer = client.get(f"/shopify/shops/{ready.known().id}/data-requests/{number}", headers=ready.bearer())

    found = json.loads(answer.data)
    assert (found["email"], found["phone"]) == (PERSON.lower(), PHONE)
    theirs = ready.query(
        "SELECT id, variant_id FROM subscription WHERE email_key = :who ORDER BY id", who=PERSON.lower()
    )
    assert [(row["id"], row["variant_id"]) for row in found["subscriptions"]] == [tuple(row) for row in theirs]
    assert [row["phone"] for row in found["subscriptions"]] == [PHONE, PHONE]
    ((messages,),) = ready.query(
        "SELECT count(*) FROM message JOIN subscription ON subscription.id = subscription_id WHERE email_key = :who",
        who=PERSON.lower(),
    )
    assert len(found["messages"]) == messages == 1
    assert len(found["delivery_attempts"]) == 1
    assert "bob@example.com" not in answer.text


def test_p4_a_shop_is_forgotten_after_it_has_gone(ready: World, client: FlaskClient) -> None:
    ready.shopify.add_shop(MOSS, name="Moss")
    assert client.get("/shopify/", headers=ready.bearer(MOSS)).status_code == 200
    ready.work()
    shop_id = ready.known().id
    deliver(client, "app/uninstalled", b'{"id": 1}')
    ready.work()

    assert deliver(client, "shop/redact", told("shop/redact")).status_code == 202
    ready.work()

    with ready.runtime.engine.connect() as database:
        for table in metadata.sorted_tables:
            if "shop_id" in table.c:
                query = f"SELECT count(*) FROM {table.name} WHERE shop_id = :id"
                assert database.execute(text(query), {"id": shop_id}).scalar_one() == 0, table.name
    assert ready.query("SELECT platform_shop_id FROM shop") == [(MOSS,)]
    assert ready.query("SELECT * FROM delivery_attempt") == []
    assert PERSON.lower() not in everything(ready)


def test_p4_a_shop_that_is_there_is_not_forgotten(ready: World, client: FlaskClient) -> None:
    """Shopify asks for it two days after the uninstallation; by then the shop may be back."""
    assert deliver(client, "shop/redact", told("shop/redact")).status_code == 202
    ready.work()

    assert ready.known().name == "Fern"
    assert ready.query("SELECT count(*) FROM subscription") == [(4,)]


@pytest.mark.parametrize("topic", DUTIES)
def test_p4_for_a_shop_that_is_unknown_there_is_nothing_to_do(ready: World, client: FlaskClient, topic: str) -> None:
    body = told(topic, "nobody.myshopify.com")
    before = rows(ready.runtime.engine)

    assert deliver(client, topic, body, shop="nobody.myshopify.com").status_code == 202
    assert rows(ready.runtime.engine) == before


@pytest.mark.parametrize("topic", ["customers/data_request", "customers/redact"])
def test_p4_a_shop_that_has_gone_still_does_its_duty(ready: World, client: FlaskClient, topic: str) -> None:
    deliver(client, "app/uninstalled", b'{"id": 1}')
    ready.work()

    assert deliver(client, topic, told(topic)).status_code == 202
    ready.work()

    if topic == "customers/redact":
        assert PERSON.lower() not in everything(ready)
    else:
        assert ready.query("SELECT count(*) FROM data_request") == [(1,)]


def test_p4_the_body_must_be_about_the_shop_of_the_headers(ready: World, client: FlaskClient) -> None:
    """The headers are not signed."""
    ready.shopify.add_shop(MOSS, name="Moss")
    assert client.get("/shopify/", headers=ready.bearer(MOSS)).status_code == 200

    deliver(client, "customers/redact", told("customers/redact", MOSS))
    ready.work()

    assert PERSON.lower() in everything(ready)


def test_after_the_secret_was_changed_both_are_good_for_a_while(ready: World, client: FlaskClient) -> None:
    old, new = SECRET, "shpss_" + "abcdef0123456789" * 4
    ready.runtime.settings = replace(ready.runtime.settings, shopify_client_secret=new, shopify_previous_secret=old)
    body = told("customers/data_request")

    assert deliver(client, "customers/data_request", body, secret=new).status_code == 202
    assert deliver(client, "customers/data_request", body, secret=old).status_code == 202
    ready.runtime.settings = replace(ready.runtime.settings, shopify_previous_secret="")
    assert deliver(client, "customers/data_request", body, secret=old).status_code == 401


def test_a_data_request_is_let_go_when_it_was_answered_long_ago(ready: World, client: FlaskClient) -> None:
    deliver(client, "customers/data_request", told("customers/data_request"))
    ready.work()

    with ready.runtime.engine.begin() as database:
        personal_data.forget_old_requests(database, now() + timedelta(days=89))
        assert len(personal_data.requests(database, ready.known().id)) == 1
        personal_data.forget_old_requests(database, now() + timedelta(days=91))
        assert personal_data.requests(database, ready.known().id) == []


def test_upkeep_lets_old_data_requests_go(ready: World, client: FlaskClient) -> None:
    deliver(client, "customers/data_request", told("customers/data_request"))
    ready.work()
    with ready.runtime.engine.begin() as database:
        database.execute(text("UPDATE data_request SET requested_at = now() - interval '1 year'"))

    scheduler.upkeep(ready.runtime)

    assert ready.query("SELECT count(*) FROM data_request") == [(0,)]
