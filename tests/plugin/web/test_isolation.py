"""Two shops with the same variant ids (norm S2): no route lets one see or change anything of the other."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.runtime import Runtime
from tests.factories import ShopKeys, change, join, make_shop, messages, set_stock, states
from tests.plugin.web.support import link, rows, sign_up

COVERED_HERE = {
    "storefront.Subscriptions",
    "storefront.VariantState",
    "merchant_api.Inventory",
    "merchant_api.CatalogVariants",
    "merchant_api.Subscriptions",
    "merchant_api.Settings",
    "merchant_api.NotifyNow",
    "merchant_api.SubscriptionTimeline",
    "merchant_api.VariantRestocks",
    "merchant_api.WaitingLines",
    "merchant_api.FailedWebhooks",
    "merchant_api.Messages",
    "merchant_api.MessageAgain",
    "merchant_api.Events",
    "merchant_api.Erasure",
    "merchant_api.SettingHistory",
    "merchant_api.Overrides",
    "merchant_api.OneOverride",
    "merchant_api.VariantSettings",
    "merchant_api.BackInStockFlow",
    "links.unsubscribe_page",
    "links.unsubscribe",
    "links.confirm_page",
    "links.confirm",
    "widget.loader",
    "widget.loader_settings",
    "widget.look",
    "widget.klaviyo_loader",
    "widget.bigcommerce_script",
    "hosted_form.hosted_form",
    "hosted_form.post_hosted_form",
}
COVERED_BY_THE_MERCHANT_PAGES_TESTS = {
    f"merchant.{name}" for name in ("home", "shop_page", "settings", "notify_now", "try_again", "sync", "check")
} | {f"merchant.{name}" for name in ("subscribers", "hide_welcome", "data_file")}
COVERED_BY_THE_WEBHOOKS_TESTS = {"webhooks.Webhooks"}
COVERED_BY_THE_SHOPPER_EVENTS_TESTS = {"storefront.Events"}
WITHOUT_A_SHOP = {
    "front_door",
    "account.sign_in",
    "account.sign_out",
    "static",
    "widget.asset",
    "api-docs.openapi_json",
    "health.healthz",
    "health.readyz",
} | {f"mailbox.{name}" for name in ("index", "show", "html", "source")}


@pytest.fixture
def pair(engine: Engine) -> tuple[ShopKeys, ShopKeys]:
    """Two shops that sell "v1" and have the same person waiting."""
    ours, theirs = make_shop(engine, name="Ours"), make_shop(engine, name="Theirs", domain="https://theirs.example")
    for shop in (ours, theirs):
        join(engine, shop, "ann@example.com")
    return ours, theirs


def of(found: dict[str, list[str]], shop: ShopKeys) -> list[str]:
    """The rows of one shop."""
    return [row for table in found.values() for row in table if f'"shop_id": {shop.id},' in row] + [
        row for row in found["shop"] if f'"public_key": "{shop.public_key}"' in row
    ]


def test_every_route_is_looked_at(app: Flask) -> None:
    served = {rule.endpoint for rule in app.url_map.iter_rules()}

    elsewhere = COVERED_BY_THE_WEBHOOKS_TESTS | COVERED_BY_THE_SHOPPER_EVENTS_TESTS
    assert served == COVERED_HERE | COVERED_BY_THE_MERCHANT_PAGES_TESTS | elsewhere | WITHOUT_A_SHOP


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/v1/inventory", {"levels": [{"variant_id": "v1", "available": 9}]}),
        (
            "PUT",
            "/api/v1/catalog/variants",
            {"variants": [{"variant_id": "v1", "product_title": "X", "url": "https://x.example", "available": 9}]},
        ),
        ("PATCH", "/api/v1/settings", {"minimum_inventory": 7, "sender_name": "X"}),
        ("PUT", "/api/v1/settings/overrides/variant/v1", {"minimum_inventory": 7}),
        ("PUT", "/api/v1/flows/back-in-stock", {"state": "paused", "messages": [{}]}),
        ("POST", "/api/v1/people/erase", {"email": "ann@example.com"}),
        (
            "POST",
            "/api/v1/events",
            {
                "events": [
                    {
                        "type": "ordered",
                        "occurred_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
                        "order_id": "1",
                        "email": "ann@example.com",
                        "items": [{"variant_id": "v1"}],
                    }
                ]
            },
        ),
        ("POST", "/api/v1/variants/v1/notify-now", None),
    ],
)
def test_scenario_45_what_a_program_of_one_shop_writes_touches_no_other(
    client: FlaskClient, engine: Engine, pair: tuple[ShopKeys, ShopKeys], method: str, path: str, body: Any
) -> None:
    ours, theirs = pair
    if path.endswith("notify-now"):
        change(engine, ours, minimum_inventory=99)
        set_stock(engine, ours, 5)
        change(engine, ours, minimum_inventory=1)
    before = rows(engine)
    if body and not {"settings", "flows"} & set(path.split("/")):  # those refuse what they do not know
        body = {**body, "shop": theirs.id}

    response = client.open(
        path,
        method=method,
        json=body,
        headers={**ours.authorization, "X-Shop-Id": str(theirs.id)},
        query_string={"shop": theirs.id, "shop_id": theirs.id},
    )

    assert response.status_code == 200
    after = rows(engine)
    assert of(after, theirs) == of(before, theirs)
    assert of(after, ours) != of(before, ours)
    assert states(engine, theirs) == {"ann@example.com": "waiting"}
    assert messages(engine, theirs) == []


def test_what_a_program_of_one_shop_reads_is_its_own(
    client: FlaskClient, engine: Engine, pair: tuple[ShopKeys, ShopKeys]
) -> None:
    ours, theirs = pair
    join(engine, theirs, "theirs-only@example.com")
    change(engine, theirs, sender_name="Secret")
    query = {"shop": theirs.id, "shop_id": theirs.id}

    listed = client.get("/api/v1/subscriptions", headers=ours.authorization, query_string=query)
    settings = client.get("/api/v1/settings", headers=ours.authorization, query_string=query)

    assert [each["email"] for each in listed.json["subscriptions"]] == ["ann@example.com"]
    assert settings.json["sender_name"] == ""
    state = client.get(f"/api/v1/storefront/{ours.public_key}/variants/v1")
    assert state.json["waiting"] == 1
    for path in ("{}.js", "{}.json", "{}/klaviyo.js", "{}/bigcommerce.js"):
        assert theirs.public_key not in client.get(f"/s/{path.format(ours.public_key)}").text
    page = client.get(f"/n/{ours.public_key}/v1")
    assert "Ours" in page.text
    assert "Theirs" not in page.text


def test_a_shopper_joins_the_line_of_one_shop(
    client: FlaskClient, engine: Engine, pair: tuple[ShopKeys, ShopKeys]
) -> None:
    ours, theirs = pair
    before = rows(engine)

    assert sign_up(client, ours, "bob@example.com", shop_id=theirs.id, public_key=theirs.public_key).status_code == 202
    client.post(f"/n/{ours.public_key}/v1", data={"email": "eve@example.com", "shop": theirs.id})

    assert of(rows(engine), theirs) == of(before, theirs)
    assert set(states(engine, ours)) == {"ann@example.com", "bob@example.com", "eve@example.com"}


def test_a_link_of_one_shop_acts_on_that_shop_alone(
    client: FlaskClient, engine: Engine, runtime: Runtime, pair: tuple[ShopKeys, ShopKeys]
) -> None:
    ours, theirs = pair
    before = rows(engine)

    for purpose in ("unsubscribe", "confirm"):
        path = link(runtime, engine, ours, purpose)  # type: ignore[arg-type]
        assert "Theirs" not in client.get(path, query_string={"shop": theirs.id}).text
        assert client.post(path, data={"shop": theirs.id}).status_code == 200

    assert of(rows(engine), theirs) == of(before, theirs)
    assert states(engine, ours) == {"ann@example.com": "unsubscribed"}


def test_the_story_of_another_shops_subscription_is_not_told(
    client: FlaskClient, engine: Engine, pair: tuple[ShopKeys, ShopKeys]
) -> None:
    ours, theirs = pair
    set_stock(engine, theirs, 3)
    of_theirs = client.get("/api/v1/subscriptions", headers=theirs.authorization).json["subscriptions"][0]["id"]

    assert client.get(f"/api/v1/subscriptions/{of_theirs}/timeline", headers=ours.authorization).status_code == 404
    assert client.get("/api/v1/variants/v1/restocks", headers=ours.authorization).json == {"restocks": []}


def test_what_needs_a_look_and_what_was_set_in_another_shop_is_not_shown(
    client: FlaskClient, engine: Engine, pair: tuple[ShopKeys, ShopKeys]
) -> None:
    ours, theirs = pair
    set_stock(engine, theirs, 3)
    with engine.begin() as database:
        number = database.execute(text("UPDATE message SET state = 'dead', uncertain = true RETURNING id")).scalar_one()
        database.execute(
            text(
                "INSERT INTO delivery_attempt (message_id, number, begun_at, outcome)"
                " VALUES (:id, 1, now(), 'uncertain')"
            ),
            {"id": number},
        )
        failed = (
            "INSERT INTO webhook (shop_id, delivery_id, headers, body, received_at, due_at, state)"
            " VALUES (:shop, 'w', '{}', '', now(), now(), 'failed')"
        )
        database.execute(text(failed), {"shop": theirs.id})
    override = "/api/v1/settings/overrides/variant/v1"
    client.put(override, json={"wait_minutes": 7}, headers=theirs.authorization)

    def ask(path: str) -> Any:
        return client.get(f"/api/v1/{path}", headers=ours.authorization).json

    assert ask("messages?state=dead") == ask("messages?state=uncertain") == {"messages": [], "next": None}
    assert ask("webhooks") == {"webhooks": [], "next": None}
    listed = client.get("/api/v1/messages?state=uncertain", headers=theirs.authorization).json["messages"]
    assert [each["id"] for each in listed] == [str(number)]
    assert len(client.get("/api/v1/webhooks", headers=theirs.authorization).json["webhooks"]) == 1
    assert ask("settings/overrides") == {"overrides": []}
    assert {change["name"] for change in ask("settings/history")["changes"]} == {"double_opt_in"}
    assert ask("variants/v1/settings")["settings"]["wait_minutes"] == 60
    assert (ask("waiting")["waiting"], ask("flows/back-in-stock")["waiting"]) == (1, 1)
    assert client.post(f"/api/v1/messages/{number}/try-again", headers=ours.authorization).status_code == 404
    assert client.delete(override, headers=ours.authorization).status_code == 404
    assert client.post(f"/api/v1/messages/{number}/try-again", headers=theirs.authorization).status_code == 200
