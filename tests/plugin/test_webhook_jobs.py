"""What becomes of webhooks: each is handled once, in order, whoever dies; and what platforms lose is found."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

import integrations
from integrations.types import HintKind, InventoryLevel, WebhookHint
from plugin import jobs, queues, scheduler
from plugin.domain import inbox, installations, shops, stock
from plugin.domain.inbox import Handler
from plugin.domain.shops import Shop
from plugin.jobs import context
from plugin.runtime import Runtime, now
from plugin.vault import Vault
from tests.factories import ShopKeys, join, load, make_shop, messages, set_stock, states
from tests.platforms.custom import serve
from tests.platforms.frame import running
from tests.platforms.plain import TOKEN, PlainPlatform
from tests.processes import stockbell, wait_for
from tests.webhooks import PATH, headers, inbox_rows, stock_body

PERSON = "ann@x.example"


@pytest.fixture
def worker(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Does every job that stands in a queue, in this process, until none does."""
    monkeypatch.setattr(context, "_current", [])
    courier = runtime.courier("w")
    context.enter(context.WorkerContext(runtime, courier))

    def work() -> None:
        waiting = [queues.queue(runtime.redis, name) for name in queues.EVERY]
        while found := [job for queue in waiting for job in queue.jobs]:
            for job in found:
                job.delete()
                getattr(jobs, job.func_name.rpartition(".")[2])(*job.args)

    yield work
    courier.close()


def put(engine: Engine, shop: ShopKeys, *bodies: bytes, headers: dict[str, str] | None = None) -> None:
    """Webhooks that were verified and written down."""
    with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as database:
        for number, body in enumerate(bodies):
            given = headers or {"webhook-timestamp": str(int(now().timestamp()))}
            assert inbox.receive(database, shop.id, f"{body!r}{number}"[:200], given, body, now())


def handler(runtime: Runtime, shop: ShopKeys, name: str = "w", *, clock: Callable[[], datetime] = now) -> Handler:
    found = load(runtime.engine, shop)
    return Handler(runtime.engine, found, runtime.adapter(found), name, clock, runtime.vault)


def work_off(runtime: Runtime, shop: ShopKeys, **how: Any) -> int:
    """Handle everything that is due; how many people are told."""
    return sum(effect.people for effect in handler(runtime, shop, **how).work(seconds=60))


def test_new_stock_by_webhook_tells_who_waits(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys, worker: Callable[[], None]
) -> None:
    join(engine, shop, PERSON)
    body = stock_body(3)

    assert client.post(PATH, data=body, headers=headers(runtime, shop, body)).status_code == 202
    worker()

    assert states(engine, shop) == {PERSON: "notified"}
    assert inbox_rows(engine, "state, body, headers, attempts") == [("done", b"", {}, 1)]


