"""Carries out what the rules decide: opens restocks and lets subscribers out of the line.

Everything here runs inside the caller's transaction, with the variant's row locked, so that a stock change,
the restock that it causes, the release and its messages are one (design.md, "What must never be lost", 2).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from plugin.domain import rules
from plugin.domain.rules import Quantity, Release, RestockSettings
from plugin.domain.shops import Shop

DUE_BATCH = 100


@dataclass(frozen=True, slots=True)
class Released:
    """A release that was carried out."""

    variant_id: str
    release_id: int
    people: int


@dataclass(frozen=True, slots=True)
class LineState:
    """What stands in the database beside a variant's quantity."""

    restock_id: int | None
    """The open restock."""
    next_release_at: datetime | None
    someone_waits: bool


def lock_variant(database: Connection, shop_id: int, variant_id: str) -> tuple[bool, Quantity]:
    """Lock the variant's row against other changes of its stock; (known, quantity)."""
    row = database.execute(
        text(
            "SELECT available FROM variant WHERE shop_id = :shop AND variant_id = :variant AND removed_at IS NULL"
            " FOR NO KEY UPDATE"
        ),
        {"shop": shop_id, "variant": variant_id},
    ).first()
    return (False, 0) if row is None else (True, row.available)


def line_states(database: Connection, shop_id: int, variant_ids: list[str]) -> dict[str, LineState]:
    """The line of each variant; a variant with an empty line and no open restock is left out."""
    rows = database.execute(
        text(
            """
            SELECT wanted.id AS variant_id, restock.id AS restock_id, restock.next_release_at,
                   EXISTS (SELECT FROM subscription
                            WHERE shop_id = :shop AND variant_id = wanted.id AND state = 'waiting') AS someone_waits
              FROM unnest(CAST(:variants AS text[])) AS wanted (id)
              LEFT JOIN restock ON shop_id = :shop AND variant_id = wanted.id AND closed_at IS NULL
            """
        ),
        {"shop": shop_id, "variants": variant_ids},
    )
    return {
        row.variant_id: LineState(row.restock_id, row.next_release_at, row.someone_waits)
        for row in rows
        if row.someone_waits or row.restock_id
    }


def stock_changed(  # noqa: PLR0913 (a change has a before and an after)
    database: Connection,
    shop: Shop,
    variant_id: str,
    before: Quantity,
    after: Quantity,
    line: LineState,
    now: datetime,
) -> list[Released]:
    """Apply rule 1 to a change that the caller has written; a release that was due comes first (rule 3)."""
    done: list[Released] = []
    if line.next_release_at is not None and line.next_release_at <= now:
        done = _release_due(database, shop, variant_id, before, line, now)
        line = line_states(database, shop.id, [variant_id]).get(variant_id, LineState(None, None, False))  # noqa: FBT003
    release = rules.on_stock_change(
        before, after, shop.rules, restock_open=line.restock_id is not None, someone_waits=line.someone_waits
    )
    if release:
        done.append(_let_out(database, shop, variant_id, after, release, None, cause="stock", now=now))
    return done


def release_due(database: Connection, shop: Shop, now: datetime) -> list[Released]:
    """Carry out the releases of this shop that are due, at most 100 of them, oldest first.

    A variant that another worker holds is left to that worker.
    """
    # The variant is locked before its restock, as everywhere: the same order, so no deadlock.
    rows = database.execute(
        text(
            "SELECT variant.variant_id, available FROM restock JOIN variant USING (shop_id, variant_id)"
            " WHERE shop_id = :shop AND closed_at IS NULL AND next_release_at <= :now"
            " ORDER BY next_release_at, restock.id LIMIT :limit FOR NO KEY UPDATE OF variant SKIP LOCKED"
        ),
        {"shop": shop.id, "now": now, "limit": DUE_BATCH},
    ).all()
    lines = line_states(database, shop.id, [row.variant_id for row in rows])
    done: list[Released] = []
    for variant_id, quantity in rows:
        line = lines.get(variant_id)
        if line and line.next_release_at and line.next_release_at <= now:
            done += _release_due(database, shop, variant_id, quantity, line, now)
    return done


def notify_now(database: Connection, shop: Shop, variant_id: str, now: datetime) -> Released | None:
    """The merchant's "notify now" (rule 5); None when the variant is unknown, not sellable or nobody waits."""
    known, quantity = lock_variant(database, shop.id, variant_id)
    line = line_states(database, shop.id, [variant_id]).get(variant_id)
    if not known or line is None:
        return None
    if line.next_release_at is not None and line.next_release_at <= now:
        _release_due(database, shop, variant_id, quantity, line, now)
        line = line_states(database, shop.id, [variant_id]).get(variant_id, LineState(None, None, False))  # noqa: FBT003
    release = rules.on_notify_now(quantity, shop.rules, someone_waits=line.someone_waits)
    if release is None:
        return None
    return _let_out(database, shop, variant_id, quantity, release, line.restock_id, cause="notify_now", now=now)


def _release_due(
    database: Connection, shop: Shop, variant_id: str, quantity: Quantity, line: LineState, now: datetime
) -> list[Released]:
    assert line.restock_id is not None
    waits = _waited_before(database, shop.id, variant_id, line.next_release_at)
    release = rules.on_release_due(quantity, shop.rules, someone_waits=waits)
    if release:
        return [
            _let_out(
                database,
                shop,
                variant_id,
                quantity,
                release,
                line.restock_id,
                cause="due",
                now=now,
                joined_before=line.next_release_at,
            )
        ]
    sellable = rules.is_sellable(quantity, shop.rules)
    _set_due(database, line.restock_id, None, "nobody_waits" if sellable else "not_sellable", now)
    return []


