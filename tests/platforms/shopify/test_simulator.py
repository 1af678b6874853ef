"""The simulated Shopify refuses, signs, throttles and loses as the real one does."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from flask import Flask, redirect, request
from flask.typing import ResponseReturnValue
from graphql import build_schema, parse

from integrations.platforms.shopify.documents import (
    BULK_OPERATIONS,
    CATALOG,
    CREATE_WEBHOOK,
    DELETE_WEBHOOK,
    LOCATIONS,
    RUN_BULK,
    SET_METAFIELDS,
    SHOP,
    STOCK_OF_VARIANTS,
    WEBHOOKS,
)
from tests.platforms.custom import serve
from tests.platforms.shopify import SCOPES, Mischief, Shopify, SimulatedShop
from tests.platforms.shopify.demo import add_demo_shop, demo_shopify
from tests.platforms.shopify.home import restore, save, saved
from tests.platforms.shopify.oauth import ID_TOKEN, OFFLINE, signed
from tests.platforms.shopify.prices import price
from tests.platforms.shopify.storefront import proxy_signature
from tests.platforms.shopify.webhooks import signature

FERN = "fern.myshopify.com"
SECRET = "shpss_" + "0123456789abcdef" * 4
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"


@pytest.fixture
def shopify() -> Shopify:
    """Shopify's servers, with one shop of two places and three variants."""
    servers = Shopify("client", SECRET)
    shop = servers.add_shop(FERN)
    shop.catalog.fill(products=1, variants_each=3, locations=2)
    return servers


@pytest.fixture
def shop(shopify: Shopify) -> SimulatedShop:
    return shopify.shops[FERN]


@pytest.fixture
def origin(shopify: Shopify) -> Iterator[str]:
    with shopify.serving():
        yield shopify.origin


class Client:
    """An app that asks."""

    def __init__(self, shopify: Shopify, origin: str) -> None:
        self.shopify = shopify
        self.admin = f"{origin}/{FERN}/admin"
        self.token = self.exchange()["access_token"]

    def oauth(self, **asked: Any) -> httpx.Response:
        given = {"client_id": "client", "client_secret": SECRET, "expiring": "1", **asked}
        return httpx.post(f"{self.admin}/oauth/access_token", json=given)

    def exchange(self, **changes: Any) -> dict[str, Any]:
        asked = {
            "grant_type": EXCHANGE,
            "subject_token": self.shopify.session_token(FERN),
            "subject_token_type": ID_TOKEN,
            "requested_token_type": OFFLINE,
            **changes,
        }
        return dict(self.oauth(**asked).json())

    def post(self, query: str, /, version: str = "2026-10", token: str = "", **variables: Any) -> httpx.Response:
        headers = {"X-Shopify-Access-Token": token or self.token}
        asked = {"query": query, "variables": variables}
        return httpx.post(f"{self.admin}/api/{version}/graphql.json", json=asked, headers=headers)

    def data(self, query: str, /, **variables: Any) -> Any:
        told = self.post(query, **variables).json()
        assert "errors" not in told, told
        return told["data"]

    def error(self, query: str, /, **variables: Any) -> Any:
        return self.post(query, **variables).json()["errors"][0]

    def bulk(self, query: str = CATALOG) -> dict[str, Any]:
        self.data(RUN_BULK, query=query)
        return dict(self.data(BULK_OPERATIONS)["bulkOperations"]["nodes"][0])


@pytest.fixture
def client(shopify: Shopify, origin: str) -> Client:
    return Client(shopify, origin)


class App:
    """Where webhooks and the proxy lead to."""

    def __init__(self) -> None:
        self.status = 200
        self.received: list[tuple[Mapping[str, str], bytes]] = []
        self.flask = Flask(__name__)
        self.flask.add_url_rule("/<path:path>", view_func=self.take, methods=["GET", "POST"])
        self.lock = threading.Lock()
        self.url = ""

    def take(self, path: str) -> ResponseReturnValue:
        with self.lock:
            self.received.append(({**request.headers, "url": request.url}, request.get_data()))
        if path == "proxied/away":
            return redirect("https://elsewhere.example/x")
        return "taken", self.status, {"Set-Cookie": "a=b", "X-Own": "1"}

    @property
    def topics(self) -> list[str]:
        return sorted(headers["X-Shopify-Topic"] for headers, _ in self.received)


@pytest.fixture(scope="module")
def running() -> Iterator[App]:
    app = App()
    with serve(app.flask) as app.url:
        yield app


