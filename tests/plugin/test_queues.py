"""The doorbell on a real Redis: it rings once, carries ids only, and is missed by nobody when it is away."""

import json
import signal
import socketserver
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from rq.job import Job
from sqlalchemy import Engine

from plugin import jobs, queues
from plugin.domain import outbox
from plugin.jobs import context
from plugin.queues import Doorbell
from plugin.runtime import Runtime, now
from plugin.settings import Settings
from plugin.worker import StockbellWorker
from tests.factories import ShopKeys, join, load, make_shop, messages, set_stock, states
from tests.sink import MailSink

RINGS: dict[str, Callable[[Doorbell], None]] = {
    "deliver": lambda doorbell: doorbell.deliver(7),
    "again": lambda doorbell: doorbell.again(7, 0),
    "release_due": lambda doorbell: doorbell.release_due(7),
    "sync_catalog": lambda doorbell: doorbell.sync_catalog(7),
    "handle_webhooks": lambda doorbell: doorbell.handle_webhooks(7),
    "ask_platform": lambda doorbell: doorbell.ask_platform(7),
    "reconcile": lambda doorbell: doorbell.reconcile(7),
    "connect": lambda doorbell: doorbell.connect(7),
}
BELLS = {
    "deliver": (queues.DELIVER, 7, 0),
    "again": (queues.DELIVER, 7, 0),
    "release_due": (queues.RELEASE_DUE, 7),
    "sync_catalog": (queues.SYNC_CATALOG, 7),
    "handle_webhooks": (queues.HANDLE_WEBHOOKS, 7),
    "ask_platform": (queues.ASK_PLATFORM, 7),
    "reconcile": (queues.RECONCILE, 7),
    "connect": (queues.CONNECT, 7),
}
PICKLE = b"\x80"


@pytest.fixture(params=["nobody listens", "breaks off"])
def dead_redis_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a Redis that is not there, or hangs up on everyone."""
    if request.param == "nobody listens":
        yield f"unix://{tmp_path}/nobody.sock"
        return

    class Rude(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            return

    with socketserver.TCPServer(("127.0.0.1", 0), Rude) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"redis://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def work(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Workers in this process, one after the other, that work until the queues are empty."""
    monkeypatch.setattr(context, "_current", [])
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}

    def run(name: str = "w") -> None:
        for queue in queues.EVERY:
            StockbellWorker(runtime, queue, name).work(burst=True, logging_level="WARNING")

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def queued(redis: Redis) -> list[tuple[str, list[int]]]:
    """Function and numbers of every job that waits, read as they lie in Redis."""
    found = []
    for data in (fields[b"data"] for fields in raw_jobs(redis)):
        function, instance, args, options = json.loads(zlib.decompress(data))
        assert (instance, options) == (None, {})
        found.append((function, args))
    return found


def raw_jobs(redis: Redis) -> list[dict[bytes, bytes]]:
    return [redis.hgetall(Job.key_for(job_id)) for name in queues.EVERY for job_id in queues.queue(redis, name).job_ids]


def released(engine: Engine, shop: ShopKeys, *people: str) -> None:
    join(engine, shop, *people)
    set_stock(engine, shop, 100)


@pytest.mark.parametrize("name", RINGS)
def test_a_bell_rings_once_while_nobody_has_heard_it(runtime: Runtime, name: str) -> None:
    RINGS[name](runtime.doorbell)
    RINGS[name](runtime.doorbell)

    function, *numbers = BELLS[name]
    assert queued(runtime.redis) == [(function, numbers)]


@pytest.mark.parametrize("name", RINGS)
def test_a_bell_rings_again_after_it_was_heard(runtime: Runtime, name: str) -> None:
    RINGS[name](runtime.doorbell)

    runtime.doorbell.heard(*BELLS[name])
    RINGS[name](runtime.doorbell)

    function, *numbers = BELLS[name]
    assert queued(runtime.redis) == [(function, numbers)] * 2


def test_a_bell_that_nobody_hears_is_silent_for_some_seconds_only(runtime: Runtime) -> None:
    before = set(runtime.redis.keys("stockbell:bell:*"))
    for ring in RINGS.values():
        ring(runtime.doorbell)

    bells = set(runtime.redis.keys("stockbell:bell:*")) - before

    assert len(bells) == len(set(BELLS.values()))
    assert all(0 < runtime.redis.ttl(bell) <= queues.MOST_BELL_SECONDS for bell in bells)


