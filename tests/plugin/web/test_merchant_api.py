from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.runtime import now
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, states
from tests.plugin.web.support import assert_error, rows

VARIANT = {"variant_id": "new", "product_title": "Cup", "url": "https://shop.example/cup"}


def put_levels(client: FlaskClient, shop: ShopKeys, *levels: dict[str, Any]) -> Any:
    return client.put("/api/v1/inventory", json={"levels": list(levels)}, headers=shop.authorization)


def put_catalog(client: FlaskClient, shop: ShopKeys, *variants: dict[str, Any]) -> Any:
    return client.put("/api/v1/catalog/variants", json={"variants": list(variants)}, headers=shop.authorization)


def patch(client: FlaskClient, shop: ShopKeys, changes: Any) -> Any:
    return client.patch("/api/v1/settings", json=changes, headers=shop.authorization)


def available(engine: Engine, shop: ShopKeys, variant_id: str = "v1") -> Any:
    with engine.connect() as database:
        query = text("SELECT available FROM variant WHERE shop_id = :shop AND variant_id = :variant")
        return database.execute(query, {"shop": shop.id, "variant": variant_id}).scalar_one()


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Bearer nonsense", "Basic {key}", "{key}", "Bearer {key}x", "Bearer \xe9"],
)
def test_without_the_shops_key_nothing_is_let_in(
    client: FlaskClient, engine: Engine, shop: ShopKeys, authorization: str | None
) -> None:
    before = rows(engine)
    headers = {} if authorization is None else {"Authorization": authorization.format(key=shop.api_key)}

    for method, path in (
        ("PUT", "/api/v1/inventory"),
        ("PUT", "/api/v1/catalog/variants"),
        ("GET", "/api/v1/subscriptions"),
        ("GET", "/api/v1/settings"),
        ("PATCH", "/api/v1/settings"),
        ("POST", "/api/v1/variants/v1/notify-now"),
    ):
        response = client.open(path, method=method, json={}, headers=headers)
        assert_error(response, 401)
        assert response.headers["WWW-Authenticate"].startswith("Bearer")
    assert rows(engine) == before


def test_the_public_key_is_no_api_key(client: FlaskClient, shop: ShopKeys) -> None:
    headers = {"Authorization": f"Bearer {shop.public_key}"}

    assert_error(client.get("/api/v1/settings", headers=headers), 401)


