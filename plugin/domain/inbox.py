"""The inbox: webhooks are written down before they are answered, and handled afterwards, those of a shop in turn.

    pending --claim--> claimed --handle--> done | failed | pending again, later

What a webhook causes and that it is done are one transaction. Whoever handles a shop's webhooks holds a lock for as
long as the connection lives; so what is claimed when the next one has the lock was left by somebody who died, and is
taken back at once. A webhook that is handled twice does no harm all the same.
"""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from integrations.base import PlatformAdapter
from integrations.errors import AuthError, IntegrationError, PayloadError
from integrations.types import DUTIES, CatalogVariant, HintKind, InventoryLevel, Order, ShopFacts, WebhookHint
from plugin.db import PreparedStatement, in_transaction
from plugin.domain import (
    access,
    catalog,
    catalog_schedule,
    installations,
    personal_data,
    purchases,
    reconciliation,
    stock,
)
from plugin.domain.restocks import Released
from plugin.domain.shops import Shop
from plugin.vault import Vault

log = structlog.get_logger(__name__)

CLAIM_BATCH = 20
LEASE = timedelta(seconds=45)
STOCK_BATCH = 1000
RETRY_FIRST_SECONDS = 5.0
RETRY_MOST_SECONDS = 3600.0
RETRY_JITTER = 0.2
MOST_ATTEMPTS = 20
"""About half a day; what it was about has been read anew long since."""
HANDLER_LOCK = 7_365_007


@dataclass(frozen=True, slots=True)
class Webhook:
    """One that is in hand."""

    id: int
    headers: Mapping[str, str]
    body: bytes
    attempts: int


@dataclass(slots=True)
class Effect:
    """What came of a webhook, for whoever rings."""

    people: int = 0
    """How many are told because of it."""
    catalog: bool = False
    """The catalog is to be read."""
    stock: bool = False
    """The stock of everything that someone waits for is to be read."""
    shop: bool = False
    """What the shop lets us do may have changed: webhooks are to be asked for anew."""
    uninstalled: bool = False
    """The shop is gone, and so is what comes after."""


@dataclass(slots=True)
class _Read:
    """What was read anew because of a webhook, and since when."""

    at: datetime
    levels: list[InventoryLevel] = field(default_factory=list)
    variants: list[CatalogVariant] = field(default_factory=list)
    products: list[str] = field(default_factory=list)
    facts: ShopFacts | None = None
    released: list[Released] = field(default_factory=list)


def receive(  # noqa: PLR0913 (what a webhook is made of)
    database: Connection,
    shop_id: int,
    delivery_id: str,
    headers: Mapping[str, str],
    body: bytes,
    now: datetime,
    *,
    is_duty: bool = False,
) -> bool:
    """Write a verified webhook down, once however often it is delivered; False when there is no such shop (any more).

    Args:
        database: a connection on which each statement is its own transaction.
        shop_id: the shop that it is for.
        delivery_id: the platform's own, the same for each repetition.
        headers: those that are needed to read the body.
        body: as it came.
        now: the moment.
        is_duty: it is to be done for a shop that has removed the application, too.
    """
    current, _ = _RECEIVE.one(database, shop_id, delivery_id, json.dumps(dict(headers)), body, now, is_duty)
    return current == "t"


# The unique index is one of this month, so earlier months are looked into.
_RECEIVE = PreparedStatement(
    "receive",
    """
    WITH current AS (
        SELECT FROM shop WHERE id = $1 AND (uninstalled_at IS NULL OR $6::boolean)
    ), added AS (
        INSERT INTO webhook (shop_id, delivery_id, headers, body, received_at, due_at)
        SELECT $1, $2, $3::jsonb, $4::bytea, $5::timestamptz, $5 FROM current
         WHERE NOT EXISTS (SELECT FROM webhook WHERE shop_id = $1 AND delivery_id = $2)
        ON CONFLICT DO NOTHING RETURNING id
    )
    SELECT EXISTS (SELECT FROM current), EXISTS (SELECT FROM added)
    """,
)


def shops_with_work(database: Connection, now: datetime) -> list[int]:
    """Shops with webhooks that are due, or that someone claimed long ago."""
    return list(database.execute(_SHOPS_WITH_WORK, {"now": now}).scalars())


