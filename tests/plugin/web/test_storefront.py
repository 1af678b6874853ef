import threading
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin import create_app
from plugin.domain import leaving, subscriptions
from plugin.runtime import Runtime, now
from plugin.settings import Settings
from tests.factories import ORIGIN, ShopKeys, autocommit, change, join, load, make_shop, messages, set_stock, states
from tests.plugin.web.support import assert_error, only_subscription, rows, sign_up

ACCEPTED = {"status": "accepted", "confirmation_required": False, "in_stock": False}
ODD_IDS = [
    "gid://shopify/ProductVariant/44",
    "9007199254740993",
    "a//b",
    "/a",
    "a/",
    "größe 42 · 赤",
    "50% off?x=1&y#z",
    "x" * 255,
    "é" * 255,
    "a+b c",
    "notify-now",
]


@pytest.fixture
def limited(settings: Settings, engine: Engine) -> Any:
    """The web application with a limit of 5 sign-ups a minute from one address."""
    runtime = Runtime(_with(settings, subscribe_limit=5))
    runtime.redis.flushdb()
    yield create_app(runtime=runtime).test_client()
    runtime.close()


def _with(settings: Settings, **changes: Any) -> Settings:
    values = {name: getattr(settings, name) for name in Settings.__slots__}
    return Settings(**{**values, **changes})


def test_scenario_01_guest_gets_one_unconfirmed_row_and_one_confirmation_message(
    client: FlaskClient, engine: Engine
) -> None:
    shop = make_shop(engine, double_opt_in=True)

    response = sign_up(client, shop)

    assert response.status_code == 202
    assert response.json == {**ACCEPTED, "confirmation_required": True}
    assert states(engine, shop) == {"ann@example.com": "unconfirmed"}
    assert messages(engine, shop) == [("ann@example.com", "pending", "")]