@pytest.fixture
def app(running: App) -> App:
    running.status = 200
    running.received.clear()
    return running


# The Admin API


def test_who_shows_no_good_token_hears_nothing(client: Client, shopify: Shopify) -> None:
    assert client.post(SHOP, token="shpat_other").status_code == 401
    assert client.post(SHOP, version="2024-01").status_code == 404
    assert client.post(SHOP, version="2025-10").status_code == 200
    shopify.now += 3600
    assert client.post(SHOP).status_code == 401


def test_what_the_schema_has_not_is_refused(client: Client) -> None:
    assert "nothing" in client.error("{ nothing }")["message"]
    assert client.error(LOCATIONS.replace("first: 100, ", ""))["message"] == "you must provide one of first or last"
    assert "250" in client.error(LOCATIONS.replace("100", "251"))["message"]
    assert "global id" in client.error(STOCK_OF_VARIANTS, ids=["42"], levels=1)["message"]
    assert (
        "250"
        in client.error("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["gid://shopify/X/1"] * 251)["message"]
    )


def test_missing_scopes_are_named(client: Client, shop: SimulatedShop) -> None:
    shop.scopes = SCOPES - {"read_locations"}

    denied = client.error(LOCATIONS)

    assert denied["extensions"]["code"] == "ACCESS_DENIED"
    assert "read_locations" in denied["message"]


def test_the_budget_is_charged_and_grows(client: Client, shopify: Shopify, shop: SimulatedShop) -> None:
    first = client.post(SHOP).json()["extensions"]["cost"]
    assert first["throttleStatus"]["currentlyAvailable"] == 2000 - first["actualQueryCost"]

    shop.available = 3
    refused = client.post(WEBHOOKS).json()
    assert refused["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert refused["extensions"]["cost"]["throttleStatus"] == {
        "maximumAvailable": 2000,
        "currentlyAvailable": 3,
        "restoreRate": 100,
    }

    shopify.now += 1
    assert "data" in client.post(WEBHOOKS).json()


def test_a_request_may_cost_no_more_than_1000(client: Client) -> None:
    ids = [f"gid://shopify/ProductVariant/{number}" for number in range(1, 251)]

    assert client.error(STOCK_OF_VARIANTS, ids=ids, levels=50)["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_the_published_price_of_a_connection() -> None:
    schema = build_schema(
        "type Query { product(id: ID!): P } type P { variants(first: Int): VConnection } "
        "type VConnection { nodes: [V] } type V { inventoryItem: I } type I { id: ID }"
    )
    query = "{ product(id: 1) { variants(first: 250) { nodes { inventoryItem { id } } } } }"
    assert price(schema, parse(query), {}) == 25


def test_unknown_things_are_null_and_big_ids_are_kept(client: Client, shop: SimulatedShop) -> None:
    known = next(iter(shop.catalog.variants))
    assert known > 2**53
    ids = [f"gid://shopify/ProductVariant/{each}" for each in (known, 7)]

    found, missing = client.data(STOCK_OF_VARIANTS, ids=ids, levels=5)["nodes"]

    assert (found["id"], missing) == (ids[0], None)
    item = shop.variant(known).item_id
    place = next(iter(shop.catalog.locations))
    assert found["inventoryItem"]["inventoryLevels"]["nodes"][0]["id"] == (
        f"gid://shopify/InventoryLevel/{place}?inventory_item_id={item}"
    )


def test_pages_follow_each_other(client: Client, shop: SimulatedShop) -> None:
    query = LOCATIONS.replace("100", "1")
    first = client.data(query)["locations"]
    second = client.data(query, after=first["pageInfo"]["endCursor"])["locations"]

    assert [first["pageInfo"]["hasNextPage"], second["pageInfo"]["hasNextPage"]] == [True, False]
    assert [each["nodes"][0]["name"] for each in (first, second)] == ["Place 1", "Place 2"]


# Subscriptions and webhooks


def subscribe(client: Client, topic: str, uri: str) -> Any:
    return client.data(CREATE_WEBHOOK, topic=topic, webhook={"uri": uri})["webhookSubscriptionCreate"]


def test_subscriptions_that_shopify_refuses(client: Client) -> None:
    def mistake(topic: str, uri: str) -> str:
        return "".join(each["message"] for each in subscribe(client, topic, uri)["userErrors"])

    assert mistake("PRODUCTS_UPDATE", "https://stockbell.example/w") == ""
    assert mistake("PRODUCTS_UPDATE", "https://stockbell.example/w") == "Address for this topic has already been taken"
    assert "https" in mistake("PRODUCTS_UPDATE", "http://stockbell.example/w")
    assert mistake("PRODUCTS_UPDATE", "http://127.0.0.1:8000/w") == ""
    assert "specified topic" in mistake("ORDERS_CREATE", "https://stockbell.example/w")
    assert (
        "customers/redact".upper().replace("/", "_")
        in client.error(CREATE_WEBHOOK, topic="CUSTOMERS_REDACT", webhook={"uri": "https://stockbell.example/w"})[
            "message"
        ]
    )

    nodes = client.data(WEBHOOKS)["webhookSubscriptions"]["nodes"]
    assert len(nodes) == 2
    for each in nodes:
        client.data(DELETE_WEBHOOK, id=each["id"])
    assert client.data(WEBHOOKS)["webhookSubscriptions"]["nodes"] == []


def test_the_vectors_of_shopifys_libraries() -> None:
    assert signature("test_secret_key", b'{"foo": "bar"}') == "B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g="
    values = {
        "shop": "some-shop.myshopify.com",
        "code": "a94a110d86d2452eb3e2af4cfb8a3828",
        "timestamp": "1337178173",
    }
    assert signed("hush", values)["hmac"] == "2cb1a277650a659f1b11e92a4a64275b128e037f2c3390e3c8fd2d8721dac9e2"
    query = parse_qsl(
        "extra=1&extra=2&shop=shop-name.myshopify.com&logged_in_customer_id=1"
        "&path_prefix=%2Fapps%2Fawesome_reviews&timestamp=1317327555"
    )
    assert proxy_signature("hush", query) == "4c68c8624d737112c91818c11017d24d334b524cb5c2b8ba08daa056f7395ddb"


def test_a_change_of_stock_is_told_signed(client: Client, app: App, shop: SimulatedShop, shopify: Shopify) -> None:
    for topic in ("INVENTORY_LEVELS_UPDATE", "VARIANTS_IN_STOCK"):
        subscribe(client, topic, f"{app.url}/w")
    variant, place = next(iter(shop.catalog.variants.values())), next(iter(shop.catalog.locations))

    shop.set_available(str(variant.id), str(place), 7)

    assert shopify.settle()
    assert app.topics == ["inventory_levels/update", "variants/in_stock"]
    for headers, body in app.received:
        digest = hmac.digest(SECRET.encode(), body, hashlib.sha256)
        assert headers["X-Shopify-Hmac-Sha256"] == base64.b64encode(digest).decode()
        assert headers["X-Shopify-Shop-Domain"] == FERN
    assert len({headers["X-Shopify-Event-Id"] for headers, _ in app.received}) == 1
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in app.received}) == 2
    told = next(json.loads(body) for headers, body in app.received if "levels" in headers["X-Shopify-Topic"])
    assert (told["inventory_item_id"], told["location_id"], told["available"]) == (variant.item_id, place, 7)