def test_stock_that_comes_back_tells_who_waits(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@example.com", "b@example.com")

    response = put_levels(client, shop, {"variant_id": "v1", "available": 20}, {"variant_id": "zz", "available": 1})

    assert response.status_code == 200
    assert response.json == {"changed": 1, "ignored": 0, "unknown": ["zz"], "notified": 2}
    assert [(email, state) for email, state, _ in messages(engine, shop)] == [
        ("a@example.com", "pending"),
        ("b@example.com", "pending"),
    ]


def test_an_older_level_is_ignored(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    put_levels(client, shop, {"variant_id": "v1", "available": 3, "updated_at": "2026-11-22T12:00:00Z"})

    older = put_levels(client, shop, {"variant_id": "v1", "available": 9, "updated_at": "2026-11-22T12:59:59+01:00"})

    assert older.json == {"changed": 0, "ignored": 1, "unknown": [], "notified": 0}
    assert available(engine, shop) == 3
    newer = put_levels(client, shop, {"variant_id": "v1", "available": 9, "updated_at": "2026-11-22T12:00:01"})
    assert newer.json["changed"] == 1
    assert available(engine, shop) == 9


@pytest.mark.parametrize(
    ("value", "stored"), [(None, None), (-5, -5), (0, 0), (2**31 - 1, 2**31 - 1), (-(2**31) + 1, -(2**31) + 1)]
)
def test_levels_may_be_unlimited_or_negative(
    client: FlaskClient, engine: Engine, shop: ShopKeys, value: Any, stored: Any
) -> None:
    assert put_levels(client, shop, {"variant_id": "v1", "available": value}).status_code == 200

    assert available(engine, shop) == stored


@pytest.mark.parametrize(
    ("level", "field"),
    [
        ({"variant_id": "v1"}, "available"),
        ({"variant_id": "v1", "available": "3"}, "available"),
        ({"variant_id": "v1", "available": 1.5}, "available"),
        ({"variant_id": "v1", "available": True}, "available"),
        ({"variant_id": "v1", "available": 2**31}, "available"),
        ({"variant_id": "v1", "available": float("inf")}, "available"),
        ({"variant_id": "v1", "available": float("nan")}, "available"),
        ({"variant_id": 1, "available": 1}, "variant_id"),
        ({"variant_id": "v\x001", "available": 1}, "variant_id"),
        ({"available": 1}, "variant_id"),
        ({"variant_id": "v1", "available": 1, "location_id": 5}, "location_id"),
        ({"variant_id": "v1", "available": 1, "location_id": ""}, "location_id"),
        ({"variant_id": "v1", "available": 1, "updated_at": "yesterday"}, "updated_at"),
        ({"variant_id": "v1", "available": 1, "updated_at": 1732270000}, "updated_at"),
        ({"variant_id": "v1", "available": 1, "updated_at": "9999-12-31T23:59:59-14:00"}, "updated_at"),
        (
            {"variant_id": "v1", "available": 1, "updated_at": (now() + timedelta(days=3)).isoformat()},
            "updated_at",
        ),
    ],
)
def test_a_bad_level_is_named_and_none_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys, level: dict[str, Any], field: str
) -> None:
    before = rows(engine)

    response = put_levels(client, shop, {"variant_id": "v1", "available": 7}, level)

    assert_error(response, 422, fields=[f"levels.1.{field}"])
    assert rows(engine) == before


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "1999-12-31T23:59:59Z", "2999-01-01T00:00:00Z"])
def test_a_level_of_an_impossible_time_is_refused(
    client: FlaskClient, engine: Engine, shop: ShopKeys, moment: str
) -> None:
    before = rows(engine)

    response = put_levels(client, shop, {"variant_id": "v1", "available": 1, "updated_at": moment})

    assert_error(response, 422, fields=["levels.0.updated_at"])
    assert rows(engine) == before


@pytest.mark.parametrize("count", [0, 1001])
def test_too_many_or_no_levels_are_refused(client: FlaskClient, engine: Engine, shop: ShopKeys, count: int) -> None:
    before = rows(engine)

    response = put_levels(client, shop, *[{"variant_id": "v1", "available": 1}] * count)

    assert_error(response, 422, fields=["levels"])
    assert rows(engine) == before


def test_a_thousand_levels_are_taken_in_one_call(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, variants=[f"v{n}" for n in range(1000)])
    join(engine, shop, "a@example.com", variant_id="v999")

    response = put_levels(client, shop, *[{"variant_id": f"v{n}", "available": n} for n in range(1000)])

    assert response.json == {"changed": 999, "ignored": 0, "unknown": [], "notified": 1}


