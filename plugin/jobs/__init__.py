"""RQ's jobs: each takes ids, does what is due, and may be run twice or never without harm."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from integrations import platform_adapter
from integrations.base import PlatformAdapter
from integrations.errors import AuthError, IntegrationError
from plugin.domain import access, catalog, catalog_schedule, inbox, reconciliation, restocks, shops
from plugin.domain.delivery import Turn
from plugin.domain.inbox import Handler
from plugin.domain.shops import Shop
from plugin.jobs.context import current
from plugin.queues import ASK_PLATFORM, CONNECT, DELIVER, HANDLE_WEBHOOKS, RECONCILE, RELEASE_DUE, SYNC_CATALOG
from plugin.runtime import Runtime, now

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
        if catalog_schedule.is_read_meanwhile(database, shop_id, now()):
            return
    try:
        result = catalog.sync_shop(runtime.engine, shop_id, runtime.adapter, now)
    except (catalog.SyncRunningError, catalog.PreparingError, LookupError):  # it is rung again
        return
    except catalog.CatalogError as error:
        log.warning("catalog_not_taken", shop_id=shop_id, reason=error.reason)
        return
    if result.people:
        runtime.doorbell.deliver(shop_id, result.people)


def handle_webhooks(shop_id: int) -> None:
    """Handle what is in a shop's inbox; ring again when more is due than fits into this turn."""
    runtime = current().runtime
    runtime.doorbell.heard(HANDLE_WEBHOOKS, shop_id)
    shop = _shop(shop_id)
    if shop and platform_adapter(shop.platform).capabilities.installation:
        runtime.doorbell.ask_platform(shop_id)  # who waits for a platform must hold up no message
    else:
        _handle_webhooks(shop_id, runtime.doorbell.handle_webhooks)


def ask_platform(shop_id: int) -> None:
    """The same for shops whose platform is asked what a webhook is about."""
    runtime = current().runtime
    runtime.doorbell.heard(ASK_PLATFORM, shop_id)
    _handle_webhooks(shop_id, runtime.doorbell.ask_platform)


def _handle_webhooks(shop_id: int, again: Callable[[int], None]) -> None:
    worker = current()
    runtime, bell = worker.runtime, worker.runtime.doorbell
    with inbox.shop_to_itself(runtime.engine, shop_id) as alone:
        if not alone:  # who does looks once more at the end
            return
        shop = _shop(shop_id)
        if shop is None:
            with runtime.engine.begin() as database:
                inbox.close(database, shop_id, now())
            return
        handler = Handler(
            runtime.engine,
            shop,
            runtime.adapter(shop),
            worker.courier.worker,
            now,
            runtime.vault,
            allow_loopback=runtime.settings.allow_loopback,
        )
        for effect in handler.work(seconds=WEBHOOKS_SECONDS):
            if effect.people:
                bell.deliver(shop_id, effect.people)
            if effect.catalog:
                bell.sync_catalog(shop_id)
            if effect.stock:
                bell.reconcile(shop_id)
            if effect.shop:
                bell.connect(shop_id)
    with runtime.engine.connect() as database:
        more = inbox.is_due(database, shop_id, now())
    if more:
        again(shop_id)


def _shop(shop_id: int) -> Shop | None:
    """A shop, also one that is gone, as its last webhooks are still to be handled."""
    with current().runtime.engine.connect() as database:
        return shops.with_gone(database, shop_id)


def reconcile(shop_id: int) -> None:
    """Read the stock of what somebody waits for anew, and make sure that the platform sends webhooks."""
    runtime = current().runtime
    runtime.doorbell.heard(RECONCILE, shop_id)
    found = _with_webhooks_sent(runtime, shop_id)
    if found is None:
        return
    shop, adapter = found
    if adapter.capabilities.inventory_reads:
        with _again_later(shop_id):
            for people in reconciliation.read_stock(runtime.engine, shop, adapter, now):
                if people:
                    runtime.doorbell.deliver(shop_id, people)


def connect(shop_id: int) -> None:
    """Have the platform send its webhooks, and tell the shop's pages where we are."""
    runtime = current().runtime
    runtime.doorbell.heard(CONNECT, shop_id)
    found = _with_webhooks_sent(runtime, shop_id)
    if found is None:
        return
    shop, adapter = found
    if adapter.capabilities.snippet_api:
        with _again_later(shop_id):
            adapter.install_snippet(runtime.settings.public_url, shop.public_key, oversold=shop.oversold)


def _with_webhooks_sent(runtime: Runtime, shop_id: int) -> tuple[Shop, PlatformAdapter] | None:
    """A shop and the way to its platform, which was asked for all webhooks, also those that it has dropped."""
    with runtime.engine.connect() as database:
        shop = shops.by_id(database, shop_id)
    if shop is None:
        return None
    adapter = runtime.adapter(shop)
    if adapter.capabilities.webhooks:
        with _again_later(shop.id):
            adapter.register_webhooks(f"{runtime.settings.public_url}/webhooks/{shop.platform}")
    return shop, adapter


@contextmanager
def _again_later(shop_id: int) -> Iterator[None]:
    began_at = now()
    try:
        yield
    except AuthError as error:
        if error.reason == "not_authorized":
            with current().runtime.engine.begin() as database:
                access.doubt(database, shop_id, began_at, now())
        log.warning("platform_refuses", shop_id=shop_id, reason=error.reason, error=str(error))
    except IntegrationError as error:
        log.warning("platform_not_reached", shop_id=shop_id, reason=error.reason, error=str(error))