CHANGES: Mapping[str, Callable[[SimulatedShop, int, int, int], object]] = {
    "PRODUCTS_CREATE": lambda shop, *_: shop.add_product("New"),
    "PRODUCTS_UPDATE": lambda shop, product, *_: shop.set_status(product, "DRAFT"),
    "PRODUCTS_DELETE": lambda shop, product, *_: shop.delete_product(product),
    "INVENTORY_ITEMS_DELETE": lambda shop, _, variant, __: shop.delete_variant(variant),
    "INVENTORY_ITEMS_UPDATE": lambda shop, _, variant, __: shop.set_tracked(variant, tracked=False),
    "INVENTORY_LEVELS_DISCONNECT": lambda shop, _, variant, place: shop.disconnect_level(variant, place),
    "LOCATIONS_CREATE": lambda shop, *_: shop.add_location("Attic"),
    "LOCATIONS_DEACTIVATE": lambda shop, _, __, place: shop.deactivate_location(place),
    "LOCATIONS_DELETE": lambda shop, _, __, place: shop.delete_location(place),
}


@pytest.mark.parametrize("topic", CHANGES)
def test_what_happens_in_a_shop_is_told(
    client: Client, app: App, shop: SimulatedShop, shopify: Shopify, topic: str
) -> None:
    subscribe(client, topic, f"{app.url}/w")
    catalog = shop.catalog

    CHANGES[topic](shop, *(next(iter(each)) for each in (catalog.products, catalog.variants, catalog.locations)))

    assert shopify.settle()
    assert [each.upper().replace("/", "_") for each in app.topics] == [topic]


