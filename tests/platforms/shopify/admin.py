"""The merchant's pages: goods and stock, the app in its frame, and what App Bridge asks the page around it."""

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from flask import Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tests.platforms.shopify.oauth import host_of

if TYPE_CHECKING:
    from tests.platforms.shopify.servers import Shopify
    from tests.platforms.shopify.shops import SimulatedShop

MOST_PRODUCTS = 50
CHANGES = ("available", "policy", "tracked", "status", "published")


class AdminPages:
    """The admin of all shops."""

    def __init__(self, shopify: "Shopify") -> None:
        """At its addresses."""
        self.shopify = shopify
        add = shopify.app.add_url_rule
        add("/<domain>/admin", "admin", self.products)
        add("/<domain>/admin/change", "admin_change", self.change, methods=["POST"])
        add("/<domain>/admin/install", "admin_install", self.install, methods=["POST"])
        add("/<domain>/admin/uninstall", "admin_uninstall", self.uninstall, methods=["POST"])
        add("/<domain>/admin/apps/<client_id>/", "admin_app", self.app, defaults={"path": ""})
        add("/<domain>/admin/apps/<client_id>/<path:path>", "admin_app", self.app)
        add("/<domain>/admin/session_token", "admin_token", self.token)
        add("/<domain>/admin/extensions", "admin_extensions", self.extensions)
        add("/<domain>/admin/themes/current/editor", "admin_editor", self.editor)
        add("/app-bridge.js", "app_bridge", self.app_bridge)

    def products(self, domain: str) -> str:
        """The goods, with forms to change them."""
        shop = self._shop(domain)
        shown = list(shop.catalog.products.values())[:MOST_PRODUCTS]
        return render_template("admin.html", shop=shop, shopify=self.shopify, products=shown)

    def change(self, domain: str) -> ResponseReturnValue:
        """What one of the forms says."""
        shop, form = self._shop(domain), request.form
        changed = form.get("change")
        try:
            if changed == "available":
                shop.set_available(form["variant"], form["location"], int(form["value"]))
            elif changed == "policy":
                shop.set_policy(form["variant"], form["value"])
            elif changed == "tracked":
                shop.set_tracked(form["variant"], tracked=form["value"] == "yes")
            elif changed == "status":
                shop.set_status(form["product"], form["value"])
            elif changed == "published":
                shop.set_published(form["product"], published=form["value"] == "yes")
            else:
                abort(400)
        except (KeyError, ValueError):
            abort(400)
        return redirect(url_for("admin", domain=domain), 303)

    def install(self, domain: str) -> ResponseReturnValue:
        """Install the app as Shopify does it itself, and show it."""
        self._shop(domain)
        self.shopify.install(domain)
        return redirect(url_for("admin_app", domain=domain, client_id=self.shopify.client_id), 303)

    def uninstall(self, domain: str) -> ResponseReturnValue:
        """Take the app away."""
        self._shop(domain)
        self.shopify.uninstall(domain)
        return redirect(url_for("admin", domain=domain), 303)

    def app(self, domain: str, client_id: str, path: str) -> ResponseReturnValue:
        """The app, in a frame."""
        shop = self._shop(domain)
        if client_id != self.shopify.client_id or not self.shopify.app_url:
            abort(404)
        if not shop.is_installed:
            return redirect(url_for("admin", domain=domain), 303)
        app_url = urlsplit(self.shopify.app_url)
        return render_template(
            "app.html",
            shop=shop,
            shopify=self.shopify,
            address=self.frame_address(domain, path, request.args.to_dict()),
            app_origin=f"{app_url.scheme}://{app_url.netloc}",
        )

    def frame_address(self, domain: str, path: str = "", more: dict[str, str] | None = None) -> str:
        """What the frame of the app shows, signed."""
        values = {
            **(more or {}),
            "embedded": "1",
            "host": host_of(domain),
            "id_token": self.shopify.session_token(domain),
            "locale": "en",
            "session": hashlib.sha256(domain.encode()).hexdigest(),
            "shop": domain,
            "timestamp": str(int(self.shopify.now)),
        }
        text = "&".join(f"{name}={each}" for name, each in sorted(values.items()))
        values["hmac"] = hmac.digest(self.shopify.client_secret.encode(), text.encode(), hashlib.sha256).hex()
        return f"{self.shopify.app_url.rstrip('/')}/{path}?{urlencode(values)}"

    def token(self, domain: str) -> ResponseReturnValue:
        """A session token, for the page around the app."""
        if not self._shop(domain).is_installed:
            abort(403)
        return {"token": self.shopify.session_token(domain)}, 200, {"Cache-Control": "no-store"}

    def extensions(self, domain: str) -> ResponseReturnValue:
        """What `shopify.app.extensions()` tells."""
        shop = self._shop(domain)
        if shop.extensions is None:
            abort(500)
        return list(shop.extensions), 200, {"Cache-Control": "no-store"}

    def editor(self, domain: str) -> ResponseReturnValue:
        """Where the app's links to the theme editor lead: the block or the embed is switched on at once."""
        shop = self._shop(domain)
        if "addAppBlockId" in request.args:
            shop.block_enabled = True
        if "activateAppId" in request.args:
            shop.embed_enabled = True
        return render_template("editor.html", shop=shop)

    def app_bridge(self) -> Response:
        """The script that pages of the app load."""
        return self.shopify.app.send_static_file("app-bridge.js")

    def _shop(self, domain: str) -> "SimulatedShop":
        return self.shopify.shops.get(domain) or abort(404)
