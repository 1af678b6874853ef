"""RQ's jobs: each takes ids, does what is due, and may be run twice or never without harm."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from integrations.errors import IntegrationError
from plugin.domain import catalog, inbox, reconciliation, restocks, shops
from plugin.domain.delivery import Turn
from plugin.domain.inbox import Handler
from plugin.jobs.context import current
from plugin.queues import DELIVER, HANDLE_WEBHOOKS, RECONCILE, RELEASE_DUE, SYNC_CATALOG
from plugin.runtime import now

log = structlog.get_logger(__name__)

DELIVER_SECONDS = 3.0
"""How long one job sends before other shops get their turn."""
RELEASE_SECONDS = 3.0
"""The same for releases that are due."""
WEBHOOKS_SECONDS = 3.0
"""The same for handling webhooks."""


def deliver(shop_id: int, slot: int = 0) -> None:
    """Hand over messages of a shop; ring again when more are due than fit into this turn."""
    worker = current()
    worker.runtime.doorbell.heard(DELIVER, shop_id, slot)
    try:
        turn = worker.courier.deliver(shop_id, seconds=DELIVER_SECONDS)
    except IntegrationError as error:  # the sweep rings again
        log.warning("not_delivered", shop_id=shop_id, reason=error.reason, error=str(error))
        return
    if turn is Turn.MORE:
        worker.runtime.doorbell.again(shop_id, slot)
    elif turn is Turn.HELD_BACK:  # not at once again: it would be nobody else's turn for nothing
        worker.runtime.doorbell.later(shop_id)


def release_due(shop_id: int) -> None:
    """Carry out the releases of a shop that are due."""
    runtime = current().runtime
    runtime.doorbell.heard(RELEASE_DUE, shop_id)
    deadline = time.monotonic() + RELEASE_SECONDS
    more = True
    while more and time.monotonic() < deadline:  # the next tick rings again
        with runtime.engine.begin() as database:
            shop = shops.by_id(database, shop_id)
            looked_at, released = restocks.release_due(database, shop, now()) if shop else (0, [])
            # What another worker holds is left to it.
            more = looked_at > 0 and restocks.is_release_due(database, shop_id, now())
        people = sum(each.people for each in released)
        if people:
            runtime.doorbell.deliver(shop_id, people)


def sync_catalog(shop_id: int) -> None:
    """Read a shop's catalog; what went wrong is kept in catalog_sync for the merchant."""
    runtime = current().runtime
    runtime.doorbell.heard(SYNC_CATALOG, shop_id)
    with runtime.engine.connect() as database:
        if catalog.is_read_meanwhile(database, shop_id, now()):
            return
    try:
        result = catalog.sync_shop(runtime.engine, shop_id, runtime.adapter, now)
    except (catalog.SyncRunningError, LookupError):
        return
    except catalog.CatalogError as error:
        log.warning("catalog_not_taken", shop_id=shop_id, reason=error.reason)
        return
    if result.people:
        runtime.doorbell.deliver(shop_id, result.people)


def handle_webhooks(shop_id: int) -> None:
    """Handle what is in a shop's inbox; ring again when more is due than fits into this turn."""
    worker = current()
    runtime, bell = worker.runtime, worker.runtime.doorbell
    bell.heard(HANDLE_WEBHOOKS, shop_id)
    with inbox.shop_to_itself(runtime.engine, shop_id) as alone:
        if not alone:  # who does looks once more at the end
            return
        with runtime.engine.begin() as database:
            shop = shops.by_id(database, shop_id)
            if shop is None:
                inbox.close(database, shop_id, now())
                return
        handler = Handler(runtime.engine, shop, runtime.adapter(shop), worker.courier.worker, now)
        for effect in handler.work(seconds=WEBHOOKS_SECONDS):
            if effect.people:
                bell.deliver(shop_id, effect.people)
            if effect.catalog:
                bell.sync_catalog(shop_id)
            if effect.stock:
                bell.reconcile(shop_id)
    with runtime.engine.connect() as database:
        more = inbox.is_due(database, shop_id, now())
    if more:
        bell.handle_webhooks(shop_id)


def reconcile(shop_id: int) -> None:
    """Read the stock of what somebody waits for anew, and make sure that the platform sends webhooks."""
    runtime = current().runtime
    runtime.doorbell.heard(RECONCILE, shop_id)
    with runtime.engine.connect() as database:
        shop = shops.by_id(database, shop_id)
    if shop is None:
        return
    adapter = runtime.adapter(shop)
    if adapter.capabilities.webhooks:
        with _again_in_a_few_minutes(shop_id):
            adapter.register_webhooks(f"{runtime.settings.public_url}/webhooks/{shop.platform}")
    if adapter.capabilities.inventory_reads:
        with _again_in_a_few_minutes(shop_id):
            for people in reconciliation.read_stock(runtime.engine, shop, adapter, now):
                if people:
                    runtime.doorbell.deliver(shop_id, people)


@contextmanager
def _again_in_a_few_minutes(shop_id: int) -> Iterator[None]:
    try:
        yield
    except IntegrationError as error:
        log.warning("not_reconciled", shop_id=shop_id, reason=error.reason, error=str(error))
