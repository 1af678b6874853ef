"""How much of a variant can be bought in the online shop, from what the Admin API tells of its stock item."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from integrations.errors import PayloadError
from integrations.platforms.shopify.app import legacy_id
from integrations.types import SOLD_ANYWAY, InventoryLevel

MOST_UNITS = 2**31 - 1
"""GraphQL's whole numbers go no further."""
_LEVEL_ID = re.compile(r"gid://shopify/InventoryLevel/[0-9]+\?inventory_item_id=([0-9]{1,20})")


def is_on_sale(product: Mapping[str, Any]) -> bool:
    """Whether a product is active and published in the online shop."""
    return product["status"] == "ACTIVE" and bool(product["onlineStoreUrl"])


def levels(
    variant: Mapping[str, Any], item: Mapping[str, Any], nodes: Iterable[Mapping[str, Any]]
) -> Iterator[InventoryLevel]:
    """A variant's stock: first its total, which replaces all that was known, then what there is by location.

    Only locations from which the online shop sells count: what lies elsewhere cannot be bought there.

    Args:
        variant: `id`, `inventoryPolicy` and `product`.
        item: its stock item, `tracked`.
        nodes: the item's levels.
    """
    variant_id = legacy_id(variant["id"])
    if not is_on_sale(variant["product"]):
        yield InventoryLevel(variant_id, None, 0, None)
    elif not item["tracked"]:
        yield InventoryLevel(variant_id, None, None, None)
    else:
        yield InventoryLevel(variant_id, None, 0, None)
        if variant["inventoryPolicy"] == "CONTINUE":
            yield InventoryLevel(variant_id, SOLD_ANYWAY, None, None)
        for node in nodes:
            location = node["location"]
            if node["isActive"] and location["isActive"] and location["fulfillsOnlineOrders"]:
                available = sum(each["quantity"] for each in node["quantities"] if each["name"] == "available")
                units = max(-MOST_UNITS, min(available, MOST_UNITS))
                yield InventoryLevel(variant_id, legacy_id(location["id"]), units, None)


def item_of_level(level_id: str) -> str:
    """The stock item whose level this is: its id names it.

    Raises:
        PayloadError: it does not.
    """
    found = _LEVEL_ID.fullmatch(level_id)
    if not found:
        raise PayloadError("Shopify names a stock level by an id that is none.")
    return found[1]
