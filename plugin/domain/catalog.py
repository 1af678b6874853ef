"""Brings a shop's catalog into the database: read whole first, then written where it differs.

What was read is staged in a temporary table, so that a feed that breaks off, or lost too many rows, changes
nothing: the last good catalog stays.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from integrations.base import CatalogReading, PlatformAdapter
from integrations.errors import IntegrationError, NotReadyError
from integrations.types import CatalogBookmark, CatalogReport, CatalogVariant, InventoryLevel
from plugin.db import in_transaction, is_deadlock
from plugin.domain import installations, overrides, shops, stock
from plugin.domain.catalog_schedule import RING_AGAIN_AFTER
from plugin.domain.restocks import Released
from plugin.domain.shops import Shop
from plugin.domain.staging import Progress, driver_of, stage
from plugin.domain.stock import StockOutcome

STOCK_BATCH = 1000
LEVELS_BATCH = 2000
FAILED_AGAIN_SECONDS = 900
"""A catalog that could not be read is tried again after so long at the latest."""
LOSS_FLOOR = 10
"""A catalog with fewer variants may lose any share of them."""
SYNC_LOCK = 7_365_002
"""Held while a catalog is read, however long its server takes."""
WRITE_LOCK = 7_365_009
"""Held while variants are added."""
SYNC_STATEMENT_MINUTES = 15
SORT_MEMORY_MB = 128
LOCK_SECONDS = 5


class CatalogError(Exception):
    """The catalog was not taken; the sentence tells the merchant why. The last good one stays."""

    def __init__(self, message: str, reason: str) -> None:
        """Keep a stable code beside the sentence."""
        super().__init__(message)
        self.reason = reason


class PreparingError(CatalogError):
    """The platform prepares the catalog: it is to be asked again in so many seconds."""

    def __init__(self, error: NotReadyError) -> None:
        """Take the platform's words."""
        super().__init__(str(error), error.reason)
        self.seconds = error.retry_after_seconds or RING_AGAIN_AFTER.total_seconds()


class SyncRunningError(CatalogError):
    """Another process reads this shop's catalog at this moment."""


@dataclass(slots=True)
class SyncResult:
    """What a sync did; printed as JSON by the command line."""

    state: str = "done"
    rows: int = 0
    written: int = 0
    skipped: int = 0
    stock_changes: int = 0
    absent: int = 0
    removed: int = 0
    restocks: int = 0
    people: int = 0
    seconds: float = 0.0
    error: str = ""
    problems: Sequence[dict[str, Any]] = ()