def test_a_bell_is_not_rung_again_while_its_job_stands_in_the_queue_and_is_when_the_job_was_lost(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "SILENCE_SECONDS", 0)
    for _ in range(3):
        runtime.doorbell.deliver(7)
    assert queued(runtime.redis) == [(queues.DELIVER, [7, 0])]

    runtime.redis.lpop(queues.queue(runtime.redis).key)  # a worker took it and died
    runtime.doorbell.deliver(7)
    assert queued(runtime.redis) == [(queues.DELIVER, [7, 0])]


def test_a_shop_that_was_put_off_gets_its_turn_with_the_next_tick(runtime: Runtime) -> None:
    runtime.doorbell.later(7)
    runtime.doorbell.later(7)
    assert queued(runtime.redis) == []

    runtime.doorbell.it_is_later()
    runtime.doorbell.it_is_later()

    assert queued(runtime.redis) == [(queues.DELIVER, [7, 0])]


def test_each_shop_and_each_kind_of_work_has_a_bell_of_its_own(runtime: Runtime) -> None:
    for shop_id in (1, 11):
        runtime.doorbell.deliver(shop_id)
        runtime.doorbell.release_due(shop_id)
        runtime.doorbell.sync_catalog(shop_id)
    runtime.doorbell.heard(queues.RELEASE_DUE, 1)
    runtime.doorbell.release_due(11)

    assert queued(runtime.redis) == [
        (queues.DELIVER, [1, 0]),
        (queues.RELEASE_DUE, [1]),
        (queues.DELIVER, [11, 0]),
        (queues.RELEASE_DUE, [11]),
        (queues.SYNC_CATALOG, [1]),
        (queues.SYNC_CATALOG, [11]),
    ]


def test_catalogs_hold_up_no_message(runtime: Runtime) -> None:
    runtime.doorbell.sync_catalog(1)
    runtime.doorbell.deliver(2)
    runtime.doorbell.release_due(3)
    runtime.doorbell.handle_webhooks(4)
    runtime.doorbell.ask_platform(5)
    runtime.doorbell.reconcile(6)
    runtime.doorbell.connect(7)

    waiting = {name: [job.func_name for job in queues.queue(runtime.redis, name).jobs] for name in queues.EVERY}

    assert waiting == {
        queues.MESSAGES: [queues.DELIVER, queues.RELEASE_DUE, queues.HANDLE_WEBHOOKS],
        queues.PLATFORMS: [queues.ASK_PLATFORM, queues.RECONCILE, queues.CONNECT],
        queues.CATALOGS: [queues.SYNC_CATALOG],
    }


@pytest.mark.parametrize(
    ("due", "workers"), [(1, 1), (999, 1), (1000, 2), (2999, 3), (7000, 8), (8000, 8), (1_000_000, 8)]
)
def test_as_many_workers_are_woken_as_the_messages_deserve(runtime: Runtime, due: int, workers: int) -> None:
    runtime.doorbell.deliver(3, due)

    assert queued(runtime.redis) == [(queues.DELIVER, [3, slot]) for slot in range(workers)]


def test_no_more_turns_are_queued_than_there_are_workers(runtime: Runtime) -> None:
    workers = [StockbellWorker(runtime, queues.MESSAGES, f"w{number}") for number in range(3)]
    for worker in workers:
        worker.register_birth()

    runtime.doorbell.deliver(3, 8000)

    assert queued(runtime.redis) == [(queues.DELIVER, [3, slot]) for slot in range(3)]


def test_more_messages_wake_only_the_workers_that_were_not_woken_yet(runtime: Runtime) -> None:
    runtime.doorbell.deliver(3, 1)
    runtime.doorbell.deliver(3, 2000)

    assert queued(runtime.redis) == [(queues.DELIVER, [3, slot]) for slot in range(3)]


