"""When a shop's catalog is read: every so often, and as soon as somebody says that it has changed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

RING_AGAIN_AFTER = timedelta(minutes=1)


def shops_due(database: Connection, now: datetime, platforms: Sequence[str]) -> list[int]:
    """Shops whose catalog is to be read now: those with a feed, and those on platforms that tell it themselves.

    They are due again in a minute, in case the doorbell or the worker is lost; a sync that ends sets the real time.
    """
    rows = database.execute(
        text(
            "WITH due AS ("
            " UPDATE feed_schedule SET due_at = :again FROM shop WHERE shop.id = shop_id AND due_at <= :now"
            " RETURNING shop_id, (feed <> '' OR platform = ANY (:platforms)) AND uninstalled_at IS NULL AS is_read"
            ") SELECT shop_id FROM due WHERE is_read"
        ),
        {"now": now, "again": now + RING_AGAIN_AFTER, "platforms": list(platforms)},
    )
    return sorted(rows.scalars())


def make_due(database: Connection, shop_id: int, now: datetime) -> None:
    """Have a shop's catalog read now; rings nobody."""
    database.execute(
        text("UPDATE feed_schedule SET due_at = :now WHERE shop_id = :shop"), {"shop": shop_id, "now": now}
    )


def make_due_if_prepared(database: Connection, shop_id: int, now: datetime) -> bool:
    """Have a catalog read now whose platform has prepared it; one that was read already is left alone."""
    query = (
        "UPDATE feed_schedule SET due_at = :now WHERE shop_id = :shop AND EXISTS"
        " (SELECT FROM catalog_sync WHERE catalog_sync.shop_id = :shop AND state = 'preparing') RETURNING 1"
    )
    return database.execute(text(query), {"now": now, "shop": shop_id}).first() is not None


def is_read_meanwhile(database: Connection, shop_id: int, now: datetime) -> bool:
    """Whether a catalog that was due when somebody rang has been read since: it is due only after its interval."""
    query = text("SELECT EXISTS (SELECT FROM feed_schedule WHERE shop_id = :shop AND due_at > :rung)")
    return bool(database.execute(query, {"shop": shop_id, "rung": now + RING_AGAIN_AFTER}).scalar_one())