@dataclass(slots=True)
class CatalogSync:
    """One sync of one shop."""

    engine: Engine
    shop: Shop
    clock: Callable[[], datetime]
    accept_loss: bool = False

    def run(self, adapter: PlatformAdapter, progress: Progress = lambda _rows: None) -> SyncResult:
        """Read the catalog and write what changed; the outcome is kept in catalog_sync, also a failure.

        Raises:
            CatalogError: nothing was changed; the sentence says why.
        """
        started, result = time.monotonic(), SyncResult()
        with _locked(self.engine, self.shop, SYNC_LOCK, wait=False) as connection:
            sync_id = _begin(connection, self.shop)
            try:
                bookmark = self._read(connection, adapter, result, progress)
            except NotReadyError as error:
                connection.rollback()
                preparing = PreparingError(error)
                _wait(connection, self.shop, sync_id, preparing.seconds)
                raise preparing from error
            except (CatalogError, IntegrationError) as error:
                connection.rollback()
                result.state, result.error = "failed", str(error)
                _record(connection, sync_id, result, CatalogBookmark())
                if isinstance(error, CatalogError):
                    raise
                raise CatalogError(str(error), error.reason) from error
            result.seconds = round(time.monotonic() - started, 3)
            _record(connection, sync_id, result, bookmark)
        return result

    def _read(
        self, connection: Connection, adapter: PlatformAdapter, result: SyncResult, progress: Progress
    ) -> CatalogBookmark:
        with adapter.read_catalog(_last_bookmark(connection, self.shop)) as reading, _room_to_sort(connection):
            if not reading.unchanged:  # however long the source takes, others may add variants meanwhile
                stage(connection, reading, reading.report, progress)
                _report(result, reading.report)
            released: list[Released] = []
            with _alone_with_variants(connection, self.shop):
                self._take(connection, reading, result, released, is_told_by_platform=adapter.capabilities.catalog)
            self._take_levels(reading, result, released)
            result.restocks, result.people = len(released), sum(each.people for each in released)
            if not reading.complete:
                raise CatalogError("Only a part of the catalog came. It is taken; the whole is read soon.", "partial")
            if adapter.capabilities.installation:
                with self.engine.begin() as database:
                    installations.look_at_lines_again(database, self.shop.id, self.clock())
            return reading.bookmark

    def _take(
        self,
        connection: Connection,
        reading: CatalogReading,
        result: SyncResult,
        released: list[Released],
        *,
        is_told_by_platform: bool,
    ) -> None:
        missing = not reading.unchanged
        if reading.unchanged:
            result.state = "unchanged"
        else:
            # A platform that tells its own catalog knows it; a feed is a file that may be broken.
            missing = reading.complete and self._refuse_loss(connection, is_told_by_platform=is_told_by_platform)
            taken = take_staged(connection, self.shop, self.clock, is_feed=True, as_of=reading.as_of)
            result.written, result.stock_changes = taken.written, taken.stock_changes
            released += taken.released
        if missing or reading.unchanged:
            released += self._mark_absent(connection, result, seen=not reading.unchanged)

    def _take_levels(self, reading: CatalogReading, result: SyncResult, released: list[Released]) -> None:
        """Write stock by location, some variants at a time, each batch its own transaction."""
        for batch in _whole_variants(reading.levels(), LEVELS_BATCH):
            outcome = self._apply(batch)
            result.stock_changes += outcome.changed
            released += outcome.released

    def _apply(self, levels: Sequence[InventoryLevel]) -> StockOutcome:
        return in_transaction(
            self.engine, lambda database: stock.apply_levels(database, self.shop, levels, self.clock())
        )

    def _refuse_loss(self, connection: Connection, *, is_told_by_platform: bool) -> bool:
        """Whether variants are missing.

        Raises:
            CatalogError: there are none, or more are missing than is believed.
        """
        is_empty = not connection.execute(text("SELECT EXISTS (SELECT FROM staged)")).scalar_one()
        known, lost, missing = connection.execute(_COUNT_LOST, {"shop": self.shop.id}).one()
        if is_empty and (known >= LOSS_FLOOR or not is_told_by_platform):
            raise CatalogError("The catalog holds no variant that can be used.", "empty")
        if is_told_by_platform:
            return bool(missing)
        believed = self.shop.feed_max_loss_percent
        if not self.accept_loss and known >= LOSS_FLOOR and lost * 100 > known * believed:
            raise CatalogError(
                f"The feed no longer holds {lost} of {known} variants, more than the {believed} % that are believed."
                " If they are really gone: stockbell catalog sync --accept-loss.",
                "lost_rows",
            )
        return bool(missing)

    def _mark_absent(self, connection: Connection, result: SyncResult, *, seen: bool) -> list[Released]:
        """Mark what the catalog no longer holds; what was missing last time too is removed, and counts as sold out.

        Args:
            connection: with the staged rows.
            result: gets the counts.
            seen: False when the source is unchanged: what was absent is absent again.
        """
        values = {"shop": self.shop.id, "now": self.clock()}
        gone = list(connection.execute(_MISSING_AGAIN if seen else _STILL_ABSENT, values).scalars())
        result.absent = connection.execute(_MARK_ABSENT, values).rowcount if seen else 0
        result.removed = len(gone)
        connection.commit()
        released: list[Released] = []
        for batch in _batches(gone, STOCK_BATCH):
            levels = [InventoryLevel(variant_id, None, 0, None) for variant_id in batch]
            released += stock.apply_levels(connection, self.shop, levels, self.clock()).released
            connection.execute(_REMOVE, {**values, "variants": batch})
            connection.commit()
        return released


