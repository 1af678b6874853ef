"""Clocks that were set back: what had been put down for a moment that seemed near is brought forward again.

A row tells when it was written. If that is still to come, the clock that wrote it was ahead of the present one, and
what was to happen at once would have to wait until the clock has caught up. What lies further ahead by its own nature,
such as a message after days, is left: it comes late by as much as the clock was set back.
"""

from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from plugin.domain.outbox import LEASE

CLOCKS_DIFFER = timedelta(seconds=5)
"""Two machines' clocks may."""


def shorten_leases(database: Connection) -> None:
    """No lease is longer than a lease, though the database's clock was set back; whoever lives renews it in time."""
    for table in ("message", "webhook"):
        query = (
            f"UPDATE {table} SET lease_until = clock_timestamp() + :lease"  # noqa: S608 (one of two names)
            " WHERE state = 'claimed' AND lease_until > clock_timestamp() + :lease"
        )
        database.execute(text(query), {"lease": LEASE})


def bring_forward(database: Connection, now: datetime) -> None:
    """Make due again what a clock that was ahead has put off: messages, webhooks, releases and the reading of feeds."""
    values = {"now": now, "ahead": now + CLOCKS_DIFFER, "differ": CLOCKS_DIFFER}
    for statement in (_MESSAGES, _WEBHOOKS, _RELEASES, _FEEDS):
        database.execute(statement, values)


# To be sent at once, or tried before and to be tried again within the hour. Who holds a row acts now: not waited for.
_MESSAGES = text(
    """
    WITH late AS (
        SELECT id FROM message
         WHERE state = 'pending' AND due_at > :ahead
           -- Claims are written by the database's own clock.
           AND (claimed_at > clock_timestamp() + CAST(:differ AS interval)
                OR (claimed_at IS NULL AND created_at > :ahead AND due_at <= created_at))
           FOR UPDATE SKIP LOCKED
    )
    UPDATE message SET due_at = :now FROM late WHERE message.id = late.id
    """
)

# To be handled at once, or within the hour in which one is tried again at the latest.
_WEBHOOKS = text(
    """
    WITH late AS (
        SELECT id FROM webhook
         WHERE state = 'pending' AND due_at > :ahead
           AND (received_at > :ahead OR due_at > CAST(:ahead AS timestamptz) + interval '2 hours')
           FOR UPDATE SKIP LOCKED
    )
    UPDATE webhook SET due_at = :now FROM late WHERE webhook.id = late.id
    """
)

_RELEASES = text(
    """
    WITH late AS (
        SELECT restock.id, CAST(:now AS timestamptz) + make_interval(mins => wait_minutes) AS due_at
          FROM restock JOIN release ON release.id = (SELECT max(id) FROM release WHERE restock_id = restock.id)
         WHERE closed_at IS NULL AND released_at > :ahead
           AND next_release_at > CAST(:now AS timestamptz) + make_interval(mins => wait_minutes)
           FOR UPDATE OF restock SKIP LOCKED
    )
    UPDATE restock SET next_release_at = late.due_at FROM late WHERE restock.id = late.id
    """
)

_FEEDS = text(
    """
    UPDATE feed_schedule SET due_at = :now
      FROM shop WHERE shop.id = shop_id AND due_at > :ahead + make_interval(secs => feed_interval_seconds)
    """
)
