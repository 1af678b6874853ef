"""What the fields of the schema are in a simulated shop."""

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from graphql import GraphQLError

from tests.platforms.shopify.bulk import BulkOperation
from tests.platforms.shopify.catalog import Item, Level, Location, Product, Variant
from tests.platforms.shopify.payloads import gid, level_gid, moment
from tests.platforms.shopify.shops import SimulatedShop
from tests.platforms.shopify.webhooks import Subscription

MOST_ITEMS = 250
Arguments = Mapping[str, Any]
Resolver = Callable[[SimulatedShop, Any, Arguments], Any]
KINDS: dict[type, str] = {
    Product: "Product",
    Variant: "ProductVariant",
    Item: "InventoryItem",
    Level: "InventoryLevel",
    Location: "Location",
    Subscription: "WebhookSubscription",
    BulkOperation: "BulkOperation",
}


def kind_of(value: object) -> str:
    """The name of a value's type in the schema."""
    return KINDS.get(type(value), "MediaImage")


def found(shop: SimulatedShop, global_id: object, kind: str = "") -> Any:
    """What a global id names; None if the shop has no such thing.

    Raises:
        GraphQLError: it is no global id, or one of another kind.
    """
    match = re.fullmatch(r"gid://shopify/(\w+)/(\d+)(\?.*)?", str(global_id))
    if not match or (kind and match[1] != kind):
        raise GraphQLError(f"Invalid global id '{global_id}'", extensions={"code": "argumentLiteralsIncompatible"})
    number, catalog = int(match[2]), shop.catalog
    if match[1] == "InventoryLevel":
        item_id = int(parse_qs(urlsplit(str(global_id)).query).get("inventory_item_id", ["0"])[0])
        return next((each for each in catalog.levels_of(item_id) if each.location_id == number), None)
    if match[1] == "InventoryItem":
        variant = catalog.variants.get(catalog.items.get(number, 0))
        return Item(variant) if variant else None
    tables: dict[str, Mapping[int, Any]] = {
        "Product": catalog.products,
        "ProductVariant": catalog.variants,
        "Location": catalog.locations,
        "WebhookSubscription": shop.webhooks,
        "BulkOperation": {each.id: each for each in shop.operations},
    }
    return tables.get(match[1], {}).get(number)


def nodes(shop: SimulatedShop, _: object, arguments: Arguments) -> list[Any]:
    """What some global ids name, in their order."""
    if len(arguments["ids"]) > MOST_ITEMS:
        raise GraphQLError(
            f"The input array size of {len(arguments['ids'])} is greater than the maximum allowed of {MOST_ITEMS}.",
            extensions={"code": "MAX_INPUT_SIZE_EXCEEDED"},
        )
    return [found(shop, each) for each in arguments["ids"]]


