"""Stock is read anew at any moment, and only what the online shop can sell counts."""

import json
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from integrations.errors import RateLimitedError, RejectedError
from integrations.http import HTTPClient
from integrations.platforms.shopify.adapter import STOCK_BATCH, ShopifyAdapter
from integrations.types import SOLD_ANYWAY, InventoryLevel, ShopConnection
from tests.platforms.shopify import Shopify, SimulatedShop

TOO_DEAR = json.dumps({"errors": [{"message": "Too dear", "extensions": {"code": "MAX_COST_EXCEEDED", "cost": 1200}}]})


def stock(adapter: ShopifyAdapter, variant_ids: Sequence[object]) -> dict[str, dict[str | None, int | None]]:
    """What is available of each variant, by location; the total first."""
    found: dict[str, dict[str | None, int | None]] = {}
    for level in adapter.read_inventory([str(each) for each in variant_ids]):
        assert level.updated_at is None, "what is read now needs no time"
        assert (level.location_id is None) == (level.variant_id not in found), "the total replaces what was known"
        found.setdefault(level.variant_id, {})[level.location_id] = level.available
    return found


def add_variant(shop: SimulatedShop, **facts: Any) -> str:
    return str(shop.catalog.add_product("Mug", [facts]).variant_ids[0])


def test_only_active_places_that_sell_online_count(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    warehouse, attic, closed = (shop.catalog.add_location(name) for name in ("Warehouse", "Attic", "Closed"))
    street = shop.catalog.add_location("Long Lane", fulfills_online_orders=False)
    closed.is_active = False
    levels = {warehouse.id: 5, attic.id: -3, closed.id: 7, street.id: 9}
    mug, elsewhere = add_variant(shop, levels=levels), add_variant(shop, levels={street.id: 4})

    assert stock(adapter, [mug, elsewhere]) == {
        mug: {None: 0, str(warehouse.id): 5, str(attic.id): -3},
        elsewhere: {None: 0},
    }

    shop.set_fulfills_online_orders(street.id, fulfills=True)
    shop.disconnect_level(mug, attic.id)
    assert stock(adapter, [mug, elsewhere]) == {
        mug: {None: 0, str(warehouse.id): 5, str(street.id): 9},
        elsewhere: {None: 0, str(street.id): 4},
    }


def test_what_is_not_counted_is_unlimited(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.catalog.add_location("Warehouse")
    gift = add_variant(shop, tracked=False)

    assert stock(adapter, [gift]) == {gift: {None: None}}


def test_what_is_sold_without_stock_keeps_its_true_levels(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    place = str(shop.catalog.add_location("Warehouse").id)
    mug = add_variant(shop, policy="CONTINUE")

    assert stock(adapter, [mug]) == {mug: {None: 0, SOLD_ANYWAY: None, place: 0}}


@pytest.mark.parametrize("facts", [{"policy": "DENY"}, {"policy": "CONTINUE"}, {"tracked": False}])
def test_what_the_online_shop_does_not_show_cannot_be_bought(
    adapter: ShopifyAdapter, shop: SimulatedShop, facts: dict[str, Any]
) -> None:
    place = shop.catalog.add_location("Warehouse")
    mug = add_variant(shop, levels={place.id: 5}, **facts)
    product = shop.variant(mug).product_id

    for status in ("DRAFT", "ARCHIVED"):
        shop.set_status(product, status)
        assert stock(adapter, [mug]) == {mug: {None: 0}}
    shop.set_status(product, "ACTIVE")
    assert stock(adapter, [mug]) != {mug: {None: 0}}
    shop.set_published(product, published=False)
    assert stock(adapter, [mug]) == {mug: {None: 0}}


def test_what_is_gone_is_left_out(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.catalog.add_location("Warehouse")
    kept, deleted = add_variant(shop), add_variant(shop)
    item = str(shop.variant(deleted).item_id)
    shop.delete_variant(deleted)

    assert list(stock(adapter, [deleted, kept, "1"])) == [kept]
    assert list(adapter.read_inventory_of_items([item])) == []
    assert list(adapter.read_inventory([])) == list(adapter.read_inventory_of_items([])) == []


@pytest.mark.parametrize("places", [10, 11, 120])
def test_every_place_is_told_however_many_there_are(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop, places: int
) -> None:
    ids = [shop.catalog.add_location(f"Place {number}").id for number in range(places)]
    levels = {each: number for number, each in enumerate(ids)}
    first, second = add_variant(shop, levels=levels), add_variant(shop, levels=levels)
    expected = {None: 0, **{str(each): number for each, number in levels.items()}}

    assert stock(adapter, [first, second]) == {first: expected, second: expected}
    more_for_each = {10: 0, 11: 1, 120: 2}[places]
    assert len(shopify.requests) == 1 + 2 * more_for_each


def test_stock_items_tell_the_same(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    for number in range(12):
        shop.catalog.add_location(f"Place {number}")
    variants = [
        add_variant(shop),
        add_variant(shop, tracked=False),
        add_variant(shop, policy="CONTINUE"),
        str(shop.catalog.add_product("Secret", status="DRAFT").variant_ids[0]),
    ]
    items = [str(shop.variant(each).item_id) for each in variants]

    told = list(adapter.read_inventory_of_items(items))

    assert told == list(adapter.read_inventory(variants))
    assert {each.variant_id for each in told} == set(variants)


def test_all_variants_of_a_stock_item_are_told() -> None:
    sale: dict[str, Any] = {
        "inventoryPolicy": "DENY",
        "product": {"status": "ACTIVE", "onlineStoreUrl": "https://fern.example/p"},
    }
    variants = [{"id": f"gid://shopify/ProductVariant/{number}", **sale} for number in (1, 2)]
    draft = {**sale["product"], "status": "DRAFT"}  # its page may still have an address
    variants.append({"id": "gid://shopify/ProductVariant/3", **sale, "product": draft})
    place = {"id": "gid://shopify/Location/9", "isActive": True, "fulfillsOnlineOrders": True}
    open_level = {"isActive": True, "location": place, "quantities": [{"name": "available", "quantity": 3}]}
    closed_level = {**open_level, "isActive": False, "location": {**place, "id": "gid://shopify/Location/8"}}
    item = {
        "id": "gid://shopify/InventoryItem/42",
        "tracked": True,
        "inventoryLevels": {"nodes": [open_level, closed_level], "pageInfo": {"hasNextPage": False}},
        "variants": {"nodes": variants},
    }
    answer = httpx.MockTransport(lambda _: httpx.Response(200, json={"data": {"nodes": [None, item]}}))
    connection = ShopConnection(
        "1", "", credentials={"client_id": "a", "client_secret": "b"}, platform_shop_id="x.myshopify.com"
    )

    told = list(ShopifyAdapter(connection, HTTPClient(transport=answer)).read_inventory_of_items(["7", "42"]))

    assert told == [
        InventoryLevel("1", None, 0, None),
        InventoryLevel("1", "9", 3, None),
        InventoryLevel("2", None, 0, None),
        InventoryLevel("2", "9", 3, None),
        InventoryLevel("3", None, 0, None),
    ]


def asked_sizes(shopify: Shopify) -> list[int]:
    return [len(each["variables"]["ids"]) for each in shopify.requests]


def test_many_variants_are_asked_for_in_batches(adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop) -> None:
    shop.catalog.fill(STOCK_BATCH + 1, 2)
    variants = [str(each) for each in shop.catalog.variants]

    assert list(stock(adapter, variants)) == variants
    assert asked_sizes(shopify) == [STOCK_BATCH, STOCK_BATCH, 2]
    assert all(each["cost"] <= 1000 for each in shopify.requests)


def test_what_is_too_dear_is_asked_for_in_smaller_batches(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shop.catalog.fill(STOCK_BATCH, 1)
    variants = [str(each) for each in shop.catalog.variants]
    shopify.failures += [(200, TOO_DEAR)] * 2

    assert list(stock(adapter, variants)) == variants, "each once, and in their order"
    assert asked_sizes(shopify) == [6, 6, 6, 6, 1]


def test_a_variant_that_is_too_dear_alone_is_an_error(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shop.catalog.fill(2, 1)
    shopify.failures += [(200, TOO_DEAR)] * 9

    with pytest.raises(RejectedError) as refused:
        stock(adapter, list(shop.catalog.variants))
    assert refused.value.reason == "too_dear"
    assert len(shopify.failures) == 7


def test_another_refusal_is_not_tried_in_smaller_batches(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shop.catalog.fill(2, 1)
    shopify.failures += [(200, '{"errors": [{"message": "no"}]}')] * 2

    with pytest.raises(RejectedError):
        stock(adapter, list(shop.catalog.variants))
    assert len(shopify.failures) == 1


def test_a_small_budget_is_waited_for(adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop) -> None:
    shop.catalog.fill(STOCK_BATCH * 4, 1)
    shop.maximum = shop.available = 400
    shop.told_at = began = shopify.now

    assert len(stock(adapter, list(shop.catalog.variants))) == STOCK_BATCH * 4

    assert shopify.now > began, "it waited"
    assert shopify.now - began < 60


def test_a_budget_that_never_suffices_is_an_error(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shop.catalog.fill(STOCK_BATCH, 1)
    shop.maximum = shop.available = 10

    with pytest.raises(RateLimitedError):
        stock(adapter, list(shop.catalog.variants))
    assert shopify.requests == []