@contextmanager
def _locked(engine: Engine, shop: Shop, lock: int, *, wait: bool) -> Iterator[Connection]:
    """A connection that holds a lock of this shop.

    Raises:
        SyncRunningError: somebody else does, and `wait` is not wanted.
        OperationalError: somebody else did for all the seconds that are waited.
    """
    values = {"lock": lock, "shop": shop.id}
    with engine.connect() as connection:
        if wait:
            connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            connection.execute(_LOCK, values)
            connection.execute(text("RESET lock_timeout"))
        elif not connection.execute(_TRY_LOCK, values).scalar_one():
            raise SyncRunningError("The catalog of this shop is being read already.", "running")
        connection.commit()
        try:
            yield connection
        finally:
            connection.rollback()
            connection.execute(_UNLOCK, values)
            connection.commit()


@contextmanager
def _alone_with_variants(connection: Connection, shop: Shop) -> Iterator[None]:
    """Nobody else adds variants to this shop's catalog."""
    lock = {"lock": WRITE_LOCK, "shop": shop.id}
    connection.execute(_LOCK, lock)
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(_UNLOCK, lock)
        connection.commit()


@contextmanager
def _room_to_sort(connection: Connection) -> Iterator[None]:
    connection.execute(text(f"SET statement_timeout = '{SYNC_STATEMENT_MINUTES}min'"))
    connection.execute(text(f"SET work_mem = '{SORT_MEMORY_MB}MB'"))
    connection.commit()
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("DROP TABLE IF EXISTS staged"))
        connection.execute(text("RESET work_mem"))
        connection.execute(text("RESET statement_timeout"))
        connection.commit()


def _report(result: SyncResult, report: CatalogReport) -> None:
    result.rows, result.skipped = report.rows, report.skipped
    result.problems = [{"code": code, **asdict(problem)} for code, problem in report.problems.items()]


@dataclass(slots=True)
class Taken:
    """What `take_staged` wrote."""

    written: int
    stock_changes: int
    released: list[Released]


def put_variants(
    engine: Engine, shop: Shop, variants: Sequence[CatalogVariant], clock: Callable[[], datetime]
) -> Taken:
    """Add or change some variants of a catalog, as merchants' programs do by the API."""
    with _locked(engine, shop, WRITE_LOCK, wait=True) as connection, _room_to_sort(connection):
        stage(connection, variants, CatalogReport(), lambda _rows: None)
        return take_staged(connection, shop, clock, is_feed=False)


def take_staged(
    connection: Connection,
    shop: Shop,
    clock: Callable[[], datetime],
    *,
    is_feed: bool,
    as_of: datetime | None = None,
) -> Taken:
    """Write what differs from the staged rows, and commit; stock in batches, each its own transaction.

    What is known of a variant since `as_of`, that it is gone among it, is newer than these rows, and stays.

    A feed may be older than a stock change that was pushed meanwhile, and does not say so: its stock counts only
    where it is another than the feed's own last time.

    A crash in between is harmless: the sync is not marked as done, so the next one writes the rest.
    """
    values = {"shop": shop.id, "now": clock(), "as_of": as_of}
    connection.commit()  # the staged rows stay, though what follows be tried twice
    try:
        changed, added = _write_facts(connection, values)
    except OperationalError as error:
        connection.rollback()
        if not is_deadlock(error):
            raise
        changed, added = _write_facts(connection, values)
    staged = connection.execute(text("SELECT count(*) FROM staged")).scalar_one()
    connection.commit()
    released: list[Released] = []
    changes = 0
    if added < staged:  # new variants came with their stock
        for batch in _stock_changes(connection, shop, is_feed=is_feed):
            levels = [InventoryLevel(variant_id, None, available, None) for variant_id, available in batch]
            released += stock.apply_levels(connection, shop, levels, clock()).released
            if is_feed:
                ids = [level.variant_id for level in levels]
                connection.execute(_REMEMBER_FEED_STOCK, {**values, "variants": ids})
            connection.commit()
            changes += len(batch)
    return Taken(added + changed, changes, released)


