"""What the merchant's page shows: the lines, the syncs, the messages that need a look."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from plugin.domain.rules import is_sellable, release_now
from plugin.domain.shops import Shop

MOST_LINES = 100
MOST_MESSAGES = 50


@dataclass(frozen=True, slots=True)
class Line:
    """The waiting line of one variant."""

    variant_id: str
    product_title: str
    variant_title: str
    available: int | None
    waiting: int
    unconfirmed: int
    oldest_at: datetime | None
    next_release_at: datetime | None
    notify_now: int
    """How many "notify now" would tell; 0 when the variant cannot be bought."""


def waiting_lines(database: Connection, shop: Shop) -> list[Line]:
    """Variants with people in line, the longest line first, at most 100."""
    rows = database.execute(_LINES, {"shop": shop.id, "limit": MOST_LINES}).mappings()
    return [Line(**row, notify_now=_tellable(shop, row["available"], row["waiting"])) for row in rows]


def _tellable(shop: Shop, available: int | None, waiting: int) -> int:
    if not is_sellable(available, shop.rules):
        return 0
    limit = release_now(available, shop.rules).limit
    return waiting if limit is None else min(limit, waiting)


_LINES = text(
    """
    SELECT line.variant_id, product_title, variant_title, available, waiting, unconfirmed, oldest_at, next_release_at
      FROM (SELECT variant_id, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                   count(*) FILTER (WHERE state = 'unconfirmed') AS unconfirmed,
                   min(joined_at) FILTER (WHERE state = 'waiting') AS oldest_at
              FROM subscription WHERE shop_id = :shop AND state IN ('waiting', 'unconfirmed') GROUP BY variant_id
           ) AS line
      JOIN variant ON variant.shop_id = :shop AND variant.variant_id = line.variant_id
      LEFT JOIN restock ON restock.shop_id = :shop AND restock.variant_id = line.variant_id AND closed_at IS NULL
     ORDER BY waiting DESC, line.variant_id LIMIT :limit
    """
)


def message_counts(database: Connection, shop_id: int) -> dict[str, int]:
    """Restock messages by state, all time."""
    query = text(
        "SELECT state, count(*) AS messages FROM message WHERE shop_id = :shop AND kind = 'restock' GROUP BY state"
    )
    found = {row.state: int(row.messages) for row in database.execute(query, {"shop": shop_id})}
    return {state: found.get(state, 0) for state in ("pending", "claimed", "sent", "skipped", "dead")}


def dead_letters(database: Connection, shop_id: int) -> list[Any]:
    """Messages that were given up, newest first, at most 50."""
    query = text(
        "SELECT message.id, kind, message.reason, attempts, finished_at, email, variant_id FROM message"
        " JOIN subscription ON subscription.id = subscription_id"
        " WHERE message.shop_id = :shop AND message.state = 'dead' ORDER BY message.id DESC LIMIT :limit"
    )
    return list(database.execute(query, {"shop": shop_id, "limit": MOST_MESSAGES}).mappings())


def uncertain(database: Connection, shop_id: int) -> list[Any]:
    """Hand-overs whose outcome nobody knows, newest first, with what became of the message, at most 50."""
    query = text(
        "SELECT message.id, begun_at, number, message.state, email FROM delivery_attempt"
        " JOIN message ON message.id = message_id JOIN subscription ON subscription.id = subscription_id"
        " WHERE message.shop_id = :shop AND message.uncertain AND outcome = 'uncertain'"
        " ORDER BY begun_at DESC LIMIT :limit"
    )
    return list(database.execute(query, {"shop": shop_id, "limit": MOST_MESSAGES}).mappings())
