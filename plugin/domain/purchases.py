"""Orders: who bought what they had asked for is told nothing more about it."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, text

from integrations.types import Order
from plugin.domain import leaving
from plugin.domain.addresses import email_key
from plugin.domain.leaving import Ending
from plugin.domain.shops import Shop

_BY_ORDER = Ending("bought", "order", "bought")


def record(database: Connection, shop: Shop, orders: Iterable[Order], now: datetime) -> int:
    """End what people asked for before they ordered it; returns how many requests ended.

    The same order told twice ends nothing more, and one that is older than the request, told late, nothing at all. Who
    was told already gets no later message of the flow.
    """
    return sum(_record(database, shop, order, now) for order in orders if order.email and order.variant_ids)


def _record(database: Connection, shop: Shop, order: Order, now: datetime) -> int:
    values: dict[str, object] = {
        "shop": shop.id,
        "person": email_key(order.email),
        "variants": list(order.variant_ids),
        "ordered_at": order.ordered_at,
    }
    ended = leaving.end(database, _ASKED_BEFORE, values, now, _BY_ORDER)
    database.execute(_MARK, values)
    return ended


_ASKED_BEFORE = (
    "subscription.shop_id = :shop AND email_key = :person AND variant_id = ANY (:variants)"
    " AND subscription.created_at <= :ordered_at"
)
_MARK = text(
    f"UPDATE subscription SET bought_at = :ordered_at WHERE {_ASKED_BEFORE} AND bought_at IS NULL"  # noqa: S608
    " AND state IN ('notified', 'bought')"
)