def test_who_never_answers_well_is_told_no_longer(
    client: Client, app: App, shop: SimulatedShop, shopify: Shopify
) -> None:
    shopify.retry_seconds = (0.001,) * 8
    shopify.app_webhooks = {"products/create": f"{app.url}/app"}
    subscribe(client, "PRODUCTS_CREATE", f"{app.url}/w")
    app.status = 302

    shop.add_product("New")

    assert shopify.settle()
    assert [each.status for each in shopify.deliveries] == [302] * 18
    assert len({each.webhook_id for each in shopify.deliveries}) == 2
    assert shop.webhooks == {}
    assert shopify.app_webhooks


def test_mischief_is_the_same_for_the_same_seed(app: App, shop: SimulatedShop, shopify: Shopify) -> None:
    def played() -> list[list[float]]:
        mischief = Mischief(drop=0.3, double=0.3, late=0.3, shuffle=True, seed=4)
        return [mischief.delays() for _ in range(100)]

    assert played() == played()
    assert {len(each) for each in played()} == {0, 1, 2}

    shopify.app_webhooks = {"products/create": f"{app.url}/w"}
    shopify.mischief = Mischief(drop=1)
    shop.add_product("Lost")
    shopify.mischief = Mischief(double=1, late=1, late_seconds=(0.01, 0.05))
    shop.add_product("Twice")
    assert shopify.settle()
    assert [each.status for each in shopify.deliveries] == [None, 200, 200]
    assert len({headers["X-Shopify-Webhook-Id"] for headers, _ in app.received}) == 1
    assert shopify.deliveries_by.mischief is shopify.mischief


def test_compliance_topics_go_to_the_apps_own_address(app: App, shopify: Shopify) -> None:
    topics = ("customers/data_request", "customers/redact", "shop/redact", "app/uninstalled", "app/scopes_update")
    shopify.app_webhooks = dict.fromkeys(topics, f"{app.url}/w")

    shopify.change_scopes(FERN, SCOPES - {"read_locations"})
    shopify.data_request(FERN, "ada@example.com", "")
    shopify.redact_customer(FERN, "ada@example.com", "")
    shopify.uninstall(FERN)
    shopify.redact_shop(FERN)

    assert shopify.settle()
    assert app.topics == sorted(topics)


# Bulk operations


def rows(operation: Mapping[str, Any], address: str = "url") -> list[dict[str, Any]]:
    answer = httpx.get(operation[address])
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()]


def test_rows_of_lists_within_lists_stand_alone(client: Client, shop: SimulatedShop) -> None:
    operation = client.bulk()
    told = rows(operation)

    assert (operation["status"], operation["objectCount"]) == ("COMPLETED", "9")
    variants = [each for each in told if "__parentId" not in each]
    levels = [each for each in told if "__parentId" in each]
    assert {each["__parentId"] for each in levels} == {each["id"] for each in variants}
    assert (len(variants), len(levels)) == (3, 6)
    assert variants[0]["inventoryItem"] == {"id": variants[0]["inventoryItem"]["id"], "tracked": True}
    assert variants[0]["product"]["title"] == "Thing 1"
    shop.bulk_order = "children_first"
    assert "__parentId" in rows(client.bulk())[0]
    shop.bulk_order = "scattered"
    scattered = rows(client.bulk())
    assert scattered != told
    assert sorted(map(str, scattered)) == sorted(map(str, told))


TOO_DEEP = (
    "{ productVariants { edges { node { id product { variants { edges { node { id "
    "inventoryItem { inventoryLevels { edges { node { id } } } } } } } } } } } }"
)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{ nothing { edges { node { id } } } }", "nothing"),
        ("{", "Invalid"),
        ("{ shop { name } }", "at least one connection"),
        ('{ nodes(ids: ["gid://shopify/Product/1"]) { id } }', "top level"),
        ("{ productVariants { nodes { id } } }", "'edges' > 'node'"),
        (
            "{ productVariants { edges { node { inventoryItem { inventoryLevels { edges { node { id } } } } } } } }",
            "'id' field",
        ),
        (
            TOO_DEEP,
            "depth",
        ),
        ("{" + "".join(f"a{each}: productVariants {{ edges {{ node {{ id }} }} }} " for each in range(6)) + "}", "5"),
        ("mutation { webhookSubscriptionDelete(id: 1) { deletedWebhookSubscriptionId } }", "single query"),
    ],
)
def test_queries_that_are_not_run_in_bulk(client: Client, query: str, why: str) -> None:
    told = client.data(RUN_BULK, query=query)["bulkOperationRunQuery"]

    assert told["bulkOperation"] is None
    assert told["userErrors"][0]["code"] == "INVALID"
    assert why in told["userErrors"][0]["message"]


