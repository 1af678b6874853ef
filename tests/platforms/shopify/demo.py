"""The demo's Shopify: one small shop, whose app is Stockbell."""

import time

from tests.platforms.custom import DemoShop
from tests.platforms.shopify.servers import Shopify
from tests.platforms.shopify.shops import SimulatedShop
from tests.platforms.shopify.webhooks import COMPLIANCE

DOMAIN = "hearth-harbour.myshopify.com"


def demo_shopify(client_id: str, client_secret: str, stockbell: str) -> Shopify:
    """Shopify in real time, for a Stockbell at an address; without a shop yet."""
    stockbell = stockbell.rstrip("/")
    topics = ("app/uninstalled", "app/scopes_update", *COMPLIANCE)
    webhooks = dict.fromkeys(topics, f"{stockbell}/webhooks/shopify")
    shopify = Shopify(client_id, client_secret, clock=time.time, app_webhooks=webhooks, storefront=DOMAIN)
    shopify.app_url = f"{stockbell}/shopify"
    shopify.proxy_url = f"{stockbell}/shopify/proxy"
    shopify.retry_seconds = (1, 2, 4, 8, 15, 30, 60, 120)
    return shopify


def add_demo_shop(shopify: Shopify) -> SimulatedShop:
    """The goods of the demo shop without a platform, in a shop at Shopify."""
    shop = shopify.add_shop(DOMAIN, name="Hearth & Harbour")
    warehouse = shop.catalog.add_location("Warehouse")
    street = shop.catalog.add_location("Harbour Street shop", fulfills_online_orders=False)
    goods = DemoShop()
    for product in goods.products:
        variants = [
            {
                "title": each.title,
                "price": each.price,
                "levels": {warehouse.id: goods.quantity(each.variant_id), street.id: 2},
            }
            for each in product.variants
        ]
        shop.catalog.add_product(
            product.title,
            variants,
            handle=product.handle,
            description=product.description,
            image=f"/images/{product.handle}.svg",
            tags=(product.category,),
        )
    return shop