def test_webhooks_are_handled_in_the_order_in_which_they_came(runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    put(engine, shop, *(stock_body(number) for number in range(45)))

    work_off(runtime, shop)

    with engine.connect() as database:
        assert database.execute(text("SELECT available FROM variant")).scalar_one() == 44
    assert set(inbox_rows(engine)) == {"done"}


def test_what_cannot_be_read_fails_with_a_sentence_and_holds_up_nothing(
    runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    put(engine, shop, b"not JSON", json.dumps({"type": "x"}).encode(), stock_body(7))

    work_off(runtime, shop)

    assert inbox_rows(engine, "state, error") == [
        ("failed", "The body is not JSON that can be read."),
        ("failed", "type must be inventory.updated, order.created or catalog.updated."),
        ("done", ""),
    ]


def test_who_bought_by_webhook_is_told_nothing_more(runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, PERSON, "bob@x.example", at=now() - timedelta(minutes=1))
    order = {"type": "order.created", "data": {"order_id": "1", "email": PERSON, "variant_ids": ["v1"]}}

    put(engine, shop, json.dumps(order).encode())
    work_off(runtime, shop)

    assert states(engine, shop)["bob@x.example"] == "waiting"
    assert states(engine, shop)[PERSON] == "bought"


def test_a_changed_catalog_is_read(runtime: Runtime, engine: Engine, worker: Callable[[], None]) -> None:
    shop = make_shop(engine, feed="https://shop.example/feed.json")
    put(engine, shop, json.dumps({"type": "catalog.updated"}).encode())

    jobs.handle_webhooks(shop.id)

    rung = [job.func_name for job in queues.queue(runtime.redis, queues.CATALOGS).jobs]
    assert rung == [queues.SYNC_CATALOG]


def test_a_storm_of_webhooks_is_handled_in_turns(
    runtime: Runtime, engine: Engine, shop: ShopKeys, worker: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "WEBHOOKS_SECONDS", 0.05)
    join(engine, shop, PERSON)
    put(engine, shop, *(stock_body(number % 7) for number in range(200)))

    jobs.handle_webhooks(shop.id)
    first_turn = inbox_rows(engine).count("done")
    assert 0 < first_turn < 200
    assert inbox_rows(engine).count("claimed") == 0
    worker()

    assert set(inbox_rows(engine, "state, attempts")) == {("done", 1)}
    assert states(engine, shop)[PERSON] == "notified"


def test_one_worker_at_a_time_handles_a_shop(
    runtime: Runtime, engine: Engine, shop: ShopKeys, worker: Callable[[], None]
) -> None:
    put(engine, shop, stock_body(3))

    with inbox.shop_to_itself(engine, shop.id) as alone:
        assert alone
        jobs.handle_webhooks(shop.id)
        assert inbox_rows(engine) == ["pending"]
    jobs.handle_webhooks(shop.id)

    assert inbox_rows(engine) == ["done"]


def test_what_a_dead_worker_held_is_taken_back_by_the_next(runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    put(engine, shop, stock_body(3))
    handler(runtime, shop, "dead")._claim()
    assert inbox_rows(engine, "state, claimed_by") == [("claimed", "dead")]

    work_off(runtime, shop)

    assert inbox_rows(engine, "state, attempts") == [("done", 2)]


def test_what_the_predecessor_of_a_worker_held_is_taken_back_by_its_name(
    runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    put(engine, shop, stock_body(3))
    handler(runtime, shop, "dead")._claim()

    with engine.begin() as database:
        assert inbox.recover(database, "other") == []
        assert inbox.recover(database, "dead") == [shop.id]

    assert inbox_rows(engine) == ["pending"]


def test_who_has_lost_a_webhook_to_another_changes_nothing(runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    put(engine, shop, stock_body(3))
    slow = handler(runtime, shop, "slow")
    (held,) = slow._claim()
    work_off(runtime, shop)  # somebody took it back and was faster
    set_stock(engine, shop, 0)

    slow._handle(held)

    with engine.connect() as database:
        assert database.execute(text("SELECT available FROM variant")).scalar_one() == 0


def test_the_sweep_rings_for_what_is_due_or_was_claimed_long_ago(runtime: Runtime, engine: Engine) -> None:
    due, later, held, dead, gone = (make_shop(engine, domain=f"https://s{n}.example") for n in range(5))
    for shop in (due, later, held, dead, gone):
        put(engine, shop, stock_body(3))
    handler(runtime, held)._claim()
    handler(runtime, dead)._claim()
    with engine.begin() as database:
        database.execute(
            text("UPDATE webhook SET due_at = now() + interval '1 h' WHERE shop_id = :id"), {"id": later.id}
        )
        query = "UPDATE webhook SET lease_until = now() - interval '1 s' WHERE shop_id = :id"
        database.execute(text(query), {"id": dead.id})
        installations.remove(database, gone.id, now())

    scheduler.sweep(runtime)

    rung = {job.args[0] for job in queues.queue(runtime.redis).jobs if job.func_name == queues.HANDLE_WEBHOOKS}
    assert rung == {due.id, dead.id, gone.id}


def test_a_clock_that_is_set_back_puts_no_webhook_off(runtime: Runtime, engine: Engine) -> None:
    pending, held = (make_shop(engine, domain=f"https://s{n}.example") for n in range(2))
    for shop in (pending, held):
        put(engine, shop, stock_body(3))
    handler(runtime, held, "dead")._claim()
    with engine.begin() as database:
        for column in ("due_at", "received_at", "lease_until"):
            database.execute(text(f"UPDATE webhook SET {column} = {column} + interval '3 h'"))

    scheduler.bring_forward(runtime)
    scheduler.sweep(runtime)

    rung = {job.args[0] for job in queues.queue(runtime.redis).jobs if job.func_name == queues.HANDLE_WEBHOOKS}
    assert rung == {pending.id}
    rows = inbox_rows(engine, "state, lease_until < clock_timestamp() + interval '1 minute'")
    assert rows == [("pending", None), ("claimed", True)]


def test_the_inbox_of_a_shop_that_is_gone_is_closed(
    runtime: Runtime, engine: Engine, shop: ShopKeys, worker: Callable[[], None]
) -> None:
    put(engine, shop, stock_body(3))
    with engine.begin() as database:
        installations.remove(database, shop.id, now())

    jobs.handle_webhooks(shop.id)

    assert inbox_rows(engine, "state, body") == [("done", b"")]


def test_a_fault_of_ours_is_tried_again_later_and_holds_up_nothing(
    runtime: Runtime, engine: Engine, shop: ShopKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inbox.stock.apply_levels

    def fails_for_one(database: Any, shop: Any, levels: Any, moment: datetime) -> Any:
        if levels[0].available == 1:
            raise ZeroDivisionError
        return real(database, shop, levels, moment)

    monkeypatch.setattr(stock, "apply_levels", fails_for_one)
    put(engine, shop, stock_body(1), stock_body(2))

    work_off(runtime, shop)

    assert inbox_rows(engine, "state, due_at > now(), attempts") == [("pending", True, 1), ("done", False, 1)]
    for hours in range(1, 30):
        work_off(runtime, shop, clock=lambda: now() + timedelta(hours=2 * hours))  # noqa: B023
    assert inbox_rows(engine, "state, attempts")[0] == ("failed", inbox.MOST_ATTEMPTS)


@dataclass
class Plain:
    """A shop on a platform that can be asked for stock."""

    platform: PlainPlatform
    shop: ShopKeys


@pytest.fixture
def plain(runtime: Runtime, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plain]:
    """The platform runs; somebody waits for v1 and v2, of which nothing is there."""
    monkeypatch.setitem(integrations.PLATFORMS, "plain", ("Plain", "tests.platforms.plain:PlainAdapter"))
    platform = PlainPlatform()
    with running(platform.app()) as origin:
        shop = make_shop(engine, domain=origin, variants=("v1", "v2", "v3"))
        with engine.begin() as database:
            query = "UPDATE shop SET platform = 'plain', platform_shop_id = 'plain-shop' WHERE id = :id"
            database.execute(text(query), {"id": shop.id})
        join(engine, shop, PERSON)
        join(engine, shop, "bob@x.example", variant_id="v2")
        yield Plain(platform, shop)


@pytest.fixture
def address(app: Flask, runtime: Runtime) -> Iterator[str]:
    """Stockbell, where the platform's webhooks reach it."""
    with serve(app) as origin:
        runtime.settings = replace(runtime.settings, base_url=origin)
        yield origin


def test_stock_that_a_webhook_only_hints_at_is_read(
    runtime: Runtime, engine: Engine, plain: Plain, address: str, worker: Callable[[], None]
) -> None:
    jobs.reconcile(plain.shop.id)
    assert plain.platform.addresses == [f"{address}/webhooks/plain"]

    plain.platform.set_stock("v1", 3)
    worker()

    assert plain.platform.deliveries == [202]
    assert states(engine, plain.shop)[PERSON] == "notified"
    assert states(engine, plain.shop)["bob@x.example"] == "waiting"


def test_a_platform_that_throttles_and_fails_is_asked_again_when_it_says(
    runtime: Runtime, engine: Engine, plain: Plain
) -> None:
    plain.platform.set_stock("v1", 3)
    put(engine, plain.shop, b'{"variants": ["v1"]}', headers={"a": "b"})
    plain.platform.faults += [(429, {"Retry-After": "120"}), (500, {}), (401, {})]

    work_off(runtime, plain.shop)
    assert inbox_rows(engine, "state, due_at - now() > interval '110 s'") == [("pending", True)]
    for minutes in (1, 3, 10, 20):
        work_off(runtime, plain.shop, clock=lambda: now() + timedelta(minutes=minutes))  # noqa: B023

    assert inbox_rows(engine, "state, attempts") == [("done", 4)]
    assert messages(engine, plain.shop) == [(PERSON, "pending", "")]


def test_a_shop_that_removes_the_application_is_closed(runtime: Runtime, engine: Engine, plain: Plain) -> None:
    put(engine, plain.shop, b'"gone"')

    work_off(runtime, plain.shop)

    assert inbox_rows(engine) == ["done"]
    with engine.connect() as database:
        assert shops.by_id(database, plain.shop.id) is None


def test_a_lost_webhook_is_made_up_for(
    runtime: Runtime, engine: Engine, plain: Plain, address: str, worker: Callable[[], None]
) -> None:
    plain.platform.loses_webhooks = True
    plain.platform.set_stock("v1", 3)
    plain.platform.set_stock("v3", 3)  # nobody waits for it

    scheduler.reconcile(runtime)
    worker()

    assert states(engine, plain.shop)[PERSON] == "notified"
    assert states(engine, plain.shop)["bob@x.example"] == "waiting"
    assert [call for call in plain.platform.calls if call.startswith("GET")] == ["GET /stock"]
    assert plain.platform.addresses == [f"{address}/webhooks/plain"]  # and registered where they had been dropped


def test_reconciliation_bears_a_platform_that_throttles_or_is_away(
    runtime: Runtime, engine: Engine, plain: Plain, worker: Callable[[], None]
) -> None:
    plain.platform.loses_webhooks = True
    plain.platform.set_stock("v1", 3)
    plain.platform.faults += [(503, {}), (503, {})]  # of its webhooks, then of its stock
    jobs.reconcile(plain.shop.id)
    assert states(engine, plain.shop)[PERSON] == "waiting"

    plain.platform.faults += [(503, {}), (429, {"Retry-After": "0"})]
    jobs.reconcile(plain.shop.id)
    worker()

    assert states(engine, plain.shop)[PERSON] == "notified"


def test_older_stock_that_is_read_undoes_nothing_newer(
    runtime: Runtime, engine: Engine, plain: Plain, worker: Callable[[], None]
) -> None:
    plain.platform.set_stock("v1", 0)
    body = stock_body(5, updated_at=(now() + timedelta(seconds=1)).isoformat())
    with engine.begin() as database:
        query = "UPDATE shop SET platform = 'custom' WHERE id = :id"
        database.execute(text(query), {"id": plain.shop.id})
    put(engine, plain.shop, body)
    assert work_off(runtime, plain.shop) == 1
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET platform = 'plain' WHERE id = :id"), {"id": plain.shop.id})
        database.execute(text("UPDATE subscription SET state = 'waiting' WHERE email = :email"), {"email": PERSON})

    jobs.reconcile(plain.shop.id)

    with engine.connect() as database:
        query = "SELECT available FROM variant WHERE variant_id = 'v1'"
        assert database.execute(text(query)).scalar_one() == 5


def test_only_shops_with_someone_waiting_are_reconciled(
    runtime: Runtime, engine: Engine, plain: Plain, shop: ShopKeys
) -> None:
    join(engine, shop, PERSON)  # custom: cannot be asked
    quiet = make_shop(engine, domain="https://quiet.example")
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET platform = 'plain' WHERE id = :id"), {"id": quiet.id})

    scheduler.reconcile(runtime)

    rung = [(job.func_name, job.args) for job in queues.queue(runtime.redis, queues.PLATFORMS).jobs]
    assert rung == [(queues.RECONCILE, [plain.shop.id])]


def test_the_token_of_the_plain_platform_is_checked(client: FlaskClient, engine: Engine, plain: Plain) -> None:
    given = {"Plain-Shop": "plain-shop", "Plain-Id": "1"}

    assert client.post("/webhooks/plain", data=b"{}", headers={**given, "Plain-Token": "x"}).status_code == 401
    assert client.post("/webhooks/plain", data=b"{}", headers={**given, "Plain-Token": TOKEN}).status_code == 202


@pytest.mark.slow
def test_a_worker_killed_between_claim_and_done_loses_nothing(
    client: FlaskClient, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, PERSON)
    body = stock_body(3)
    with engine.begin() as held:
        held.execute(text("SELECT FROM variant FOR UPDATE"))  # so the worker stands in the middle of its change
        with stockbell(runtime.settings, "worker", "--name", "w1") as worker:
            assert client.post(PATH, data=body, headers=headers(runtime, shop, body)).status_code == 202
            wait_for(lambda: inbox_rows(engine) == ["claimed"], "a claim")
            worker.kill()
            worker.wait()
    with stockbell(runtime.settings, "worker", "--name", "w1"):
        wait_for(lambda: inbox_rows(engine) == ["done"], "the webhook is handled")
        wait_for(lambda: states(engine, shop) == {PERSON: "notified"}, "the mail is sent")

    assert messages(engine, shop) == [(PERSON, "sent", "")]


@pytest.mark.slow
def test_a_storm_from_many_shops_is_accepted_and_handled(
    app: Flask, runtime: Runtime, engine: Engine, worker: Callable[[], None]
) -> None:
    many = [make_shop(engine, domain=f"https://s{number}.example") for number in range(4)]
    sent = [(shop, stock_body(number)) for number in range(25) for shop in many]
    requests = [(body, headers(runtime, shop, body)) for shop, body in sent]
    answers: list[int] = []

    def post(part: int) -> None:
        for body, given in requests[part::4]:
            answers.extend(app.test_client().post(PATH, data=body, headers=given).status_code for _ in range(2))

    threads = [threading.Thread(target=post, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    worker()

    assert answers == [202] * 200
    assert inbox_rows(engine) == ["done"] * 100


def test_a_webhook_that_the_database_refuses_each_time_holds_up_no_other(
    runtime: Runtime, engine: Engine, shop: ShopKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = stock.apply_levels

    def refuse(database: Connection, of: Shop, levels: Any, moment: datetime) -> Any:
        if levels[0].available == 1:
            raise OperationalError("x", None, psycopg.errors.QueryCanceled("statement timeout"))
        return real(database, of, levels, moment)

    monkeypatch.setattr(stock, "apply_levels", refuse)
    join(engine, shop, PERSON)
    put(engine, shop, stock_body(1), stock_body(2))

    assert work_off(runtime, shop) == 1
    assert inbox_rows(engine, "state, attempts") == [("pending", 1), ("done", 1)]


def test_what_comes_behind_an_uninstallation_tells_nobody(runtime: Runtime, engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, PERSON)
    put(engine, shop, b"gone", b"stock")

    class Adapter:
        def parse_webhook(self, _headers: object, body: bytes) -> list[WebhookHint]:
            if body == b"gone":
                return [WebhookHint(HintKind.UNINSTALLED)]
            return [WebhookHint(HintKind.INVENTORY, levels=(InventoryLevel("v1", None, 5, None),))]

    found = Handler(engine, load(engine, shop), Adapter(), "w", now, Vault("k" * 40))  # type: ignore[arg-type]
    effects = list(found.work(seconds=60))
    with engine.begin() as database:
        stock.apply_levels(database, found.shop, [InventoryLevel("v1", None, 5, None)], now())

    assert [effect.people for effect in effects] == [0]
    assert messages(engine, shop) == []
