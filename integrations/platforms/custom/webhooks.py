"""What a custom shop's own programs tell by webhook: `{"type", "timestamp", "data"}` (docs/custom-shops.md)."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.errors import PayloadError
from integrations.types import HintKind, InventoryLevel, Order, WebhookHint

SHOP_HEADER = "stockbell-shop"
SENT_AT_HEADER = "webhook-timestamp"

MOST_LEVELS = 1000
MOST_ITEMS = 1000
MOST_UNITS = 2**31 - 1
MOST_CHARS = 255
MOST_FUTURE = timedelta(hours=24)
LEAST_YEAR = 2000
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def parse(headers: Mapping[str, str], body: bytes) -> WebhookHint:
    """What a verified webhook tells.

    Args:
        headers: names in lower case.
        body: the raw bytes.

    Raises:
        PayloadError: it is not as documented; the sentence names the field.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise PayloadError("The body is not JSON that can be read.") from error
    sent_at = datetime.fromtimestamp(int(headers[SENT_AT_HEADER]), UTC)
    if not isinstance(told, dict):
        raise _wrong("The body", "must be an object")
    data = told.get("data", {})
    if not isinstance(data, dict):
        raise _wrong("data", "must be an object")
    occurred_at = _moment(told, "timestamp", sent_at)
    match told.get("type"):
        case "inventory.updated":
            return WebhookHint(HintKind.INVENTORY, occurred_at=occurred_at, levels=_levels(data, occurred_at, sent_at))
        case "order.created":
            order = _order(data, occurred_at, sent_at)
            return WebhookHint(HintKind.ORDERS, occurred_at=occurred_at, orders=(order,))
        case "catalog.updated":
            return WebhookHint(HintKind.CATALOG, occurred_at=occurred_at)
    raise _wrong("type", "must be inventory.updated, order.created or catalog.updated")


def _levels(data: Mapping[str, Any], occurred_at: datetime | None, sent_at: datetime) -> tuple[InventoryLevel, ...]:
    """Stock as it was when the event occurred: a webhook that comes late must not undo a later one."""
    levels = []
    for number, level in enumerate(_objects(data, "levels", MOST_LEVELS)):
        path = f"data.levels.{number}."
        variant_id = _text(level, "variant_id", path)
        location_id = _text(level, "location_id", path, needed=False) or None
        if "available" not in level:
            raise _wrong(f"{path}available", "is missing")
        available = level["available"]
        is_units = isinstance(available, int) and not isinstance(available, bool) and abs(available) <= MOST_UNITS
        if available is not None and not is_units:
            raise _wrong(f"{path}available", "must be a whole number, or null for unlimited")
        updated_at = _moment(level, "updated_at", sent_at, path) or occurred_at
        levels.append(InventoryLevel(variant_id, location_id, available, updated_at))
    return tuple(levels)


def _order(data: Mapping[str, Any], occurred_at: datetime | None, sent_at: datetime) -> Order:
    if "items" in data:
        items = _objects(data, "items", MOST_ITEMS)
        ids = [_text(item, "variant_id", f"data.items.{number}.") for number, item in enumerate(items)]
    else:
        given = _list(data, "variant_ids", MOST_ITEMS)
        ids = [_text({"id": each}, "id", f"data.variant_ids.{number}.") for number, each in enumerate(given)]
    return Order(
        order_id=_text(data, "order_id", "data."),
        email=_text(data, "email", "data.", needed=False),
        phone=_text(data, "phone", "data.", needed=False),
        ordered_at=_moment(data, "ordered_at", sent_at, "data.") or occurred_at or sent_at,
        variant_ids=tuple(dict.fromkeys(ids)),
    )


def _list(data: Mapping[str, Any], name: str, most: int) -> list[Any]:
    value = data.get(name)
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise _wrong(f"data.{name}", f"must be a list of 1 to {most:,}")
    return value


def _objects(data: Mapping[str, Any], name: str, most: int) -> list[dict[str, Any]]:
    value = _list(data, name, most)
    if not all(isinstance(each, dict) for each in value):
        raise _wrong(f"data.{name}", "must be a list of objects")
    return value


def _text(data: Mapping[str, Any], name: str, path: str, *, needed: bool = True) -> str:
    value = data.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or len(value) > MOST_CHARS or _CONTROL.search(value):
        raise _wrong(f"{path}{name}", f"must be text of at most {MOST_CHARS} characters")
    if needed and not value.strip():
        raise _wrong(f"{path}{name}", "must not be empty")
    return value.strip() if not needed else value


def _moment(data: Mapping[str, Any], name: str, sent_at: datetime, path: str = "") -> datetime | None:
    value = data.get(name)
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (TypeError, ValueError, OverflowError) as error:
        raise _wrong(f"{path}{name}", "must be a time like 2026-11-22T12:00:00Z") from error
    if moment.year < LEAST_YEAR or moment > sent_at + MOST_FUTURE:
        raise _wrong(f"{path}{name}", "must be a time of the past")
    return moment


def _wrong(field: str, words: str) -> PayloadError:
    return PayloadError(f"{field} {words}.")
