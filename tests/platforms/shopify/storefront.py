"""One shop's pages, with the theme app extension in them, and the app proxy."""

import hashlib
import hmac
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import httpx
from flask import Response, abort, redirect, render_template, request, send_from_directory, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from tests.platforms.custom.catalog import PRODUCTS
from tests.platforms.custom.pictures import picture
from tests.platforms.shopify.liquid import ASSETS, loader, rendered

if TYPE_CHECKING:
    from tests.platforms.shopify.catalog import Product
    from tests.platforms.shopify.servers import Shopify
    from tests.platforms.shopify.shops import SimulatedShop

PREFIX = "/apps/stockbell"
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
PROXY_SECONDS = 10
NOT_SENT = {"cookie", "host", "content-length", "connection", "transfer-encoding", "accept-encoding", "x-forwarded-for"}
NOT_SHOWN = {"set-cookie", "content-length", "content-encoding", "connection", "transfer-encoding", "date", "server"}
OURS = {"shop", "logged_in_customer_id", "path_prefix", "timestamp", "signature"}
LOOKS = {each.handle: (each.shape, *each.colours) for each in PRODUCTS}
OTHER_LOOK = ("mug", "#e8e8e3", "#5d6b62")


class Storefront:
    """The pages at the root."""

    def __init__(self, shopify: "Shopify") -> None:
        """At their addresses."""
        self.shopify = shopify
        shopify.app.add_template_filter(lambda variant, shop: shop.catalog.is_available(variant), "available")
        add = shopify.app.add_url_rule
        add("/", "collection", self.collection)
        add("/products/<handle>", "product_page", self.product)
        add("/cart/add", "cart_add", self.buy, methods=["POST"])
        add("/images/<handle>.svg", "image", self.image)
        add("/extensions/<name>", "extension", self.asset)
        add(f"{PREFIX}/", "proxy", self.proxy, methods=METHODS, defaults={"path": ""}, provide_automatic_options=False)
        add(f"{PREFIX}/<path:path>", "proxy", self.proxy, methods=METHODS, provide_automatic_options=False)

    def collection(self) -> str:
        """All goods that shoppers see."""
        shop = self._shop()
        shown = [each for each in shop.catalog.products.values() if shop.page_of(each)][:100]
        return render_template("collection.html", shop=shop, products=shown)

    def product(self, handle: str) -> str:
        """One of them."""
        shop = self._shop()
        product = self._shown(shop, handle)
        variants = shop.catalog.variants_of(product)
        if not variants:
            abort(404)
        asked = request.args.get("variant", "")
        first = next((each for each in variants if shop.catalog.is_available(each)), variants[0])
        chosen = next((each for each in variants if str(each.id) == asked), first)
        blocks = {
            name: Markup(rendered(shop, name, self.shopify.origin, product, chosen)) if is_on else ""
            for name, is_on in (("notify-button", shop.block_enabled), ("embed", shop.embed_enabled))
        }
        return render_template(
            "product.html", shop=shop, product=product, variants=variants, chosen=chosen, blocks=blocks
        )

    def buy(self) -> ResponseReturnValue:
        """One unit is bought at once, without a cart."""
        shop = self._shop()
        try:
            variant = shop.variant(request.form.get("id", ""))
        except (KeyError, ValueError):
            abort(404)
        if not shop.catalog.is_available(variant):
            return {"status": 422, "message": "Cart Error", "description": "The product is already sold out."}, 422
        shop.place_order([variant.id], request.form.get("email") or None)
        handle = shop.product(variant.product_id).handle
        return redirect(url_for("product_page", handle=handle, variant=variant.id, bought=1), 303)

    def image(self, handle: str) -> Response:
        """A product's picture."""
        return Response(picture(*LOOKS.get(handle, OTHER_LOOK)), mimetype="image/svg+xml")

    def asset(self, name: str) -> Response:
        """A file of the theme app extension; the loader as it was last built."""
        if name == "stockbell.js":
            return Response(loader(), mimetype="text/javascript")
        return send_from_directory(ASSETS, name)

    def proxy(self, path: str) -> ResponseReturnValue:
        """The app proxy: the app answers under the shop's own address."""
        is_granted = self._shop().is_installed and "write_app_proxy" in self._shop().scopes
        if not self.shopify.proxy_url or not is_granted:
            abort(404)
        query = self.signed_query([(name, each) for name, each in request.args.items(multi=True) if name not in OURS])
        headers = [(name, each) for name, each in request.headers if name.lower() not in NOT_SENT]
        forwarded = [*request.headers.getlist("X-Forwarded-For"), request.remote_addr or ""]
        headers += [("X-Forwarded-For", ", ".join(forwarded)), ("X-Forwarded-Host", self._shop().domain)]
        try:
            answer = httpx.request(
                request.method,
                f"{self.shopify.proxy_url.rstrip('/')}/{path}?{urlencode(query)}",
                headers=headers,
                content=request.get_data(),
                timeout=PROXY_SECONDS,
                trust_env=False,
            )
        except httpx.HTTPError:
            return "There was an error in the third-party application.", 503
        shown = [(name, each) for name, each in answer.headers.multi_items() if name.lower() not in NOT_SHOWN]
        return Response(answer.content, answer.status_code, shown)

    def signed_query(self, given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """A visitor's query with what Shopify adds, and the signature of both."""
        added = {
            "shop": self._shop().domain,
            "logged_in_customer_id": "",
            "path_prefix": PREFIX,
            "timestamp": str(int(self.shopify.now)),
        }
        query = [*given, *added.items()]
        return [*query, ("signature", proxy_signature(self.shopify.client_secret, query))]

    def _shop(self) -> "SimulatedShop":
        return self.shopify.shown_shop() or abort(404)

    def _shown(self, shop: "SimulatedShop", handle: str) -> "Product":
        product = shop.catalog.by_handle(handle)
        if product is None or not shop.page_of(product):
            abort(404)
        return product


def proxy_signature(secret: str, query: Iterable[tuple[str, str]]) -> str:
    """How the app proxy signs: names sorted, values of one name with commas between, nothing between the pairs."""
    values: dict[str, list[str]] = {}
    for name, each in query:
        values.setdefault(name, []).append(each)
    text = "".join(f"{name}={','.join(each)}" for name, each in sorted(values.items()))
    return hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()