def _write_facts(connection: Connection, values: dict[str, Any]) -> tuple[int, int]:
    """Write what differs but for stock, and commit; how many rows were changed, and how many are new."""
    shop_id = values["shop"]
    shops.share_rules(connection, shop_id)
    changed = connection.execute(text(_UPDATE_CHANGED), values).rowcount
    added = connection.execute(text(_INSERT_NEW), values).rowcount
    overrides.apply_to_catalog(connection, shop_id, "variant_id IN (SELECT variant_id FROM staged)")
    connection.commit()
    return changed, added


def _stock_changes(connection: Connection, shop: Shop, *, is_feed: bool) -> Iterator[list[tuple[str, int | None]]]:
    """What differs in stock, 1,000 at a time, from a cursor that outlives the commits in between."""
    with closing(driver_of(connection).cursor(name="stock_changes", withhold=True)) as cursor:
        cursor.execute(_FEED_STOCK_CHANGES if is_feed else _STOCK_CHANGES, {"shop": shop.id})
        while batch := cursor.fetchmany(STOCK_BATCH):
            yield batch


def last_syncs(database: Connection, shop_id: int, limit: int = 5) -> list[Any]:
    """The newest syncs of a shop, newest first, for pages and `doctor`."""
    query = text("SELECT * FROM catalog_sync WHERE shop_id = :shop ORDER BY id DESC LIMIT :limit")
    return list(database.execute(query, {"shop": shop_id, "limit": limit}).mappings())


def outcome_since(database: Connection, shop_id: int, began_at: datetime) -> SyncResult | None:
    """What became of the newest sync that has begun since, whoever carried it out; None while it goes on.

    Raises:
        CatalogError: it failed.
    """
    newest = next(iter(last_syncs(database, shop_id, limit=1)), None)
    if newest is None or newest["started_at"] < began_at or newest["state"] in {"running", "preparing"}:
        return None
    if newest["state"] == "failed":
        raise CatalogError(newest["error"], "failed")
    kept = {name: newest[name] for name in SyncResult.__slots__ if name in newest}
    seconds = (newest["finished_at"] - newest["started_at"]).total_seconds()
    return SyncResult(**{**kept, "seconds": round(seconds, 3)})


def take_away(
    database: Connection, shop: Shop, product_ids: Sequence[str], variant_ids: Sequence[str], read_at: datetime
) -> None:
    """Remove what these products no longer hold, in the caller's transaction; it counts as sold out.

    Args:
        database: a transaction.
        shop: the shop.
        product_ids: products that were read anew.
        variant_ids: all of their variants.
        read_at: when they were; what came into the catalog since then stays.
    """
    values = {"shop": shop.id, "products": list(product_ids), "variants": list(variant_ids), "now": read_at}
    rows = database.execute(
        text(
            "SELECT variant_id FROM variant WHERE shop_id = :shop AND product_id = ANY (:products)"
            " AND NOT variant_id = ANY (:variants) AND removed_at IS NULL AND updated_at <= :now"
        ),
        values,
    )
    gone = list(rows.scalars())
    levels = [InventoryLevel(variant_id, None, 0, read_at) for variant_id in gone]
    stock.apply_levels(database, shop, levels, read_at)  # what is removed has no stock any more
    database.execute(_REMOVE, {**values, "variants": gone})