# From one shop with open webhooks to the next, along the indices: shops without any cost nothing.
_SHOPS_WITH_WORK = text(
    """
    WITH RECURSIVE pending AS (
        SELECT min(shop_id) AS shop_id FROM webhook WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(webhook.shop_id) FROM webhook WHERE state = 'pending' AND webhook.shop_id > pending.shop_id)
          FROM pending WHERE pending.shop_id IS NOT NULL
    )
    SELECT shop_id FROM pending WHERE EXISTS (
        SELECT FROM webhook WHERE webhook.shop_id = pending.shop_id AND state = 'pending' AND due_at <= :now)
    UNION
    SELECT shop_id FROM webhook WHERE state = 'claimed' AND lease_until < clock_timestamp()
    ORDER BY shop_id
    """
)


def recover(database: Connection, worker: str) -> list[int]:
    """Take back what a worker that is known to be dead held; returns the shops concerned."""
    rows = database.execute(
        text(
            "UPDATE webhook SET state = 'pending', claimed_by = NULL, lease_until = NULL"
            " WHERE state = 'claimed' AND claimed_by = :worker RETURNING shop_id"
        ),
        {"worker": worker},
    )
    return sorted(set(rows.scalars()))


@contextmanager
def shop_to_itself(engine: Engine, shop_id: int) -> Iterator[bool]:
    """Hold the lock of whoever handles a shop's webhooks; gives False when somebody else does."""
    values = {"lock": HANDLER_LOCK, "shop": shop_id}
    with engine.connect() as connection:
        locked = connection.execute(text("SELECT pg_try_advisory_lock(:lock, CAST(:shop AS integer))"), values)
        alone = bool(locked.scalar_one())
        connection.commit()
        try:
            yield alone
        finally:
            if alone:
                connection.execute(text("SELECT pg_advisory_unlock(:lock, CAST(:shop AS integer))"), values)
                connection.commit()


