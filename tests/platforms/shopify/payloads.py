"""What webhooks carry."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.platforms.shopify.catalog import Catalog, Location, Product, Variant

MOST_VARIANTS = 100
"""How many a product's webhook carries whole; all of them are in `variant_gids`."""
Payload = dict[str, Any]


def moment(seconds: float) -> str:
    """A time as Shopify writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def gid(kind: str, number: object) -> str:
    """A global id."""
    return f"gid://shopify/{kind}/{number}"


def level_gid(item_id: int, location_id: int) -> str:
    """The global id of a level, which names the item, too."""
    return f"{gid('InventoryLevel', location_id)}?inventory_item_id={item_id}"


def product(catalog: Catalog, shown: Product, now: float) -> Payload:
    """products/create and products/update."""
    variants = catalog.variants_of(shown)
    return {
        "admin_graphql_api_id": gid("Product", shown.id),
        "id": shown.id,
        "title": shown.title,
        "body_html": shown.description,
        "handle": shown.handle,
        "status": shown.status.lower(),
        "published_at": moment(now) if shown.published else None,
        "published_scope": "web",
        "tags": ", ".join(shown.tags),
        "vendor": "",
        "product_type": "",
        "template_suffix": None,
        "created_at": moment(now),
        "updated_at": moment(now),
        "variants": [
            {**variant(catalog, each, now, place), "inventory_item_id": each.item_id}
            for place, each in enumerate(variants[:MOST_VARIANTS], 1)
        ],
        "options": [],
        "images": [],
        "image": None,
        "media": [],
        "variant_gids": [
            {"admin_graphql_api_id": gid("ProductVariant", each.id), "updated_at": moment(now)} for each in variants
        ],
        "has_variants_that_requires_components": False,
    }


def variant(catalog: Catalog, shown: Variant, now: float, position: int = 1) -> Payload:
    """variants/in_stock and variants/out_of_stock, which do not name the inventory item."""
    total = catalog.total(shown)
    return {
        "id": shown.id,
        "product_id": shown.product_id,
        "title": shown.title,
        "price": shown.price,
        "sku": "",
        "position": position,
        "inventory_policy": shown.policy.lower(),
        "compare_at_price": None,
        "option1": shown.title,
        "option2": None,
        "option3": None,
        "created_at": moment(now),
        "updated_at": moment(now),
        "taxable": True,
        "barcode": None,
        "inventory_quantity": total,
        "old_inventory_quantity": total,
        "admin_graphql_api_id": gid("ProductVariant", shown.id),
        "image_id": None,
    }


def level(item_id: int, location_id: int, available: int | None, now: float) -> Payload:
    """inventory_levels/connect and inventory_levels/update."""
    return {
        "inventory_item_id": item_id,
        "location_id": location_id,
        "available": available,
        "updated_at": moment(now),
        "admin_graphql_api_id": level_gid(item_id, location_id),
    }


def item(shown: Variant, now: float) -> Payload:
    """inventory_items/update."""
    return {
        "id": shown.item_id,
        "sku": "",
        "created_at": moment(now),
        "updated_at": moment(now),
        "requires_shipping": True,
        "cost": None,
        "country_code_of_origin": None,
        "province_code_of_origin": None,
        "harmonized_system_code": None,
        "tracked": shown.tracked,
        "country_harmonized_system_codes": [],
        "admin_graphql_api_id": gid("InventoryItem", shown.item_id),
    }


def location(shown: Location, now: float) -> Payload:
    """Of the topics about places."""
    return {
        "id": shown.id,
        "name": shown.name,
        "address1": None,
        "address2": None,
        "city": None,
        "zip": None,
        "province": None,
        "country": "GB",
        "phone": None,
        "created_at": moment(now),
        "updated_at": moment(now),
        "country_code": "GB",
        "country_name": "United Kingdom",
        "province_code": None,
        "legacy": False,
        "active": shown.is_active,
        "admin_graphql_api_id": gid("Location", shown.id),
    }


def shop(shop_id: int, domain: str, name: str, currency: str) -> Payload:
    """app/uninstalled and shop/update."""
    return {
        "id": shop_id,
        "name": name,
        "email": f"owner@{domain}",
        "domain": domain,
        "myshopify_domain": domain,
        "currency": currency,
        "country": "GB",
        "country_code": "GB",
        "primary_locale": "en",
        "iana_timezone": "Europe/London",
        "shop_owner": "Robin Fern",
        "plan_name": "basic",
        "plan_display_name": "Basic",
    }


def order(number: int, catalog: Catalog, bought: Sequence[Variant], buyer: Mapping[str, Any], now: float) -> Payload:
    """orders/create, without the many fields about money and tax."""
    total = f"{sum(float(each.price) for each in bought):.2f}"
    return {
        "id": 5_400_000_000_000 + number,
        "admin_graphql_api_id": gid("Order", 5_400_000_000_000 + number),
        "name": f"#{1000 + number}",
        "order_number": 1000 + number,
        "number": number,
        "email": buyer.get("email"),
        "contact_email": buyer.get("email"),
        "phone": buyer.get("phone"),
        "created_at": moment(now),
        "processed_at": moment(now),
        "updated_at": moment(now),
        "cancelled_at": None,
        "test": False,
        "currency": "EUR",
        "total_price": total,
        "subtotal_price": total,
        "financial_status": "paid",
        "fulfillment_status": None,
        "landing_site": buyer.get("landing_site"),
        "note_attributes": [],
        "customer": {"id": 7_100_000_000_000 + number, "email": buyer.get("email"), "phone": buyer.get("phone")},
        "line_items": [
            {
                "id": 13_000_000_000_000 + number * 100 + place,
                "variant_id": each.id,
                "product_id": each.product_id,
                "title": catalog.products[each.product_id].title,
                "variant_title": each.title,
                "quantity": 1,
                "price": each.price,
            }
            for place, each in enumerate(bought)
        ],
    }
