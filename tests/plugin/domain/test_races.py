"""Many at once want to do the same thing: it is done once."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.chaos.network import Loop
from tests.chaos.sink import RecordingSink
from tests.factories import ShopKeys, join, make_shop, set_stock, states

RACERS = 32
PEOPLE = 3000


@pytest.fixture
def recording() -> Iterator[RecordingSink]:
    """A mail server that keeps up with many workers."""
    with Loop() as network, RecordingSink(network) as sink:
        yield sink


@pytest.fixture
def wide(settings: Settings, recording: RecordingSink) -> Iterator[Runtime]:
    """The parts of a process with room for all racers."""
    runtime = Runtime(replace(settings, smtp_url=f"smtp://127.0.0.1:{recording.port}"), pool_size=2 * RACERS)
    for connection in [runtime.engine.connect() for _ in range(RACERS)]:
        connection.close()  # open from now on, so that nobody comes late to the race
    yield runtime
    runtime.close()


def race(run: Callable[[int], object]) -> list[object]:
    """Let all of them run at the same moment; returns what they return."""
    start = threading.Barrier(RACERS)

    def runner(number: int) -> object:
        start.wait(30)
        return run(number)

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(runner, range(RACERS)))


def wait_in_line(engine: Engine, shop: ShopKeys, people: int) -> set[str]:
    """So many people want v1."""
    with engine.begin() as database:
        database.execute(
            text(
                "INSERT INTO subscription (shop_id, variant_id, email, email_key, state, link_key, joined_at)"
                " SELECT :shop, 'v1', name, name, 'waiting', decode(md5(name), 'hex'), now() - interval '1 hour'"
                "   FROM generate_series(1, :people) AS n, format('p%s@x.example', n) AS name"
            ),
            {"shop": shop.id, "people": people},
        )
    return {f"p{number}@x.example" for number in range(1, people + 1)}


def count(engine: Engine, table: str) -> int:
    with engine.connect() as database:
        return int(database.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_workers_that_race_for_one_restock_send_each_message_once(
    wide: Runtime, engine: Engine, shop: ShopKeys, recording: RecordingSink
) -> None:
    people = wait_in_line(engine, shop, PEOPLE)
    set_stock(engine, shop, 5)

    race(lambda number: wide.courier(f"w{number}").deliver(shop.id, seconds=60))

    assert {address for address, _ in recording.received} == people
    assert recording.mails == PEOPLE
    assert set(states(engine, shop).values()) == {"notified"}
    assert count(engine, "delivery_attempt") == PEOPLE


@pytest.mark.parametrize("per_unit", ["all", 2])
def test_stock_updates_that_race_open_one_restock(wide: Runtime, engine: Engine, per_unit: str | int) -> None:
    shop = make_shop(engine, customers_per_unit=per_unit, wait_minutes=60)
    wait_in_line(engine, shop, 100)

    race(lambda number: set_stock(wide.engine, shop, 1 + number))

    assert count(engine, "restock") == count(engine, "release") == 1
    with engine.connect() as database:
        [release] = database.execute(text("SELECT quantity, people FROM release")).all()
    assert release.people == count(engine, "message") == (100 if per_unit == "all" else min(100, 2 * release.quantity))


def test_people_who_join_while_stock_comes_are_told_or_wait(wide: Runtime, engine: Engine, shop: ShopKeys) -> None:
    """Who is in line before the restock is told; whoever joins after it waits, and nobody is in between."""

    def run(number: int) -> None:
        if number % 8:
            join(wide.engine, shop, f"p{number}@x.example")
        else:
            set_stock(wide.engine, shop, number + 1)

    join(engine, shop, "first@x.example")
    race(run)

    found = states(engine, shop)
    assert len(found) == RACERS - RACERS // 8 + 1
    assert set(found.values()) <= {"released", "waiting"}
    assert list(found.values()).count("released") == count(engine, "message") >= 1
    assert count(engine, "restock") == 1