@dataclass(frozen=True, slots=True)
class Handler:
    """One worker's way to handle the webhooks of one shop, which it has to itself."""

    engine: Engine
    shop: Shop
    adapter: PlatformAdapter
    worker: str
    clock: Callable[[], datetime]
    vault: Vault
    allow_loopback: bool = False

    def work(self, *, seconds: float) -> Iterator[Effect]:
        """Handle what is due, in order, for about so many seconds and at least one; gives what came of each."""
        deadline = time.monotonic() + seconds
        self._take_back()
        while claimed := self._claim():
            for number, webhook in enumerate(claimed, 1):
                effect = self._handle(webhook)
                yield effect
                if effect.uninstalled or time.monotonic() > deadline:
                    self._give_back(claimed[number:])
                    return

    def _take_back(self) -> None:
        with self.engine.begin() as database:
            database.execute(_TAKE_BACK, {"shop": self.shop.id})

    def _claim(self) -> list[Webhook]:
        values = {"shop": self.shop.id, "now": self.clock(), "limit": CLAIM_BATCH}
        with self.engine.begin() as database:
            ids = list(database.execute(_DUE, values).scalars())
            rows = database.execute(_CLAIM, {"ids": ids, "worker": self.worker, "lease": LEASE}) if ids else ()
            return [Webhook(row.id, row.headers, bytes(row.body), row.attempts) for row in rows]

    def _give_back(self, webhooks: Sequence[Webhook]) -> None:
        with self.engine.begin() as database:
            database.execute(_GIVE_BACK, {"ids": [webhook.id for webhook in webhooks], "worker": self.worker})

    def _handle(self, webhook: Webhook) -> Effect:
        """Do what a webhook is about, or write down why it cannot be done now or at all."""
        began_at = self.clock()
        try:
            return self._apply(webhook, *self._ask(webhook))
        except PayloadError as error:
            self._end_badly(webhook, str(error), wait=None)
        except IntegrationError as error:
            if isinstance(error, AuthError) and error.reason == "not_authorized":
                with self.engine.begin() as database:
                    access.doubt(database, self.shop.id, began_at, self.clock())
            log.info("webhook_waits", shop_id=self.shop.id, reason=error.reason)
            self._end_badly(webhook, str(error), wait=_wait(webhook.attempts, error.retry_after_seconds))
        except OperationalError as error:
            if error.connection_invalidated:  # it stays claimed, and is taken back when the database is there again
                raise
            self._blame_us(webhook, error)
        except Exception as error:  # noqa: BLE001 (a fault of ours in one must not hold up those that come after it)
            self._blame_us(webhook, error)
        return Effect()

    def _blame_us(self, webhook: Webhook, error: Exception) -> None:
        log.error("webhook_not_handled", shop_id=self.shop.id, exc_info=error)
        self._end_badly(webhook, "It could not be handled here.", wait=_wait(webhook.attempts, None))

    def _ask(self, webhook: Webhook) -> tuple[Sequence[WebhookHint], _Read]:
        """What a webhook tells, with what has to be read anew for it: no transaction is open meanwhile."""
        hints = self.adapter.parse_webhook(webhook.headers, webhook.body)
        if self.shop.is_gone:
            return [hint for hint in hints if hint.kind in DUTIES], _Read(self.clock())
        read = _Read(self.clock())
        for hint in hints:
            if hint.kind is HintKind.INVENTORY:
                read.levels += hint.levels or self._levels(hint)
            elif hint.kind is HintKind.PRODUCTS:
                read.products += hint.product_ids
                read.variants += self.adapter.read_products(hint.product_ids)
            elif hint.kind is HintKind.SHOP:
                read.facts = self.adapter.read_shop()
        if read.products:
            ids = [variant.variant_id for variant in read.variants]
            read.levels += reconciliation.read_variants(self.adapter, ids, self.clock)
            read.released += catalog.put_variants(self.engine, self.shop, read.variants, self.clock).released
        return hints, read

    def _levels(self, hint: WebhookHint) -> list[InventoryLevel]:
        return [
            *reconciliation.read_variants(self.adapter, hint.variant_ids, self.clock),
            *reconciliation.read(self.adapter.read_inventory_of_items, hint.item_ids, self.clock),
        ]

    def _apply(self, webhook: Webhook, hints: Sequence[WebhookHint], read: _Read) -> Effect:
        """Write what follows from a webhook, and that it is done, as one."""
        return in_transaction(self.engine, lambda database: self._apply_in(database, webhook, hints, read))

    def _apply_in(self, database: Connection, webhook: Webhook, hints: Sequence[WebhookHint], read: _Read) -> Effect:
        effect, now = Effect(people=sum(each.people for each in read.released)), self.clock()
        if not _is_ours(database, webhook, self.worker):
            return effect
        if read.products:
            there = [variant.variant_id for variant in read.variants]
            catalog.take_away(database, self.shop, read.products, there, read.at)
        levels = sorted(read.levels, key=lambda level: level.variant_id)  # locked in this order, over several batches
        for start in range(0, len(levels), STOCK_BATCH):
            batch = levels[start : start + STOCK_BATCH]
            released = stock.apply_levels(database, self.shop, batch, now).released
            effect.people += sum(each.people for each in released)
        orders: list[Order] = [order for hint in hints for order in hint.orders]
        purchases.record(database, self.shop, orders, now)
        if read.facts:
            installations.note_facts(database, self.shop.id, read.facts, allow_loopback=self.allow_loopback)
            effect.shop = True
        for hint in hints:
            effect.catalog |= hint.kind is HintKind.CATALOG
            effect.stock |= hint.kind is HintKind.INVENTORY and not (hint.levels or hint.variant_ids or hint.item_ids)
            if hint.kind is HintKind.UNINSTALLED:
                effect.uninstalled |= installations.uninstall(database, self.shop.id, hint.occurred_at, now)
            if hint.kind in DUTIES:
                self._do_duty(database, webhook, hint, now)
        if effect.catalog and self.adapter.capabilities.catalog:  # it is prepared; it may have been read already
            effect.catalog = catalog_schedule.make_due_if_prepared(database, self.shop.id, now)
        elif effect.catalog:
            catalog_schedule.make_due(database, self.shop.id, now)
        database.execute(_DONE, {"id": webhook.id, "now": now})
        return effect

    def _do_duty(self, database: Connection, webhook: Webhook, hint: WebhookHint, now: datetime) -> None:
        if hint.kind is HintKind.ERASE_SHOP:
            installations.erase_shop(database, self.shop.id)
        elif hint.person and hint.kind is HintKind.ERASE_PERSON:
            personal_data.erase(database, self.vault, self.shop.id, hint.person, now)
        elif hint.person:
            request_id = hint.request_id or f"webhook {webhook.id}"
            personal_data.ask(database, self.vault, self.shop.id, request_id, hint.person, now)

    def _end_badly(self, webhook: Webhook, error: str, *, wait: timedelta | None) -> None:
        """Try it again after a while, or (None, or tried often enough) give it up."""
        now = self.clock()
        again = wait is not None and webhook.attempts < MOST_ATTEMPTS
        values = {"id": webhook.id, "worker": self.worker, "error": error, "now": now}
        values |= {"state": "pending" if again else "failed", "due": now + (wait or timedelta())}
        with self.engine.begin() as database:
            database.execute(_END_BADLY, values)