def test_five_run_at_once_and_take_their_time(client: Client, shop: SimulatedShop, shopify: Shopify) -> None:
    shop.bulk_seconds = 60
    for _ in range(5):
        assert not client.data(RUN_BULK, query=CATALOG)["bulkOperationRunQuery"]["userErrors"]
    refused = client.data(RUN_BULK, query=CATALOG)["bulkOperationRunQuery"]
    assert refused["userErrors"][0]["code"] == "OPERATION_IN_PROGRESS"
    assert {each["status"] for each in client.data(BULK_OPERATIONS)["bulkOperations"]["nodes"]} == {"RUNNING"}

    shopify.now += 60
    assert {each["status"] for each in client.data(BULK_OPERATIONS)["bulkOperations"]["nodes"]} == {"COMPLETED"}


def test_results_that_fail_expire_or_break_off(client: Client, shop: SimulatedShop, shopify: Shopify) -> None:
    shop.bulk_fails_after = 2
    failed = client.bulk()
    assert (failed["status"], failed["errorCode"], failed["url"]) == ("FAILED", "TIMEOUT", None)
    assert len(rows(failed, "partialDataUrl")) == 2

    shop.bulk_fails_after, shop.bulk_breaks_after_bytes = None, 100
    operation = client.bulk()
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(operation["url"])
    shop.bulk_breaks_after_bytes, shop.bulk_url_expired = None, True
    refused = httpx.get(operation["url"])
    assert (refused.status_code, refused.headers["content-type"].split(";")[0]) == (403, "application/xml")

    shop.bulk_url_expired = False
    shop.scopes -= {"read_locations"}
    assert client.bulk()["errorCode"] == "ACCESS_DENIED"
    shop.scopes = SCOPES
    shop.delete_product(next(iter(shop.catalog.products)))
    empty = client.bulk()
    assert (empty["status"], empty["url"], empty["objectCount"]) == ("COMPLETED", None, "0")


def test_the_end_of_a_bulk_operation_is_told(client: Client, app: App, shopify: Shopify) -> None:
    subscribe(client, "BULK_OPERATIONS_FINISH", f"{app.url}/w")

    client.data(RUN_BULK, query=CATALOG)

    assert shopify.settle()
    (told,) = [json.loads(body) for _, body in app.received]
    assert (told["status"], told["type"], told["error_code"]) == ("completed", "query", None)


# Grants and tokens


def test_a_refresh_token_is_good_until_the_next_pair_is_used(client: Client) -> None:
    first = client.exchange()
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    lost, second = client.oauth(**renew).json(), client.oauth(**renew).json()
    assert lost["access_token"] == second["access_token"] != first["access_token"]

    assert client.post(SHOP, token=second["access_token"]).status_code == 200

    assert client.oauth(**renew).json() == {"error": "invalid_grant"}
    assert client.post(SHOP, token=first["access_token"]).status_code == 401


def test_what_is_not_exchanged(client: Client, shopify: Shopify) -> None:
    assert "expires_in" not in client.exchange(expiring="0")
    for wrong in (
        {"client_secret": "x"},
        {"subject_token": "x"},
        {"subject_token": shopify.session_token(FERN, exp=1)},
        {"subject_token": shopify.session_token("other.myshopify.com")},
        {"requested_token_type": "x"},
    ):
        assert "error" in client.exchange(**wrong)
    shopify.uninstall(FERN)
    assert "error" in client.exchange()
    shopify.install(FERN)
    assert "access_token" in client.exchange()


def test_a_merchant_grants_in_the_browser(client: Client, shopify: Shopify) -> None:
    shopify.redirect_uris = ["https://stockbell.example/callback"]
    query = {
        "client_id": "client",
        "scope": "read_products",
        "redirect_uri": "https://stockbell.example/callback",
        "state": "s",
    }
    address = f"{client.admin}/oauth/authorize"
    assert httpx.get(address, params={**query, "redirect_uri": "https://evil.example/"}).status_code == 400
    assert "Install app" in httpx.get(address, params=query).text

    granted = urlsplit(httpx.post(address, params=query).headers["location"])

    values = dict(parse_qsl(granted.query))
    assert values == signed(SECRET, {name: each for name, each in values.items() if name != "hmac"})
    assert base64.b64decode(values["host"] + "==") == b"admin.shopify.com/store/fern"
    assert "access_token" in client.oauth(code=values["code"]).json()
    assert client.oauth(code=values["code"]).status_code == 400


