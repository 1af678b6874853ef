"""What webhooks hint at. The bodies are Shopify's own samples, shortened."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import PayloadError, SignatureError
from integrations.http import HTTPClient
from integrations.platforms.shopify.adapter import ShopifyAdapter
from integrations.platforms.shopify.webhooks import DUTIES, TOPICS, parse
from integrations.types import HintKind, Order, Person, ShopConnection, WebhookHint
from tests.platforms.shopify import Shopify, SimulatedShop

FERN = "fern.myshopify.com"
AT = datetime(2024, 8, 7, 22, 59, 21, 243809, UTC)
AT_TEXT = "2024-08-07T22:59:21.243809007Z"
PRODUCT = {"id": 788032119674292922, "title": "T-Shirt", "variants": [{"id": 1}], "variant_gids": []}
VARIANT = {"id": 642667041472713922, "product_id": 788032119674292922, "title": "Small", "inventory_quantity": 75}
LEVEL = {
    "inventory_item_id": 271878346596884015,
    "location_id": 24826418,
    "available": None,
    "updated_at": "2021-12-31T19:00:00-05:00",
    "admin_graphql_api_id": "gid://shopify/InventoryLevel/24826418?inventory_item_id=271878346596884015",
}
UNPLUGGED = {"inventory_item_id": 271878346596884015, "location_id": 24826418}
ITEM = {"id": 271878346596884015, "sku": "example-sku", "tracked": True, "cost": None}
PLACE = {"id": 866550311766439020, "name": "Example Shop", "active": True}
SHOP = {"id": 548380009, "name": "Super Toys", "domain": None, "myshopify_domain": None, "currency": "USD"}
FINISHED = {
    "admin_graphql_api_id": "gid://shopify/BulkOperation/147595010",
    "completed_at": "2024-07-29T11:59:46-04:00",
    "error_code": None,
    "status": "completed",
    "type": "query",
}
SCOPES = {"id": 548380009, "previous": ["read_products"], "current": [], "updated_at": "2024-08-07T22:59:21Z"}
ORDER: dict[str, Any] = {
    "id": 820982911946154508,
    "email": "jon@example.com",
    "phone": None,
    "created_at": "2021-12-31T19:00:00-05:00",
    "line_items": [
        {"id": 866550311766439020, "variant_id": 808950810, "quantity": 2},
        {"id": 141249953214522974, "variant_id": None, "title": "A tip"},
        {"id": 866550311766439021, "variant_id": 808950810},
        {"id": 866550311766439022, "variant_id": 9223372036854775807},
    ],
}
ORDERED = Order(
    "820982911946154508",
    "jon@example.com",
    "",
    datetime(2022, 1, 1, tzinfo=UTC),
    ("808950810", "9223372036854775807"),
)
INVENTORY, PRODUCTS, SHOP_CHANGED = HintKind.INVENTORY, HintKind.PRODUCTS, HintKind.SHOP
OF_PRODUCT = [WebhookHint(PRODUCTS, product_ids=("788032119674292922",), occurred_at=AT)]
OF_VARIANT = [WebhookHint(INVENTORY, variant_ids=("642667041472713922",), occurred_at=AT)]
OF_ITEM = [WebhookHint(INVENTORY, item_ids=("271878346596884015",), occurred_at=AT)]
OF_PLACE = [WebhookHint(SHOP_CHANGED, occurred_at=AT), WebhookHint(INVENTORY, occurred_at=AT)]
SAMPLES: dict[str, tuple[Any, list[WebhookHint]]] = {
    "products/create": (PRODUCT, OF_PRODUCT),
    "products/update": (PRODUCT, OF_PRODUCT),
    "products/delete": ({"id": 788032119674292922}, OF_PRODUCT),
    "variants/in_stock": (VARIANT, OF_VARIANT),
    "variants/out_of_stock": (VARIANT, OF_VARIANT),
    "inventory_levels/update": (LEVEL, OF_ITEM),
    "inventory_levels/connect": (LEVEL, OF_ITEM),
    "inventory_levels/disconnect": (UNPLUGGED, OF_ITEM),
    "inventory_items/update": (ITEM, OF_ITEM),
    "locations/create": (PLACE, OF_PLACE),
    "locations/update": (PLACE, OF_PLACE),
    "locations/activate": (PLACE, OF_PLACE),
    "locations/deactivate": (PLACE, OF_PLACE),
    "locations/delete": ({"id": 866550311766439020}, OF_PLACE),
    "shop/update": (SHOP, [WebhookHint(SHOP_CHANGED, occurred_at=AT)]),
    "app/scopes_update": (SCOPES, [WebhookHint(SHOP_CHANGED, occurred_at=AT)]),
    "app/uninstalled": (SHOP, [WebhookHint(HintKind.UNINSTALLED, occurred_at=AT)]),
    "bulk_operations/finish": (FINISHED, [WebhookHint(HintKind.CATALOG, occurred_at=AT)]),
    "orders/create": (ORDER, [WebhookHint(HintKind.ORDERS, orders=(ORDERED,), occurred_at=ORDERED.ordered_at)]),
}
NAMING = [topic for topic in TOPICS if topic.startswith(("products/", "variants/", "inventory_", "orders/"))]
PERSON = {"id": 191167, "email": "john@example.com", "phone": "555-625-1199"}
DATA_REQUEST = {
    "shop_id": 954889,
    "shop_domain": FERN,
    "orders_requested": [299938, 280263],
    "customer": PERSON,
    "data_request": {"id": 9999},
}
REDACT = {"shop_id": 954889, "shop_domain": FERN, "customer": PERSON, "orders_to_redact": [299938]}
REDACT_SHOP = {"shop_id": 954889, "shop_domain": FERN}
JOHN = Person("john@example.com", "555-625-1199")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def headers_of(topic: str, shop: str = FERN) -> dict[str, str]:
    return {"x-shopify-topic": topic, "x-shopify-shop-domain": shop, "x-shopify-triggered-at": AT_TEXT}


def parsed(topic: str, told: Any, shop: str = FERN) -> list[WebhookHint]:
    return parse(headers_of(topic, shop), json.dumps(told).encode())


def adapter_with(**secrets: str) -> ShopifyAdapter:
    credentials = {"client_id": "client", "client_secret": "new", **secrets}
    return ShopifyAdapter(ShopConnection("", "", credentials=credentials), HTTPClient())


@pytest.mark.parametrize("topic", TOPICS)
def test_each_topic_hints_at_what_changed(topic: str) -> None:
    told, hints = SAMPLES[topic]

    assert parsed(topic, told) == hints
    assert not ShopifyAdapter.is_duty(headers_of(topic))


def test_orders_say_who_bought_what_and_when() -> None:
    (hint,) = parsed("orders/create", {**ORDER, "email": None, "phone": "+15556251199", "line_items": []})

    assert hint.orders == (Order("820982911946154508", "", "+15556251199", ORDERED.ordered_at, ()),)


def test_an_order_without_a_moment_is_none() -> None:
    for wrong in (None, "", "2021-12-31", "2021-12-31T19:00:00", 5):
        with pytest.raises(PayloadError):
            parsed("orders/create", {**ORDER, "created_at": wrong})


def test_topics_that_nobody_asked_for_hint_at_nothing() -> None:
    for topic in ("themes/publish", "carts/update", "inventory_items/create", ""):
        assert parsed(topic, {"id": 1}) == []


def test_without_a_moment_it_is_still_a_hint() -> None:
    for text in ("", "yesterday", "2024-08-07T22:59:21"):
        headers = {**headers_of("products/delete"), "x-shopify-triggered-at": text}
        (hint,) = parse(headers, b'{"id": 1}')
        assert (hint.product_ids, hint.occurred_at) == (("1",), None)


@pytest.mark.parametrize("topic", NAMING)
@pytest.mark.parametrize("wrong", [None, True, -1, 7.0, 7e17, "7", [7], {}])
def test_ids_are_whole_numbers(topic: str, wrong: Any) -> None:
    told, _ = SAMPLES[topic]
    name = "inventory_item_id" if "inventory_item_id" in told else "id"

    with pytest.raises(PayloadError):
        parsed(topic, {**told, name: wrong})


def test_no_digit_of_an_id_is_lost() -> None:
    for number in (2**53 + 1, 2**63 - 1, 10**19):
        assert parsed("products/delete", {"id": number})[0].product_ids == (str(number),)
        assert parsed("variants/in_stock", {"id": number})[0].variant_ids == (str(number),)
        assert parsed("inventory_levels/update", {"inventory_item_id": number})[0].item_ids == (str(number),)


@given(st.sampled_from([*TOPICS, *DUTIES, "themes/publish"]), anything, st.data())
def test_whatever_a_webhook_holds_it_is_understood_or_refused(topic: str, told: Any, data: st.DataObject) -> None:
    sample = SAMPLES[topic][0] if topic in SAMPLES else DATA_REQUEST
    name = data.draw(st.sampled_from(sorted(sample)))
    for each in (told, {**sample, name: told}, {**sample, "line_items": [told]}, {**sample, "customer": told}):
        try:
            hints = parsed(topic, each)
        except PayloadError:
            continue
        assert all(order.ordered_at.tzinfo for hint in hints for order in hint.orders)


@given(st.sampled_from([*TOPICS, *DUTIES]), st.binary(max_size=40))
def test_what_is_no_json_is_refused_or_nothing(topic: str, body: bytes) -> None:
    try:
        parse(headers_of(topic), body)
    except PayloadError:
        return
    json.loads(body)


def test_a_person_asks_or_wants_to_be_forgotten() -> None:
    assert parsed("customers/data_request", DATA_REQUEST) == [
        WebhookHint(HintKind.DATA_REQUEST, person=JOHN, request_id="9999")
    ]
    assert parsed("customers/redact", REDACT) == [WebhookHint(HintKind.ERASE_PERSON, person=JOHN)]
    assert parsed("customers/redact", {**REDACT, "customer": {"id": 1, "email": None}})[0].person == Person()


def test_a_shop_is_to_be_forgotten() -> None:
    (hint,) = parsed("shop/redact", REDACT_SHOP)

    assert hint.kind is HintKind.ERASE_SHOP
    assert all(map(ShopifyAdapter.is_duty, map(headers_of, [*DUTIES, "Shop/Redact"])))


@pytest.mark.parametrize(
    ("topic", "told"),
    [("customers/data_request", DATA_REQUEST), ("customers/redact", REDACT), ("shop/redact", REDACT_SHOP)],
)
def test_a_duty_names_the_shop_that_its_headers_name(topic: str, told: dict[str, Any]) -> None:
    assert parsed(topic, {**told, "shop_domain": FERN.upper()})
    for shop in ("moss.myshopify.com", f"{FERN}.evil.example", "", None, [FERN]):
        with pytest.raises(PayloadError):
            parsed(topic, {**told, "shop_domain": shop})
    for header in ("moss.myshopify.com", ""):
        with pytest.raises(PayloadError):
            parsed(topic, told, shop=header)
    with pytest.raises(PayloadError):
        parsed(topic, {name: each for name, each in told.items() if name != "shop_domain"})


def test_the_header_names_the_shop() -> None:
    for text in (FERN, "Fern.MyShopify.com"):
        assert ShopifyAdapter.webhook_shop({"x-shopify-shop-domain": text}, b"") == FERN
    with pytest.raises(PayloadError):
        ShopifyAdapter.webhook_shop({}, b"")


EVIL = [
    "", "fern", "myshopify.com", ".myshopify.com", "-fern.myshopify.com", f"moss.{FERN}", f"user@{FERN}",
    f"{FERN}.evil.example", f"evil.example/{FERN}", f"{FERN}@evil.example", f"{FERN}:8080", f"{FERN}/", f"{FERN}#",
    f"{FERN}?", f"{FERN}.", f"{FERN}\n", f"\n{FERN}", f"{FERN}\r\nX: y", f" {FERN}", f"{FERN} ", f"{FERN}\0",
    "fern-myshopify.com", "fernxmyshopify.com", "fern.myshopify.com\u3002evil.example", "f\u00ebrn.myshopify.com",
    "fern\uff0emyshopify.com", "127.0.0.1", "[::1]",
]  # fmt: skip


@pytest.mark.parametrize("text", EVIL)
def test_the_header_names_no_server_that_is_not_shopifys(text: str) -> None:
    with pytest.raises(PayloadError):
        ShopifyAdapter.webhook_shop({"x-shopify-shop-domain": text}, b"")


@given(st.text(max_size=5), st.text(max_size=5))
def test_no_letters_around_a_domain_make_it_another_server(before: str, after: str) -> None:
    try:
        shop = ShopifyAdapter.webhook_shop({"x-shopify-shop-domain": f"{before}{FERN}{after}"}, b"")
    except PayloadError:
        return
    name, _, rest = shop.partition(".")
    assert rest == "myshopify.com"
    assert name.isascii()
    assert name.replace("-", "").isalnum()


def signature(secret: str, body: bytes) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


def test_after_a_rotation_webhooks_of_both_secrets_verify() -> None:
    body = b'{"id": 1}'
    headers = {**headers_of("products/delete"), "x-shopify-webhook-id": "b54557e4"}
    old, new = ({**headers, "x-shopify-hmac-sha256": signature(secret, body)} for secret in ("old", "new"))
    rotated = adapter_with(previous_secret="old")

    assert [rotated.verify_webhook(each, body) for each in (old, new)] == ["b54557e4"] * 2
    assert adapter_with().verify_webhook(new, body) == "b54557e4"
    for wrong, text in ((old, body), (new, body + b" "), (headers, body), ({}, b"")):
        with pytest.raises(SignatureError):
            adapter_with().verify_webhook(wrong, text)


def test_without_a_delivery_id_the_same_webhook_is_the_same_delivery() -> None:
    def delivery(topic: str, body: bytes) -> str:
        headers = {"x-shopify-topic": topic, "x-shopify-hmac-sha256": signature("new", body)}
        return adapter_with().verify_webhook(headers, body)

    first = delivery("products/update", b"{}")

    assert first == delivery("products/update", b"{}")
    assert len({first, delivery("products/delete", b"{}"), delivery("products/update", b"[]"), ""}) == 4


def test_what_shopify_sends_is_understood(shopify: Shopify, shop: SimulatedShop) -> None:
    """The simulator's webhooks, which its own tests hold to Shopify's samples."""
    sent: list[tuple[str, Any]] = []
    shop.send = lambda _, events: sent.extend(events)
    place = shop.add_location("Warehouse")
    product = shop.add_product("Mug")
    variant = product.variant_ids[0]
    shop.set_available(variant, place.id, 5)
    shop.set_tracked(variant, tracked=False)
    shop.set_tracked(variant, tracked=True)
    shop.disconnect_level(variant, place.id)
    shop.connect_level(variant, place.id, 1)
    shop.place_order([variant], "a@b.example")
    shop.deactivate_location(place.id)
    shop.activate_location(place.id)
    shop.rename_location(place.id, "Attic")
    shop.delete_product(product.id)
    shop.delete_location(place.id)
    asked_for = [(topic, told) for topic, told in sent if topic in TOPICS]

    hints = [hint for topic, told in asked_for for hint in parsed(topic, told)]

    assert len({topic for topic, _ in asked_for}) == len(TOPICS) - 4  # without those about shop, app and files
    assert {id_ for hint in hints for id_ in hint.variant_ids} == {str(variant)}
    assert {id_ for hint in hints for id_ in hint.product_ids} == {str(product.id)}
    (order,) = (order for hint in hints for order in hint.orders)
    assert (order.email, order.variant_ids) == ("a@b.example", (str(variant),))
    assert abs(order.ordered_at - datetime.fromtimestamp(shopify.now, UTC)) < timedelta(seconds=1)


def test_only_headers_that_are_read_are_kept() -> None:
    told, hints = SAMPLES["products/update"]
    kept = {
        name: each for name, each in headers_of("products/update").items() if name in ShopifyAdapter.webhook_headers
    }

    assert adapter_with().parse_webhook(kept, json.dumps(told).encode()) == hints
    assert not {"x-shopify-hmac-sha256", "cookie"} & set(ShopifyAdapter.webhook_headers)