def test_levels_of_locations_add_up(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    put_levels(
        client,
        shop,
        {"variant_id": "v1", "location_id": "berlin", "available": 2},
        {"variant_id": "v1", "location_id": "köln/2", "available": 3},
    )

    assert available(engine, shop) == 5


def test_catalog_rows_are_added_and_changed(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    response = put_catalog(
        client,
        shop,
        {
            **VARIANT,
            "variant_title": "Blue\x00\ttall",
            "price": "19.90",
            "currency": "EUR",
            "collections": ["Cups & mugs"],
            "available": 0,
            "colour": "ignored",
        },
    )

    assert response.status_code == 200
    assert response.json == {"written": 1, "stock_changes": 0, "notified": 0}
    with engine.connect() as database:
        query = text("SELECT * FROM variant WHERE variant_id = 'new'")
        row = database.execute(query).mappings().one()
    assert row["product_id"] == "new"
    assert row["variant_title"].split() == ["Blue", "tall"]
    assert (str(row["price"]), row["currency"], row["collections"]) == ("19.90", "EUR", ["Cups & mugs"])
    assert put_catalog(client, shop, {**VARIANT, "product_title": "Mug"}).json["written"] == 1


def test_a_catalog_row_that_brings_stock_tells_who_waits(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@example.com")

    response = put_catalog(client, shop, {**VARIANT, "variant_id": "v1", "available": 4})

    assert response.json["notified"] == 1
    assert states(engine, shop) == {"a@example.com": "released"}


@pytest.mark.parametrize(
    ("change_of_row", "field"),
    [
        ({"variant_id": ""}, "variant_id"),
        ({"variant_id": None}, "variant_id"),
        ({"product_title": ""}, "product_title"),
        ({"product_title": "x" * 501}, "product_title"),
        ({"url": "javascript:alert(1)"}, "url"),
        ({"url": "/relative"}, "url"),
        ({"url": "https://"}, "url"),
        ({"url": "https://shop.example/\x00"}, "url"),
        ({"url": "https://shop.example/\r\nX: y"}, "url"),
        ({"image_url": "data:image/png;base64,AA"}, "image_url"),
        ({"price": "free"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": -1}, "price"),
        ({"price": "1e400"}, "price"),
        ({"currency": "euro"}, "currency"),
        ({"currency": "EUR\n"}, "currency"),
        ({"collections": "all"}, "collections"),
        ({"collections": ["a\x00b"]}, "collections.0"),
        ({"available": "3"}, "available"),
    ],
)
def test_a_bad_catalog_row_is_named_and_none_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys, change_of_row: dict[str, Any], field: str
) -> None:
    before = rows(engine)

    response = put_catalog(client, shop, VARIANT, {**VARIANT, "variant_id": "other", **change_of_row})

    assert_error(response, 422, fields=[f"variants.1.{field}"])
    assert rows(engine) == before


def test_settings_are_shown_and_changed_one_by_one(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    before = client.get("/api/v1/settings", headers=shop.authorization)
    assert before.status_code == 200
    assert before.json["minimum_inventory"] == 1
    assert before.json["customers_per_unit"] == "all"
    assert before.json["wait_minutes"] == 60
    assert before.headers["Cache-Control"] == "no-store"

    changes = {
        "domain": "https://shop.example",
        "other_domains": ["https://shop.myshopify.com", "https://shop.example.de"],
        "minimum_inventory": 2,
        "customers_per_unit": 5,
        "wait_minutes": 15,
        "double_opt_in": True,
        "locations": ["berlin", "köln/2"],
        "sender_name": "Färn & Co",
        "sender_email": " news@bücher.example ",
        "postal_address": "Long Lane 1\r\n12345 Town",
        "locale": "de",
        "currency": "EUR",
        "feed": "https://shop.example/feed.xml",
        "feed_interval_seconds": 60,
        "feed_max_loss_percent": 5,
    }
    after = patch(client, shop, changes)

    assert after.status_code == 200
    assert after.json == {**before.json, **changes, "sender_email": "news@xn--bcher-kva.example", "notifiable": 0}
    now = client.get("/api/v1/settings", headers=shop.authorization).json
    assert {**now, "notifiable": 0} == after.json
    assert patch(client, shop, {"customers_per_unit": "all", "locations": None}).json["customers_per_unit"] == "all"
    assert patch(client, shop, {}).status_code == 200
    assert load(engine, shop).rules.minimum_inventory == 2


def test_all_settings_can_be_sent_back_as_they_came(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, feed="/srv/feeds/catalog.xml")
    before = rows(engine)
    settings = client.get("/api/v1/settings", headers=shop.authorization).json

    assert patch(client, shop, settings).json == {**settings, "notifiable": 0}

    assert rows(engine) == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("domain", "shop.example"),
        ("domain", "http://shop.example"),
        ("domain", "https://shop.example/de"),
        ("domain", ""),
        ("other_domains", "https://shop.example"),
        ("other_domains", ["https://shop.example", "ftp://shop.example"]),
        ("other_domains", [f"https://{n}.example" for n in range(21)]),
        ("minimum_inventory", 0),
        ("minimum_inventory", "2"),
        ("minimum_inventory", 1.5),
        ("minimum_inventory", True),
        ("minimum_inventory", None),
        ("minimum_inventory", 2**31),
        ("customers_per_unit", 0),
        ("customers_per_unit", "some"),
        ("customers_per_unit", None),
        ("customers_per_unit", True),
        ("customers_per_unit", [1]),
        ("wait_minutes", -1),
        ("double_opt_in", "no"),
        ("double_opt_in", 0),
        ("locations", "berlin"),
        ("sender_name", "a\r\nBcc: b@example.com"),
        ("sender_name", "x" * 121),
        ("sender_email", "nobody"),
        ("sender_email", "a@example.com\nBcc: b@example.com"),
        ("postal_address", "a\x00b"),
        ("postal_address", "\ud800"),
        ("locale", "tlh"),
        ("currency", "eur"),
        ("feed", "x\x00"),
        ("feed", "/etc/passwd"),
        ("feed", "file:///etc/passwd"),
        ("feed", "../feed.csv"),
        ("feed_interval_seconds", 1),
        ("feed_max_loss_percent", 101),
        ("name", "Other"),
        ("id", 2),
        ("api_key_hash", "x"),
    ],
)
def test_a_bad_setting_is_named_and_nothing_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys, name: str, value: Any
) -> None:
    before = rows(engine)

    response = patch(client, shop, {"wait_minutes": 5, name: value})

    error = assert_error(response, 422)
    assert {field.partition(".")[0] for field in error["fields"]} == {name}
    assert rows(engine) == before


def test_settings_release_nothing_by_themselves(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, minimum_inventory=10)
    join(engine, shop, "a@example.com")
    put_levels(client, shop, {"variant_id": "v1", "location_id": "x", "available": 5})

    patch(client, shop, {"minimum_inventory": 1})
    patch(client, shop, {"locations": ["x"]})

    assert messages(engine, shop) == []


def test_subscriptions_are_listed_page_by_page(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, variants=["v1", "v2"])
    join(engine, shop, *[f"p{n}@example.com" for n in range(5)])
    join(engine, shop, "q@example.com", variant_id="v2")

    def get(query: str) -> Any:
        response = client.get(f"/api/v1/subscriptions{query}", headers=shop.authorization)
        assert response.status_code == 200
        return response.json

    found, query, pages = [], "?limit=2", 0
    while True:
        page = get(query)
        found += [each["email"] for each in page["subscriptions"]]
        pages += 1
        if page["next"] is None:
            break
        query = f"?limit=2&after={page['next']}"
    assert found == [*[f"p{n}@example.com" for n in range(5)], "q@example.com"]
    assert pages in {3, 4}
    assert [each["email"] for each in get("?variant_id=v2")["subscriptions"]] == ["q@example.com"]
    assert get("?state=notified")["subscriptions"] == []
    first = get("")["subscriptions"][0]
    assert isinstance(first["id"], str)
    assert datetime.fromisoformat(first["joined_at"]).utcoffset() == timedelta(0)
    assert "link_key" not in first


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("after=-1", "after"),
        ("after=99999999999999999999", "after"),
        ("state=gone", "state"),
        ("variant_id=", "variant_id"),
        ("variant_id=%00", "variant_id"),
    ],
)
def test_a_bad_query_is_named(client: FlaskClient, shop: ShopKeys, query: str, field: str) -> None:
    response = client.get(f"/api/v1/subscriptions?{query}", headers=shop.authorization)

    assert_error(response, 422, fields=[field])


