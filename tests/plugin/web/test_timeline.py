"""Why something was sent or not, and what comes next."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.domain import flows, outbox
from plugin.domain.leaving import leave, suppress
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, change, join, load, make_shop, set_stock
from tests.plugin.web.support import assert_error
from tests.sink import MailSink


def deliver(runtime: Runtime, shop: ShopKeys) -> None:
    runtime.courier("w").deliver(shop.id, seconds=30)


def story(client: FlaskClient, shop: ShopKeys, email: str) -> dict[str, Any]:
    """The timeline of an address's only subscription."""
    found = client.get("/api/v1/subscriptions", headers=shop.authorization).json["subscriptions"]
    (number,) = (each["id"] for each in found if each["email"] == email)
    answer = client.get(f"/api/v1/subscriptions/{number}/timeline", headers=shop.authorization)
    assert answer.status_code == 200
    return dict(answer.json)


def events(told: dict[str, Any]) -> list[str]:
    return [entry["event"] for entry in told["timeline"]]


def sentences(told: dict[str, Any]) -> str:
    return " ".join(entry["sentence"] for entry in told["timeline"])


def test_who_waits_reads_the_place_in_line_and_what_it_takes(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    change(engine, shop, minimum_inventory=3)
    join(engine, shop, "a@x.example", "b@x.example")

    assert story(client, shop, "a@x.example")["next"] == "First in line; told when at least 3 units are there."
    told = story(client, shop, "b@x.example")
    assert told["next"].startswith("In line behind 1;")
    assert (told["state"], events(told)) == ("waiting", ["asked"])


def test_a_sent_message_is_told_with_the_units_and_the_rule_that_let_it_go(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    change(engine, shop, customers_per_unit=2, wait_minutes=30)
    join(engine, shop, *(f"{name}@x.example" for name in "abcde"))
    set_stock(engine, shop, 2)
    deliver(runtime, shop)

    told = story(client, shop, "a@x.example")
    assert events(told) == ["asked", "released", "handed_over"]
    assert "2 units were there" in sentences(told)
    assert "2 are told for each unit: this one and 3 others." in sentences(told)
    assert "(try 1) and accepted." in sentences(told)
    assert told["next"] == "Nothing more."
    assert "the next ones are told at" in story(client, shop, "e@x.example")["next"]


def test_a_message_that_was_not_sent_says_why(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        suppress(database, shop.id, "b@x.example", now())
    set_stock(engine, shop, 0)
    deliver(runtime, shop)

    told = story(client, shop, "a@x.example")
    assert events(told) == ["asked", "released", "not_sent"]
    assert "sold out again before the hand-over; back to the old place" in sentences(told)
    assert told["next"] == "First in line; told when a unit is there."
    left = story(client, shop, "b@x.example")
    assert sorted(events(left)[2:]) == ["not_sent", "unsubscribed"]
    assert "the person had left the line" in sentences(left)


@pytest.mark.parametrize(
    ("reply", "state", "said", "what_comes"),
    [
        ("451 4.3.0 busy", "released", "refused for now: 451 4.3.0 busy", "not before"),
        ("550 5.1.1 nobody", "undeliverable", "Given up: 550 5.1.1 nobody", "unless the merchant tries"),
    ],
)
def test_refusals_are_told_in_the_mail_servers_words(
    client: FlaskClient,
    runtime: Runtime,
    engine: Engine,
    shop: ShopKeys,
    sink: MailSink,
    reply: str,
    state: str,
    said: str,
    what_comes: str,
) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1)
    sink.answer = lambda command: reply if command.startswith("RCPT") else None
    deliver(runtime, shop)

    told = story(client, shop, "a@x.example")
    assert told["state"] == state
    assert said in sentences(told)
    assert what_comes in told["next"]


def test_an_unconfirmed_request_and_the_uncertain_are_told(
    client: FlaskClient, runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, double_opt_in=True)
    join(engine, shop, "a@x.example")
    sink.answer = lambda command: "drop-after" if command == "." else None
    deliver(runtime, shop)

    told = story(client, shop, "a@x.example")
    assert events(told) == ["asked", "confirmation_written", "handed_over"]
    assert "nobody knows what became of it" in sentences(told)
    assert told["next"].startswith("In line as soon as the address is confirmed")


def test_a_stock_change_tells_which_restock_which_releases_and_how_many(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    change(engine, shop, customers_per_unit=1)
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)

    (restock,) = client.get("/api/v1/variants/v1/restocks", headers=shop.authorization).json["restocks"]

    assert (restock["cause"], restock["closed_at"], restock["close_reason"]) == ("stock", None, "")
    (release,) = restock["releases"]
    assert (release["quantity"], release["people"], release["customers_per_unit"]) == (1, 1, 1)


@pytest.mark.parametrize("number", [0, 999_999, 2**63, 10**40])
def test_a_number_of_no_subscription_is_not_found(client: FlaskClient, shop: ShopKeys, number: int) -> None:
    response = client.get(f"/api/v1/subscriptions/{number}/timeline", headers=shop.authorization)
    assert_error(response, 404, "unknown_subscription")


def test_the_story_is_in_the_order_of_time(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, "a@x.example")
    for units in (1, 0, 1):
        set_stock(engine, shop, units)
        if not units:
            deliver(runtime, shop)
    with engine.begin() as database:
        database.execute(text("UPDATE message SET due_at = :now"), {"now": now() - timedelta(seconds=1)})
    deliver(runtime, shop)

    told = story(client, shop, "a@x.example")
    assert events(told) == ["asked", "released", "not_sent", "released", "handed_over"]
    assert [entry["at"] for entry in told["timeline"]] == sorted(entry["at"] for entry in told["timeline"])


def test_who_gets_a_later_message_reads_what_holds_it_back_and_that_it_goes(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    with engine.begin() as database:
        two = flows.Flow("live", (flows.FlowMessage(), flows.FlowMessage(after_minutes=60)))
        flows.put(database, shop.id, two, "test")
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 2)
    deliver(runtime, shop)

    def comes_next() -> str:
        return str(story(client, shop, "a@x.example")["next"])

    assert comes_next().startswith("Message 2 of the flow is handed over, not before ")
    change(engine, shop, paused=True)
    assert comes_next() == "Nothing is sent while sending is paused for the whole shop."
    change(engine, shop, paused=False)
    with engine.begin() as database:
        (claimed,) = outbox.claim(database, load(engine, shop), "w", now() + timedelta(hours=1), limit=9)
    assert comes_next().startswith("Message 2 of the flow is handed over now, ")
    with engine.begin() as database:
        leave(database, shop.id, claimed.subscription_id, now())
    assert comes_next() == "Nothing more."
