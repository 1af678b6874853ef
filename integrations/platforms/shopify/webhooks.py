"""Which webhooks are wanted, and what each hints at.

Topics and payloads: https://shopify.dev/docs/api/webhooks
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from integrations.errors import PayloadError
from integrations.types import HintKind, Order, Person, WebhookHint

TOPIC = "x-shopify-topic"
SHOP = "x-shopify-shop-domain"
SIGNATURE = "x-shopify-hmac-sha256"
DELIVERY = "x-shopify-webhook-id"
TRIGGERED_AT = "x-shopify-triggered-at"

ORDERS_SCOPE = "read_orders"


class Topic(NamedTuple):
    """What webhooks of one topic are about."""

    kind: HintKind
    scope: str = ""
    """They are sent only to those whom the shop lets do this."""


TOPICS: Mapping[str, Topic] = {
    "products/create": Topic(HintKind.PRODUCTS, "read_products"),
    "products/update": Topic(HintKind.PRODUCTS, "read_products"),
    "products/delete": Topic(HintKind.PRODUCTS, "read_products"),
    "variants/in_stock": Topic(HintKind.INVENTORY, "read_products"),
    "variants/out_of_stock": Topic(HintKind.INVENTORY, "read_products"),
    "inventory_levels/update": Topic(HintKind.INVENTORY, "read_inventory"),
    "inventory_levels/connect": Topic(HintKind.INVENTORY, "read_inventory"),
    "inventory_levels/disconnect": Topic(HintKind.INVENTORY, "read_inventory"),
    "inventory_items/update": Topic(HintKind.INVENTORY, "read_inventory"),
    "locations/create": Topic(HintKind.SHOP, "read_locations"),
    "locations/update": Topic(HintKind.SHOP, "read_locations"),
    "locations/activate": Topic(HintKind.SHOP, "read_locations"),
    "locations/deactivate": Topic(HintKind.SHOP, "read_locations"),
    "locations/delete": Topic(HintKind.SHOP, "read_locations"),
    "shop/update": Topic(HintKind.SHOP),
    "app/scopes_update": Topic(HintKind.SHOP),
    "app/uninstalled": Topic(HintKind.UNINSTALLED),
    "bulk_operations/finish": Topic(HintKind.CATALOG),
    "orders/create": Topic(HintKind.ORDERS, ORDERS_SCOPE),
}
"""Asked for by the API; those with a scope only where it was granted."""
DUTIES: Mapping[str, HintKind] = {
    "customers/data_request": HintKind.DATA_REQUEST,
    "customers/redact": HintKind.ERASE_PERSON,
    "shop/redact": HintKind.ERASE_SHOP,
}
"""Declared in shopify.app.toml: the API does not offer them."""
ORDER_FIELDS = ["id", "email", "phone", "created_at", "line_items"]
"""No more of an order is sent to us than is read here."""


def enum_of(topic: str) -> str:
    """The API's name of a topic: PRODUCTS_CREATE for products/create."""
    return topic.replace("/", "_").upper()


def parse(headers: Mapping[str, str], body: bytes) -> list[WebhookHint]:
    """What a webhook hints at; nothing for a topic that nobody asked for.

    Raises:
        PayloadError: the body has an unexpected shape.
    """
    topic = headers.get(TOPIC, "").lower()
    occurred_at = _moment(headers.get(TRIGGERED_AT, ""))
    try:
        told = json.loads(body)
        if topic in DUTIES:
            return [_duty(DUTIES[topic], told, headers.get(SHOP, ""))]
        if topic not in TOPICS:
            return []
        return _hints(topic, told, occurred_at)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PayloadError(f"The webhook {topic} has an unexpected shape.") from error


def _hints(topic: str, told: Mapping[str, Any], occurred_at: datetime | None) -> list[WebhookHint]:
    kind = TOPICS[topic].kind
    if kind is HintKind.PRODUCTS:
        return [WebhookHint(kind, product_ids=(_number(told["id"]),), occurred_at=occurred_at)]
    if topic.startswith("variants/"):
        return [WebhookHint(kind, variant_ids=(_number(told["id"]),), occurred_at=occurred_at)]
    if topic.startswith("inventory_levels/"):
        return [WebhookHint(kind, item_ids=(_number(told["inventory_item_id"]),), occurred_at=occurred_at)]
    if topic.startswith("inventory_items/"):
        return [WebhookHint(kind, item_ids=(_number(told["id"]),), occurred_at=occurred_at)]
    if kind is HintKind.ORDERS:
        order = _order(told)
        return [WebhookHint(kind, orders=(order,), occurred_at=order.ordered_at)]
    hints = [WebhookHint(kind, occurred_at=occurred_at)]
    if topic.startswith("locations/"):  # stock of a place counts, or no longer
        hints.append(WebhookHint(HintKind.INVENTORY, occurred_at=occurred_at))
    return hints


def _order(told: Mapping[str, Any]) -> Order:
    variants = dict.fromkeys(_number(line["variant_id"]) for line in told["line_items"] if line.get("variant_id"))
    ordered_at = _moment(told["created_at"])
    if ordered_at is None:
        raise ValueError("an order must say when it was made")
    return Order(
        order_id=_number(told["id"]),
        email=str(told.get("email") or ""),
        phone=str(told.get("phone") or ""),
        ordered_at=ordered_at,
        variant_ids=tuple(variants),
    )


def _duty(kind: HintKind, told: Mapping[str, Any], shop: str) -> WebhookHint:
    """What the law asks for; the body, which is signed, must name the shop that the headers name."""
    if str(told["shop_domain"]).lower() != shop.lower():
        raise PayloadError("The webhook is about another shop than its headers say.")
    customer = told.get("customer") or {}
    person = Person(str(customer.get("email") or ""), str(customer.get("phone") or ""))
    request_id = str((told.get("data_request") or {}).get("id", ""))
    return WebhookHint(kind, person=person, request_id=request_id)


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("an id must be a number")
    return str(value)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
