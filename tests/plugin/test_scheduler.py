"""The scheduler: it rings for what is due and for nothing else, and one of several does so at a time."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from plugin import queues, scheduler
from plugin.domain import outbox, shops
from plugin.runtime import Runtime, now
from plugin.settings import Settings
from tests.factories import ShopKeys, join, load, make_shop, messages, set_stock
from tests.processes import stockbell, wait_for

HOUR = timedelta(hours=1)
POLL_SECONDS = 0.05


@dataclass
class Scheduler:
    """A scheduler in a thread, with a runtime of its own."""

    runtime: Runtime
    stop: threading.Event = field(default_factory=threading.Event)
    ticks: int = 0
    may_go_on: threading.Event = field(default_factory=threading.Event)
    """While this is not set, the scheduler hangs in its next tick."""

    @contextlib.contextmanager
    def running(self) -> Iterator["Scheduler"]:
        thread = threading.Thread(target=scheduler.run, args=(self.runtime, self.stop), name="scheduler")
        self.may_go_on.set()
        thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            self.may_go_on.set()
            thread.join(20)
            self.runtime.close()
            assert not thread.is_alive()


@pytest.fixture
def two(settings: Settings, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scheduler]]:
    """Two schedulers that run and count their ticks; `runtime` has made Redis empty before."""
    with running_two(settings, monkeypatch) as two:
        yield two


@contextlib.contextmanager
def running_two(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Scheduler]]:
    both = [Scheduler(Runtime(settings)) for _ in range(2)]
    real_tick = scheduler.tick

    def tick(runtime: Runtime, *_: object) -> None:
        own = next(each for each in both if each.runtime is runtime)
        own.ticks += 1
        own.may_go_on.wait()
        real_tick(runtime)

    monkeypatch.setattr(scheduler, "tick", tick)
    in_a_hurry(monkeypatch)
    with both[0].running(), both[1].running():
        yield both


def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "TICK_SECONDS", POLL_SECONDS)
    monkeypatch.setattr(scheduler, "SWEEP_SECONDS", POLL_SECONDS)


def leader_sessions(engine: Engine) -> list[int]:
    """The database sessions that hold the election lock."""
    query = text(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = :lock AND classid = 0"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    with engine.connect() as database:
        return list(database.execute(query, {"lock": scheduler.ELECTION_LOCK}).scalars())


def sessions(engine: Engine) -> int:
    """How many sessions there are, all in all."""
    with engine.connect() as database:
        return int(
            database.execute(text("SELECT count(*) FROM pg_stat_activity WHERE usename IS NOT NULL")).scalar_one()
        )


def end_session(engine: Engine, pid: int) -> None:
    with engine.begin() as database:
        assert database.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid}).scalar_one()


def leader_of(two: list[Scheduler]) -> tuple[Scheduler, Scheduler]:
    """The one that leads, and the other."""
    wait_for(lambda: any(each.ticks for each in two), "a tick", 10)
    first, second = sorted(two, key=lambda each: -each.ticks)
    return first, second


def rung(runtime: Runtime) -> list[tuple[str, tuple[int, ...]]]:
    return [
        (job.func_name, tuple(job.args))
        for name in reversed(queues.EVERY)
        for job in queues.queue(runtime.redis, name).jobs
    ]


def shop_with_open_restock(engine: Engine, due_at: datetime) -> ShopKeys:
    """Two have been told, one waits for the release that is due then."""
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    join(engine, shop, "a@x.example", "b@x.example", at=due_at - 3 * HOUR)
    set_stock(engine, shop, 1, at=due_at - HOUR)
    return shop


def feed_due_at(engine: Engine, shop: ShopKeys, moment: datetime) -> None:
    with engine.begin() as database:
        query = text(
            "INSERT INTO feed_schedule (shop_id, due_at) VALUES (:shop, :moment)"
            " ON CONFLICT (shop_id) DO UPDATE SET due_at = excluded.due_at"
        )
        database.execute(query, {"moment": moment, "shop": shop.id})


def claim(engine: Engine, shop: ShopKeys, lease_until: datetime) -> None:
    """All messages of the shop are in the hands of a worker until then."""
    with engine.begin() as database:
        assert outbox.claim(database, load(engine, shop), "w", now(), limit=100)
        query = text("UPDATE message SET lease_until = :until WHERE shop_id = :shop")
        database.execute(query, {"until": lease_until, "shop": shop.id})


def test_a_tick_rings_for_releases_that_are_due_and_for_no_others(runtime: Runtime, engine: Engine) -> None:
    due = shop_with_open_restock(engine, now() - timedelta(seconds=1))
    shop_with_open_restock(engine, now() + timedelta(minutes=1))
    closed = make_shop(engine)
    join(engine, closed, "a@x.example")
    set_stock(engine, closed, 1)

    scheduler.tick(runtime)

    assert rung(runtime) == [(queues.RELEASE_DUE, (due.id,))]


def test_a_tick_rings_for_feeds_that_are_due_and_for_no_others(runtime: Runtime, engine: Engine) -> None:
    new, due, later, removed = (make_shop(engine, variants=(), feed="https://shop.example/feed.json") for _ in range(4))
    without_feed = make_shop(engine, variants=())
    for shop in (due, removed, without_feed):
        feed_due_at(engine, shop, now() - HOUR)
    feed_due_at(engine, later, now() + HOUR)
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET uninstalled_at = now() WHERE id = :id"), {"id": removed.id})

    scheduler.tick(runtime)

    assert rung(runtime) == [(queues.SYNC_CATALOG, (new.id,)), (queues.SYNC_CATALOG, (due.id,))]


def test_a_tick_rings_for_the_feed_of_a_new_shop_and_for_one_that_was_changed(runtime: Runtime, engine: Engine) -> None:
    with engine.begin() as database:
        new = shops.create_shop(
            database,
            platform="custom",
            name="Moss",
            domain="https://moss.example",
            feed="https://moss.example/feed.csv",
        )
    changed, gone = (make_shop(engine, variants=(), feed="https://shop.example/feed.json") for _ in range(2))
    for shop in (changed, gone):
        feed_due_at(engine, shop, now() + HOUR)
    with engine.begin() as database:
        shops.change_settings(database, changed.id, {"feed": "https://shop.example/other.json"})
        shops.change_settings(database, gone.id, {"feed": ""})

    scheduler.tick(runtime)

    assert rung(runtime) == [(queues.SYNC_CATALOG, (new.shop_id,)), (queues.SYNC_CATALOG, (changed.id,))]


def test_a_tick_rings_not_at_once_again_for_a_feed_that_is_being_read(runtime: Runtime, engine: Engine) -> None:
    shop = make_shop(engine, variants=(), feed="https://shop.example/feed.json")
    scheduler.tick(runtime)
    runtime.doorbell.heard(queues.SYNC_CATALOG, shop.id)

    scheduler.tick(runtime)

    assert rung(runtime) == [(queues.SYNC_CATALOG, (shop.id,))]


def test_a_tick_rings_for_nothing_when_only_messages_are_due(runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1)

    scheduler.tick(runtime)

    assert rung(runtime) == []


def test_a_sweep_takes_back_what_a_dead_worker_held_and_rings(runtime: Runtime, engine: Engine) -> None:
    dead, alive = make_shop(engine), make_shop(engine, name="Other", domain="https://other.example")
    for keys, lease_until in ((dead, now() - timedelta(seconds=1)), (alive, now() + HOUR)):
        join(engine, keys, "a@x.example")
        set_stock(engine, keys, 1)
        claim(engine, keys, lease_until)

    scheduler.sweep(runtime)

    assert messages(engine, dead) == [("a@x.example", "pending", "")]
    assert messages(engine, alive) == [("a@x.example", "claimed", "")]
    assert rung(runtime) == [(queues.DELIVER, (dead.id, 0))]


def test_a_sweep_rings_for_messages_that_are_due_and_for_no_others(runtime: Runtime, engine: Engine) -> None:
    due, later, removed, told = (make_shop(engine) for _ in range(4))
    for keys in (due, later, removed, told):
        join(engine, keys, "a@x.example")
        set_stock(engine, keys, 1)
    with engine.begin() as database:
        for query, keys in (
            ("UPDATE message SET due_at = now() + interval '1 hour' WHERE shop_id = :id", later),
            ("UPDATE shop SET uninstalled_at = now() WHERE id = :id", removed),
            ("UPDATE message SET state = 'sent' WHERE shop_id = :id", told),
        ):
            database.execute(text(query), {"id": keys.id})

    scheduler.sweep(runtime)

    assert rung(runtime) == [(queues.DELIVER, (due.id, 0))]


def test_a_sweep_wakes_more_workers_when_many_messages_are_due(
    runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, *(f"p{number}@x.example" for number in range(5)))
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        database.execute(
            text(
                "INSERT INTO message (shop_id, subscription_id, kind, due_at, created_at, step)"
                " SELECT shop_id, subscription_id, kind, due_at, created_at, step + more FROM message,"
                " generate_series(1, 200) AS more"
            )
        )

    scheduler.sweep(runtime)

    assert rung(runtime) == [(queues.DELIVER, (shop.id, slot)) for slot in (0, 1)]


def test_a_running_scheduler_ticks_and_sweeps(engine: Engine, two: list[Scheduler], shop: ShopKeys) -> None:
    due = shop_with_open_restock(engine, now() - timedelta(seconds=1))

    wait_for(lambda: len(rung(two[0].runtime)) >= 2, "a ring for the release and for the message")

    assert set(rung(two[0].runtime)) == {(queues.RELEASE_DUE, (due.id,)), (queues.DELIVER, (due.id, 0))}


def test_of_two_schedulers_one_leads(engine: Engine, two: list[Scheduler]) -> None:
    leader, other = leader_of(two)

    wait_for(lambda: leader.ticks >= 8, "eight ticks")

    assert other.ticks == 0
    assert len(leader_sessions(engine)) == 1


def test_the_other_scheduler_leads_when_the_leader_ends(engine: Engine, two: list[Scheduler]) -> None:
    leader, other = leader_of(two)

    leader.stop.set()

    wait_for(lambda: other.ticks >= 2, "ticks of the other one", 10)


def test_the_other_scheduler_leads_when_the_session_of_the_leader_is_killed(
    engine: Engine, two: list[Scheduler]
) -> None:
    leader, other = leader_of(two)
    leader.may_go_on.clear()  # it hangs in a tick and does not notice
    [session] = leader_sessions(engine)
    hung_at = leader.ticks + 1

    end_session(engine, session)
    wait_for(lambda: other.ticks >= 2, "ticks of the other one", 10)
    leader.may_go_on.set()
    ticks = other.ticks
    wait_for(lambda: other.ticks >= ticks + 8, "more ticks of the other one", 10)

    assert leader.ticks <= hung_at  # it has seen that it leads no longer
    assert len(leader_sessions(engine)) == 1


def test_a_leader_that_hangs_leads_no_longer(
    engine: Engine, settings: Settings, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "HANG_SECONDS", 1)
    with running_two(settings, monkeypatch) as two:
        leader, other = leader_of(two)

        leader.may_go_on.clear()

        wait_for(lambda: other.ticks >= 2, "ticks of the other one", 10)
        assert leader.ticks


@pytest.mark.slow
def test_of_five_schedulers_another_one_leads_seconds_after_the_leader_was_killed(
    settings: Settings, runtime: Runtime, engine: Engine
) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(stockbell(settings, "scheduler"))
        wait_for(lambda: leader_sessions(engine), "a leader")
        [session] = leader_sessions(engine)
        before = sessions(engine)
        for _ in range(4):
            stack.enter_context(stockbell(settings, "scheduler"))
        wait_for(lambda: sessions(engine) >= before + 4, "four more")

        first.kill()
        due = shop_with_open_restock(engine, now() - timedelta(seconds=1))

        wait_for(lambda: (queues.RELEASE_DUE, (due.id,)) in rung(runtime), "a ring", 15)
        assert leader_sessions(engine) not in ([], [session])
        assert len(leader_sessions(engine)) == 1


def test_a_scheduler_goes_on_after_all_its_sessions_were_killed(engine: Engine, two: list[Scheduler]) -> None:
    leader_of(two)
    due = shop_with_open_restock(engine, now() + HOUR)
    engine.dispose()
    with engine.begin() as database:
        query = text(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        assert database.execute(query).scalar_one() >= 2
        database.execute(text("UPDATE restock SET next_release_at = now()"))

    wait_for(lambda: (queues.RELEASE_DUE, (due.id,)) in rung(two[0].runtime), "a ring for the release", 10)


def test_a_running_scheduler_notices_that_its_clock_was_set_back(
    engine: Engine, shop: ShopKeys, two: list[Scheduler], monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead = [HOUR]
    monkeypatch.setattr(scheduler, "now", lambda: now() + ahead[0])
    leader, _ = leader_of(two)
    ticks = leader.ticks
    wait_for(lambda: leader.ticks >= ticks + 2, "ticks of the clock that is ahead")
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1, at=now() + 2 * HOUR)

    ahead[0] = timedelta(0)

    wait_for(lambda: rung(two[0].runtime), "a ring for the message", 10)
    other = make_shop(engine)
    join(engine, other, "a@x.example")
    set_stock(engine, other, 1, at=now() + HOUR)  # by somebody who has not noticed yet
    wait_for(lambda: (queues.DELIVER, (other.id, 0)) in rung(two[0].runtime), "a ring for the other message", 10)


def test_a_scheduler_goes_on_after_a_query_failed(
    engine: Engine, runtime: Runtime, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_hurry(monkeypatch)
    failures: list[datetime] = []
    real_sweep = scheduler.sweep

    def sweep(runtime: Runtime, *_: object) -> None:
        if len(failures) < 3:
            failures.append(now())
            with runtime.engine.begin() as database:
                database.execute(text("SELECT 1 / 0"))
        real_sweep(runtime)

    monkeypatch.setattr(scheduler, "sweep", sweep)
    shop = make_shop(engine)
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1)

    with Scheduler(Runtime(settings)).running():
        wait_for(lambda: rung(runtime), "a ring for the message", 10)

    assert len(failures) == 3
    assert leader_sessions(engine) == []


def test_a_scheduler_waits_for_a_database_that_is_away_and_ends_when_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_a_hurry(monkeypatch)
    calls: list[object] = []

    class Rude(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            calls.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), Rude) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"postgresql://nobody@127.0.0.1:{server.server_address[1]}/none?sslmode=disable"
        try:
            with Scheduler(Runtime(replace(settings, database_url=url))).running():
                wait_for(lambda: len(calls) >= 3, "a third attempt", 10)
        finally:
            server.shutdown()
            thread.join()
