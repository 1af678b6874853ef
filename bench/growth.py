"""What the same work costs in a large installation and in a small one, side by side.

Both hold shops of the same make: ten variants that 100 people each wait for, ten that nobody waits for, a feed, an
open restock, and a past (for eleven people who wait one who was told). Every step is taken in the one and then in the
other, so that the machine's pace cancels out.
"""

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text

from bench import common
from integrations.types import InventoryLevel
from plugin import db, log, partitions, scheduler
from plugin.domain import leaving, outbox, overview, shops, stock, subscriptions
from plugin.domain.outbox import ClaimedMessage, Outcome
from plugin.domain.shops import Shop
from plugin.domain.subscriptions import Request
from plugin.embedded import EmbeddedPostgres, EmbeddedRedis
from plugin.runtime import Runtime, now
from plugin.settings import Settings

PEOPLE = 1_000_000
SMALL = 10_000
LINE = 100
"""People who wait for one variant."""
LINES = 10
"""Variants of a shop that people wait for; as many again have nobody."""
ROUNDS = 80
AIM = 1.5
LEVELS = 100
"""Variants in a stock update of many."""


def main(words: Sequence[str] = ()) -> None:
    """Fill both, measure, and print three tables: the steps, a first look from the disk, and the size of the tables."""
    parser = argparse.ArgumentParser(prog="python -m bench growth")
    parser.add_argument("--people", type=int, default=PEOPLE, help="people who wait in the large installation")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="restocks measured; at most 100")
    given = parser.parse_args(words)
    log.configure("bench")
    common.title(f"Growth: {given.people:,} people wait in {given.people // LINE // LINES:,} shops")
    with _side(SMALL) as small, _side(given.people) as large:
        _measure(small, large, given.rounds)
        head = ["", f"{SMALL:,} wait", f"{given.people:,} wait", "ratio", "p95 ratio"]
        common.table(head, [_row(name, small, large) for name in small.seconds])
        over = [name for name in small.seconds if _ratio(name, small, large) > AIM]
        print(f"\nOver {AIM}: {', '.join(over) or 'none'}\n")
        _print_sizes(large)
        _print_cold(large, given.rounds)


