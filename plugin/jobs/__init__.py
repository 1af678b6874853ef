"""RQ's jobs: each takes ids, does what is due, and may be run twice or never without harm."""

import structlog

from integrations.errors import IntegrationError
from plugin.domain import catalog, restocks, shops
from plugin.jobs.context import current
from plugin.queues import DELIVER, RELEASE_DUE, SYNC_CATALOG
from plugin.runtime import now

log = structlog.get_logger(__name__)

DELIVER_SECONDS = 3.0
"""How long one job sends before other shops get their turn."""


def deliver(shop_id: int, slot: int = 0) -> None:
    """Hand over messages of a shop; ring again when more are due than fit into this turn."""
    worker = current()
    worker.runtime.doorbell.heard(DELIVER, shop_id, slot)
    try:
        more = worker.courier.deliver(shop_id, seconds=DELIVER_SECONDS)
    except IntegrationError as error:  # the sweep rings again
        log.warning("not_delivered", shop_id=shop_id, reason=error.reason, error=str(error))
        return
    if more:
        worker.runtime.doorbell.again(shop_id, slot)


def release_due(shop_id: int) -> None:
    """Carry out the releases of a shop that are due."""
    runtime = current().runtime
    runtime.doorbell.heard(RELEASE_DUE, shop_id)
    while True:
        with runtime.engine.begin() as database:
            shop = shops.by_id(database, shop_id)
            released = restocks.release_due(database, shop, now()) if shop else []
        people = sum(each.people for each in released)
        if people:
            runtime.doorbell.deliver(shop_id, people)
        if len(released) < restocks.DUE_BATCH:
            return


def sync_catalog(shop_id: int) -> None:
    """Read a shop's catalog; what went wrong is kept in catalog_sync for the merchant."""
    runtime = current().runtime
    runtime.doorbell.heard(SYNC_CATALOG, shop_id)
    try:
        result = catalog.sync_shop(runtime.engine, shop_id, runtime.adapter, now)
    except (catalog.SyncRunningError, LookupError):
        return
    except catalog.CatalogError as error:
        log.warning("catalog_not_taken", shop_id=shop_id, reason=error.reason)
        return
    if result.people:
        runtime.doorbell.deliver(shop_id, result.people)