def close(database: Connection, shop_id: int, now: datetime) -> None:
    """Close what is open of a shop that is no longer there."""
    query = "UPDATE webhook SET state = 'done', body = '', headers = '{}', finished_at = :now, error = :why"
    condition = "shop_id = :shop AND state IN ('pending', 'claimed')"
    values = {"shop": shop_id, "now": now, "why": "The shop was uninstalled."}
    database.execute(text(f"{query} WHERE {condition}"), values)


def is_due(database: Connection, shop_id: int, now: datetime) -> bool:
    """Whether a webhook of a shop is to be handled now."""
    query = "SELECT EXISTS (SELECT FROM webhook WHERE shop_id = :shop AND state = 'pending' AND due_at <= :now)"
    return bool(database.execute(text(query), {"shop": shop_id, "now": now}).scalar_one())


def _wait(attempts: int, asked_seconds: float | None) -> timedelta:
    seconds = min(RETRY_MOST_SECONDS, RETRY_FIRST_SECONDS * 2.0 ** (attempts - 1))
    jitter = random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)  # noqa: S311
    return timedelta(seconds=max(seconds * jitter, asked_seconds or 0))


def _is_ours(database: Connection, webhook: Webhook, worker: str) -> bool:
    """Whether a webhook is still claimed by this worker, and stays so until the transaction ends."""
    row = database.execute(
        text("SELECT FROM webhook WHERE id = :id AND state = 'claimed' AND claimed_by = :worker FOR UPDATE"),
        {"id": webhook.id, "worker": worker},
    ).first()
    return row is not None


_TAKE_BACK = text(
    "UPDATE webhook SET state = 'pending', claimed_by = NULL, lease_until = NULL"
    " WHERE shop_id = :shop AND state = 'claimed'"
)
_DUE = text(
    "SELECT id FROM webhook WHERE shop_id = :shop AND state = 'pending' AND due_at <= :now"
    " ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED"
)
_CLAIM = text(
    """
    WITH claimed AS (
        UPDATE webhook SET state = 'claimed', claimed_by = :worker, attempts = attempts + 1,
                           lease_until = clock_timestamp() + :lease
         WHERE id = ANY (:ids) RETURNING id, headers, body, attempts, due_at
    )
    SELECT id, headers, body, attempts FROM claimed ORDER BY due_at, id
    """
)
_GIVE_BACK = text(
    "UPDATE webhook SET state = 'pending', claimed_by = NULL, lease_until = NULL, attempts = attempts - 1"
    " WHERE id = ANY (:ids) AND state = 'claimed' AND claimed_by = :worker"
)
_DONE = text(
    "UPDATE webhook SET state = 'done', body = '', headers = '{}', error = '', claimed_by = NULL, lease_until = NULL,"
    " finished_at = :now WHERE id = :id"
)
_END_BADLY = text(
    "UPDATE webhook SET state = :state, error = :error, claimed_by = NULL, lease_until = NULL, due_at = :due,"
    " finished_at = CASE WHEN :state = 'failed' THEN CAST(:now AS timestamptz) END"
    " WHERE id = :id AND state = 'claimed' AND claimed_by = :worker"
)
