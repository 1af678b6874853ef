"""Carries out what the rules decide: opens restocks and lets subscribers out of the line.

Everything here runs inside the caller's transaction, with the variant's row locked, so that a stock change,
the restock that it causes, the release and its messages are one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from plugin.domain import rules
from plugin.domain.last_look import GOES_ON
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

    def is_due(self, now: datetime) -> bool:
        """Whether the open restock is to release again."""
        return self.next_release_at is not None and self.next_release_at <= now


NOBODY = LineState(restock_id=None, next_release_at=None, someone_waits=False)


class StockChange(NamedTuple):
    """A variant's quantity before and after."""

    variant_id: str
    before: Quantity
    after: Quantity
    stock_at: datetime | None
    """The platform's own time of the change."""
    rules: RestockSettings
    """Those of this variant."""


class Standing(NamedTuple):
    """What a variant's row says that decides whether it can be bought."""

    available: Quantity
    rules: RestockSettings


def lock_variant(database: Connection, shop: Shop, variant_id: str) -> Standing | None:
    """Lock the variant's row against other changes of its stock; None when the shop does not sell it."""
    row = database.execute(
        text(
            "SELECT available, overrides FROM variant"
            " WHERE shop_id = :shop AND variant_id = :variant AND removed_at IS NULL FOR NO KEY UPDATE"
        ),
        {"shop": shop.id, "variant": variant_id},
    ).first()
    return None if row is None else Standing(row.available, shop.rules_with(row.overrides))


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


def stock_changed(
    database: Connection, shop: Shop, change: StockChange, line: LineState, now: datetime
) -> list[Released]:
    """Apply rule 1 to a change that the caller has written; a release that was due comes first (rule 3).

    While the flow is not live nobody is let out: who waits goes on waiting. In a paused shop the first are let out and
    their messages wait; what is due later waits with them.
    """
    place = _Place(database, shop, change.variant_id, change.rules, now)
    done: list[Released] = []
    if line.is_due(now) and not shop.paused:
        done = place.release_due(change.before, line)
        line = place.line()
    release = rules.on_stock_change(
        change.before,
        change.after,
        change.rules,
        restock_open=line.restock_id is not None,
        someone_waits=line.someone_waits,
    )
    if release and shop.flow.is_live:
        done.append(place.let_out(change.after, release, _Cause(None, "stock")))
    elif release:
        place.hold_back()
    return done


def release_due(database: Connection, shop: Shop, now: datetime) -> tuple[int, list[Released]]:
    """Carry out the releases of this shop that are due, at most 100 of them, oldest first.

    A variant that another worker holds is left to that worker. While the shop is paused they wait.

    Returns:
        How many restocks were looked at, and the releases that came of it.
    """
    if shop.paused:
        return 0, []
    # The variant is locked before its restock, as everywhere: the same order, so no deadlock.
    rows = database.execute(
        text(
            "SELECT variant.variant_id, available, overrides FROM restock JOIN variant USING (shop_id, variant_id)"
            " WHERE shop_id = :shop AND closed_at IS NULL AND next_release_at <= :now"
            " ORDER BY next_release_at, restock.id LIMIT :limit FOR NO KEY UPDATE OF variant SKIP LOCKED"
        ),
        {"shop": shop.id, "now": now, "limit": DUE_BATCH},
    ).all()
    lines = line_states(database, shop.id, [row.variant_id for row in rows])
    done: list[Released] = []
    for variant_id, quantity, overrides in rows:
        line = lines.get(variant_id, NOBODY)
        if line.is_due(now):
            place = _Place(database, shop, variant_id, shop.rules_with(overrides), now)
            done += place.release_due(quantity, line)
    return len(rows), done


def is_release_due(database: Connection, shop_id: int, now: datetime) -> bool:
    """Whether an open restock of a shop is to release again."""
    query = text(
        "SELECT EXISTS (SELECT FROM restock WHERE shop_id = :shop AND closed_at IS NULL AND next_release_at <= :now)"
    )
    return bool(database.execute(query, {"shop": shop_id, "now": now}).scalar_one())


def notify_now(database: Connection, shop: Shop, variant_id: str, now: datetime) -> Released | None:
    """The merchant's "notify now" (rule 5).

    None when the variant is unknown, not sellable or nobody waits, while the flow is not live, or the shop is paused.
    """
    standing = lock_variant(database, shop, variant_id)
    if standing is None or not shop.flow.is_live or shop.paused:
        return None
    quantity = standing.available
    place = _Place(database, shop, variant_id, standing.rules, now)
    line = place.line()
    due: list[Released] = []
    if line.is_due(now):
        due = place.release_due(quantity, line)
        line = place.line()
    release = rules.on_notify_now(quantity, standing.rules, someone_waits=line.someone_waits)
    if release is None:
        return due[0] if due else None
    released = place.let_out(quantity, release, _Cause(line.restock_id, "notify_now"))
    return replace(released, people=released.people + sum(each.people for each in due))


@dataclass(frozen=True, slots=True)
class _Cause:
    """What lets people out."""

    restock_id: int | None
    """The open restock; None opens one."""
    name: str
    joined_before: datetime | None = None