_LOCK = text("SELECT pg_advisory_lock(:lock, CAST(:shop AS integer))")
_TRY_LOCK = text("SELECT pg_try_advisory_lock(:lock, CAST(:shop AS integer))")
_UNLOCK = text("SELECT pg_advisory_unlock(:lock, CAST(:shop AS integer))")
_FACTS = (
    "product_id",
    "product_title",
    "variant_title",
    "url",
    "image_url",
    "price",
    "currency",
    "collections",
)
_UPDATE_CHANGED = f"""
    UPDATE variant SET {", ".join(f"{name} = staged.{name}" for name in _FACTS)},
                       absent_since = NULL, removed_at = NULL, updated_at = :now
      FROM staged
     WHERE shop_id = :shop AND variant.variant_id = staged.variant_id
       AND (({", ".join(f"variant.{name}" for name in _FACTS)}) IS DISTINCT FROM
            ({", ".join(f"staged.{name}" for name in _FACTS)})
            OR absent_since IS NOT NULL OR removed_at IS NOT NULL)
       AND (greatest(variant.updated_at, removed_at) > CAST(:as_of AS timestamptz)) IS NOT TRUE
"""  # noqa: S608 (constants of this module)
_FEED_STOCK = "CASE WHEN stock_known THEN coalesce(CAST(staged.available AS text), 'unlimited') END"
_INSERT_NEW = f"""
    INSERT INTO variant (shop_id, variant_id, {", ".join(_FACTS)}, available, feed_stock, updated_at)
    SELECT :shop, variant_id, {", ".join(_FACTS)}, CASE WHEN stock_known THEN available ELSE 0 END, {_FEED_STOCK}, :now
      FROM staged
     WHERE NOT EXISTS (SELECT FROM variant WHERE shop_id = :shop AND variant.variant_id = staged.variant_id)
"""  # noqa: S608
_STOCK_CHANGES = """
    SELECT variant_id, staged.available FROM staged JOIN variant USING (variant_id)
     WHERE shop_id = %(shop)s AND stock_known AND variant.available IS DISTINCT FROM staged.available
     ORDER BY position
"""
_FEED_STOCK_CHANGES = f"""
    SELECT variant_id, staged.available FROM staged JOIN variant USING (variant_id)
     WHERE shop_id = %(shop)s AND stock_known AND feed_stock IS DISTINCT FROM {_FEED_STOCK}
     ORDER BY position
"""  # noqa: S608
_REMEMBER_FEED_STOCK = text(
    f"""
    UPDATE variant SET feed_stock = {_FEED_STOCK} FROM staged
     WHERE shop_id = :shop AND variant.variant_id = ANY (:variants) AND staged.variant_id = variant.variant_id
    """  # noqa: S608
)
_COUNT_LOST = text(
    """
    SELECT count(*) FILTER (WHERE absent_since IS NULL) AS known,
           count(*) FILTER (WHERE absent_since IS NULL AND staged.variant_id IS NULL) AS lost,
           count(*) FILTER (WHERE staged.variant_id IS NULL) AS missing
      FROM variant LEFT JOIN staged USING (variant_id)
     WHERE shop_id = :shop AND removed_at IS NULL
    """
)
_KNOWN = "shop_id = :shop AND removed_at IS NULL"
_MISSING = f"{_KNOWN} AND NOT EXISTS (SELECT FROM staged WHERE staged.variant_id = variant.variant_id)"
_STILL_ABSENT = text(f"SELECT variant_id FROM variant WHERE {_KNOWN} AND absent_since IS NOT NULL")  # noqa: S608
_MISSING_AGAIN = text(f"SELECT variant_id FROM variant WHERE {_MISSING} AND absent_since IS NOT NULL")  # noqa: S608
_REMOVE = text(
    "UPDATE variant SET removed_at = :now, feed_stock = NULL WHERE shop_id = :shop AND variant_id = ANY (:variants)"
)
_MARK_ABSENT = text(f"UPDATE variant SET absent_since = :now WHERE {_MISSING} AND absent_since IS NULL")  # noqa: S608


def _whole_variants(levels: Iterable[InventoryLevel], size: int) -> Iterator[list[InventoryLevel]]:
    """Batches of about so many; the levels of one variant, which come in a row, stay together."""
    batch: list[InventoryLevel] = []
    for level in levels:
        if len(batch) >= size and batch[-1].variant_id != level.variant_id:
            yield batch
            batch = []
        batch.append(level)
    if batch:
        yield batch


