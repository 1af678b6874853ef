"""Partitions by month: tables that grow with the history are made ahead, and dropped whole when they are old.

The id of a row holds its month (UTC) in the bits from the 36th on, so a partition is a range of ids, and every look-up
by id finds its partition by itself. A month is a number: year * 12 + month - 1.

Nothing ever fails for want of a partition. What belongs to a month that nobody has made lies in the table's default
partition, where it is found like everything else; that month stays there until it is old, and later ones are made.
"""

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

log = structlog.get_logger(__name__)

MONTH_BITS = 36
MONTHS_AHEAD = 2
LOCK_MILLISECONDS = 300
"""Who waits for a whole table holds up everybody who comes after: better to give up soon and try again."""
TRIES = 3
PAUSE_SECONDS = 0.2
PARTITIONS_LOCK = 7_365_006


@dataclass(frozen=True, slots=True)
class Family:
    """Tables whose partitions come and go together."""

    table: str
    unique: str
    """What is unique in each of its partitions."""
    followers: tuple[str, ...] = ()
    """Tables that are partitioned by the ids of the first one."""
    unfinished: str = "state IN ('pending', 'claimed')"
    """Rows for which something is still to be done; they keep the partition that they lie in."""

    @property
    def tables(self) -> tuple[str, ...]:
        """All of them."""
        return (self.table, *self.followers)


FAMILIES = (
    Family("message", "(subscription_id, release_id, channel, step) NULLS NOT DISTINCT", ("delivery_attempt",)),
    Family("webhook", "(shop_id, delivery_id)"),
    Family("shopper_event", "(shop_id, event_id)", unfinished="false"),
)


@dataclass(frozen=True, slots=True)
class _Partition:
    suffix: str
    low: int
    high: int
    """The first id that does not belong to it."""


def month_of(moment: datetime) -> int:
    """The number of a moment's month (UTC)."""
    moment = moment.astimezone(UTC)
    return moment.year * 12 + moment.month - 1


def first_id(month: int) -> int:
    """The ids of this month are greater, those of earlier months smaller."""
    return month << MONTH_BITS


def id_bounds(ids: Collection[int]) -> dict[str, int]:
    """`low` and `high`, which hold these ids and end with their months: a query between them touches no other month."""
    low, high = min(ids, default=0) >> MONTH_BITS, max(ids, default=0) >> MONTH_BITS
    return {"low": first_id(low), "high": first_id(high + 1) - 1}


def upkeep(engine: Engine, now: datetime, months_kept: Mapping[str, int]) -> None:
    """Make the partitions of this month and the next two, and drop those that are older than what is kept.

    Keeps nobody waiting: what cannot be had at once is left to the next time. Several may do it at once.

    Args:
        engine: the way to the database.
        now: the moment.
        months_kept: by the first table of a family, how many whole months are kept besides the present one.
    """
    for family in FAMILIES:
        for month in range(month_of(now), month_of(now) + MONTHS_AHEAD + 1):
            _insist(engine, partial(_make, family, month))
        oldest = first_id(month_of(now) - months_kept[family.table])
        with engine.connect() as database:
            old = [each for each in _partitions(database, family) if each.high <= oldest]
        for each in old:
            _insist(engine, partial(_drop, family, each))
        _insist(engine, partial(_empty_default, family, oldest))


def _insist(engine: Engine, change: Callable[[Connection], None]) -> None:
    """Make a change in a transaction that gives up soon, several times if need be."""
    for _ in range(TRIES):
        try:
            with engine.begin() as database:
                database.execute(text(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}"))
                database.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PARTITIONS_LOCK})
                change(database)
        except OperationalError as error:
            log.info("partitions_wait", error=type(error.orig).__name__)
            time.sleep(PAUSE_SECONDS)
        else:
            return
    log.warning("partitions_left_as_they_are")


def _make(family: Family, month: int, database: Connection) -> None:
    low, high = first_id(month), first_id(month + 1)
    covered = any(each.low <= low < each.high for each in _partitions(database, family))
    if covered or _exists(database, f"{family.table}_default", f"id >= {low} AND id < {high}"):
        return
    suffix = f"_{month // 12}_{month % 12 + 1:02}"
    try:
        with database.begin_nested():
            for table in family.tables:
                name = f"{table}{suffix}"
                # Made beside the table and then attached: that keeps nobody from reading and writing the others.
                database.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL) WITH (fillfactor = 80)"))
                if table == family.table:
                    database.execute(text(f"CREATE UNIQUE INDEX {name}_once_key ON {name} {family.unique}"))
                database.execute(
                    text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({low}) TO ({high})")
                )
    except IntegrityError:  # a row of that month has gone to the default partition just now
        return
    log.info("partition_made", table=family.table, month=suffix[1:])


def _drop(family: Family, partition: _Partition, database: Connection) -> None:
    name = f"{family.table}{partition.suffix}"
    if partition not in _partitions(database, family):  # another process was faster
        return
    if _is_in_use(family, database, name):
        log.warning("old_partition_has_unfinished_rows", partition=name)
        return
    database.execute(text(f"DROP TABLE {', '.join(f'{table}{partition.suffix}' for table in family.tables)}"))
    log.info("partition_dropped", partition=name)


def _empty_default(family: Family, oldest: int, database: Connection) -> None:
    """Empty the default partition once all that lies there is old."""
    name = f"{family.table}_default"
    newest = database.execute(text(f"SELECT max(id) FROM {name}")).scalar_one()  # noqa: S608
    if newest is None or newest >= oldest:
        return
    if _is_in_use(family, database, name):
        log.warning("old_partition_has_unfinished_rows", partition=name)
        return
    database.execute(text(f"TRUNCATE {', '.join(f'{table}_default' for table in family.tables)}"))
    log.info("partition_dropped", partition=name)


def _is_in_use(family: Family, database: Connection, name: str) -> bool:
    """Whether something is still to be done in a partition, which nobody changes from here on."""
    database.execute(text(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE"))
    return _exists(database, name, family.unfinished)


def _exists(database: Connection, name: str, condition: str) -> bool:
    query = f"SELECT EXISTS (SELECT FROM {name} WHERE {condition})"  # noqa: S608 (names and numbers of this module)
    return bool(database.execute(text(query)).scalar_one())


_PARTITIONS = text(
    """
    SELECT relname, pg_get_expr(relpartbound, pg_class.oid) AS bounds
      FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
     WHERE inhparent = CAST(:table AS regclass)
    """
)
_BOUNDS = re.compile(r"FROM \((MINVALUE|'\d+')\) TO \('(\d+)'\)")


def _partitions(database: Connection, family: Family) -> Iterator[_Partition]:
    """The partitions of a family but for the default one."""
    for name, bounds in database.execute(_PARTITIONS, {"table": family.table}):
        found = _BOUNDS.search(bounds or "")  # nothing, when it is being dropped at this moment
        if found:
            low = 0 if found[1] == "MINVALUE" else int(found[1].strip("'"))
            yield _Partition(name.removeprefix(family.table), low, int(found[2]))