def page(items: Sequence[Any], arguments: Arguments, key: Callable[[Any], int] = lambda each: int(each.id)) -> Any:
    """The part of a list that is asked for.

    Args:
        items: all, with their keys growing.
        arguments: first or last, after or before, reverse.
        key: what the cursors hold.
    """
    last, backwards = arguments.get("last"), arguments.get("reverse")
    if (arguments.get("first") is None) == (last is None):
        raise GraphQLError("you must provide one of first or last", extensions={"code": "BAD_REQUEST"})
    size: int = arguments["first"] if last is None else last
    if not 0 < size <= MOST_ITEMS:
        raise GraphQLError(f"{'first' if last is None else 'last'} must be from 1 to {MOST_ITEMS}")
    after, before = _place(arguments.get("after")), _place(arguments.get("before"))
    if backwards:
        items, after, before = items[::-1], before, after
    kept = [each for each in items if (after is None or key(each) > after) and (before is None or key(each) < before)]
    shown = kept[:size] if last is None else kept[-size:]
    cursors = [_cursor(key(each)) for each in shown]
    return {
        "nodes": shown,
        "edges": [{"node": each, "cursor": cursor} for each, cursor in zip(shown, cursors, strict=True)],
        "pageInfo": {
            "hasNextPage": last is None and len(kept) > len(shown),
            "hasPreviousPage": last is not None and len(kept) > len(shown),
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
    }


def _cursor(number: int) -> str:
    return base64.b64encode(f'{{"last_id":{number}}}'.encode()).decode()


def _place(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix('{"last_id":').removesuffix("}"))
    except (ValueError, binascii.Error) as error:
        raise GraphQLError("Invalid cursor for current pagination sort.") from error


def _quantities(_: SimulatedShop, level: Level, arguments: Arguments) -> list[Mapping[str, Any]]:
    return [
        {"name": name, "quantity": level.available if name in {"available", "on_hand"} else 0}
        for name in arguments["names"]
    ]


def _media(shop: SimulatedShop, product: Product, _: Arguments) -> Any:
    address = shop.image_of(product)
    return {"preview": {"image": {"url": address}}} if address else None


def _places(shop: SimulatedShop, _: object, arguments: Arguments) -> list[Location]:
    return [each for each in shop.catalog.locations.values() if each.is_active or arguments.get("includeInactive")]


CONNECTIONS: Mapping[str, Mapping[str, Callable[[SimulatedShop, Any, Arguments], Sequence[Any]]]] = {
    "QueryRoot": {
        "bulkOperations": lambda shop, _, __: shop.operations,
        "locations": _places,
        "productVariants": lambda shop, _, __: list(shop.catalog.variants.values()),
        "products": lambda shop, _, __: list(shop.catalog.products.values()),
        "inventoryItems": lambda shop, _, __: [Item(each) for each in list(shop.catalog.variants.values())],
        "webhookSubscriptions": lambda shop, _, __: list(shop.webhooks.values()),
    },
    "Product": {"variants": lambda shop, product, _: shop.catalog.variants_of(product)},
    "InventoryItem": {
        "inventoryLevels": lambda shop, item, _: shop.catalog.levels_of(item.variant.item_id),
        "variants": lambda _, item, __: [item.variant],
    },
}
"""The whole lists behind the connections."""

FIELDS: Mapping[str, Mapping[str, Resolver]] = {
    "QueryRoot": {
        "currentAppInstallation": lambda shop, _, __: {
            "id": gid("AppInstallation", shop.shop_id),
            "accessScopes": [{"handle": each} for each in sorted(shop.scopes)],
        },
        "inventoryItem": lambda shop, _, given: found(shop, given["id"], "InventoryItem"),
        "nodes": nodes,
        "product": lambda shop, _, given: found(shop, given["id"], "Product"),
        "shop": lambda shop, _, __: {
            "name": shop.name,
            "currencyCode": shop.currency,
            "myshopifyDomain": shop.domain,
            "primaryDomain": {"url": shop.storefront},
        },
    },
    "Product": {
        "id": lambda _, product, __: gid("Product", product.id),
        "title": lambda _, product, __: product.title,
        "handle": lambda _, product, __: product.handle,
        "status": lambda _, product, __: product.status,
        "tags": lambda _, product, __: list(product.tags),
        "onlineStoreUrl": lambda shop, product, __: shop.page_of(product),
        "featuredMedia": _media,
    },
    "ProductVariant": {
        "id": lambda _, variant, __: gid("ProductVariant", variant.id),
        "title": lambda _, variant, __: variant.title,
        "price": lambda _, variant, __: variant.price,
        "inventoryPolicy": lambda _, variant, __: variant.policy,
        "image": lambda _, __, ___: None,
        "inventoryItem": lambda _, variant, __: Item(variant),
        "product": lambda shop, variant, __: shop.catalog.products[variant.product_id],
    },
    "InventoryItem": {
        "id": lambda _, item, __: gid("InventoryItem", item.variant.item_id),
        "tracked": lambda _, item, __: item.variant.tracked,
    },
    "InventoryLevel": {
        "id": lambda _, level, __: level_gid(level.item_id, level.location_id),
        "isActive": lambda _, __, ___: True,
        "location": lambda shop, level, __: shop.catalog.locations[level.location_id],
        "quantities": _quantities,
    },
    "Location": {
        "id": lambda _, place, __: gid("Location", place.id),
        "name": lambda _, place, __: place.name,
        "isActive": lambda _, place, __: place.is_active,
        "fulfillsOnlineOrders": lambda _, place, __: place.fulfills_online_orders,
    },
    "WebhookSubscription": {
        "id": lambda _, wanted, __: gid("WebhookSubscription", wanted.id),
        "topic": lambda _, wanted, __: wanted.topic,
        "uri": lambda _, wanted, __: wanted.uri,
    },
    "BulkOperation": {
        "id": lambda _, operation, __: gid("BulkOperation", operation.id),
        "status": lambda _, operation, __: operation.status,
        "query": lambda _, operation, __: operation.query,
        "createdAt": lambda _, operation, __: moment(operation.created_at),
        "completedAt": lambda _, operation, __: moment(operation.completed_at) if operation.completed_at else None,
        "errorCode": lambda _, operation, __: operation.error_code,
        "objectCount": lambda _, operation, __: str(operation.object_count),
        "url": lambda _, operation, __: operation.url,
        "partialDataUrl": lambda _, operation, __: operation.partial_data_url,
    },
}


def resolve(shop: SimulatedShop, kind: str, name: str, source: Any, arguments: Arguments) -> Any:
    """The value of a field of an object."""
    if name in CONNECTIONS.get(kind, {}):
        items = CONNECTIONS[kind][name](shop, source, arguments)
        return page(items, arguments, _key_of(kind, name))
    if name in FIELDS.get(kind, {}):
        return FIELDS[kind][name](shop, source, arguments)
    return source.get(name)


def _key_of(kind: str, name: str) -> Callable[[Any], int]:
    if name == "inventoryLevels":
        return lambda level: int(level.location_id)
    if (kind, name) == ("QueryRoot", "inventoryItems"):
        return lambda item: int(item.variant.item_id)
    return lambda each: int(each.id)