def _waited_before(database: Connection, shop_id: int, variant_id: str, moment: datetime | None) -> bool:
    """Whether someone joined before a release was due: it happens before anything else of its moment."""
    return bool(
        database.execute(
            text(
                "SELECT EXISTS (SELECT FROM subscription WHERE shop_id = :shop AND variant_id = :variant"
                " AND state = 'waiting' AND joined_at < :moment)"
            ),
            {"shop": shop_id, "variant": variant_id, "moment": moment},
        ).scalar_one()
    )


def _let_out(  # noqa: PLR0913 (each is a fact that is recorded)
    database: Connection,
    shop: Shop,
    variant_id: str,
    quantity: Quantity,
    release: Release,
    restock_id: int | None,
    *,
    cause: str,
    now: datetime,
    joined_before: datetime | None = None,
) -> Released:
    wait = release.next_release_after_minutes
    due_at = None if wait is None else now + timedelta(minutes=wait)
    if restock_id is None:
        restock_id = _open_restock(database, shop.id, variant_id, cause, due_at, now)
    else:
        _set_due(database, restock_id, due_at, "everyone_told", now)
    release_id = _record_release(database, shop, restock_id, variant_id, quantity, now)
    people = _move_line(database, shop.id, variant_id, release_id, release.limit, joined_before, now)
    database.execute(
        text("UPDATE release SET people = :people WHERE id = :release"), {"people": people, "release": release_id}
    )
    return Released(variant_id, release_id, people)


def _open_restock(  # noqa: PLR0913
    database: Connection, shop_id: int, variant_id: str, cause: str, due_at: datetime | None, now: datetime
) -> int:
    return int(
        database.execute(
            text(
                "INSERT INTO restock (shop_id, variant_id, cause, opened_at, next_release_at, closed_at, close_reason)"
                " VALUES (:shop, :variant, :cause, :now, :due, :closed, :reason) RETURNING id"
            ),
            {
                "shop": shop_id,
                "variant": variant_id,
                "cause": cause,
                "now": now,
                "due": due_at,
                "closed": now if due_at is None else None,
                "reason": "everyone_told" if due_at is None else "",
            },
        ).scalar_one()
    )


def _set_due(
    database: Connection, restock_id: int, due_at: datetime | None, close_reason: str, now: datetime
) -> None:
    """Set the next due time, or close the restock with a reason when there is none."""
    database.execute(
        text(
            "UPDATE restock SET next_release_at = CAST(:due AS timestamptz),"
            " closed_at = CASE WHEN CAST(:due AS timestamptz) IS NULL THEN CAST(:now AS timestamptz) END,"
            " close_reason = CASE WHEN CAST(:due AS timestamptz) IS NULL THEN :reason ELSE '' END WHERE id = :id"
        ),
        {"due": due_at, "now": now, "reason": close_reason, "id": restock_id},
    )


def _record_release(  # noqa: PLR0913
    database: Connection, shop: Shop, restock_id: int, variant_id: str, quantity: Quantity, now: datetime
) -> int:
    settings: RestockSettings = shop.rules
    per_unit = None if settings.customers_per_unit == "all" else settings.customers_per_unit
    return int(
        database.execute(
            text(
                "INSERT INTO release (shop_id, restock_id, variant_id, released_at, quantity, minimum_inventory,"
                " customers_per_unit, wait_minutes, people)"
                " VALUES (:shop, :restock, :variant, :now, :quantity, :minimum, :per_unit, :wait, 0) RETURNING id"
            ),
            {
                "shop": shop.id,
                "restock": restock_id,
                "variant": variant_id,
                "now": now,
                "quantity": quantity,
                "minimum": settings.minimum_inventory,
                "per_unit": per_unit,
                "wait": settings.wait_minutes,
            },
        ).scalar_one()
    )


def _move_line(  # noqa: PLR0913
    database: Connection,
    shop_id: int,
    variant_id: str,
    release_id: int,
    limit: int | None,
    joined_before: datetime | None,
    now: datetime,
) -> int:
    """Let the oldest out and write one message for each, in the order of the line; returns how many."""
    result = database.execute(
        text(
            """
            WITH line AS (
                SELECT id, joined_at FROM subscription
                 WHERE shop_id = :shop AND variant_id = :variant AND state = 'waiting'
                   AND (CAST(:before AS timestamptz) IS NULL OR joined_at < :before)
                 ORDER BY joined_at, id LIMIT :limit FOR UPDATE
            ), let_out AS (
                UPDATE subscription SET state = 'released', reason = '', state_at = :now
                  FROM line WHERE subscription.id = line.id RETURNING line.id, line.joined_at
            )
            INSERT INTO message (shop_id, subscription_id, release_id, kind, due_at, created_at)
            SELECT :shop, id, :release, 'restock', :now, :now FROM let_out ORDER BY joined_at, id
            """
        ),
        {
            "shop": shop_id,
            "variant": variant_id,
            "release": release_id,
            "limit": limit,
            "before": joined_before,
            "now": now,
        },
    )
    return int(result.rowcount)
