"""What custom shops' own programs tell by webhook."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from integrations.errors import PayloadError
from integrations.http import HTTPClient
from integrations.platforms.custom.adapter import CustomAdapter
from integrations.types import HintKind, InventoryLevel, Order, ShopConnection, WebhookHint

SENT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HAPPENED = SENT - timedelta(hours=2)
HEADERS = {"webhook-timestamp": str(int(SENT.timestamp()))}


def parse(told: Any, feed: str = "") -> list[WebhookHint]:
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    with HTTPClient() as http:
        return list(CustomAdapter(ShopConnection("1", "https://shop.example", feed), http).parse_webhook(HEADERS, body))


def one(kind: str, data: dict[str, Any], **more: Any) -> WebhookHint:
    (hint,) = parse({"type": kind, "data": data, **more})
    return hint


def test_levels_are_as_the_api_takes_them() -> None:
    levels = [
        {"variant_id": "v1", "available": 3, "updated_at": "2026-11-22T11:00:00Z"},
        {"variant_id": "v2", "location_id": "l", "available": None},
        {"variant_id": "v3", "available": -1},
    ]

    hint = one("inventory.updated", {"levels": levels}, timestamp=HAPPENED.isoformat())

    assert hint.kind is HintKind.INVENTORY
    assert hint.levels == (
        InventoryLevel("v1", None, 3, SENT - timedelta(hours=1)),
        InventoryLevel("v2", "l", None, HAPPENED),  # a repetition that comes late must not undo a later one
        InventoryLevel("v3", None, -1, HAPPENED),
    )


def test_levels_without_any_time_have_none() -> None:
    hint = one("inventory.updated", {"levels": [{"variant_id": "v1", "available": 3}]})

    assert hint.levels == (InventoryLevel("v1", None, 3, None),)


@pytest.mark.parametrize(
    "bought", [{"variant_ids": ["v1", "v2", "v1"]}, {"items": [{"variant_id": "v1"}, {"variant_id": "v2"}]}]
)
def test_an_order_names_who_bought_what(bought: dict[str, Any]) -> None:
    hint = one("order.created", {"order_id": "o", "email": " a@x.example ", **bought}, timestamp=HAPPENED.isoformat())

    assert hint.orders == (Order("o", "a@x.example", "", HAPPENED, ("v1", "v2")),)


def test_an_order_without_a_time_was_made_when_it_was_sent() -> None:
    assert one("order.created", {"order_id": "o", "variant_ids": ["v"]}).orders[0].ordered_at == SENT


def test_a_catalog_is_read_where_there_is_a_feed() -> None:
    assert [hint.kind for hint in parse({"type": "catalog.updated"}, feed="https://x.example/f")] == [HintKind.CATALOG]
    assert parse({"type": "catalog.updated"}) == []


LEVEL = {"variant_id": "v1", "available": 3}


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        ([], "must be an object"),
        ({}, "type must be"),
        ({"type": "inventory.level"}, "type must be"),
        ({"type": ["inventory.updated"]}, "type must be"),
        ({"type": "inventory.updated", "data": []}, "data must be an object"),
        ({"type": "inventory.updated"}, "data.levels"),
        ({"type": "inventory.updated", "data": {"levels": []}}, "data.levels"),
        ({"type": "inventory.updated", "data": {"levels": [LEVEL] * 1001}}, "data.levels"),
        ({"type": "inventory.updated", "data": {"levels": ["v1"]}}, "list of objects"),
        ({"type": "inventory.updated", "data": {"levels": [{"variant_id": "v1"}]}}, "levels.0.available is missing"),
        (
            {"type": "inventory.updated", "data": {"levels": [LEVEL, {**LEVEL, "available": True}]}},
            "levels.1.available",
        ),
        ({"type": "inventory.updated", "data": {"levels": [{**LEVEL, "available": 1.0}]}}, "levels.0.available"),
        ({"type": "inventory.updated", "data": {"levels": [{**LEVEL, "available": 2**31}]}}, "levels.0.available"),
        ({"type": "inventory.updated", "data": {"levels": [{**LEVEL, "variant_id": 1}]}}, "levels.0.variant_id"),
        ({"type": "inventory.updated", "data": {"levels": [{**LEVEL, "variant_id": "a\0"}]}}, "levels.0.variant_id"),
        ({"type": "inventory.updated", "data": {"levels": [{**LEVEL, "variant_id": " "}]}}, "levels.0.variant_id"),
        ({"type": "inventory.updated", "data": {"levels": [{**LEVEL, "updated_at": "x"}]}}, "levels.0.updated_at"),
        ({"type": "inventory.updated", "data": {"levels": [LEVEL]}, "timestamp": 5}, "timestamp must be"),
        (
            {"type": "inventory.updated", "data": {"levels": [LEVEL]}, "timestamp": "2036-01-01T00:00:00Z"},
            "of the past",
        ),
        ({"type": "order.created", "data": {"variant_ids": ["v1"]}}, "data.order_id"),
        ({"type": "order.created", "data": {"order_id": "o"}}, "data.variant_ids"),
        ({"type": "order.created", "data": {"order_id": "o", "variant_ids": [None]}}, "data.variant_ids.0"),
        ({"type": "order.created", "data": {"order_id": "o", "items": [{}]}}, "data.items.0.variant_id"),
        ({"type": "order.created", "data": {"order_id": "o", "email": 1, "variant_ids": ["v"]}}, "data.email"),
    ],
)
def test_what_is_not_as_documented_is_named(told: Any, words: str) -> None:
    with pytest.raises(PayloadError, match=words):
        parse(told)
