"""Partitions by month: made ahead, dropped when old, and never in anybody's way."""

import secrets
import threading
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text
from structlog.testing import capture_logs

from plugin import db, partitions, scheduler
from plugin.domain import flows, outbox, overview, shopper_events, timeline
from plugin.domain.flows import Flow, FlowMessage
from plugin.domain.outbox import Outcome
from plugin.domain.shopper_events import ShopperEvent
from plugin.partitions import first_id, month_of
from plugin.runtime import Runtime, now
from plugin.settings import Settings
from tests.factories import ShopKeys, join, load, make_shop, set_stock
from tests.plugin.test_scheduler import Scheduler, in_a_hurry
from tests.processes import wait_for

KEPT = {family.table: 13 for family in partitions.FAMILIES}
MONTH = month_of(now())


@pytest.fixture
def tables(empty: Engine) -> Engine:
    """A database whose partitions no other test sees."""
    db.upgrade(empty)
    return empty


@pytest.fixture
def own_shop(tables: Engine) -> ShopKeys:
    """A shop in it."""
    return make_shop(tables)


def months_later(months: int) -> datetime:
    """The middle of a month."""
    month = MONTH + months
    return now().replace(year=month // 12, month=month % 12 + 1, day=15)


def upkeep(engine: Engine, months: int = 0) -> None:
    partitions.upkeep(engine, months_later(months), KEPT)


def made(engine: Engine, table: str = "message") -> set[str]:
    with engine.connect() as database:
        query = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = CAST(:table AS regclass)")
        return {name.removeprefix(table) for name in database.execute(query, {"table": table}).scalars()}


def suffix(months: int) -> str:
    month = MONTH + months
    return f"_{month // 12}_{month % 12 + 1:02}"


def put_message(engine: Engine, shop: ShopKeys, months: int, state: str = "sent") -> int:
    """A message of someone who was told so many months from now, handed over once; returns its id."""
    email = f"{secrets.token_hex(6)}@x.example"
    join(engine, shop, email)
    with engine.begin() as database:
        values = {"beside": first_id(MONTH + months), "shop": shop.id, "email": email, "state": state}
        query = """
            WITH told AS (UPDATE subscription SET state = 'notified' WHERE email = :email RETURNING id)
            INSERT INTO message (id, shop_id, subscription_id, kind, state, due_at, created_at)
            SELECT monthly_id('message_id_seq', :beside), :shop, id, 'restock', :state, now(), now() FROM told
            RETURNING id
        """
        message_id = int(database.execute(text(query), values).scalar_one())
        attempt = text("INSERT INTO delivery_attempt (message_id, number, begun_at) VALUES (:id, 1, now())")
        database.execute(attempt, {"id": message_id})
    return message_id


def put_event(engine: Engine, shop: ShopKeys, months: int) -> None:
    """What a visitor looked at so many months from now."""
    moment = months_later(months)
    told = ShopperEvent(secrets.token_hex(16), "viewed", "p1", None, None, moment)
    with engine.begin() as database:
        shopper_events.record(database, shop.id, secrets.token_hex(16), [told], moment)


def kept(engine: Engine, table: str = "message", column: str = "id") -> list[int]:
    with engine.connect() as database:
        return list(database.execute(text(f"SELECT {column} FROM {table} ORDER BY 1")).scalars())


def test_partitions_are_made_for_this_month_and_the_next_two(tables: Engine) -> None:
    upkeep(tables)
    upkeep(tables)

    assert made(tables) == {"_first", "_default", suffix(1), suffix(2)}  # what was there takes this month
    assert made(tables, "delivery_attempt") == made(tables)


def test_ids_hold_their_month_and_grow(tables: Engine, own_shop: ShopKeys) -> None:
    join(tables, own_shop, "a@x.example", "b@x.example")
    set_stock(tables, own_shop, 5)

    ids = kept(tables)

    assert [number >> partitions.MONTH_BITS for number in ids] == [MONTH, MONTH]
    assert sorted(ids) == ids


def test_a_month_is_dropped_when_it_is_older_than_what_is_kept(tables: Engine, own_shop: ShopKeys) -> None:
    for months in range(4):
        upkeep(tables, months)
    ids = [put_message(tables, own_shop, months) for months in range(4)]

    upkeep(tables, 14)
    assert kept(tables) == ids[1:]
    upkeep(tables, 16)

    assert kept(tables) == ids[3:]
    assert kept(tables, "delivery_attempt", "message_id") == ids[3:]
    assert made(tables) >= {suffix(3), suffix(16), suffix(18), "_default"}


def test_a_month_with_something_left_to_do_stays_and_is_named(tables: Engine, own_shop: ShopKeys) -> None:
    upkeep(tables)
    ids = [put_message(tables, own_shop, 1), put_message(tables, own_shop, 1, "pending")]

    with capture_logs() as logs:
        upkeep(tables, 20)

    assert kept(tables) == ids
    assert [entry["partition"] for entry in logs if entry["event"] == "old_partition_has_unfinished_rows"] == [
        f"message{suffix(1)}"
    ]
    with tables.begin() as database:
        database.execute(text("UPDATE message SET state = 'skipped'"))
    upkeep(tables, 20)
    assert kept(tables) == []


def test_what_nobody_has_made_a_partition_for_is_kept_all_the_same(tables: Engine, own_shop: ShopKeys) -> None:
    upkeep(tables)
    late = put_message(tables, own_shop, 4)  # nothing ran for four months but a web process

    upkeep(tables, 4)
    more = [put_message(tables, own_shop, months) for months in (4, 5)]

    assert kept(tables, "message_default") == [late, more[0]]
    assert kept(tables, f"message{suffix(5)}") == [more[1]]
    upkeep(tables, 4 + 13)
    assert kept(tables) == [late, *more]
    upkeep(tables, 4 + 14)
    assert kept(tables) == [more[1]]
    assert kept(tables, "delivery_attempt", "message_id") == [more[1]]


def test_upkeep_waits_for_nobody_and_nobody_for_it(
    tables: Engine, own_shop: ShopKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partitions, "TRIES", 2)
    upkeep(tables)
    with tables.begin() as reader:
        reader.execute(text("SELECT count(*) FROM message")).scalar_one()
        thread = threading.Thread(target=upkeep, args=(tables, 20))
        thread.start()
        waits = []
        while thread.is_alive():
            started = time.monotonic()
            put_message(tables, own_shop, 1)
            waits.append(time.monotonic() - started)
        thread.join()

        assert suffix(1) in made(tables)
        assert waits
        assert max(waits) < 3  # two of its waits may be met, on a busy machine
    upkeep(tables, 20)
    assert suffix(1) not in made(tables)


def test_many_may_do_it_at_once(tables: Engine) -> None:
    errors: list[Exception] = []

    def work() -> None:
        try:
            upkeep(tables)
            upkeep(tables, 20)
        except Exception as error:  # noqa: BLE001 (told by the thread that waits)
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    upkeep(tables, 20)
    assert made(tables) == {"_default", *(suffix(months) for months in (20, 21, 22))}


def test_a_later_message_lies_beside_the_first_of_its_release(tables: Engine, own_shop: ShopKeys) -> None:
    upkeep(tables)
    join(tables, own_shop, "a@x.example")
    with tables.begin() as database:
        flows.put(database, own_shop.id, Flow(messages=(FlowMessage(), FlowMessage(after_minutes=60))), "test")
    set_stock(tables, own_shop, 5)
    with tables.begin() as database:  # as if the release had been in another month
        database.execute(text("UPDATE message SET id = id + (1::bigint << 36)"))
        (first,) = outbox.claim(database, load(tables, own_shop), "w", now(), limit=5)
        outbox.finish(database, "w", [(first.id, Outcome("accepted"))], now())

    assert len(kept(tables)) == 2
    assert kept(tables, f"message{suffix(1)}") == kept(tables)


def test_pages_bear_that_old_messages_are_gone(tables: Engine, own_shop: ShopKeys) -> None:
    shop = load(tables, own_shop)
    upkeep(tables)
    put_message(tables, own_shop, 0)
    upkeep(tables, 20)

    with tables.connect() as database:
        subscription_id = database.execute(text("SELECT id FROM subscription")).scalar_one()
        story = timeline.of_subscription(database, shop, subscription_id)
        assert overview.dead_letters(database, shop.id) == []
    assert story
    assert [entry.event for entry in story.entries] == ["asked", "no_longer_kept"]
    assert story.entries[-1].sentence == "The mail was sent; older messages are no longer kept."


def test_the_leader_looks_after_partitions(
    settings: Settings, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[datetime, dict[str, int]]] = []
    monkeypatch.setattr(partitions, "upkeep", lambda _engine, moment, months: calls.append((moment, months)))
    monkeypatch.setattr(scheduler, "UPKEEP_SECONDS", 0.1)
    in_a_hurry(monkeypatch)

    with Scheduler(Runtime(settings)).running():
        wait_for(lambda: len(calls) >= 2, "two looks")

    assert now() - calls[0][0] < timedelta(minutes=1)
    assert calls[0][1] == settings.months_kept


def test_an_upgrade_makes_partitions(empty: Engine, settings: Settings) -> None:
    url = empty.url.set(drivername="postgresql").render_as_string(hide_password=False)

    with closing(Runtime(replace(settings, database_url=url))) as runtime:
        runtime.upgrade_database()

    assert suffix(2) in made(empty)


def test_what_visitors_looked_at_is_forgotten_by_the_month(tables: Engine, own_shop: ShopKeys) -> None:
    upkeep(tables)
    for months in (1, 2, 2):
        put_event(tables, own_shop, months)

    partitions.upkeep(tables, months_later(1 + 4 + 1), {**KEPT, "shopper_event": 4})

    assert len(kept(tables, "shopper_event")) == 2
    assert suffix(1) not in made(tables, "shopper_event")
    assert suffix(2) in made(tables, "shopper_event")
