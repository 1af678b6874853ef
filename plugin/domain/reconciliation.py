"""Reconciliation: platforms lose webhooks, so stock is read anew for whatever someone waits for, every few minutes."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from integrations.base import PlatformAdapter
from integrations.errors import RateLimitedError
from integrations.types import InventoryLevel
from plugin.db import in_transaction
from plugin.domain import stock
from plugin.domain.shops import Shop

Ask = Callable[[Sequence[str]], Iterable[InventoryLevel]]
"""Ids -> their stock, as the platform tells it."""
READ_BATCH = 250
MOST_WAIT_SECONDS = 60.0


def shops_that_wait(database: Connection, platforms: Sequence[str]) -> list[int]:
    """Shops on these platforms of which somebody waits for something."""
    rows = database.execute(
        text(
            "SELECT id FROM shop WHERE platform = ANY (:platforms) AND uninstalled_at IS NULL"
            " AND EXISTS (SELECT FROM subscription WHERE shop_id = shop.id AND state = 'waiting') ORDER BY id"
        ),
        {"platforms": list(platforms)},
    )
    return list(rows.scalars())


def waiting_variants(database: Connection, shop_id: int) -> list[str]:
    """The variants that somebody waits for."""
    return list(database.execute(_WAITING_VARIANTS, {"shop": shop_id}).scalars())


# From one variant with a line to the next: long lines cost no more than short ones.
_WAITING_VARIANTS = text(
    """
    WITH RECURSIVE line AS (
        SELECT min(variant_id) AS variant_id FROM subscription WHERE shop_id = :shop AND state = 'waiting'
        UNION ALL
        SELECT (SELECT min(subscription.variant_id) FROM subscription
                 WHERE shop_id = :shop AND state = 'waiting' AND subscription.variant_id > line.variant_id)
          FROM line WHERE line.variant_id IS NOT NULL
    )
    SELECT variant_id FROM line WHERE variant_id IS NOT NULL
    """
)


def read_stock(engine: Engine, shop: Shop, adapter: PlatformAdapter, clock: Callable[[], datetime]) -> Iterator[int]:
    """Read the stock of what somebody waits for and write what is new; gives for each batch how many people are told.

    In another order each time, so that a platform that allows only so many calls keeps nobody waiting for ever.

    Raises:
        IntegrationError: the platform does not answer; what was read until then counts.
    """
    with engine.connect() as database:
        variants = waiting_variants(database, shop.id)
    starts = list(range(0, len(variants), READ_BATCH))
    random.shuffle(starts)
    for start in starts:
        levels = read_variants(adapter, variants[start : start + READ_BATCH], clock)
        yield _apply(engine, shop, levels, clock)


def _apply(engine: Engine, shop: Shop, levels: list[InventoryLevel], clock: Callable[[], datetime]) -> int:
    """Write what was read; how many people are told."""
    outcome = in_transaction(engine, lambda database: stock.apply_levels(database, shop, levels, clock()))
    return sum(each.people for each in outcome.released)


def read_variants(
    adapter: PlatformAdapter, variant_ids: Sequence[str], clock: Callable[[], datetime]
) -> list[InventoryLevel]:
    """The stock of some variants; of one that the platform no longer knows there is none.

    Raises:
        IntegrationError: the platform does not answer.
    """
    asked_at = clock()
    levels = read(adapter.read_inventory, variant_ids, clock)
    told = {level.variant_id for level in levels}
    return levels + [InventoryLevel(each, None, 0, asked_at) for each in variant_ids if each not in told]


def read(ask: Ask, ids: Sequence[str], clock: Callable[[], datetime]) -> list[InventoryLevel]:
    """The stock of some variants, or stock items, so many at a time; a platform that asks for a short pause gets it.

    What has no time of its own was so when it was asked for: whatever is told afterwards is newer.

    Raises:
        IntegrationError: the platform does not answer.
    """
    levels: list[InventoryLevel] = []
    for start in range(0, len(ids), READ_BATCH):
        levels += _read(ask, ids[start : start + READ_BATCH], clock)
    return levels


def _read(ask: Ask, ids: Sequence[str], clock: Callable[[], datetime]) -> Iterator[InventoryLevel]:
    asked_at = clock()
    try:
        levels = list(ask(ids))
    except RateLimitedError as error:
        if error.retry_after_seconds is None or error.retry_after_seconds > MOST_WAIT_SECONDS:
            raise
        time.sleep(error.retry_after_seconds)
        asked_at = clock()
        levels = list(ask(ids))
    return (level if level.updated_at else level._replace(updated_at=asked_at) for level in levels)