def _batches(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _begin(connection: Connection, shop: Shop) -> int:
    connection.execute(
        text(
            "UPDATE catalog_sync SET state = 'failed', error = 'The sync was cut off.', finished_at = now()"
            " WHERE shop_id = :shop AND state = 'running'"
        ),
        {"shop": shop.id},
    )
    asked = "DELETE FROM catalog_sync WHERE shop_id = :shop AND state = 'preparing'"
    connection.execute(text(asked), {"shop": shop.id})
    query = text("INSERT INTO catalog_sync (shop_id, feed) VALUES (:shop, :feed) RETURNING id")
    sync_id = int(connection.execute(query, {"shop": shop.id, "feed": shop.feed}).scalar_one())
    connection.commit()
    return sync_id


def _last_bookmark(connection: Connection, shop: Shop) -> CatalogBookmark | None:
    row = connection.execute(
        text(
            "SELECT feed, state, etag, last_modified, digest FROM catalog_sync"
            " WHERE shop_id = :shop AND state NOT IN ('running', 'preparing') ORDER BY id DESC LIMIT 1"
        ),
        {"shop": shop.id},
    ).first()
    connection.commit()
    # After a failure the whole feed is read: the sync that failed may have written a part of another version.
    if row is None or row.feed != shop.feed or row.state == "failed":
        return None
    return CatalogBookmark(row.etag, row.last_modified, row.digest)


def _wait(connection: Connection, shop: Shop, sync_id: int, seconds: float) -> None:
    """The platform prepares the catalog: it is asked again in a moment."""
    connection.execute(text("UPDATE catalog_sync SET state = 'preparing' WHERE id = :id"), {"id": sync_id})
    connection.execute(
        text("UPDATE feed_schedule SET due_at = now() + make_interval(secs => :seconds) WHERE shop_id = :shop"),
        {"shop": shop.id, "seconds": seconds},
    )
    connection.commit()


def _record(connection: Connection, sync_id: int, result: SyncResult, bookmark: CatalogBookmark) -> None:
    names = ("state", "error", "rows", "written", "skipped", "absent", "removed", "restocks")
    values = {name: getattr(result, name) for name in names}
    values |= {"etag": bookmark.etag, "last_modified": bookmark.last_modified, "digest": bookmark.digest}
    columns = ", ".join(f"{name} = :{name}" for name in values)
    problems = json.dumps(list(result.problems))
    connection.execute(
        text(
            f"UPDATE catalog_sync SET {columns}, problems = CAST(:problems AS jsonb), finished_at = now()"  # noqa: S608
            " WHERE id = :id"
        ),
        {**values, "problems": problems, "id": sync_id},
    )
    connection.execute(
        text(
            "INSERT INTO feed_schedule (shop_id, due_at)"
            " SELECT shop.id, now() + make_interval(secs => CASE WHEN state = 'failed'"
            " THEN least(feed_interval_seconds, :again) ELSE feed_interval_seconds END)"
            " FROM catalog_sync JOIN shop ON shop.id = shop_id WHERE catalog_sync.id = :id"
            " ON CONFLICT (shop_id) DO UPDATE SET due_at = excluded.due_at"
        ),
        {"id": sync_id, "again": FAILED_AGAIN_SECONDS},
    )
    if result.state == "unchanged":  # of many in a row only the newest is kept
        connection.execute(
            text(
                "DELETE FROM catalog_sync WHERE state = 'unchanged' AND id < :id"
                " AND shop_id = (SELECT shop_id FROM catalog_sync WHERE id = :id)"
            ),
            {"id": sync_id},
        )
    connection.commit()


def sync_shop(  # noqa: PLR0913 (who asks decides that much)
    engine: Engine,
    shop_id: int,
    make_adapter: Callable[[Shop], PlatformAdapter],
    clock: Callable[[], datetime],
    *,
    feed: str = "",
    accept_loss: bool = False,
    progress: Progress = lambda _rows: None,
) -> SyncResult:
    """Sync one shop's catalog; another feed is read, and kept when it was good, where one is given.

    Raises:
        LookupError: there is no such shop.
        CatalogError: nothing was changed.
    """
    with engine.connect() as database:
        shop = shops.by_id(database, shop_id)
    if shop is None:
        raise LookupError(f"There is no shop {shop_id}.")
    if feed:
        shop = replace(shop, feed=feed)
    adapter = make_adapter(shop)
    if feed and adapter.capabilities.catalog:
        raise CatalogError("This shop's platform tells its catalog itself: there is no feed to read.", "no_feed")
    result = CatalogSync(engine, shop, clock, accept_loss=accept_loss).run(adapter, progress)
    if feed:
        with engine.begin() as database:
            shops.change_settings(database, shop_id, {"feed": feed})
    return result
