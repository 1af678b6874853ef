"""What a merchant does by program or by page: each once, for both."""

from collections.abc import Sequence
from typing import Any

from plugin.domain import restocks, shops, stock
from plugin.domain.restocks import Released
from plugin.domain.shops import Shop, ShopError
from plugin.runtime import now
from plugin.web.errors import APIError
from plugin.web.parts import runtime


def ring(shop: Shop, released: Sequence[Released]) -> int:
    """Wake workers for what was released; returns how many people are told."""
    people = sum(each.people for each in released)
    if people:
        runtime().doorbell.deliver(shop.id, people)
    return people


def change_settings(shop: Shop, changes: dict[str, Any]) -> Shop:
    """Write settings, with what follows from them; returns the shop as it is now.

    Raises:
        APIError: 422 naming the field.
    """
    try:
        with runtime().engine.begin() as database:
            shops.change_settings(database, shop.id, changes)
            changed = shops.by_id(database, shop.id)
            assert changed
            if "locations" in changes:
                stock.counted_locations_changed(database, changed)
    except ShopError as error:
        raise APIError(422, fields={error.field: [error.message]}) from error
    return changed


def notify_now(shop: Shop, variant_id: str) -> int:
    """Release by the merchant's wish; returns how many people are told.

    Raises:
        APIError: 404 for a variant that the shop does not sell.
    """
    with runtime().engine.begin() as database:
        known, _ = restocks.lock_variant(database, shop.id, variant_id)
        if not known:
            raise APIError(404, "This shop does not sell this variant.", code="unknown_variant")
        released = restocks.notify_now(database, shop, variant_id, now())
    return ring(shop, [released] if released else [])
