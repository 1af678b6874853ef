"""The engine as the state machine sees it: real tables, the domain's own functions, and what they left behind."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, text

from integrations.types import InventoryLevel, Order
from plugin.domain import (
    flows,
    leaving,
    outbox,
    overrides,
    purchases,
    restocks,
    shops,
    stock,
    subscriptions,
    timeline,
)
from plugin.domain.outbox import ClaimedMessage, Outcome
from plugin.domain.overrides import Override
from plugin.domain.recorder import Ended, Recorder
from plugin.domain.shops import Shop
from plugin.domain.subscriptions import Request
from tests.factories import ORIGIN

DOMAIN = "@x.example"
PARTS = {
    "v1": (("collection", "c1"), ("product", "p1"), ("variant", "v1")),
    "v2": (("product", "p1"), ("variant", "v2")),
}
"""What overrides may name, by variant: both are of one product, one is in a collection."""

_SUBSCRIPTIONS = """
    SELECT shop_id, id, email_key, variant_id, state, reason, joined_at, bought_at IS NOT NULL, xmin::text
      FROM subscription WHERE shop_id = ANY (%s) ORDER BY id
"""
_MESSAGES = """
    SELECT shop_id, id, subscription_id, kind, release_id, step, state, reason, due_at, uncertain, attempts, claimed_by
      FROM message WHERE shop_id = ANY (%s) ORDER BY id
"""
_RELEASES = """
    SELECT shop_id, id, variant_id, released_at, quantity, people FROM release WHERE shop_id = ANY (%s) ORDER BY id
"""
_OPEN = "SELECT shop_id, variant_id, next_release_at FROM restock WHERE shop_id = ANY (%s) AND closed_at IS NULL"
_QUANTITIES = "SELECT shop_id, variant_id, available FROM variant WHERE shop_id = ANY (%s)"
_TOTALS = "SELECT shop_id, state, sum(messages) FROM message_total WHERE shop_id = ANY (%s) GROUP BY shop_id, state"
_MAKE_SHOPS = """
    WITH made AS (
        INSERT INTO shop (platform, name, domain, public_key, api_key_hash, double_opt_in)
        SELECT 'custom', 'Fern', %s, gen_random_uuid()::text, gen_random_uuid()::text::bytea, false
          FROM generate_series(1, 2) RETURNING id
    ), stocked AS (
        INSERT INTO variant (shop_id, variant_id, product_id, product_title, collections, available)
        SELECT id, variant_id, 'p1', 'Linen shirt', collections, 0
          FROM made, (VALUES ('v1', ARRAY['c1']), ('v2', ARRAY[]::text[])) AS item (variant_id, collections)
    )
    SELECT id FROM made ORDER BY id
"""
_END_LEASES = text("UPDATE message SET lease_until = 'epoch' WHERE state = 'claimed' AND claimed_by = :worker")


@dataclass
class Facts:
    """What the tables say about one shop, with its own numbers from 1 instead of the database's."""

    subscriptions: dict[int, tuple[Any, ...]]
    """number -> person, variant, state, reason, place, whether bought, version of the row."""
    ids: dict[int, int]
    """number -> the database's id of the subscription."""
    messages: dict[tuple[int, str, int, int], tuple[Any, ...]]
    """(subscription, kind, release, step) -> state, reason, due_at, uncertain, attempts, worker."""
    message_ids: dict[tuple[int, str, int, int], int]
    releases: list[tuple[Any, ...]]
    open: dict[str, datetime]
    quantities: dict[str, int | None]
    totals: dict[str, int]


