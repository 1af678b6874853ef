"""What programs set and tell beside plain settings: overrides, the flow, orders, and what needs a look."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from plugin.runtime import now
from tests.factories import ShopKeys, change, join, make_shop, messages, set_stock, states
from tests.plugin.web.support import assert_error, rows

FLOW = "/api/v1/flows/back-in-stock"
OVERRIDE = "/api/v1/settings/overrides/product/p-v1"


def call(client: FlaskClient, shop: ShopKeys, method: str, path: str, body: Any = None) -> TestResponse:
    return client.open(path, method=method, json=body, headers=shop.authorization)


def test_an_override_is_set_shown_and_taken_back(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "ann@example.com")
    change(engine, shop, minimum_inventory=9)
    set_stock(engine, shop, 5)

    response = call(client, shop, "PUT", OVERRIDE, {"minimum_inventory": 5, "customers_per_unit": "all"})

    assert (response.status_code, response.json) == (200, {"notifiable": 1})
    assert messages(engine, shop) == []
    (listed,) = call(client, shop, "GET", "/api/v1/settings/overrides").json["overrides"]
    assert (listed["scope"], listed["target"]) == ("product", "p-v1")
    assert listed["settings"] == {"minimum_inventory": 5, "customers_per_unit": "all"}
    effective = call(client, shop, "GET", "/api/v1/variants/v1/settings").json
    assert effective["settings"] == {"minimum_inventory": 5, "customers_per_unit": "all", "wait_minutes": 60}
    assert effective["sources"] == {
        "minimum_inventory": "product p-v1",
        "customers_per_unit": "product p-v1",
        "wait_minutes": "shop",
    }
    assert call(client, shop, "DELETE", OVERRIDE).json == {"notifiable": 0}
    assert_error(call(client, shop, "DELETE", OVERRIDE), 404)
    history = call(client, shop, "GET", "/api/v1/settings/history?limit=2").json
    assert [(each["name"], each["before"], each["after"]) for each in history["changes"]] == [
        ("minimum_inventory", 5, None),
        ("customers_per_unit", "all", None),
    ]
    assert all("API key" in each["changed_by"] for each in history["changes"])
    older = call(client, shop, "GET", f"/api/v1/settings/history?before={history['next']}").json
    assert older["next"] is None
    assert "minimum_inventory" in {each["name"] for each in older["changes"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "settings"),
        ({"minimum_inventory": 0}, "minimum_inventory"),
        ({"minimum_inventory": None}, "minimum_inventory"),
        ({"customers_per_unit": "few"}, "customers_per_unit"),
        ({"paused": True}, "paused"),
    ],
)
def test_an_impossible_override_is_refused_whole(
    client: FlaskClient, engine: Engine, shop: ShopKeys, body: dict[str, Any], field: str
) -> None:
    before = rows(engine)

    assert_error(call(client, shop, "PUT", OVERRIDE, body), 422, fields={field})
    assert rows(engine) == before


def test_an_unknown_scope_or_variant_is_not_found(client: FlaskClient, shop: ShopKeys) -> None:
    assert_error(call(client, shop, "PUT", "/api/v1/settings/overrides/vendor/x", {"wait_minutes": 5}), 404)
    assert_error(call(client, shop, "GET", "/api/v1/variants/nothing/settings"), 404, "unknown_variant")


@pytest.mark.parametrize("target", ["köln/2 %", "a/b/c", "0", "x" * 255])
def test_odd_targets_are_kept_as_they_are(client: FlaskClient, shop: ShopKeys, target: str) -> None:
    from urllib.parse import quote  # noqa: PLC0415

    path = f"/api/v1/settings/overrides/collection/{quote(target, safe='')}"

    assert call(client, shop, "PUT", path, {"wait_minutes": 5}).status_code == 200
    (listed,) = call(client, shop, "GET", "/api/v1/settings/overrides").json["overrides"]
    assert listed["target"] == target


def test_the_flow_says_what_it_does(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    assert call(client, shop, "GET", FLOW).json == {
        "state": "live",
        "messages": [{"channel": "email", "after_minutes": 0, "smart_sending_hours": None}],
        "waiting": 0,
        "notifiable": 0,
        "sentence": "The flow is live: 0 people are in line, and told when what they wait for is back.",
    }
    two = [{}, {"after_minutes": 1440, "smart_sending_hours": 16}]

    paused = call(client, shop, "PUT", FLOW, {"state": "paused", "messages": two}).json
    join(engine, shop, "ann@example.com")
    set_stock(engine, shop, 5)

    assert paused["messages"][1] == {"channel": "email", "after_minutes": 1440, "smart_sending_hours": 16}
    told = call(client, shop, "GET", FLOW).json
    assert "paused" in told["sentence"]
    assert "1 person is in line and more are taken in" in told["sentence"]
    assert (told["waiting"], told["notifiable"]) == (1, 0)
    assert states(engine, shop) == {"ann@example.com": "waiting"}
    assert_error(call(client, shop, "POST", "/api/v1/variants/v1/notify-now"), 409, "flow_not_live")

    live = call(client, shop, "PUT", FLOW, {"state": "live", "messages": two}).json
    assert live["notifiable"] == 1
    assert messages(engine, shop) == []
    assert call(client, shop, "POST", "/api/v1/variants/v1/notify-now").json == {"notified": 1}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"messages": [{}]}, "state"),
        ({"state": "on", "messages": [{}]}, "state"),
        ({"state": "live"}, "messages"),
        ({"state": "live", "messages": []}, "messages"),
        ({"state": "live", "messages": [{}] * 4}, "messages"),
        ({"state": "live", "messages": [{"channel": "pigeon"}]}, "messages.0.channel"),
        ({"state": "live", "messages": [{"channel": "sms"}]}, "messages.0.channel"),
        ({"state": "live", "messages": [{"after_minutes": 5}]}, "messages.0.after_minutes"),
        ({"state": "live", "messages": [{}, {}]}, "messages.1.after_minutes"),
        ({"state": "live", "messages": [{"smart_sending_hours": 0}]}, "messages.0.smart_sending_hours"),
    ],
)
def test_an_impossible_flow_is_refused_whole(
    client: FlaskClient, engine: Engine, shop: ShopKeys, body: dict[str, Any], field: str
) -> None:
    before = rows(engine)

    assert_error(call(client, shop, "PUT", FLOW, body), 422, fields={field})
    assert rows(engine) == before


def test_a_paused_shop_takes_people_in_and_wakes_workers_when_it_goes_on(
    client: FlaskClient, engine: Engine, shop: ShopKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[int] = []
    monkeypatch.setattr(
        "plugin.queues.Doorbell.deliver",
        lambda _self, shop_id, _messages=1: rung.append(shop_id),
    )
    settings = call(client, shop, "PATCH", "/api/v1/settings", {"paused": True, "messages_per_minute": 30}).json
    assert (settings["paused"], settings["messages_per_minute"]) == (True, 30)
    assert rung == []

    settings = call(client, shop, "PATCH", "/api/v1/settings", {"paused": False, "messages_per_minute": None}).json

    assert (settings["paused"], settings["messages_per_minute"]) == (False, None)
    assert rung == [shop.id]


def order(email: str = "ann@example.com", **facts: Any) -> dict[str, Any]:
    at = now().isoformat()
    usual = {"type": "ordered", "order_id": "1001", "occurred_at": at, "items": [{"variant_id": "v1"}]}
    return {**usual, "email": email, **facts}


def test_an_order_ends_the_request_and_may_be_told_twice(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "ann@example.com", "bob@example.com")
    body = {"events": [order(), order("nobody@example.com", occurred_at="2026-11-22T10:00:00Z")]}

    assert call(client, shop, "POST", "/api/v1/events", body).json == {"accepted": 2, "ended": 1}
    assert call(client, shop, "POST", "/api/v1/events", body).json == {"accepted": 2, "ended": 0}

    assert states(engine, shop) == {"ann@example.com": "bought", "bob@example.com": "waiting"}
    listed = call(client, shop, "GET", "/api/v1/subscriptions?state=bought").json["subscriptions"]
    assert [each["reason"] for each in listed] == ["order"]
    story = call(client, shop, "GET", f"/api/v1/subscriptions/{listed[0]['id']}/timeline").json
    assert story["timeline"][-1]["sentence"] == "Bought it."
    assert story["next"] == "Nothing more."


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "danced"}, "events.0.type"),
        ({"email": "nobody"}, "events.0.email"),
        ({"email": None}, "events.0.email"),
        ({"order_id": 7}, "events.0.order_id"),
        ({"items": []}, "events.0.items"),
        ({"items": [{}]}, "events.0.items.0.variant_id"),
        ({"occurred_at": "yesterday"}, "events.0.occurred_at"),
        ({"occurred_at": None}, "events.0.occurred_at"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "events.0.occurred_at"),
    ],
)
def test_an_impossible_order_is_refused(
    client: FlaskClient, engine: Engine, shop: ShopKeys, event: dict[str, Any], field: str
) -> None:
    join(engine, shop, "ann@example.com")

    assert_error(call(client, shop, "POST", "/api/v1/events", {"events": [order(**event)]}), 422, fields={field})
    assert states(engine, shop) == {"ann@example.com": "waiting"}


def test_a_person_is_forgotten(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "ann@example.com")

    assert call(client, shop, "POST", "/api/v1/people/erase", {"email": " Ann@Example.com "}).json == {"erased": 1}
    assert call(client, shop, "POST", "/api/v1/people/erase", {"email": "ann@example.com"}).json == {"erased": 0}

    assert "ann@" not in str(rows(engine)).lower()
    (listed,) = call(client, shop, "GET", "/api/v1/subscriptions").json["subscriptions"]
    story = call(client, shop, "GET", f"/api/v1/subscriptions/{listed['id']}/timeline").json
    assert "erased" in story["timeline"][-1]["sentence"]


@pytest.mark.parametrize("email", ["ann@bücher.example", "ann@xn--bcher-kva.example"])
def test_a_person_is_forgotten_however_the_address_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys, email: str
) -> None:
    client.post(shop.sign_up_path, json={"variant_id": "v1", "email": "ann@bücher.example"})

    assert call(client, shop, "POST", "/api/v1/people/erase", {"email": email}).json == {"erased": 1}
    assert_error(call(client, shop, "POST", "/api/v1/people/erase", {"email": "ann"}), 422, fields={"email"})


def test_a_webhook_that_failed_forgets_an_erased_person(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    with engine.begin() as database:
        for name in ("Ann", "bob"):
            database.execute(
                text(
                    "INSERT INTO webhook (shop_id, delivery_id, headers, body, received_at, due_at, state)"
                    " VALUES (:shop, :id, '{}', :body, now(), now(), 'failed')"
                ),
                {"shop": shop.id, "id": name, "body": b'{"email": "%s@example.com", "name": "\xff"}' % name.encode()},
            )

    call(client, shop, "POST", "/api/v1/people/erase", {"email": "ann@example.com"})

    with engine.connect() as database:
        bodies = database.execute(text("SELECT body FROM webhook ORDER BY delivery_id")).scalars()
        assert sorted(len(body) > 0 for body in bodies) == [False, True]


def test_who_waits_and_whom_one_could_tell_now(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, variants=("v1", "v2"), minimum_inventory=9, customers_per_unit=1)
    join(engine, shop, "a@example.com", "b@example.com", "c@example.com")
    join(engine, shop, "a@example.com", variant_id="v2")
    set_stock(engine, shop, 2)
    change(engine, shop, minimum_inventory=1)

    found = call(client, shop, "GET", "/api/v1/waiting").json

    assert (found["waiting"], found["notifiable"]) == (4, 2)
    assert [(line["variant_id"], line["waiting"], line["notifiable"]) for line in found["lines"]] == [
        ("v1", 3, 2),
        ("v2", 1, 0),
    ]


def test_messages_that_need_a_look_are_listed_and_tried_again(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, "ann@example.com")
    set_stock(engine, shop, 5)
    with engine.begin() as database:
        number = database.execute(
            text(
                "UPDATE message SET state = 'dead', reason = '550 no such user', attempts = 1, finished_at = now()"
                " RETURNING id"
            )
        ).scalar_one()

    (listed,) = call(client, shop, "GET", "/api/v1/messages?state=dead").json["messages"]
    assert {name: listed[name] for name in ("id", "state", "channel", "email", "variant_id", "reason", "attempts")} == {
        "id": str(number),
        "state": "dead",
        "channel": "email",
        "email": "ann@example.com",
        "variant_id": "v1",
        "reason": "550 no such user",
        "attempts": 1,
    }
    assert_error(call(client, shop, "GET", "/api/v1/messages"), 422, fields={"state"})
    assert call(client, shop, "POST", f"/api/v1/messages/{number}/try-again").json == {"state": "pending"}
    assert_error(call(client, shop, "POST", f"/api/v1/messages/{number}/try-again"), 404)
    assert_error(call(client, shop, "POST", f"/api/v1/messages/{2**63}/try-again"), 404)