# Pages


def test_the_frame_of_the_app_is_signed(client: Client, shopify: Shopify) -> None:
    shopify.app_url = "http://127.0.0.1:9/shopify"

    address = urlsplit(shopify.admin.frame_address(FERN, "settings"))

    values = dict(parse_qsl(address.query))
    given = values.pop("hmac")
    text = "&".join(f"{name}={each}" for name, each in sorted(values.items()))
    assert given == hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256).hex()
    assert address.path == "/shopify/settings"
    assert "settings?" in httpx.get(f"{client.admin}/apps/client/settings").text
    assert "Uninstall app" in httpx.get(client.admin).text


def test_the_block_shows_what_the_metafields_say(client: Client, origin: str, shop: SimulatedShop) -> None:
    page = f"{origin}/products/thing-1"
    assert "stockbell-notify" not in httpx.get(page).text
    owner = client.data(SHOP)["currentAppInstallation"]["id"]
    fields = [
        {"ownerId": owner, "namespace": "stockbell", "key": key, "type": "single_line_text_field", "value": value}
        for key, value in (("public_key", "pk_1"), ("host", "http://127.0.0.1:8000"))
    ]
    assert client.data(SET_METAFIELDS, metafields=fields)["metafieldsSet"]["userErrors"] == []
    other = [{**fields[0], "ownerId": "gid://shopify/Product/1"}]
    assert client.data(SET_METAFIELDS, metafields=other)["metafieldsSet"]["userErrors"]

    html = httpx.get(page).text

    assert 'data-host="http://127.0.0.1:8000"' in html
    assert f'sold-out="{next(iter(shop.catalog.variants))}"' in html
    assert "https://127.0.0.1" not in html
    shop.set_published(next(iter(shop.catalog.products)), published=False)
    assert httpx.get(page).status_code == 404


def test_the_proxy_signs_and_strips(client: Client, origin: str, app: App, shopify: Shopify) -> None:
    shopify.proxy_url = f"{app.url}/proxied"
    forged = "a=2&a=1&shop=evil.myshopify.com&signature=00"

    answer = httpx.post(f"{origin}/apps/stockbell/x/y?{forged}", content=b"body", headers={"Cookie": "c=d"})

    ((headers, body),) = app.received
    assert (answer.status_code, answer.headers["x-own"], body) == (200, "1", b"body")
    assert "set-cookie" not in answer.headers
    assert "Cookie" not in headers
    assert headers["X-Forwarded-For"] == "127.0.0.1"
    query = parse_qsl(urlsplit(headers["url"]).query, keep_blank_values=True)
    assert dict(query)["shop"] == FERN
    assert dict(query)["path_prefix"] == "/apps/stockbell"
    assert query[-1] == ("signature", proxy_signature(SECRET, query[:-1]))
    assert parse_qs(urlsplit(headers["url"]).query)["a"] == ["2", "1"]
    assert httpx.get(f"{origin}/apps/stockbell/away").headers["location"] == "https://elsewhere.example/x"


def test_a_demo_goes_on_where_it_was(client: Client, shopify: Shopify, shop: SimulatedShop, tmp_path: Path) -> None:
    subscribe(client, "PRODUCTS_UPDATE", "https://stockbell.example/w")
    variant, place = next(iter(shop.catalog.variants)), next(iter(shop.catalog.locations))
    shop.set_available(variant, place, 41)
    shop.metafields["stockbell", "host"] = {"type": "single_line_text_field", "value": "x"}
    save(shopify, tmp_path / "home.json")
    again = Shopify("client", SECRET)

    assert restore(again, tmp_path / "home.json")

    assert saved(again) == saved(shopify)
    assert again.oauth.is_good(again.shops[FERN], client.token)
    assert again.shops[FERN].add_product("New").id not in shop.catalog.products
    assert not restore(again, tmp_path / "none.json")


def test_the_demo_has_a_place_that_does_not_sell_online() -> None:
    shop = add_demo_shop(demo_shopify("client", SECRET, "http://127.0.0.1:8000"))
    sold_out = next(iter(shop.catalog.variants.values()))

    assert [each.fulfills_online_orders for each in shop.catalog.locations.values()] == [True, False]
    assert (shop.catalog.total(sold_out), shop.catalog.is_available(sold_out)) == (2, False)