@dataclass
class _Side:
    """One of the two installations, and what was measured in it."""

    runtime: Runtime
    people: int
    data: Path
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def shops(self) -> int:
        return self.people // LINE // LINES

    @contextlib.contextmanager
    def clock(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.seconds.setdefault(name, []).append(time.perf_counter() - started)


@contextlib.contextmanager
def _side(people: int) -> Iterator[_Side]:
    with tempfile.TemporaryDirectory(prefix="stockbell-growth-") as folder:
        home = Path(folder)
        with EmbeddedPostgres(home / "postgres") as postgres, EmbeddedRedis(home / "redis") as redis:
            settings = Settings(
                database_url=postgres.url, redis_url=redis.url, home=home, secret_key="b" * 40, allow_loopback=True
            )
            runtime = Runtime(settings)
            db.upgrade(runtime.engine)
            partitions.upkeep(runtime.engine, now(), settings.months_kept)
            side = _Side(runtime, people, postgres.data)
            _fill(side)
            try:
                yield side
            finally:
                runtime.close()


# ----- filling


def _fill(side: _Side) -> None:
    """Write the rows in bulk, in the order in which people come: to all shops in turn."""
    values = {"shops": side.shops, "people": side.people, "lines": LINES}
    with _without_indices(side.runtime, "subscription"):
        for statement in _FILL:
            _without_limit(side.runtime, statement, values)
    _without_limit(side.runtime, "VACUUM ANALYZE", {})
    _without_limit(side.runtime, "CHECKPOINT", {})


def _without_limit(runtime: Runtime, statement: str, values: dict[str, int]) -> None:
    with runtime.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as database:
        for setting in ("statement_timeout = 0", "maintenance_work_mem = '1GB'", "synchronous_commit = off"):
            database.execute(text(f"SET {setting}"))
        database.execute(text(statement), values)
        database.invalidate()  # with what was set


@contextlib.contextmanager
def _without_indices(runtime: Runtime, table: str) -> Iterator[None]:
    """Take the indices of a table away but for its primary key, and make them anew afterwards."""
    query = (
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = :table"
        " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
    )
    with runtime.engine.begin() as database:
        indices = list(database.execute(text(query), {"table": table}))
        for index in indices:
            database.execute(text(f"DROP INDEX {index.indexname}"))
    yield
    for index in indices:
        _without_limit(runtime, index.indexdef, {})


_SHOPS = """
    INSERT INTO shop (platform, name, domain, public_key, api_key_hash, feed, double_opt_in)
    SELECT 'custom', 'Shop ' || n, 'https://shop-' || n || '.example', md5('shop' || n), sha256(n::text::bytea),
           'https://shop-' || n || '.example/feed.json', false
      FROM generate_series(1, :shops) AS n
"""
_FEEDS = "INSERT INTO feed_schedule (shop_id, due_at) SELECT id, now() + interval '1 day' FROM shop"
_VARIANTS = """
    INSERT INTO variant (shop_id, variant_id, product_id, product_title, variant_title, url, image_url, price,
                         currency, collections)
    SELECT shop.id, (10000000000 + n)::text, (8000000000 + n / 4)::text, 'Linen shirt ' || n / 4, 'M / blue',
           domain || '/products/linen-shirt-' || n / 4 || '?variant=' || 10000000000 + n,
           'https://cdn' || shop.id || '.example/pictures/linen-shirt-' || n / 4 || '.jpg', 19.90, 'EUR',
           '{apparel,new}'
      FROM shop, generate_series(0, 2 * :lines - 1) AS n
"""
_PEOPLE = """
    INSERT INTO subscription (shop_id, variant_id, email, email_key, locale, state, joined_at, state_at, confirmed_at,
                              created_at, page_url, link_key)
    SELECT shop, variant, email, email, 'en', 'waiting', at, at, at, at,
           'https://shop-' || shop || '.example/products/linen-shirt', substr(sha256(n::text::bytea), 1, 16)
      FROM (SELECT n, 1 + n % :shops AS shop, (10000000000 + n / :shops % :lines)::text AS variant,
                   'person.' || n || '@mail' || n % 37 || '.example.com' AS email,
                   now() - interval '30 days' + n * interval '30 days' / :people AS at
              FROM generate_series(0, :people - 1) AS n) AS people
"""
_PAST_SUBSCRIPTIONS = """
    INSERT INTO subscription (shop_id, variant_id, email, email_key, locale, state, joined_at, state_at, confirmed_at,
                              created_at, page_url, link_key)
    SELECT shop_id, variant_id, 'past.' || email, 'past.' || email_key, locale, 'notified', joined_at, now(), now(),
           joined_at, page_url, link_key
      FROM subscription WHERE id % 11 = 0
"""
_PAST_RESTOCKS = """
    INSERT INTO restock (shop_id, variant_id, cause, opened_at, closed_at, close_reason)
    SELECT shop_id, variant_id, 'stock', now(), now(), 'everyone_told' FROM variant
"""
_OPEN_RESTOCKS = """
    INSERT INTO restock (shop_id, variant_id, cause, opened_at, next_release_at)
    SELECT id, 'gone', 'stock', now(), now() + interval '1 day' FROM shop
"""
_PAST_RELEASES = """
    INSERT INTO release (shop_id, restock_id, variant_id, released_at, quantity, minimum_inventory, wait_minutes,
                         people)
    SELECT shop_id, id, variant_id, opened_at, 20, 1, 60, 10 FROM restock
"""
_PAST_MESSAGES = """
    INSERT INTO message (shop_id, subscription_id, release_id, kind, state, due_at, attempts, created_at, finished_at)
    SELECT subscription.shop_id, subscription.id, release.id, 'restock', 'sent', now(), 1, now(), now()
      FROM subscription JOIN release USING (shop_id, variant_id) WHERE state = 'notified'
"""
_PAST_ATTEMPTS = """
    INSERT INTO delivery_attempt (message_id, number, begun_at, ended_at, outcome)
    SELECT id, 1, now(), now(), 'accepted' FROM message
"""
_FILL = [
    _SHOPS,
    _FEEDS,
    _VARIANTS,
    _PEOPLE,
    _PAST_SUBSCRIPTIONS,
    _PAST_RESTOCKS,
    _PAST_RELEASES,
    _PAST_MESSAGES,
    _PAST_ATTEMPTS,
    _OPEN_RESTOCKS,
]


# ----- measuring


def _measure(small: _Side, large: _Side, rounds: int) -> None:
    """Walk through lines of shops all over both installations; the first steps warm up the statements."""
    for number in range(rounds):
        for side in (small, large) if number % 2 else (large, small):
            _round(side, number)
    for side in (small, large):
        for found in side.seconds.values():
            del found[: len(found) // 10]


def _round(side: _Side, number: int) -> None:
    """One restock and what is around it; every second line is read beforehand."""
    shop, variant = _place(side, number)
    is_read = number % 2
    if is_read:
        _rehearse(side, shop, variant)
    with side.clock("stock change, nobody waits"):
        _set_stock(side, shop, _variant(LINES + number % LINES), 1 + number)
    with side.clock(f"stock of {LEVELS} variants in one call"):
        _set_stock_of_many(side, shop, number)
    with side.clock("sign-up"), side.runtime.quick_engine.connect() as database:
        subscriptions.join(database, shop, Request(variant, f"new.{number}@example.com"), now())
    with side.clock(f"release of {LINE} people, {'read before' if is_read else 'first look'}"):
        _set_stock(side, shop, variant, 50)
    with side.clock("scheduler: tick, nothing due"):
        scheduler.tick(side.runtime)
    with side.clock("scheduler: sweep, one shop has messages due"):
        scheduler.sweep(side.runtime)
    with side.clock(f"claim of {LINE} messages"):
        claimed = _claim(side, shop)
    assert len(claimed) == LINE + 1, len(claimed)
    with side.clock(f"finish of {LINE} messages"), side.runtime.engine.begin() as database:
        outbox.finish(database, "bench", [(message.id, Outcome("accepted")) for message in claimed], now())
    with side.clock("unsubscribe by link"), side.runtime.engine.begin() as database:
        leaving.suppress(database, shop.id, _someone(side, number), now())
    with side.clock("API: a page of 100 subscriptions"), side.runtime.engine.connect() as database:
        subscriptions.page(database, shop.id, after=0, limit=100)
    with side.clock("merchant page"), side.runtime.engine.connect() as database:
        overview.waiting(database, shop)
        overview.message_counts(database, shop.id)
        overview.dead_letters(database, shop.id)
        overview.uncertain(database, shop.id)


def _place(side: _Side, number: int) -> tuple[Shop, str]:
    """The shop and the line of a round; never the same twice."""
    shop_id = 1 + (number % SHOPS_OF_SMALL) * (side.shops // SHOPS_OF_SMALL)
    with side.runtime.engine.connect() as database:
        shop = shops.by_id(database, shop_id)
    assert shop
    return shop, _variant(number // SHOPS_OF_SMALL)


SHOPS_OF_SMALL = SMALL // LINE // LINES


def _variant(number: int) -> str:
    return str(10_000_000_000 + number)


def _someone(side: _Side, number: int) -> str:
    """An address that waits in the shop of this round, for the last of its lines."""
    shop = (number % SHOPS_OF_SMALL) * (side.shops // SHOPS_OF_SMALL) + 1
    person = shop - 1 + side.shops * (LINES - 1) + side.shops * LINES * (number // SHOPS_OF_SMALL)
    return f"person.{person}@mail{person % 37}.example.com"


def _set_stock(side: _Side, shop: Shop, variant: str, quantity: int) -> None:
    with side.runtime.engine.begin() as database:
        stock.apply_levels(database, shop, [InventoryLevel(variant, None, quantity, None)], now())


def _set_stock_of_many(side: _Side, shop: Shop, number: int) -> None:
    """A call as programs make it: most of what it names is of locations, and nobody waits for it."""
    levels = [
        InventoryLevel(_variant(LINES + place % LINES), f"location-{place // LINES}", number + place, None)
        for place in range(LEVELS)
    ]
    with side.runtime.engine.begin() as database:
        stock.apply_levels(database, shop, levels, now())


def _rehearse(side: _Side, shop: Shop, variant: str) -> None:
    """The release, taken back: afterwards its pages are in PostgreSQL's own memory."""
    with side.runtime.engine.connect() as database:
        stock.apply_levels(database, shop, [InventoryLevel(variant, None, 50, None)], now())
        database.rollback()


def _claim(side: _Side, shop: Shop) -> list[ClaimedMessage]:
    with side.runtime.engine.begin() as database:
        return outbox.claim(database, shop, "bench", now() + timedelta(seconds=1), limit=250)


# ----- what is printed


def _row(name: str, small: _Side, large: _Side) -> list[str]:
    return [
        name,
        *(f"{1000 * statistics.median(side.seconds[name]):.2f} ms" for side in (small, large)),
        f"{_ratio(name, small, large):.2f}",
        f"{_p95(large.seconds[name]) / _p95(small.seconds[name]):.2f}",
    ]


def _ratio(name: str, small: _Side, large: _Side) -> float:
    return statistics.median(large.seconds[name]) / statistics.median(small.seconds[name])


def _p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.95)]


def _print_sizes(side: _Side) -> None:
    query = """
        SELECT coalesce(pg_partition_root(oid), oid)::regclass::text AS name,
               sum(greatest(reltuples, 0))::bigint AS rows,
               sum(pg_relation_size(oid))::bigint AS heap, sum(pg_indexes_size(oid))::bigint AS indices
          FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
         GROUP BY 1 ORDER BY sum(pg_total_relation_size(oid)) DESC LIMIT 8
    """
    with side.runtime.engine.connect() as database:
        found = database.execute(text(query)).all()
        total = database.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    rows = [
        [
            row.name,
            f"{row.rows:,}",
            f"{row.heap / 1e6:,.0f} MB",
            f"{row.indices / 1e6:,.0f} MB",
            f"{(row.heap + row.indices) / row.rows:,.0f}",
        ]
        for row in found
        if row.rows
    ]
    common.table(["table", "rows", "rows on disk", "indices", "bytes a row, with indices"], rows)
    print(f"\nThe whole database: {total / 1e9:.2f} GB\n")


def _print_cold(side: _Side, rounds: int) -> None:
    """Releases whose pages must come from the disk."""
    seconds = []
    for number in range(rounds, min(rounds + 10, SHOPS_OF_SMALL * LINES)):
        shop, variant = _place(side, number)
        _forget_pages(side)
        started = time.perf_counter()
        _set_stock(side, shop, variant, 50)
        seconds.append(time.perf_counter() - started)
    if seconds:
        print(f"A release of {LINE} people from the disk: {1000 * statistics.median(seconds):.1f} ms\n")


def _forget_pages(side: _Side) -> None:
    """Let the machine forget the database's files; PostgreSQL's own 128 MB stay."""
    _without_limit(side.runtime, "CHECKPOINT", {})
    for path in side.data.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
