"""What the merchant's page shows: the lines, the syncs, the messages that need a look."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from plugin.domain.rules import RestockSettings, is_sellable, release_now
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
    minimum_inventory: int
    """From how many units on it counts as back."""
    notify_now: int
    """How many "notify now" would tell; 0 when it cannot be bought, the flow is not live, or sending is paused."""


def _line(shop: Shop, row: RowMapping) -> Line:
    facts = dict(row)
    rules = shop.rules_with(facts.pop("overrides"))
    is_sending = shop.flow.is_live and not shop.paused
    tellable = _tellable(rules, row["available"], row["waiting"]) if is_sending else 0
    return Line(**facts, minimum_inventory=rules.minimum_inventory, notify_now=tellable)


def _tellable(rules: RestockSettings, available: int | None, waiting: int) -> int:
    if not is_sellable(available, rules):
        return 0
    limit = release_now(available, rules).limit
    return waiting if limit is None else min(limit, waiting)


_LINES = text(
    """
    SELECT line.variant_id, product_title, variant_title, available, overrides, waiting, unconfirmed,
           oldest_at, next_release_at
      FROM (SELECT variant_id, count(*) FILTER (WHERE state = 'waiting') AS waiting,
                   count(*) FILTER (WHERE state = 'unconfirmed') AS unconfirmed,
                   min(joined_at) FILTER (WHERE state = 'waiting') AS oldest_at
              FROM subscription WHERE shop_id = :shop AND state IN ('waiting', 'unconfirmed') GROUP BY variant_id
           ) AS line
      JOIN variant ON variant.shop_id = :shop AND variant.variant_id = line.variant_id
      LEFT JOIN restock ON restock.shop_id = :shop AND restock.variant_id = line.variant_id AND closed_at IS NULL
     ORDER BY waiting DESC, line.variant_id
    """
)


def message_counts(database: Connection, shop_id: int) -> dict[str, int]:
    """Restock messages by state, all time; those given up as far as they are kept."""
    found = {row.state: int(row.messages) for row in database.execute(_COUNTS, {"shop": shop_id})}
    return {state: found.get(state, 0) for state in ("pending", "claimed", "sent", "skipped", "dead")}


# What is unfinished is few and has an index for each state; of the rest a total is kept.
_COUNTS = text(
    """
    SELECT state, sum(messages) AS messages FROM message_total WHERE shop_id = :shop GROUP BY state
    UNION ALL
    SELECT 'pending', count(*) FROM message WHERE shop_id = :shop AND state = 'pending' AND kind = 'restock'
    UNION ALL
    SELECT 'claimed', count(*) FROM message WHERE shop_id = :shop AND state = 'claimed' AND kind = 'restock'
    UNION ALL
    SELECT 'dead', count(*) FROM message WHERE shop_id = :shop AND state = 'dead' AND kind = 'restock'
    """
)


def add_up(database: Connection) -> None:
    """Make one row of each shop's totals: every batch of messages adds its own, so that none waits for another."""
    database.execute(
        text(
            """
            WITH several AS (
                SELECT shop_id, state FROM message_total GROUP BY shop_id, state HAVING count(*) > 1
            ), taken AS (
                DELETE FROM message_total USING several
                 WHERE message_total.shop_id = several.shop_id AND message_total.state = several.state
                RETURNING message_total.*
            )
            INSERT INTO message_total (shop_id, state, messages)
            SELECT shop_id, state, sum(messages) FROM taken GROUP BY shop_id, state
            """
        )
    )


@dataclass(frozen=True, slots=True)
class Waiting:
    """All waiting lines of a shop."""

    waiting: int
    """How many people wait."""
    notifiable: int
    """How many of them "notify now" would tell."""
    variants: int
    """How many lines there are."""
    lines: Sequence[Line]
    """The longest of them, at most 100."""


def waiting(database: Connection, shop: Shop) -> Waiting:
    """Who waits for what."""
    lines = [_line(shop, row) for row in database.execute(_LINES, {"shop": shop.id}).mappings()]
    return Waiting(
        waiting=sum(line.waiting for line in lines),
        notifiable=sum(line.notify_now for line in lines),
        variants=len(lines),
        lines=lines[:MOST_LINES],
    )


def failed_webhooks(database: Connection, shop_id: int, *, before: int | None = None) -> list[Any]:
    """Webhooks that could not be handled, newest first, at most 50, older than the one with the number `before`."""
    query = text(
        "SELECT id, delivery_id, received_at, error, attempts FROM webhook WHERE shop_id = :shop AND state = 'failed'"
        " AND (CAST(:before AS bigint) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
    )
    values = {"shop": shop_id, "before": before, "limit": MOST_MESSAGES}
    return list(database.execute(query, values).mappings())


def dead_letters(database: Connection, shop_id: int, *, before: int | None = None) -> list[Any]:
    """Messages that were given up, newest first, at most 50, older than the one with the number `before`."""
    query = text(
        "SELECT message.id, kind, message.state, message.channel, message.reason, attempts, finished_at AS at, email,"
        " variant_id FROM message"
        " JOIN subscription ON subscription.id = subscription_id"
        " WHERE message.shop_id = :shop AND message.state = 'dead'"
        " AND (CAST(:before AS bigint) IS NULL OR message.id < :before) ORDER BY message.id DESC LIMIT :limit"
    )
    return list(database.execute(query, {"shop": shop_id, "before": before, "limit": MOST_MESSAGES}).mappings())


def uncertain(database: Connection, shop_id: int, *, before: int | None = None) -> list[Any]:
    """Hand-overs whose outcome nobody knows, newest first, with what became of the message, at most 50."""
    query = text(
        "SELECT message.id, begun_at AS at, number AS attempts, message.state, message.channel, message.reason, email,"
        " variant_id FROM delivery_attempt"
        " JOIN message ON message.id = message_id JOIN subscription ON subscription.id = subscription_id"
        " WHERE message.shop_id = :shop AND message.uncertain AND outcome = 'uncertain'"
        " AND (CAST(:before AS bigint) IS NULL OR message.id < :before)"
        " ORDER BY message.id DESC, number DESC LIMIT :limit"
    )
    return list(database.execute(query, {"shop": shop_id, "before": before, "limit": MOST_MESSAGES}).mappings())