def test_scenario_03_single_opt_in_puts_the_guest_in_line_without_a_message(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    response = sign_up(client, shop, locale="de-AT", page_url=f"{ORIGIN}/p?variant=v1#reviews", product_id="p1")

    assert response.status_code == 202
    assert response.json == ACCEPTED
    row = only_subscription(engine, shop)
    assert (row["state"], row["locale"], row["page_url"]) == ("waiting", "de-AT", f"{ORIGIN}/p?variant=v1")
    assert row["marketing_consent"] is False
    assert messages(engine, shop) == []


def test_scenario_04_the_same_address_again_writes_nothing_and_gets_the_same_answer(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    first = sign_up(client, shop)
    before = rows(engine)

    for again in ("ann@example.com", "Ann@Example.COM", "  ann@example.com "):
        answer = sign_up(client, shop, again)
        assert (answer.status_code, answer.data) == (first.status_code, first.data)

    assert rows(engine) == before


def test_answer_is_the_same_for_a_suppressed_address_and_nothing_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    with engine.begin() as database:
        leaving.suppress(database, shop.id, "gone@example.com", now())
    before = rows(engine)

    suppressed = sign_up(client, shop, "gone@example.com")

    assert rows(engine) == before
    new = sign_up(client, shop, "new@example.com")
    assert (suppressed.status_code, suppressed.data) == (new.status_code, new.data)
    assert dict(suppressed.headers) == dict(new.headers)


def test_scenario_05_and_09_a_variant_in_stock_is_said_so_and_nobody_is_told(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    set_stock(engine, shop, 3)

    assert sign_up(client, shop).json == {**ACCEPTED, "in_stock": True}

    assert messages(engine, shop) == []


@pytest.mark.parametrize(
    "email",
    [
        "",
        None,
        " ",
        "ann",
        "ann@",
        "@example.com",
        "ann@example",
        "ann@exa mple.com",
        "ann@@example.com",
        "ann@example.com, bob@example.com",
        "Ann <ann@example.com>",
        "ann@example.com\r\nBcc: bob@example.com",
        "ann\0@example.com",
        "\ud800@example.com",
        "ann@[127.0.0.1]",
        "a" * 65 + "@example.com",
        "ann@" + "a" * 250 + ".com",
        7,
        ["ann@example.com"],
        {"a": 1},
    ],
)
def test_scenario_06_an_invalid_address_is_named_and_writes_nothing(
    client: FlaskClient, engine: Engine, shop: ShopKeys, email: Any
) -> None:
    before = rows(engine)

    assert_error(sign_up(client, shop, email), 422, fields=["email"])

    assert rows(engine) == before


@pytest.mark.parametrize("email", ["o'neil+test@example.co.uk", "x@shop.test", "ann@bücher.example", "a.b-c_d@e-f.org"])
def test_unusual_but_good_addresses_are_taken(client: FlaskClient, engine: Engine, shop: ShopKeys, email: str) -> None:
    assert sign_up(client, shop, email).status_code == 202

    assert only_subscription(engine, shop)["email"].isascii()


def test_scenario_07_unknown_variant_is_not_found_and_writes_nothing(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    other = make_shop(engine, domain="https://other.example", variants=["only-there"])
    before = rows(engine)

    for variant_id in ("nothing", "only-there", "V1", "v1 "):
        response = sign_up(client, shop, variant_id=variant_id)
        assert_error(response, 404, "unknown_variant", fields=["variant_id"])
        assert_error(client.get(f"/api/v1/storefront/{shop.public_key}/variants/{variant_id}"), 404, "unknown_variant")
    assert_error(client.post(f"/api/v1/storefront/{other.public_key}x/subscriptions", json={}), 404, "unknown_shop")

    assert rows(engine) == before


@pytest.mark.parametrize(
    ("change_of_body", "field"),
    [
        ({"variant_id": ""}, "variant_id"),
        ({"variant_id": None}, "variant_id"),
        ({"variant_id": 42}, "variant_id"),
        ({"variant_id": ["v1"]}, "variant_id"),
        ({"variant_id": "x" * 256}, "variant_id"),
        ({"variant_id": "v\x001"}, "variant_id"),
        ({"variant_id": "v\n1"}, "variant_id"),
        ({"variant_id": "\ud800"}, "variant_id"),
        ({"product_id": 5}, "product_id"),
        ({"product_id": "\0"}, "product_id"),
        ({"locale": 5}, "locale"),
        ({"marketing_consent": "yes"}, "marketing_consent"),
        ({"marketing_consent": 1}, "marketing_consent"),
        ({"phone": "020 7946 0000"}, "phone"),
        ({"phone": "+1"}, "phone"),
        ({"phone": 44}, "phone"),
        ({"quantity": 0}, "quantity"),
        ({"quantity": 10_000}, "quantity"),
        ({"quantity": "3"}, "quantity"),
        ({"marketing_consent": None}, "marketing_consent"),
        ({"page_url": {}}, "page_url"),
        ({"website": 1}, "website"),
    ],
)
def test_bad_fields_are_named_and_nothing_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys, change_of_body: dict[str, Any], field: str
) -> None:
    before = rows(engine)

    assert_error(sign_up(client, shop, **change_of_body), 422, fields=[field])

    assert rows(engine) == before


def test_every_bad_field_is_named_at_once(client: FlaskClient, shop: ShopKeys) -> None:
    response = client.post(shop.sign_up_path, json={"variant_id": 1, "locale": 2, "page_url": 3})

    assert_error(response, 422, fields=["variant_id", "locale", "page_url"])


@pytest.mark.parametrize(
    "page_url",
    [
        f"https://shop.example/{'x' * 2048}",
        "javascript:alert(1)",
        "x\x00y",
        "https://shop.example/\x00",
        "\ud83d",
        "not a url",
        "https://[",
        None,
    ],
)
def test_a_strange_page_address_or_language_is_no_reason_to_lose_a_subscriber(
    client: FlaskClient, engine: Engine, shop: ShopKeys, page_url: str | None
) -> None:
    assert sign_up(client, shop, page_url=page_url, locale="de-" + "x" * 40).status_code == 202
    assert sign_up(client, shop, page_url=page_url, locale="??").status_code == 202

    row = only_subscription(engine, shop)
    assert (row["page_url"], row["locale"]) == ("", "")


def test_fields_of_later_versions_are_ignored(client: FlaskClient, shop: ShopKeys) -> None:
    assert sign_up(client, shop, colour="red", shop_id=999).status_code == 202


@pytest.mark.parametrize("variant_id", ODD_IDS)
def test_ids_are_text_and_come_back_as_they_are(client: FlaskClient, engine: Engine, variant_id: str) -> None:
    shop = make_shop(engine, variants=[variant_id])

    assert sign_up(client, shop, variant_id=variant_id).status_code == 202

    assert only_subscription(engine, shop)["variant_id"] == variant_id
    path = f"/api/v1/storefront/{shop.public_key}/variants/{quote(variant_id, safe='')}"
    response = client.get(path, headers={"Origin": ORIGIN})
    assert response.json == {"variant_id": variant_id, "available": False, "waiting": 1}
    notified = client.post(f"/api/v1/variants/{quote(variant_id, safe='')}/notify-now", headers=shop.authorization)
    assert notified.json == {"notified": 0}
    assert client.get(f"/n/{shop.public_key}/{quote(variant_id, safe='')}").status_code == 200


def test_variant_state_counts_who_waits_and_may_be_cached(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@example.com", "b@example.com")
    path = f"/api/v1/storefront/{shop.public_key}/variants/v1"

    response = client.get(path, headers={"Origin": ORIGIN})

    assert response.json == {"variant_id": "v1", "available": False, "waiting": 2}
    assert response.headers["Cache-Control"] == "public, max-age=10"
    assert "Origin" in response.headers["Vary"]
    change(engine, shop, minimum_inventory=5)
    set_stock(engine, shop, 4)
    assert client.get(path).json["available"] is False
    change(engine, shop, minimum_inventory=4)
    assert client.get(path).json["available"] is True


@pytest.mark.parametrize("filled", ["http://spam.example", " ", "0"])
def test_a_robot_is_told_what_people_are_told_and_nothing_is_written(
    client: FlaskClient, engine: Engine, shop: ShopKeys, filled: str
) -> None:
    before = rows(engine)

    response = sign_up(client, shop, website=filled)

    assert rows(engine) == before
    human = sign_up(client, shop)
    assert (response.status_code, response.data) == (human.status_code, human.data)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"nonsense", b'{"variant_id": "v1",}'])
def test_malformed_json_is_a_bad_request(client: FlaskClient, engine: Engine, shop: ShopKeys, body: bytes) -> None:
    before = rows(engine)

    assert_error(client.post(shop.sign_up_path, data=body, content_type="application/json"), 400)

    assert rows(engine) == before


@pytest.mark.parametrize("body", [b"null", b"[]", b'"text"', b"7", b"true", b"[" * 5000 + b"]" * 5000])
def test_json_that_is_no_object_is_refused(client: FlaskClient, engine: Engine, shop: ShopKeys, body: bytes) -> None:
    before = rows(engine)

    response = client.post(shop.sign_up_path, data=body, content_type="application/json")

    assert response.status_code in {400, 422}
    assert_error(response, response.status_code)
    assert rows(engine) == before


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_another_content_type_is_refused(client: FlaskClient, shop: ShopKeys, content_type: str) -> None:
    body = b'{"variant_id": "v1", "email": "ann@example.com"}'

    assert_error(client.post(shop.sign_up_path, data=body, content_type=content_type), 415)


def test_json_with_a_charset_is_taken(client: FlaskClient, shop: ShopKeys) -> None:
    body = b'{"variant_id": "v1", "email": "ann@example.com"}'

    assert client.post(shop.sign_up_path, data=body, content_type="application/json; charset=utf-8").status_code == 202


def test_a_huge_body_is_refused(client: FlaskClient, shop: ShopKeys) -> None:
    assert_error(sign_up(client, shop, padding="x" * 100_000), 413)


@pytest.mark.parametrize("origin", [ORIGIN, "https://www.shop.example"])
def test_cors_lets_the_shops_own_pages_in(client: FlaskClient, shop: ShopKeys, origin: str) -> None:
    preflight = client.options(
        shop.sign_up_path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == origin
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert preflight.headers["Access-Control-Allow-Headers"] == "Content-Type"
    assert int(preflight.headers["Access-Control-Max-Age"]) >= 600

    for response in (
        sign_up(client, shop, origin=origin),
        sign_up(client, shop, "nonsense", origin=origin),
        sign_up(client, shop, variant_id="nothing", origin=origin),
    ):
        assert response.headers["Access-Control-Allow-Origin"] == origin
        assert "Access-Control-Allow-Credentials" not in response.headers
        assert "Origin" in response.headers["Vary"]
        assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evil-shop.example",
        "null",
        "https://sub.shop.example",
    ],
)
def test_cors_keeps_foreign_pages_out(client: FlaskClient, engine: Engine, shop: ShopKeys, origin: str) -> None:
    before = rows(engine)

    refused = sign_up(client, shop, origin=origin)
    preflight = client.options(shop.sign_up_path, headers={"Origin": origin})
    state = client.get(f"/api/v1/storefront/{shop.public_key}/variants/v1", headers={"Origin": origin})

    for response in (refused, preflight, state):
        assert_error(response, 403, "foreign_origin")
        assert "Access-Control-Allow-Origin" not in response.headers
    assert rows(engine) == before


def test_a_shop_with_several_addresses_is_let_in_from_each(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    other = "https://shop.myshopify.com"
    assert sign_up(client, shop, origin=other).status_code == 403

    change(engine, shop, domain="https://moved.example", other_domains=[f"{other}/", other])

    for origin in (other, "https://www.shop.myshopify.com", "https://moved.example"):
        assert sign_up(client, shop, origin=origin).headers["Access-Control-Allow-Origin"] == origin
    assert sign_up(client, shop, origin="https://shop.example").status_code == 403


def test_a_variants_own_rules_say_whether_it_can_be_bought(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    set_stock(engine, shop, 2)
    path = "/api/v1/settings/overrides/variant/v1"
    assert client.put(path, json={"minimum_inventory": 5}, headers=shop.authorization).status_code == 200

    assert client.get(f"/api/v1/storefront/{shop.public_key}/variants/v1").get_json()["available"] is False


def test_stockbells_own_pages_may_sign_up(client: FlaskClient, shop: ShopKeys) -> None:
    assert sign_up(client, shop, origin="http://127.0.0.1:8000").status_code == 202


def test_a_shop_at_the_usual_port_is_the_same_origin(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, domain="https://Shop.example:443/")

    assert sign_up(client, shop, origin="https://shop.example").status_code == 202


def test_scenario_11_too_many_from_one_network_address_are_refused_and_nothing_is_written(
    limited: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    assert [sign_up(limited, shop, f"p{n}@example.com").status_code for n in range(5)] == [202] * 5
    before = rows(engine)

    response = sign_up(limited, shop, "p6@example.com")

    assert_error(response, 429)
    assert 1 <= int(response.headers["Retry-After"]) <= 60
    assert response.headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert rows(engine) == before
    hosted = limited.post(f"/n/{shop.public_key}/v1", data={"email": "p7@example.com"})
    assert (hosted.status_code, hosted.mimetype) == (429, "text/html")
    assert rows(engine) == before


def test_scenario_12_too_many_for_one_address_are_refused(settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    runtime = Runtime(_with(settings, subscribe_limit=1000, trusted_proxies=1))
    runtime.redis.flushdb()
    client = create_app(runtime=runtime).test_client()

    answers = [
        client.post(
            shop.sign_up_path,
            json={"variant_id": "v1", "email": "Victim@example.com"},
            headers={"X-Forwarded-For": f"203.0.113.{n}"},
        )
        for n in range(21)
    ]

    assert {answer.status_code for answer in answers[:20]} == {202}
    assert_error(answers[20], 429)
    runtime.close()


def test_forwarded_addresses_count_only_behind_a_trusted_proxy(limited: FlaskClient, shop: ShopKeys) -> None:
    answers = [
        limited.post(
            shop.sign_up_path,
            json={"variant_id": "v1", "email": f"p{n}@example.com"},
            headers={"X-Forwarded-For": f"203.0.113.{n}"},
        ).status_code
        for n in range(6)
    ]

    assert answers == [202] * 5 + [429]


def test_redis_holds_no_address(limited: FlaskClient, shop: ShopKeys, runtime: Runtime) -> None:
    sign_up(limited, shop, "secret.person@example.com")

    keys = b" ".join(runtime.redis.keys("*"))
    assert b"limit" in keys
    assert b"secret" not in keys
    assert b"127.0.0.1" not in keys


def test_scenario_13_asking_again_sends_no_second_confirmation(client: FlaskClient, engine: Engine) -> None:
    shop = make_shop(engine, double_opt_in=True)

    for _ in range(5):
        sign_up(client, shop)

    assert len(messages(engine, shop)) == 1


def test_of_two_who_ask_again_at_once_at_the_turn_of_a_month_one_gets_a_confirmation(engine: Engine) -> None:
    shop = make_shop(engine, double_opt_in=True)
    join(engine, shop, "a@x.example", at=now() - timedelta(minutes=11))

    def ask_again() -> None:
        with autocommit(engine) as database:
            subscriptions._ask_again(database, load(engine, shop), subscriptions.Request("v1", "a@x.example"), now())

    second = threading.Thread(target=ask_again)
    with engine.begin() as database:
        database.execute(text("UPDATE message SET state = 'sent'"))
    with engine.begin() as database:  # the first one has done everything but commit
        database.execute(text("SELECT FROM subscription FOR NO KEY UPDATE"))
        query = """
            INSERT INTO message (id, shop_id, subscription_id, kind, step, due_at, created_at)
            SELECT id + (1::bigint << 36), shop_id, subscription_id, kind, 2, now(), now() FROM message
        """
        database.execute(text(query))
        second.start()
        second.join(0.5)
    second.join()

    assert messages(engine, shop) == [("a@x.example", "sent", ""), ("a@x.example", "pending", "")]


def test_nobody_is_bombed_with_confirmations_of_many_shops(
    limited: FlaskClient, runtime: Runtime, engine: Engine
) -> None:
    shops = [make_shop(engine, domain=f"https://s{n}.example", double_opt_in=True) for n in range(5)]

    answers = [sign_up(limited, shop, "victim@example.com", origin=None) for shop in shops]

    assert len({answer.data for answer in answers}) == 1
    (counter,) = runtime.redis.keys("stockbell:limit:confirmation:*")
    assert 0 < runtime.redis.ttl(counter) <= 24 * 3600
    assert sum(len(messages(engine, shop)) for shop in shops) == 3


def test_pressing_the_button_again_does_not_use_up_the_confirmations_of_other_items(
    limited: FlaskClient, engine: Engine
) -> None:
    shop = make_shop(engine, double_opt_in=True, variants=["v1", "v2"])
    for _ in range(4):
        sign_up(limited, shop)

    sign_up(limited, shop, variant_id="v2")

    assert len(messages(engine, shop)) == 2


def test_scenario_14_who_was_told_may_ask_again(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    sign_up(client, shop)
    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET state = 'notified'"))

    sign_up(client, shop)

    with engine.connect() as database:
        found = database.execute(text("SELECT state FROM subscription ORDER BY id")).scalars().all()
    assert found == ["notified", "waiting"]


def test_sign_up_works_without_redis(settings: Settings, engine: Engine, shop: ShopKeys) -> None:
    runtime = Runtime(_with(settings, redis_url="redis://127.0.0.1:1/0", subscribe_limit=5))
    client = create_app(runtime=runtime).test_client()

    assert [sign_up(client, shop, f"p{n}@example.com").status_code for n in range(7)] == [202] * 7
    runtime.close()


def test_settings_changed_elsewhere_count_from_the_next_sign_up_on(
    client: FlaskClient, engine: Engine, shop: ShopKeys
) -> None:
    assert sign_up(client, shop, "first@example.com").json["confirmation_required"] is False

    change(engine, shop, double_opt_in=True)
    response = sign_up(client, shop, "second@example.com")

    assert response.json == {**ACCEPTED, "confirmation_required": True}
    assert states(engine, shop) == {"first@example.com": "waiting", "second@example.com": "unconfirmed"}
    assert len(messages(engine, shop)) == 1


def test_a_restart_of_the_database_costs_no_sign_up(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    sign_up(client, shop, "first@example.com")
    with engine.begin() as database:
        database.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                " AND pid <> pg_backend_pid()"
            )
        )

    assert sign_up(client, shop, "second@example.com").status_code == 202
    assert len(rows(engine)["subscription"]) == 2


def test_a_shop_that_moved_lets_only_its_new_pages_in(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    sign_up(client, shop, "first@example.com")
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET domain = 'https://moved.example'"))

    assert_error(sign_up(client, shop, "second@example.com"), 403, "foreign_origin")
    assert sign_up(client, shop, "third@example.com", origin="https://moved.example").status_code == 202
    assert set(states(engine, shop)) == {"first@example.com", "third@example.com"}


def test_a_shop_that_moved_lets_its_new_pages_in_at_once(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    sign_up(client, shop, "first@example.com")
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET domain = 'https://moved.example'"))

    assert sign_up(client, shop, "second@example.com", origin="https://moved.example").status_code == 202


def test_a_shop_that_is_gone_takes_nobody(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    sign_up(client, shop, "first@example.com")
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET uninstalled_at = now()"))

    assert_error(sign_up(client, shop, "second@example.com"), 404, "unknown_shop")
    assert set(states(engine, shop)) == {"first@example.com"}


def test_phone_and_quantity_are_kept_with_the_request(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    assert sign_up(client, shop, phone="+44 (20) 7946-0000", quantity=3).status_code == 202
    assert sign_up(client, shop, email="bob@example.com", phone=None, quantity=None).status_code == 202

    headers = {"Authorization": f"Bearer {shop.api_key}"}
    known = client.get("/api/v1/subscriptions", headers=headers).get_json()["subscriptions"]
    assert [(each["phone"], each["quantity"]) for each in known] == [("+442079460000", 3), (None, None)]