def test_notify_now_tells_as_many_as_the_rules_let_out(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, customers_per_unit=1, minimum_inventory=9)
    join(engine, shop, "a@example.com", "b@example.com", "c@example.com")
    set_stock(engine, shop, 2)
    change(engine, shop, minimum_inventory=1)

    response = client.post("/api/v1/variants/v1/notify-now", headers=shop.authorization)

    assert (response.status_code, response.json) == (200, {"notified": 2})
    assert list(states(engine, shop).values()) == ["released", "released", "waiting"]


def test_notify_now_tells_nobody_about_what_cannot_be_bought(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, "a@example.com")
    before = rows(engine)

    response = client.post("/api/v1/variants/v1/notify-now", headers=shop.authorization)

    assert response.json == {"notified": 0}
    assert rows(engine) == before
    assert_error(client.post("/api/v1/variants/zz/notify-now", headers=shop.authorization), 404, "unknown_variant")


def test_times_without_a_zone_are_utc(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    put_levels(client, shop, {"variant_id": "v1", "available": 3, "updated_at": "2026-11-22T12:00:00"})

    with engine.connect() as database:
        assert database.execute(text("SELECT stock_at FROM variant")).scalar_one() == datetime(
            2026, 11, 22, 12, tzinfo=UTC
        )