def test_jobs_are_json_with_ids_only_and_nothing_is_pickled(runtime: Runtime) -> None:
    for ring in RINGS.values():
        ring(runtime.doorbell)

    assert {function for function, _ in queued(runtime.redis)} == {bell[0] for bell in BELLS.values()}
    for fields in raw_jobs(runtime.redis):
        assert not [name for name, value in fields.items() if value.startswith(PICKLE)]
        function, *_ = json.loads(zlib.decompress(fields[b"data"]))
        assert getattr(jobs, function.rpartition(".")[2]).__module__ == "plugin.jobs"


@pytest.mark.parametrize("name", RINGS)
def test_ringing_never_raises_when_redis_is_away(settings: Settings, dead_redis_url: str, name: str) -> None:
    runtime = Runtime(replace(settings, redis_url=dead_redis_url))

    RINGS[name](runtime.doorbell)
    runtime.doorbell.heard(*BELLS[name])

    runtime.close()


def test_a_job_hands_a_released_message_over(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, work: Callable[..., None]
) -> None:
    released(engine, shop, "a@x.example", "b@x.example")
    runtime.doorbell.deliver(shop.id, 2)

    work()

    assert sink.recipients == ["a@x.example", "b@x.example"]
    assert set(states(engine, shop).values()) == {"notified"}
    assert raw_jobs(runtime.redis) == []
    runtime.doorbell.deliver(shop.id)
    assert queued(runtime.redis) == [(queues.DELIVER, [shop.id, 0])]  # the bell was heard


def test_a_job_for_a_due_release_leads_to_mail(
    runtime: Runtime, engine: Engine, sink: MailSink, work: Callable[..., None]
) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    joined_at = now() - timedelta(hours=3)
    join(engine, shop, "a@x.example", "b@x.example", "c@x.example", at=joined_at)
    set_stock(engine, shop, 2, at=now() - timedelta(minutes=61))
    runtime.doorbell.release_due(shop.id)

    work()

    assert sink.recipients == ["a@x.example", "b@x.example", "c@x.example"]


def test_a_turn_that_is_over_lets_another_shop_go_first_and_comes_back(
    runtime: Runtime,
    engine: Engine,
    shop: ShopKeys,
    sink: MailSink,
    work: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("CLAIM_BATCH", "CLAIM_BATCH_IN_COMPANY"):
        monkeypatch.setattr(f"plugin.domain.delivery.{name}", 1)
    monkeypatch.setattr(jobs, "DELIVER_SECONDS", 0.03)
    sink.answer_seconds = 0.02  # a mail takes several answers: one in each turn
    other = make_shop(engine, name="Other", domain="https://other.example")
    for keys, letter in ((shop, "a"), (other, "b")):
        released(engine, keys, f"{letter}1@x.example", f"{letter}2@x.example")
        runtime.doorbell.deliver(keys.id, 2)

    work()

    assert sink.recipients == ["a1@x.example", "b1@x.example", "a2@x.example", "b2@x.example"]


def test_a_worker_takes_back_what_the_one_of_the_same_name_held(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, work: Callable[..., None]
) -> None:
    released(engine, shop, "a@x.example")
    with engine.begin() as database:
        assert len(outbox.claim(database, load(engine, shop), "w1", now(), limit=10)) == 1

    work("w2")
    assert sink.recipients == []
    work("w1")
    assert sink.recipients == ["a@x.example"]


def test_a_job_ends_well_and_keeps_the_messages_when_the_mail_server_is_away(
    runtime: Runtime, engine: Engine, shop: ShopKeys, settings: Settings, work: Callable[..., None]
) -> None:
    runtime.settings = replace(settings, smtp_url="smtp://127.0.0.1:1")
    released(engine, shop, "a@x.example")
    runtime.doorbell.deliver(shop.id)

    work()

    assert messages(engine, shop) == [("a@x.example", "pending", "")]
    assert queues.queue(runtime.redis).failed_job_registry.count == 0


@pytest.mark.parametrize("name", ["deliver", "release_due", "sync_catalog"])
def test_a_job_for_a_shop_that_is_gone_ends_well(runtime: Runtime, work: Callable[..., None], name: str) -> None:
    RINGS[name](runtime.doorbell)

    work()

    assert raw_jobs(runtime.redis) == []
    assert queues.queue(runtime.redis).failed_job_registry.count == 0
