"""Webhooks as a custom shop's own programs send them, and what came of them."""

import json
import secrets
import time
from typing import Any

from sqlalchemy import Engine, text

from integrations import standard_webhooks
from plugin.domain import shops
from plugin.runtime import Runtime
from tests.factories import ShopKeys, load

PATH = "/webhooks/custom"


def headers(
    runtime: Runtime, shop: ShopKeys, body: bytes, *, delivery_id: str = "", seconds_ago: int = 0, secret: str = ""
) -> dict[str, str]:
    """The headers of a webhook with this body."""
    secret = secret or shops.webhook_secret(runtime.secret_key, load(runtime.engine, shop))
    delivery_id = delivery_id or f"msg_{secrets.token_hex(8)}"
    sent_at = str(int(time.time()) - seconds_ago)
    return {
        "Content-Type": "application/json",
        "Stockbell-Shop": shop.public_key,
        "Webhook-Id": delivery_id,
        "Webhook-Timestamp": sent_at,
        "Webhook-Signature": standard_webhooks.sign(secret, delivery_id, sent_at, body),
    }


def stock_body(available: int | None, variant_id: str = "v1", **level: Any) -> bytes:
    """New stock of one variant."""
    levels = [{"variant_id": variant_id, "available": available, **level}]
    return json.dumps({"type": "inventory.updated", "data": {"levels": levels}}).encode()


def inbox_rows(engine: Engine, columns: str = "state") -> list[Any]:
    """The inbox, in the order in which webhooks came; a list of values when it is about one column."""
    with engine.connect() as database:
        rows = database.execute(text(f"SELECT {columns} FROM webhook ORDER BY id")).all()
    return [row[0] if len(row) == 1 else tuple(row) for row in rows]