class World:
    """An engine for as many examples as one likes: each works with shops of its own."""

    def __init__(self, engine: Engine, workers: Sequence[str]) -> None:
        self.engine = engine
        self.each_by_itself = engine.execution_options(isolation_level="AUTOCOMMIT").connect()
        self.url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self.reader = psycopg.connect(self.url, autocommit=True)
        self.recorders = {worker: Recorder(self.url, worker) for worker in workers}
        self.shop_ids: list[int] = []
        self.known: dict[int, Shop] = {}
        """Shops as they are, until something about them is changed."""

    def close(self) -> None:
        self.each_by_itself.close()
        self.reader.close()
        for recorder in self.recorders.values():
            recorder.close()

    def begin_example(self) -> None:
        """Two shops that nobody has used, with the same ids in each."""
        self.known.clear()
        self.shop_ids = [row[0] for row in self.reader.execute(_MAKE_SHOPS, [ORIGIN]).fetchall()]

    @contextmanager
    def shop(self, index: int) -> Iterator[tuple[Connection, Shop]]:
        """A transaction, and the shop as it is."""
        with self.engine.begin() as database:
            yield database, self._load(database, index)

    @contextmanager
    def changed_shop(self, index: int) -> Iterator[tuple[Connection, Shop]]:
        """The same for what changes the shop itself."""
        with self.shop(index) as opened:
            yield opened
        del self.known[index]

    def _load(self, database: Connection, index: int) -> Shop:
        if index not in self.known:
            found = shops.by_id(database, self.shop_ids[index])
            assert found
            self.known[index] = found
        return self.known[index]

    # What people do.

    def join(self, index: int, person: str, variant: str, now: datetime, *, aloud: bool) -> None:
        """`aloud`: typed in capitals."""
        email = (person.upper() if aloud else person) + DOMAIN
        shop = self._load(self.each_by_itself, index)
        subscriptions.join(self.each_by_itself, shop, Request(variant, email), now)

    def confirm(self, index: int, subscription_id: int, now: datetime) -> str:
        with self.shop(index) as (database, shop):
            return subscriptions.confirm(database, shop, subscription_id, now).value

    def leave(self, index: int, subscription_id: int, now: datetime) -> None:
        with self.shop(index) as (database, shop):
            leaving.leave(database, shop.id, subscription_id, now)

    def suppress(self, index: int, person: str, now: datetime) -> None:
        with self.shop(index) as (database, shop):
            leaving.suppress(database, shop.id, person + DOMAIN, now)

    def allow_again(self, index: int, person: str) -> None:
        with self.shop(index) as (database, shop):
            leaving.allow_again(database, shop.id, person + DOMAIN)

    def erase(self, index: int, person: str, now: datetime) -> int:
        with self.shop(index) as (database, shop):
            return leaving.erase(database, shop.id, person + DOMAIN, now)

    def order(self, index: int, person: str, variants: Sequence[str], ordered_at: datetime, now: datetime) -> int:
        order = Order("o", person + DOMAIN, "", ordered_at, tuple(variants))
        with self.shop(index) as (database, shop):
            return purchases.record(database, shop, [order], now)

    # What the shop does.

    def set_stock(self, index: int, levels: Sequence[InventoryLevel], now: datetime) -> list[int]:
        with self.shop(index) as (database, shop):
            return [each.people for each in stock.apply_levels(database, shop, levels, now).released]

    def release_due(self, index: int, now: datetime) -> list[tuple[str, int]]:
        with self.shop(index) as (database, shop):
            return [(each.variant_id, each.people) for each in restocks.release_due(database, shop, now)[1]]

    def notify_now(self, index: int, variant: str, now: datetime) -> int | None:
        with self.shop(index) as (database, shop):
            released = restocks.notify_now(database, shop, variant, now)
            return released.people if released else None

    def change_settings(self, index: int, changes: dict[str, Any], now: datetime | None = None) -> None:
        with self.changed_shop(index) as (database, shop):
            shops.change_settings(database, shop.id, changes, now=now)
            if "locations" in changes:
                changed = shops.by_id(database, shop.id)
                assert changed
                stock.what_counts_changed(database, changed)

    def put_override(self, index: int, part: tuple[str, str], settings: dict[str, Any]) -> None:
        with self.changed_shop(index) as (database, shop):
            overrides.put(database, shop, Override(*part, settings), "test")

    def remove_override(self, index: int, part: tuple[str, str]) -> bool:
        with self.changed_shop(index) as (database, shop):
            return overrides.remove(database, shop, *part, "test")

    def put_flow(self, index: int, state: str, messages: Sequence[tuple[int, int | None]]) -> None:
        made = [{"after_minutes": after, "smart_sending_hours": hours} for after, hours in messages]
        with self.changed_shop(index) as (database, shop):
            flows.put(database, shop.id, flows.checked(state, made, channels=["email"]), "test")

    def try_again(self, index: int, message_id: int, now: datetime) -> bool:
        with self.shop(index) as (database, shop):
            return outbox.try_again(database, shop.id, message_id, now)

    # What workers do.

    def claim(self, index: int, worker: str, limit: int, now: datetime) -> list[ClaimedMessage]:
        with self.shop(index) as (database, shop):
            return outbox.claim(database, shop, worker, now, limit=limit)

    def begin(self, worker: str, message: ClaimedMessage) -> bool:
        recorder = self.recorders[worker]
        recorder.step(begins=(message.id, message.attempt))
        return recorder.wait_begun(message.id)

    def answer(self, worker: str, message: ClaimedMessage, outcome: str) -> None:
        recorder = self.recorders[worker]
        recorder.step(ended=Ended(message.id, message.attempt, outcome, ""))
        recorder.drain()

    def finish(self, worker: str, answers: Sequence[tuple[ClaimedMessage, str]], now: datetime) -> None:
        with self.engine.begin() as database:
            outcomes = [(message.id, Outcome(answer, "", message.attempt)) for message, answer in answers]
            outbox.finish(database, worker, outcomes, now)

    def give_back(self, worker: str, messages: Sequence[ClaimedMessage]) -> None:
        with self.engine.begin() as database:
            outbox.give_back(database, worker, [message.id for message in messages], None)

    def recover(self, worker: str, now: datetime) -> None:
        with self.engine.begin() as database:
            outbox.recover(database, now, worker=worker)

    def lease_runs_out(self, worker: str, now: datetime) -> None:
        with self.engine.begin() as database:
            database.execute(_END_LEASES, {"worker": worker})
            outbox.recover(database, now)

    # What came of it.

    def facts(self) -> list[Facts]:
        """What the tables say, by shop."""
        queries = (_SUBSCRIPTIONS, _MESSAGES, _RELEASES, _OPEN, _QUANTITIES, _TOTALS)
        with self.reader.pipeline():
            cursors = [self.reader.execute(query, [self.shop_ids]) for query in queries]
        tables = [cursor.fetchall() for cursor in cursors]
        return [
            self._of_shop(*([row[1:] for row in rows if row[0] == shop_id] for rows in tables))
            for shop_id in self.shop_ids
        ]

    @staticmethod
    def _of_shop(
        subscribed: list[Any],
        messages: list[Any],
        releases: list[Any],
        opened: list[Any],
        variants: list[Any],
        totals: list[Any],
    ) -> Facts:
        numbers = {row[0]: number for number, row in enumerate(subscribed, 1)}
        batches = {row[0]: number for number, row in enumerate(releases, 1)}
        keys = {row[0]: (numbers[row[1]], row[2], batches.get(row[3], 0), row[4]) for row in messages}
        assert len(set(keys.values())) == len(keys), "a message was written twice"
        return Facts(
            subscriptions={
                numbers[row[0]]: (row[1].removesuffix(DOMAIN) if "@" in row[1] else None, *row[2:])
                for row in subscribed
            },
            ids={number: id_ for id_, number in numbers.items()},
            messages={keys[row[0]]: tuple(row[5:]) for row in messages},
            message_ids={key: id_ for id_, key in keys.items()},
            releases=[row[1:] for row in releases],
            open=dict(opened),
            quantities=dict(variants),
            totals=dict(totals),
        )

    def timeline(self, index: int, subscription_id: int) -> timeline.Timeline:
        """The story of a subscription."""
        shop = self._load(self.each_by_itself, index)
        told = timeline.of_subscription(self.each_by_itself, shop, subscription_id)
        assert told
        return told
