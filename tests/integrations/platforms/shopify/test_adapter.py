"""The shop as Shopify tells it, what is installed there, and what its refusals mean."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations import platform_adapter
from integrations.base import Capabilities
from integrations.errors import AuthError, IntegrationError, RejectedError, ServerError, UnreachableError
from integrations.http import HTTPClient
from integrations.platforms.shopify import documents
from integrations.platforms.shopify.adapter import ShopifyAdapter
from integrations.platforms.shopify.graphql import AdminAPI
from integrations.platforms.shopify.webhooks import ORDER_FIELDS, TOPICS, enum_of
from integrations.types import Location, ShopConnection
from tests.platforms.shopify import SCOPES, Shopify, SimulatedShop
from tests.platforms.shopify.webhooks import Subscription

ADDRESS = "https://stockbell.example/webhooks/shopify"
FERN = "fern.myshopify.com"
Call = Callable[[ShopifyAdapter], object]
CALLS: dict[str, Call] = {
    "read_catalog": lambda adapter: adapter.read_catalog(),
    "read_products": lambda adapter: list(adapter.read_products(["1"])),
    "read_inventory": lambda adapter: list(adapter.read_inventory(["1"])),
    "read_inventory_of_items": lambda adapter: list(adapter.read_inventory_of_items(["1"])),
    "read_shop": lambda adapter: adapter.read_shop(),
    "register_webhooks": lambda adapter: adapter.register_webhooks(ADDRESS),
    "install_snippet": lambda adapter: adapter.install_snippet("https://stockbell.example", "KEY"),
}


def subscriptions(shop: SimulatedShop) -> list[tuple[str, str]]:
    return sorted((each.topic, each.uri) for each in shop.webhooks.values())


def expected(*without: str) -> list[tuple[str, str]]:
    """Subscriptions to all topics but those that need one of these scopes."""
    return sorted((enum_of(name), ADDRESS) for name, topic in TOPICS.items() if topic.scope not in without)


def mutations(shopify: Shopify) -> list[str]:
    return [each["query"] for each in shopify.requests if each["query"].lstrip().startswith("mutation")]


def test_is_registered_with_all_that_a_platform_can_do() -> None:
    assert platform_adapter("shopify") is ShopifyAdapter
    assert ShopifyAdapter.capabilities == Capabilities(
        locations=True, catalog=True, inventory_reads=True, webhooks=True, installation=True, snippet_api=True
    )


def test_the_shop_tells_its_name_addresses_and_places(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.name, shop.currency, shop.origin = "Fern & Son", "NOK", "https://fern.example"
    warehouse = shop.catalog.add_location("Warehouse")
    street = shop.catalog.add_location("Long Lane", fulfills_online_orders=False)
    shop.catalog.add_location("Closed").is_active = False

    facts = adapter.read_shop()

    assert (facts.name, facts.currency, facts.scopes) == ("Fern & Son", "NOK", SCOPES)
    assert facts.domains == ("https://fern.example", f"https://{FERN}"), "what customers see stands first"
    assert facts.locations == (
        Location(str(warehouse.id), "Warehouse", sells_online=True),
        Location(str(street.id), "Long Lane", sells_online=False),
    )


def test_a_shop_without_an_address_of_its_own_has_one(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.origin = ""

    assert adapter.read_shop().domains == (f"https://{FERN}",)


def test_a_shop_has_any_number_of_places(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    for number in range(230):
        shop.catalog.add_location(f"Place {number}")

    assert [each.name for each in adapter.read_shop().locations] == [f"Place {number}" for number in range(230)]


def test_tokens_are_renewed(adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop) -> None:
    first = shopify.oauth._new_pair(shop, expires=True)

    pair = adapter.renew(first.refresh_token, datetime.fromtimestamp(shopify.now, UTC))

    assert pair.access_token not in {"", first.access_token}
    assert pair.scopes == SCOPES


def test_webhooks_of_all_topics_are_asked_for_once(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    adapter.register_webhooks(ADDRESS)
    made = dict(shop.webhooks)
    shopify.requests.clear()
    adapter.register_webhooks(ADDRESS)

    assert subscriptions(shop) == expected("read_orders")
    assert shop.webhooks == made
    assert mutations(shopify) == []


def test_a_webhook_that_was_dropped_is_asked_for_again(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    adapter.register_webhooks(ADDRESS)
    kept = list(shop.webhooks)[1:]
    del shop.webhooks[next(iter(shop.webhooks))]

    adapter.register_webhooks(ADDRESS)

    assert subscriptions(shop) == expected("read_orders")
    assert set(kept) < set(shop.webhooks)


def test_webhooks_no_longer_go_to_an_address_that_we_had(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    adapter.register_webhooks("https://old.example/webhooks/shopify")

    adapter.register_webhooks(ADDRESS)

    assert subscriptions(shop) == expected("read_orders")


def test_webhooks_follow_what_the_shop_grants(adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop) -> None:
    shopify.change_scopes(FERN, SCOPES - {"read_locations"})
    adapter.register_webhooks(ADDRESS)
    assert subscriptions(shop) == expected("read_orders", "read_locations")

    shopify.change_scopes(FERN, SCOPES | {"read_orders"})
    adapter.register_webhooks(ADDRESS)
    assert subscriptions(shop) == expected()

    shopify.change_scopes(FERN, SCOPES)
    adapter.register_webhooks(ADDRESS)
    assert subscriptions(shop) == expected("read_orders")


def test_of_an_order_only_what_is_needed_is_sent(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shopify.change_scopes(FERN, SCOPES | {"read_orders"})
    adapter.register_webhooks(ADDRESS)

    (orders,) = (each for each in shop.webhooks.values() if each.topic == "ORDERS_CREATE")
    others = [each for each in shop.webhooks.values() if each is not orders]
    assert set(orders.include_fields) == set(ORDER_FIELDS)
    assert not {"customer", "billing_address", "shipping_address"} & set(orders.include_fields)
    assert not any(each.include_fields for each in others), "what is left out of others would look like no change"

    shop.catalog.add_location("Warehouse")
    order = shop.place_order([shop.catalog.add_product("Mug").variant_ids[0]], "a@b.example")
    sent = json.dumps({name: order[name] for name in orders.include_fields}).encode()
    (hint,) = adapter.parse_webhook({"x-shopify-topic": "orders/create"}, sent)
    assert hint.orders[0].email == "a@b.example"


def test_all_old_webhooks_are_seen_however_many_there_are(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    for number in range(120):
        shop.webhooks[number] = Subscription(number, "PRODUCTS_UPDATE", f"https://old{number}.example/")

    adapter.register_webhooks(ADDRESS)

    assert subscriptions(shop) == expected("read_orders")


def test_the_theme_is_told_where_to_ask(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    told = adapter.install_snippet("https://stockbell.example", "KEY")

    assert told.installed
    assert told.instructions == ""
    assert {name: field["value"] for name, field in shop.metafields.items()} == {
        ("stockbell", "public_key"): "KEY",
        ("stockbell", "host"): "https://stockbell.example",
        ("stockbell", "proxy"): "/apps/stockbell",
        ("stockbell", "oversold"): "hide",
    }
    adapter.install_snippet("https://new.example", "KEY", oversold="alert")
    assert shop.metafields["stockbell", "oversold"]["value"] == "alert"
    assert shop.metafields["stockbell", "host"]["value"] == "https://new.example"


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_token_that_is_no_longer_good_is_told_apart(adapter: ShopifyAdapter, shop: SimulatedShop, call: Call) -> None:
    shop.pairs.clear()

    with pytest.raises(AuthError) as refused:
        call(adapter)
    assert (refused.value.reason, refused.value.permanent) == ("not_authorized", True)
    assert "shpat" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "scope"),
    [
        ("read_products", "read_products"),
        ("read_inventory", "read_inventory"),
        ("read_inventory_of_items", "read_inventory"),
        ("read_shop", "read_locations"),
    ],
)
def test_a_permission_that_is_missing_is_named(
    adapter: ShopifyAdapter, shopify: Shopify, name: str, scope: str
) -> None:
    shopify.change_scopes(FERN, SCOPES - {scope})

    with pytest.raises(AuthError, match=scope) as refused:
        CALLS[name](adapter)
    assert refused.value.reason == "missing_scope"


@pytest.mark.parametrize("status", [402, 423])
@pytest.mark.parametrize("name", [*CALLS, "renew"])
def test_a_shop_that_is_closed_has_not_taken_our_access_away(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop, name: str, status: int
) -> None:
    pair = shopify.oauth._new_pair(shop, expires=True)
    calls: dict[str, Call] = {**CALLS, "renew": lambda each: each.renew(pair.refresh_token, datetime.now(UTC))}
    shopify.failures.append((status, ""))

    with pytest.raises(RejectedError) as refused:
        calls[name](adapter)
    assert refused.value.reason == "shop_closed"
    assert adapter.renew(pair.refresh_token, datetime.now(UTC)).access_token


@pytest.mark.parametrize("status", [408, 500, 503])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_failure_of_shopify_may_be_gone_the_next_time(
    adapter: ShopifyAdapter, shopify: Shopify, call: Call, status: int
) -> None:
    shopify.failures.append((status, "<html>"))

    with pytest.raises(ServerError) as failed:
        call(adapter)
    assert not failed.value.permanent


def unreachable(error: type[Exception]) -> ShopifyAdapter:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error("x")

    credentials = {"client_id": "client", "client_secret": "s", "admin": "https://{shop}"}
    connection = ShopConnection(
        "1", "", credentials=credentials, platform_shop_id=FERN, access_token=lambda: "shpat_secret"
    )
    return ShopifyAdapter(connection, HTTPClient(transport=httpx.MockTransport(answer)))


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.ReadTimeout, httpx.ReadError])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_silence_may_be_over_the_next_time(call: Call, error: type[Exception]) -> None:
    with pytest.raises(UnreachableError) as failed:
        call(unreachable(error))
    assert not failed.value.permanent


def test_without_a_token_nothing_is_asked(adapter: ShopifyAdapter, shopify: Shopify) -> None:
    def no_token() -> str:
        raise AuthError("The shop gives no access.", reason="no_access")

    connection = adapter.connection
    without = ShopifyAdapter(
        ShopConnection("1", "", "", connection.credentials, connection.platform_shop_id, no_token), adapter.http
    )

    for call in CALLS.values():
        with pytest.raises(AuthError, match="gives no access"):
            call(without)
    assert shopify.requests == []


def test_no_secret_is_shown(adapter: ShopifyAdapter, app: Any) -> None:
    for shown in (repr(adapter.connection), repr(adapter.app), repr(app)):
        assert app.client_secret not in shown
        assert "shpat" not in shown


def test_after_the_app_was_taken_away_nothing_is_told(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    adapter.install_snippet("https://stockbell.example", "KEY")
    shopify.uninstall(FERN)

    for call in CALLS.values():
        with pytest.raises(IntegrationError):
            call(adapter)
    assert not shop.webhooks
    assert not shop.metafields


def test_one_topic_that_is_refused_keeps_nobody_from_the_others(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders are protected customer data: their topic may be refused though the scope was granted."""
    shopify.change_scopes(FERN, SCOPES | {"read_orders"})
    told, refused = AdminAPI.execute, {"APP_UNINSTALLED", "ORDERS_CREATE"}

    def execute(self: AdminAPI, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if document == documents.CREATE_WEBHOOK and (variables or {})["topic"] in refused:
            raise RejectedError("You cannot create a webhook subscription with this topic.")
        return told(self, document, variables)

    monkeypatch.setattr(AdminAPI, "execute", execute)

    with pytest.raises(RejectedError):
        adapter.register_webhooks("https://stockbell.example/webhooks/shopify")

    assert len(shop.webhooks) == len(TOPICS) - 2
