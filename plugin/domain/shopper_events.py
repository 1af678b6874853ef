"""What shoppers look at, told by the shop's pages with their consent, for alerts about what is nearly sold out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

TYPES = ("viewed", "added_to_cart", "started_checkout")
OLDEST = timedelta(days=7)
"""What a page tells later than this is not kept: nobody leaves a page open for that long."""


@dataclass(frozen=True, slots=True)
class ShopperEvent:
    """One thing that a shopper did. Names a product, a variant, or both."""

    event_id: str
    type: str
    product_id: str | None
    variant_id: str | None
    quantity: int | None
    occurred_at: datetime


def record(database: Connection, shop_id: int, visitor_id: str, events: Sequence[ShopperEvent], now: datetime) -> int:
    """Write events down, each once however often it is told; returns how many were new.

    Left out: events that name only a variant which the shop does not sell, and those from before `OLDEST`. A clock that
    is ahead counts as right.
    """
    kept = [event for event in events if event.occurred_at >= now - OLDEST]
    values = {
        "shop": shop_id,
        "visitor": visitor_id,
        "ids": [event.event_id for event in kept],
        "types": [event.type for event in kept],
        "products": [event.product_id for event in kept],
        "variants": [event.variant_id for event in kept],
        "quantities": [event.quantity for event in kept],
        "moments": [min(event.occurred_at, now) for event in kept],
    }
    return database.execute(_RECORD, values).rowcount if kept else 0


_RECORD = text(
    """
    INSERT INTO shopper_event (id, shop_id, event_id, type, visitor_id, product_id, variant_id, quantity, occurred_at)
    SELECT (month_of(told.occurred_at) << 36) | nextval('shopper_event_id_seq'), :shop, told.event_id, told.type,
           :visitor, coalesce(variant.product_id, told.product_id), told.variant_id, told.quantity, told.occurred_at
      FROM unnest(CAST(:ids AS text[]), CAST(:types AS text[]), CAST(:products AS text[]), CAST(:variants AS text[]),
                  CAST(:quantities AS integer[]), CAST(:moments AS timestamptz[]))
           AS told (event_id, type, product_id, variant_id, quantity, occurred_at)
      LEFT JOIN variant ON variant.shop_id = :shop AND variant.variant_id = told.variant_id
     WHERE coalesce(variant.product_id, told.product_id) IS NOT NULL
        ON CONFLICT DO NOTHING
    """
)
