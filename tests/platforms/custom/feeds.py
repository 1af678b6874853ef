"""The demo shop's catalog as feeds, in the two shapes that shops have at hand."""

import json
from xml.sax.saxutils import escape

from tests.platforms.custom.catalog import CURRENCY, DemoShop


def klaviyo_feed(shop: DemoShop, origin: str) -> str:
    """Klaviyo's custom catalog JSON, with the columns for products, options and currency added.

    Args:
        shop: whose goods.
        origin: "http://127.0.0.1:8001", without a slash at the end.
    """
    items = [
        {
            "id": variant.variant_id,
            "product_id": product.product_id,
            "title": product.title,
            "variant_title": variant.title,
            "link": f"{origin}/products/{product.handle}?variant={variant.variant_id}",
            "description": product.description,
            "price": variant.price,
            "currency": CURRENCY,
            "image_link": f"{origin}/images/{product.handle}.svg",
            "categories": [product.category],
            "inventory_quantity": shop.quantity(variant.variant_id),
            "inventory_policy": 1,
        }
        for product, variant in shop.variants()
    ]
    return json.dumps(items, ensure_ascii=False, indent=1)


def google_feed(shop: DemoShop, origin: str) -> str:
    """Google's product feed as RSS 2.0: availability only, as most shops send it."""
    items = []
    for product, variant in shop.variants():
        fields = {
            "id": variant.variant_id,
            "item_group_id": product.product_id,
            "title": f"{product.title} - {variant.title}",
            "description": product.description,
            "link": f"{origin}/products/{product.handle}?variant={variant.variant_id}",
            "image_link": f"{origin}/images/{product.handle}.svg",
            "availability": "in_stock" if shop.quantity(variant.variant_id) else "out_of_stock",
            "price": f"{variant.price} {CURRENCY}",
            "product_type": product.category,
        }
        tags = "".join(f"<g:{name}>{escape(value)}</g:{name}>" for name, value in fields.items())
        items.append(f"<item>{tags}</item>\n")
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
        f"<title>Hearth &amp; Harbour</title><link>{escape(origin)}</link>\n"
        f"{''.join(items)}</channel></rss>\n"
    )
