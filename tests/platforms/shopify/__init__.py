"""A Shopify of one's own: what an app and a merchant's or a shopper's browser meet there, as strict as the real one.

    shopify = Shopify("client", "secret", clock=time.time, app_webhooks={"app/uninstalled": url}, storefront="")
    shop = shopify.add_shop("fern.myshopify.com")            # installed; facts: fields of SimulatedShop
    warehouse = shop.add_location("Warehouse")
    mug = shop.add_product("Mug", [{"title": "Blue", "price": "24.00", "levels": {warehouse.id: 0}}])
    with shopify.serving() as admin:                         # "http://127.0.0.1:PORT/{shop}"
        app = ShopifyApp("client", "secret", admin=admin)
        shop.set_available(mug.variant_ids[0], warehouse.id, 5)
        assert shopify.settle()

Shopify: what is the same for all shops
    Shopify(client_id, client_secret, *, clock=None, app_webhooks=None, storefront="")
        Without a clock time stands still; set `now`. `storefront`: domain of the shop at the root (the first one).
    serving(port=0)             run it; gives the address of a shop's admin
    add_shop(domain, **facts)   -> SimulatedShop; `is_installed=False`, `scopes=frozenset(...)`, `maximum=`, ...
    now, clock                  Shopify's time; both may be set
    shops, requests, failures   by domain; GraphQL requests let in; (status, body) for the app's next requests
    app_url, proxy_url, redirect_uris, app_webhooks, origin   where the app is, and where this is
    session_token(domain, **claims), code(domain)             what the app gets from App Bridge, and from a grant
    install(domain), uninstall(domain), change_scopes(domain, scopes)
    data_request(domain, email, phone), redact_customer(domain, email, phone), redact_shop(domain)
    mischief = Mischief(drop=0.3, double=0.3, late=0.3, late_seconds=(0.2, 3), shuffle=True, seed=0)
    retry_seconds               waits between tries to deliver; after the last one a shop's own subscription ends
    deliveries                  every try: topic, shop, url, webhook_id, status (0 no answer, None dropped)
    settle(timeout=10)          wait for all deliveries and bulk operations; whether they are through

SimulatedShop: one shop; ids may be numbers or text, and what changes it sends the webhooks
    catalog                     products, variants, items, locations, levels {item: {location: available}}
    catalog.add_location(name, fulfills_online_orders=True), .add_product(...), .fill(products, variants_each,
        locations, available)   without webhooks; fill is made for 100,000 variants
    add_location(name, *, fulfills_online_orders=True), add_product(title, variants, *, handle, status, published,
        tags, image, description), add_variant(product_id, **facts), delete_product(id), delete_variant(id)
    set_available(variant_id, location_id, n), connect_level(variant_id, location_id, n), disconnect_level(...)
    set_policy(variant_id, "CONTINUE"), set_tracked(variant_id, tracked=False), set_title(product_id, title)
    set_status(product_id, "DRAFT"), set_published(product_id, published=False)
    set_fulfills_online_orders(location_id, fulfills=False), rename_location, deactivate_location, activate_location,
        delete_location
    place_order(variant_ids, email, **buyer)
    variant(id), product(id), page_of(product), image_of(product), storefront
    scopes, is_installed, pairs, webhooks {id: Subscription}, metafields {(namespace, key): {type, value}}
    maximum, restore_rate, available                          the budget
    operations, bulk_seconds, bulk_order ("grouped", "scattered", "children_first"), bulk_fails_after,
        bulk_url_expired, bulk_breaks_after_bytes
    block_enabled, embed_enabled, extensions (None: App Bridge's `extensions()` fails)

Addresses
    /DOMAIN/admin               the merchant's pages; /DOMAIN/admin/apps/CLIENT_ID/PATH shows the app in a frame
    /DOMAIN/admin/oauth/...     authorize, access_token;  /DOMAIN/admin/api/VERSION/graphql.json
    /app-bridge.js              stands in for App Bridge
    /, /products/HANDLE         the storefront, with the theme app extension;  /apps/stockbell/PATH the app proxy

A query's price is the published one as far as there is one; see `prices.py`.
"""

from tests.platforms.shopify.graphql_api import VERSIONS, schema
from tests.platforms.shopify.servers import Shopify
from tests.platforms.shopify.shops import SCOPES, SimulatedShop
from tests.platforms.shopify.webhooks import Delivery, Mischief

__all__ = ["SCOPES", "VERSIONS", "Delivery", "Mischief", "Shopify", "SimulatedShop", "schema"]
