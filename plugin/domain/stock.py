"""Stock changes: from a platform, a feed or the API into the database, with the restocks that they cause."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from integrations.types import SOLD_ANYWAY, InventoryLevel
from plugin.domain import restocks, shops
from plugin.domain.restocks import StockChange
from plugin.domain.rules import Quantity
from plugin.domain.shops import Shop


@dataclass(slots=True)
class StockOutcome:
    """What a call of `apply_levels` did."""

    changed: int = 0
    """Variants whose quantity is another now."""
    ignored: int = 0
    """Levels older than what was known."""
    unknown: list[str] = field(default_factory=list)
    """Ids that the catalog does not hold."""
    released: list[restocks.Released] = field(default_factory=list)


def apply_levels(database: Connection, shop: Shop, levels: Sequence[InventoryLevel], now: datetime) -> StockOutcome:
    """Write new stock and open the restocks that it causes, in the caller's transaction.

    A level without location is the variant's total: it replaces what was known by location until then. By the
    platform's own times the newest counts, in whatever order levels come: one that is older than what is known of the
    same location, or than the total, is ignored. A level without a time is always taken and leaves the known times as
    they are.

    Args:
        database: a transaction.
        shop: the shop; its settings are read again.
        levels: at most some 1,000; later ones win over earlier ones of the same variant and location and time.
        now: the moment of this change.
    """
    outcome = StockOutcome()
    shops.share_rules(database, shop.id)
    current = shops.by_id(database, shop.id)
    if current is None:  # uninstalled meanwhile: nobody is to be told
        return outcome
    shop = current
    known = _lock(database, shop.id, {level.variant_id for level in levels})
    outcome.unknown = sorted({level.variant_id for level in levels} - set(known))
    levels = [level for level in levels if level.variant_id in known]
    totals = _newest_totals(levels, known, outcome)
    located = _newest_located(levels, known, totals, outcome)
    _forget_older_locations(database, shop.id, totals)
    outcome.ignored += _write_levels(database, shop.id, located)
    touched = sorted({*totals, *(variant_id for variant_id, _ in located)})
    sums = _sums(database, shop, touched)
    changes = []
    for variant_id in touched:
        before = known[variant_id]
        total = totals.get(variant_id, _Total(before.available, before.total_at))
        after, located_at = sums.get(variant_id, (total.available, None))
        moments = [moment for moment in (before.stock_at, total.at, located_at) if moment]
        rules = shop.rules_with(before.overrides)
        changes.append(StockChange(variant_id, before.available, after, max(moments, default=None), rules))
    _write(database, shop.id, changes, totals)
    outcome.changed = sum(change.before != change.after for change in changes)
    outcome.released = _react(database, shop, changes, now)
    return outcome


def what_counts_changed(database: Connection, shop: Shop) -> None:
    """Work out every quantity anew after the shop chose other locations, or what oversold variants count for.

    Releases nothing (rule 4).
    """
    shops.lock_rules(database, shop.id)
    located = "SELECT variant_id FROM inventory_level WHERE shop_id = :shop"
    lock = (
        f"SELECT FROM variant WHERE shop_id = :shop AND variant_id IN ({located}) ORDER BY variant_id FOR NO KEY UPDATE"
    )
    database.execute(text(lock), {"shop": shop.id})
    database.execute(
        text(
            f"UPDATE variant SET available = total.available FROM ({_SUMS} GROUP BY variant_id) AS total"  # noqa: S608
            " WHERE variant.shop_id = :shop AND variant.variant_id = total.variant_id"
            " AND variant.available IS DISTINCT FROM total.available"
        ),
        _what_counts(shop),
    )


_SUMS = """
    SELECT variant_id,
           CASE WHEN bool_or(counts AND level.available IS NULL) THEN NULL
                ELSE coalesce(sum(level.available) FILTER (WHERE counts), 0) END AS available,
           max(level.updated_at) AS stock_at
      FROM inventory_level AS level
     CROSS JOIN LATERAL (SELECT CASE WHEN location_id = :sold_anyway THEN :is_hidden
                                     ELSE CAST(:locations AS text[]) IS NULL
                                       OR location_id = ANY (CAST(:locations AS text[])) END AS counts) AS counted
     WHERE shop_id = :shop
"""


def _what_counts(shop: Shop) -> dict[str, Any]:
    locations = None if shop.locations is None else list(shop.locations)
    is_hidden = shop.oversold == "hide"
    return {"shop": shop.id, "locations": locations, "sold_anyway": SOLD_ANYWAY, "is_hidden": is_hidden}


class _Known(NamedTuple):
    available: Quantity
    stock_at: datetime | None
    """The newest time of anything that is known about this variant's stock."""
    total_at: datetime | None
    """The time of the newest total."""
    overrides: Mapping[str, Any] | None


class _Total(NamedTuple):
    available: Quantity
    at: datetime | None
    is_timed: bool = False


def _lock(database: Connection, shop_id: int, variant_ids: Iterable[str]) -> dict[str, _Known]:
    """Lock the variants, always in the same order."""
    rows = database.execute(
        text(
            "SELECT variant_id, available, stock_at, total_at, overrides FROM variant"
            " WHERE shop_id = :shop AND variant_id = ANY (:variants)"
            " AND removed_at IS NULL ORDER BY variant_id FOR NO KEY UPDATE"
        ),
        {"shop": shop_id, "variants": list(variant_ids)},
    )
    return {row.variant_id: _Known(row.available, row.stock_at, row.total_at, row.overrides) for row in rows}