@dataclass(frozen=True, slots=True)
class _Place:
    """One variant at one moment, its row locked."""

    database: Connection
    shop: Shop
    variant_id: str
    rules: RestockSettings
    now: datetime

    def line(self) -> LineState:
        return line_states(self.database, self.shop.id, [self.variant_id]).get(self.variant_id, NOBODY)

    def release_due(self, quantity: Quantity, line: LineState) -> list[Released]:
        """Release again, or close the restock (rule 3)."""
        assert line.restock_id is not None
        waits = self._waited_before(line)
        release = rules.on_release_due(quantity, self.rules, someone_waits=waits)
        if release and not self.shop.flow.is_live:
            self._set_due(line.restock_id, None, "flow_not_live")
            return []
        if release:
            return [self.let_out(quantity, release, _Cause(line.restock_id, "due", line.next_release_at))]
        reason = "nobody_waits" if rules.is_sellable(quantity, self.rules) else "not_sellable"
        self._set_due(line.restock_id, None, reason)
        return []

    def let_out(self, quantity: Quantity, release: Release, cause: _Cause) -> Released:
        """Let people out of the line, and write everything that this needs."""
        wait = release.next_release_after_minutes
        due_at = None if wait is None else self.now + timedelta(minutes=wait)
        if cause.restock_id is None:
            restock_id = self._open_restock(cause.name, due_at)
        else:
            restock_id = cause.restock_id
            self._set_due(restock_id, due_at, "everyone_told")
        release_id = self._record_release(restock_id, quantity, cause.name)
        people = self._move_line(release_id, release.limit, cause)
        counted = text("UPDATE release SET people = :people WHERE id = :release")
        self.database.execute(counted, {"people": people, "release": release_id})
        return Released(self.variant_id, release_id, people)

    def _waited_before(self, line: LineState) -> bool:
        """Whether someone joined before a release was due: it happens before anything else of its moment."""
        query = text(
            f"""
            SELECT EXISTS (SELECT FROM subscription WHERE shop_id = :shop AND variant_id = :variant
                              AND state = 'waiting' AND joined_at < :moment AND {_NOT_LEFT_OUT})
            """  # noqa: S608
        )
        values = {**self._key(), "moment": line.next_release_at, "restock": line.restock_id, "now": self.now}
        return bool(self.database.execute(query, {**values, "left_out": GOES_ON}).scalar_one())

    def hold_back(self) -> None:
        """Record a restock of which nobody is told, as the flow is not live."""
        self._open_restock("stock", None, "flow_not_live")

    def _open_restock(self, cause: str, due_at: datetime | None, reason: str = "everyone_told") -> int:
        values = {
            **self._key(),
            "cause": cause,
            "now": self.now,
            "due": due_at,
            "closed": self.now if due_at is None else None,
            "reason": reason if due_at is None else "",
        }
        query = text(
            "INSERT INTO restock (shop_id, variant_id, cause, opened_at, next_release_at, closed_at, close_reason)"
            " VALUES (:shop, :variant, :cause, :now, :due, :closed, :reason) RETURNING id"
        )
        return int(self.database.execute(query, values).scalar_one())

    def _set_due(self, restock_id: int, due_at: datetime | None, close_reason: str) -> None:
        """Set the next due time, or close the restock with a reason when there is none."""
        values = {
            "due": due_at,
            "closed": self.now if due_at is None else None,
            "reason": close_reason if due_at is None else "",
            "id": restock_id,
        }
        query = text(
            "UPDATE restock SET next_release_at = :due, closed_at = :closed, close_reason = :reason WHERE id = :id"
        )
        self.database.execute(query, values)

    def _record_release(self, restock_id: int, quantity: Quantity, cause: str) -> int:
        settings = self.rules
        values = {
            **self._key(),
            "restock": restock_id,
            "now": self.now,
            "quantity": quantity,
            "cause": cause,
            "minimum": settings.minimum_inventory,
            "per_unit": None if settings.customers_per_unit == "all" else settings.customers_per_unit,
            "wait": settings.wait_minutes,
        }
        query = text(
            "INSERT INTO release (shop_id, restock_id, variant_id, released_at, quantity, minimum_inventory,"
            " customers_per_unit, wait_minutes, people, cause)"
            " VALUES (:shop, :restock, :variant, :now, :quantity, :minimum, :per_unit, :wait, 0, :cause) RETURNING id"
        )
        return int(self.database.execute(query, values).scalar_one())

    def _move_line(self, release_id: int, limit: int | None, cause: "_Cause") -> int:
        """Let the oldest out and write one message for each, in the order of the line; returns how many."""
        values = {
            **self._key(),
            "release": release_id,
            "limit": limit,
            "before": cause.joined_before,
            "now": self.now,
            "restock": cause.restock_id,
            "left_out": GOES_ON,
            "channel": self.shop.flow.message(1).channel,
        }
        self.database.execute(_HOWEVER_LONG)
        return int(self.database.execute(_MOVE_LINE, values).rowcount)

    def _key(self) -> dict[str, object]:
        return {"shop": self.shop.id, "variant": self.variant_id}


# A long line must not be a reason to lose the restock.
_HOWEVER_LONG = text("SET LOCAL statement_timeout = 0")
# Who was left out of this very restock, as by smart sending, lets those behind go first; the next one counts anew.
_NOT_LEFT_OUT = (
    "(reason <> ALL (:left_out) OR state_at < coalesce((SELECT opened_at FROM restock WHERE id = :restock), :now))"
)
_MOVE_LINE = text(
    f"""
    WITH line AS (
        SELECT id, joined_at FROM subscription
         WHERE shop_id = :shop AND variant_id = :variant AND state = 'waiting'
           AND (CAST(:before AS timestamptz) IS NULL OR joined_at < :before)
           AND {_NOT_LEFT_OUT}
         ORDER BY joined_at, id LIMIT :limit FOR UPDATE
    ), let_out AS (
        UPDATE subscription SET state = 'released', reason = '', state_at = :now
          FROM line WHERE subscription.id = line.id RETURNING line.id, line.joined_at
    )
    INSERT INTO message (shop_id, subscription_id, release_id, kind, channel, due_at, created_at)
    SELECT :shop, id, :release, 'restock', :channel, :now, :now FROM let_out ORDER BY joined_at, id
    """  # noqa: S608
)
