"""`stockbell scheduler`: looks for what is due and rings the doorbell; any number may run, one is elected."""

import contextlib
import threading
import time
from collections.abc import Callable

import structlog
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from integrations import PLATFORMS, platform_adapter
from integrations.base import Capabilities
from plugin import partitions
from plugin.domain import catalog_schedule, clock_steps, inbox, outbox, overview, personal_data, reconciliation, shops
from plugin.runtime import Runtime, now

log = structlog.get_logger(__name__)

TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0
LOOK_AHEAD_SECONDS = 60.0
"""How often another machine's clock, which was ahead, is looked for; a step of one's own is noticed at once."""
STEP_SECONDS = 2.0
"""Clocks are set; they do not go wrong by so much from one tick to the next."""
UPKEEP_SECONDS = 3600.0
RECONCILE_SECONDS = 300.0
RECONNECT_SECONDS = 3600.0
HANG_SECONDS = 30
"""A leader from which the database has heard nothing for so long leads no longer."""
RINGS_BETWEEN_SIGNS = 100
ELECTION_LOCK = 7_365_003
GiveSign = Callable[[], None]
"""Tells the database that the leader lives."""


def run(runtime: Runtime, stop: threading.Event) -> None:
    """Tick until told to stop; a database that is away is waited for."""
    while not stop.is_set():
        try:
            with runtime.engine.connect() as leader:
                leader.execute(text(f"SET idle_session_timeout = '{HANG_SECONDS}s'"))
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

    def give_sign() -> None:
        """The lock is ours only as long as this connection lives, and it lives only while it is used."""
        leader.execute(text("SELECT 1"))
        leader.commit()

    try:
        next_sweep = next_look = next_upkeep = next_reconciliation = next_connection = 0.0
        clock = _Clock()
        while not stop.wait(TICK_SECONDS):
            give_sign()
            if clock.was_set_back() or time.monotonic() >= next_look:
                bring_forward(runtime)
                next_look = time.monotonic() + LOOK_AHEAD_SECONDS
            tick(runtime, give_sign)
            if time.monotonic() >= next_sweep:
                sweep(runtime, give_sign)
                next_sweep = time.monotonic() + SWEEP_SECONDS
            if time.monotonic() >= next_reconciliation:
                reconcile(runtime, give_sign)
                next_reconciliation = time.monotonic() + RECONCILE_SECONDS
            if time.monotonic() >= next_connection:
                reconnect(runtime, give_sign)
                next_connection = time.monotonic() + RECONNECT_SECONDS
            if time.monotonic() >= next_upkeep:
                upkeep(runtime)
                next_upkeep = time.monotonic() + UPKEEP_SECONDS
    finally:
        with contextlib.suppress(SQLAlchemyError):
            leader.rollback()
            leader.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": ELECTION_LOCK})
            leader.commit()


def tick(runtime: Runtime, give_sign: GiveSign = lambda: None) -> None:
    """Ring for releases and catalogs that are due, and for shops that were to wait a moment."""
    moment = now()
    with runtime.engine.begin() as database:
        releases = _shops_with_release_due(database)
        feeds = catalog_schedule.shops_due(database, moment, _able(lambda can: can.catalog))
    runtime.doorbell.it_is_later()
    _each(runtime.doorbell.release_due, releases, give_sign)
    _each(runtime.doorbell.sync_catalog, feeds, give_sign)


def sweep(runtime: Runtime, give_sign: GiveSign = lambda: None) -> None:
    """Take back what dead workers held, and ring for every message and webhook that is due."""
    with runtime.engine.begin() as database:
        clock_steps.shorten_leases(database)
        outbox.recover(database, now())
    with runtime.engine.begin() as database:
        waiting = outbox.shops_with_work(database, now())
        webhooks = inbox.shops_with_work(database, now())
    due = dict(waiting)
    _each(lambda shop_id: runtime.doorbell.deliver(shop_id, due[shop_id]), list(due), give_sign)
    _each(runtime.doorbell.handle_webhooks, webhooks, give_sign)


def reconcile(runtime: Runtime, give_sign: GiveSign = lambda: None) -> None:
    """Ring for stock to be read anew where somebody waits and the platform can tell it."""
    with runtime.engine.connect() as database:
        waiting = reconciliation.shops_that_wait(database, _able(lambda can: can.inventory_reads))
    _each(runtime.doorbell.reconcile, waiting, give_sign)


def reconnect(runtime: Runtime, give_sign: GiveSign = lambda: None) -> None:
    """Ring for platforms to be asked whether they still send their webhooks."""
    with runtime.engine.connect() as database:
        connected = shops.on_platforms(database, _able(lambda can: can.installation))
    _each(runtime.doorbell.connect, connected, give_sign)


def _able(wanted: Callable[[Capabilities], bool]) -> list[str]:
    """The platforms that can do something."""
    return [kind for kind in PLATFORMS if wanted(platform_adapter(kind).capabilities)]


def upkeep(runtime: Runtime) -> None:
    """Keep small what would grow with the history."""
    with runtime.engine.begin() as database:
        # By the earlier of two clocks: one that is years ahead must not drop what is kept.
        moment = min(now(), database.execute(text("SELECT now()")).scalar_one())
        overview.add_up(database)
        outbox.withdraw_uninstalled(database, moment)
        personal_data.forget_old_requests(database, moment)
    partitions.upkeep(runtime.engine, moment, runtime.settings.months_kept)


def bring_forward(runtime: Runtime) -> None:
    """Make due again what was put off by a clock that was ahead of this one."""
    with runtime.engine.begin() as database:
        clock_steps.bring_forward(database, now())


class _Clock:
    """Notices that this machine's clock was set."""

    def __init__(self) -> None:
        self._ahead = self._ahead_of_monotonic()
        self._over_at = 0.0

    def was_set_back(self) -> bool:
        """Whether it was in the last minute: what workers held meanwhile comes back with the due time of before."""
        before, self._ahead = self._ahead, self._ahead_of_monotonic()
        if self._ahead < before - STEP_SECONDS:
            self._over_at = time.monotonic() + LOOK_AHEAD_SECONDS
        return time.monotonic() < self._over_at

    def _ahead_of_monotonic(self) -> float:
        return now().timestamp() - time.monotonic()


def _shops_with_release_due(database: Connection) -> list[int]:
    # Those of a paused shop wait; they are looked at only when something is due, so a look-up for each is cheap.
    query = text(
        "SELECT DISTINCT shop_id FROM restock WHERE closed_at IS NULL AND next_release_at <= :now"
        " AND EXISTS (SELECT FROM shop WHERE id = shop_id AND paused_at IS NULL AND uninstalled_at IS NULL)"
    )
    return list(database.execute(query, {"now": now()}).scalars())


def _each(ring: Callable[[int], None], shop_ids: list[int], give_sign: GiveSign) -> None:
    for number, shop_id in enumerate(shop_ids):
        if number % RINGS_BETWEEN_SIGNS == 0:
            give_sign()
        ring(shop_id)