def _is_older(moment: datetime | None, known: datetime | None) -> bool:
    return moment is not None and known is not None and moment < known


def _newest_totals(
    levels: Iterable[InventoryLevel], known: dict[str, _Known], outcome: StockOutcome
) -> dict[str, _Total]:
    newest: dict[str, _Total] = {}
    for variant_id, location_id, available, moment in levels:
        if location_id is not None:
            continue
        known_at = newest[variant_id].at if variant_id in newest else known[variant_id].total_at
        if _is_older(moment, known_at):
            outcome.ignored += 1
        else:
            # Without a time it is as new as anything that is known.
            newest[variant_id] = _Total(available, moment or known[variant_id].stock_at, moment is not None)
    return newest


def _newest_located(
    levels: Iterable[InventoryLevel], known: dict[str, _Known], totals: dict[str, _Total], outcome: StockOutcome
) -> dict[tuple[str, str], tuple[Quantity, datetime | None]]:
    newest: dict[tuple[str, str], tuple[Quantity, datetime | None]] = {}
    for variant_id, location_id, available, moment in levels:
        if location_id is None:
            continue
        key = (variant_id, location_id)
        total_at = totals[variant_id].at if variant_id in totals else known[variant_id].total_at
        is_beside_total = moment is None and variant_id in totals
        known_at = newest[key][1] if key in newest else None
        if is_beside_total or _is_older(moment, total_at) or _is_older(moment, known_at):
            outcome.ignored += 1
        else:
            newest[key] = (available, moment or known_at)
    return newest


def _forget_older_locations(database: Connection, shop_id: int, totals: dict[str, _Total]) -> None:
    """What is known by location and not newer than the total is in the total."""
    if totals:
        database.execute(
            text(
                """
                DELETE FROM inventory_level AS level
                 USING unnest(CAST(:variants AS text[]), CAST(:moments AS timestamptz[]), CAST(:timed AS boolean[]))
                       AS total (variant_id, at, is_timed)
                 WHERE shop_id = :shop AND level.variant_id = total.variant_id
                   AND (updated_at >= total.at AND total.is_timed) IS NOT TRUE
                """
            ),
            {
                "shop": shop_id,
                "variants": list(totals),
                "moments": [total.at for total in totals.values()],
                "timed": [total.is_timed for total in totals.values()],
            },
        )


def _write_levels(
    database: Connection, shop_id: int, levels: dict[tuple[str, str], tuple[Quantity, datetime | None]]
) -> int:
    """Write levels by location; returns how many are older than what is known of that location."""
    if not levels:
        return 0
    written = database.execute(
        text(
            """
            INSERT INTO inventory_level AS level (shop_id, variant_id, location_id, available, updated_at)
            SELECT :shop, * FROM unnest(CAST(:variants AS text[]), CAST(:locations AS text[]),
                                        CAST(:quantities AS bigint[]), CAST(:moments AS timestamptz[]))
            ON CONFLICT (shop_id, variant_id, location_id)
            DO UPDATE SET available = excluded.available,
                          updated_at = coalesce(excluded.updated_at, level.updated_at)
             WHERE (excluded.updated_at < level.updated_at) IS NOT TRUE
            """
        ),
        {
            "shop": shop_id,
            "variants": [variant for variant, _ in levels],
            "locations": [location for _, location in levels],
            "quantities": [quantity for quantity, _ in levels.values()],
            "moments": [moment for _, moment in levels.values()],
        },
    ).rowcount
    return len(levels) - written


def _sums(database: Connection, shop: Shop, variant_ids: Sequence[str]) -> dict[str, tuple[Quantity, datetime | None]]:
    """By variant of which something is known by location: the sum over the locations that count, and its time."""
    values = {**_what_counts(shop), "variants": list(variant_ids)}
    query = f"{_SUMS} AND variant_id = ANY (CAST(:variants AS text[])) GROUP BY variant_id"
    rows = database.execute(text(query), values)
    return {row.variant_id: (None if row.available is None else int(row.available), row.stock_at) for row in rows}


def _write(database: Connection, shop_id: int, changes: Sequence[StockChange], totals: dict[str, _Total]) -> None:
    if not changes:
        return
    database.execute(
        text(
            """
            UPDATE variant SET available = new.available, stock_at = new.stock_at,
                               total_at = coalesce(new.total_at, variant.total_at)
              FROM unnest(CAST(:variants AS text[]), CAST(:quantities AS bigint[]), CAST(:moments AS timestamptz[]),
                          CAST(:totals AS timestamptz[])) AS new (variant_id, available, stock_at, total_at)
             WHERE variant.shop_id = :shop AND variant.variant_id = new.variant_id
            """
        ),
        {
            "shop": shop_id,
            "variants": [change.variant_id for change in changes],
            "quantities": [change.after for change in changes],
            "moments": [change.stock_at for change in changes],
            "totals": [totals[change.variant_id].at if change.variant_id in totals else None for change in changes],
        },
    )


def _react(database: Connection, shop: Shop, changes: Sequence[StockChange], now: datetime) -> list[restocks.Released]:
    """Hand every change of a variant with a line or an open restock to the rules."""
    changed = [change for change in changes if change.before != change.after]
    if not changed:
        return []
    lines = restocks.line_states(database, shop.id, [change.variant_id for change in changed])
    done: list[restocks.Released] = []
    for change in changed:
        line = lines.get(change.variant_id)
        if line:
            done += restocks.stock_changed(database, shop, change, line, now)
    return done
