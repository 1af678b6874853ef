"""Stock changes: from a platform, a feed or the API into the database, with the restocks that they cause."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

from integrations.types import InventoryLevel
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

    A level without location is the variant's total and replaces what was known by location. A level that is
    older, by the platform's own time, than what is known is ignored; one without a time is always taken, and
    leaves the known time as it is.

    Args:
        database: a transaction.
        shop: the shop; its settings are read again.
        levels: at most some 1,000; later ones win over earlier ones of the same variant and location.
        now: the moment of this change.
    """
    outcome = StockOutcome()
    known = _lock(database, shop.id, {level.variant_id for level in levels})
    # Its rules and locations once the variants are held: who changes the locations holds them too.
    shop = shops.by_id(database, shop.id) or shop
    outcome.unknown = sorted({level.variant_id for level in levels} - set(known))
    totals = _newest_totals([level for level in levels if level.location_id is None], known, outcome)
    located = [level for level in levels if level.location_id is not None and level.variant_id in known]
    sums = _apply_located(database, shop, located, known, outcome) if located else {}
    changes = []
    for variant_id, (quantity, stock_at) in {**sums, **totals}.items():
        changes.append(StockChange(variant_id, known[variant_id][0], quantity, stock_at))
    _write(database, shop.id, changes)
    if totals:
        _forget_locations(database, shop.id, list(totals))
    outcome.changed = sum(change.before != change.after for change in changes)
    outcome.released = _react(database, shop, changes, now)
    return outcome


def counted_locations_changed(database: Connection, shop: Shop) -> None:
    """Work out every quantity anew after the shop chose other locations; releases nothing (rule 4)."""
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
        {"shop": shop.id, "locations": None if shop.locations is None else list(shop.locations), "variants": None},
    )


_SUMS = """
    SELECT variant_id,
           CASE WHEN bool_or(counts AND level.available IS NULL) THEN NULL
                ELSE coalesce(sum(level.available) FILTER (WHERE counts), 0) END AS available,
           max(level.updated_at) AS stock_at
      FROM inventory_level AS level
     CROSS JOIN LATERAL (SELECT CAST(:locations AS text[]) IS NULL
                             OR location_id = ANY (CAST(:locations AS text[])) AS counts) AS counted
     WHERE shop_id = :shop AND (CAST(:variants AS text[]) IS NULL OR variant_id = ANY (CAST(:variants AS text[])))
"""


def _lock(
    database: Connection, shop_id: int, variant_ids: Iterable[str]
) -> dict[str, tuple[Quantity, datetime | None]]:
    """Lock the variants, always in the same order; id -> (quantity, its time)."""
    rows = database.execute(
        text(
            "SELECT variant_id, available, stock_at FROM variant"
            " WHERE shop_id = :shop AND variant_id = ANY (:variants)"
            " AND removed_at IS NULL ORDER BY variant_id FOR NO KEY UPDATE"
        ),
        {"shop": shop_id, "variants": list(variant_ids)},
    )
    return {row.variant_id: (row.available, row.stock_at) for row in rows}


def _is_older(moment: datetime | None, known: datetime | None) -> bool:
    return moment is not None and known is not None and moment < known


def _newest_totals(
    levels: Iterable[InventoryLevel],
    known: dict[str, tuple[Quantity, datetime | None]],
    outcome: StockOutcome,
) -> dict[str, tuple[Quantity, datetime | None]]:
    newest: dict[str, tuple[Quantity, datetime | None]] = {}
    for variant_id, _, available, moment in levels:
        if variant_id not in known:
            continue
        known_at = newest.get(variant_id, known[variant_id])[1]
        if _is_older(moment, known_at):
            outcome.ignored += 1
        else:
            newest[variant_id] = (available, moment or known_at)
    return newest


def _apply_located(
    database: Connection,
    shop: Shop,
    levels: Sequence[InventoryLevel],
    known: dict[str, tuple[Quantity, datetime | None]],
    outcome: StockOutcome,
) -> dict[str, tuple[Quantity, datetime | None]]:
    """Write levels by location, the newest of each; variant -> (sum over the locations that count, its time)."""
    by_total = _known_by_total(database, shop.id, known)
    newest: dict[tuple[str, str], tuple[Quantity, datetime | None]] = {}
    for variant_id, location_id, available, moment in levels:
        key = (variant_id, location_id or "")
        known_at = newest[key][1] if key in newest else by_total.get(variant_id)
        if _is_older(moment, known_at):
            outcome.ignored += 1
        else:
            newest[key] = (available, moment or known_at)
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
            "shop": shop.id,
            "variants": [variant for variant, _ in newest],
            "locations": [location for _, location in newest],
            "quantities": [quantity for quantity, _ in newest.values()],
            "moments": [moment for _, moment in newest.values()],
        },
    ).rowcount
    outcome.ignored += len(newest) - written
    locations = None if shop.locations is None else list(shop.locations)
    rows = database.execute(
        text(f"{_SUMS} GROUP BY variant_id"),
        {"shop": shop.id, "locations": locations, "variants": sorted({variant_id for variant_id, _ in newest})},
    )
    return {row.variant_id: (None if row.available is None else int(row.available), row.stock_at) for row in rows}


def _known_by_total(
    database: Connection, shop_id: int, known: dict[str, tuple[Quantity, datetime | None]]
) -> dict[str, datetime | None]:
    """The time of the total, of variants of which nothing is known by location: a level must not be older."""
    located = database.execute(
        text("SELECT DISTINCT variant_id FROM inventory_level WHERE shop_id = :shop AND variant_id = ANY (:variants)"),
        {"shop": shop_id, "variants": list(known)},
    ).scalars()
    return {variant_id: known[variant_id][1] for variant_id in known.keys() - set(located)}


def _write(database: Connection, shop_id: int, changes: Sequence[StockChange]) -> None:
    if not changes:
        return
    database.execute(
        text(
            """
            UPDATE variant SET available = new.available, stock_at = new.stock_at
              FROM unnest(CAST(:variants AS text[]), CAST(:quantities AS bigint[]), CAST(:moments AS timestamptz[]))
                   AS new (variant_id, available, stock_at)
             WHERE variant.shop_id = :shop AND variant.variant_id = new.variant_id
            """
        ),
        {
            "shop": shop_id,
            "variants": [change.variant_id for change in changes],
            "quantities": [change.after for change in changes],
            "moments": [change.stock_at for change in changes],
        },
    )


def _forget_locations(database: Connection, shop_id: int, variant_ids: list[str]) -> None:
    database.execute(
        text("DELETE FROM inventory_level WHERE shop_id = :shop AND variant_id = ANY (:variants)"),
        {"shop": shop_id, "variants": variant_ids},
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
