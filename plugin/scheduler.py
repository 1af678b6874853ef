"""`stockbell scheduler`: looks for what is due and rings the doorbell; any number may run, one is elected."""

import contextlib
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from plugin.domain import catalog, outbox
from plugin.runtime import Runtime, now

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
ELECTION_LOCK = 7_365_003


def run(runtime: Runtime, stop: threading.Event) -> None:
    """Tick until told to stop; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with runtime.engine.connect() as leader:
                leader.execute(text("SET idle_session_timeout = 0"))
                _lead(runtime, leader, stop)
        except SQLAlchemyError as error:
            log.warning("scheduler_waits_for_database", error=type(error).__name__)
            stop.wait(TICK_SECONDS)


def _lead(runtime: Runtime, leader: Connection, stop: threading.Event) -> None:
    """Do the scheduler's work while this connection holds the election lock."""
    elected = leader.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": ELECTION_LOCK}).scalar_one()
    leader.commit()
    if not elected:
        stop.wait(SWEEP_SECONDS)
        return
    try:
        next_sweep = 0.0
        while not stop.wait(TICK_SECONDS):
            leader.execute(text("SELECT 1"))  # the lock is ours only as long as this connection lives
            leader.commit()
            tick(runtime)
            if time.monotonic() >= next_sweep:
                sweep(runtime)
                next_sweep = time.monotonic() + SWEEP_SECONDS
    finally:
        with contextlib.suppress(SQLAlchemyError):
            leader.rollback()
            leader.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ELECTION_LOCK})
            leader.commit()


def tick(runtime: Runtime) -> None:
    """Ring for releases and catalogs that are due."""
    moment = now()
    with runtime.engine.begin() as database:
        releases = _shops_with_release_due(database)
        feeds = catalog.shops_due(database, moment)
    _each(runtime.doorbell.release_due, releases)
    _each(runtime.doorbell.sync_catalog, feeds)


def sweep(runtime: Runtime) -> None:
    """Take back what dead workers held, and ring for every message that is due."""
    with runtime.engine.begin() as database:
        outbox.recover(database, now())
    with runtime.engine.begin() as database:
        waiting = outbox.shops_with_work(database, now())
    for shop_id, messages in waiting:
        runtime.doorbell.deliver(shop_id, messages)


def _shops_with_release_due(database: Connection) -> list[int]:
    query = text("SELECT DISTINCT shop_id FROM restock WHERE closed_at IS NULL AND next_release_at <= :now")
    return list(database.execute(query, {"now": now()}).scalars())


def _each(ring: Callable[[int], None], shop_ids: list[int]) -> None:
    for shop_id in shop_ids:
        ring(shop_id)
