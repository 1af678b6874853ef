"""Stockbell and a simulated Shopify that talk to each other over HTTP, with workers that tests let run."""

import base64
import hashlib
import hmac
import random
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.serving import make_server
from werkzeug.test import TestResponse

from plugin import jobs, queues, scheduler
from plugin.domain import shops
from plugin.domain.shops import Shop
from plugin.jobs import context
from plugin.runtime import Runtime
from tests.platforms.shopify import Shopify, SimulatedShop
from tests.platforms.shopify.webhooks import COMPLIANCE

CLIENT_ID = "client"
SECRET = "shpss_" + "0123456789abcdef" * 4
FERN = "fern.myshopify.com"
MOSS = "moss.myshopify.com"
TOPICS = ("app/uninstalled", "app/scopes_update", *COMPLIANCE)


def new_shopify(stockbell: str) -> Shopify:
    """Shopify in real time, with the app at an address and one shop in which it is installed."""
    webhooks = dict.fromkeys(TOPICS, f"{stockbell}/webhooks/shopify")
    shopify = Shopify(CLIENT_ID, SECRET, clock=time.time, app_webhooks=webhooks, storefront=FERN)
    shopify.app_url = f"{stockbell}/shopify"
    shopify.proxy_url = f"{stockbell}/shopify/proxy"
    shopify.redirect_uris = [f"{stockbell}/install/shopify/callback"]
    shop = shopify.add_shop(FERN, name="Fern")
    warehouse = shop.catalog.add_location("Warehouse")
    street = shop.catalog.add_location("Long Lane", fulfills_online_orders=False)
    levels = {warehouse.id: 0, street.id: 3}
    shop.catalog.add_product("Mug", [{"title": "Blue", "levels": levels}, {"title": "Green", "levels": levels}])
    return shopify


@contextmanager
def served(app: Flask, port: int) -> Iterator[str]:
    """The application on a port; gives its origin."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class World:
    """Both of them."""

    runtime: Runtime
    shopify: Shopify

    @property
    def fern(self) -> SimulatedShop:
        """The shop at Shopify."""
        return self.shopify.shops[FERN]

    @property
    def variants(self) -> list[str]:
        """Ids of its first product's variants."""
        product = next(iter(self.fern.catalog.products.values()))
        return [str(each) for each in product.variant_ids]

    @property
    def warehouse(self) -> int:
        """Id of the location that sells online."""
        return next(each.id for each in self.fern.catalog.locations.values() if each.name == "Warehouse")

    def bearer(self, domain: str = FERN, **claims: Any) -> dict[str, str]:
        """The header of a request from the app's page in a shop's admin."""
        return {"Authorization": f"Bearer {self.shopify.session_token(domain, **claims)}"}

    def shop(self, domain: str = FERN) -> Shop | None:
        """The shop as Stockbell has it."""
        with self.runtime.engine.connect() as database:
            return shops.by_platform(database, "shopify", domain)

    def known(self, domain: str = FERN) -> Shop:
        """The same, and it is there."""
        found = self.shop(domain)
        assert found
        return found

    def query(self, sql: str, **values: Any) -> list[Any]:
        """Rows of the database."""
        with self.runtime.engine.connect() as database:
            return list(database.execute(text(sql), values))

    def available(self, variant_id: str) -> int | None:
        """How much of a variant Stockbell believes there is."""
        return self.query("SELECT available FROM variant WHERE variant_id = :id", id=variant_id)[0].available

    def settle(self, seconds: float = 30) -> None:
        """Let webhooks arrive and workers work until nothing is left to do."""
        deadline = time.monotonic() + seconds
        assert self.shopify.settle(seconds)
        while self.work() or self._is_anything_open():
            assert time.monotonic() < deadline, "something never ends"
            self._let_catalogs_be_due()
            scheduler.tick(self.runtime)
            scheduler.sweep(self.runtime)
            assert self.shopify.settle(seconds)
            time.sleep(0.05)

    def _let_catalogs_be_due(self) -> None:
        """A catalog that Shopify prepares is asked for again in a few seconds; here it is now."""
        preparing = "SELECT shop_id FROM catalog_sync WHERE state = 'preparing'"
        with self.runtime.engine.begin() as database:
            database.execute(text(f"UPDATE feed_schedule SET due_at = now() WHERE shop_id IN ({preparing})"))

    def change_levels(self, variant_id: str, available: int) -> None:
        """Stock changes at Shopify, and the webhook is lost."""
        self.fern.catalog.levels[self.fern.variant(variant_id).item_id][self.warehouse] = available

    def change_stock(self, client: FlaskClient, variant_id: str, available: int) -> None:
        """Stock changes at Shopify, and its webhook is handled; nothing is sent yet."""
        item = self.fern.variant(variant_id).item_id
        self.change_levels(variant_id, available)
        assert deliver(client, "inventory_levels/update", b'{"inventory_item_id": %d}' % item).status_code == 202
        jobs.ask_platform(self.known().id)

    def work(self, chance: random.Random | None = None) -> int:
        """Do every job that stands in a queue, in this process; returns how many there were.

        Args:
            chance: the order, as of several workers; without it messages come first, then platforms, then catalogs.
        """
        done = 0
        waiting = [queues.queue(self.runtime.redis, name) for name in queues.EVERY]
        while found := [job for queue in waiting for job in queue.jobs]:
            if chance:
                chance.shuffle(found)
            for job in found:
                job.delete()
                getattr(jobs, job.func_name.rpartition(".")[2])(*job.args)
                done += 1
        return done

    def _is_anything_open(self) -> bool:
        query = """
            SELECT EXISTS (SELECT FROM webhook WHERE state IN ('pending', 'claimed'))
                OR EXISTS (SELECT FROM message WHERE state IN ('pending', 'claimed'))
                OR EXISTS (SELECT FROM catalog_sync WHERE state IN ('running', 'preparing'))
                OR EXISTS (SELECT FROM feed_schedule JOIN shop ON shop.id = shop_id
                            WHERE due_at <= now() AND uninstalled_at IS NULL)
        """
        return bool(self.query(query)[0][0])


@contextmanager
def working(runtime: Runtime) -> Iterator[None]:
    """This process is a worker meanwhile."""
    courier = runtime.courier("w")
    context.enter(context.WorkerContext(runtime, courier))
    try:
        yield
    finally:
        context.leave()


def signed_headers(topic: str, body: bytes, *, shop: str = FERN, secret: str = SECRET, **more: str) -> dict[str, str]:
    """The headers of a webhook as Shopify makes them."""
    digest = hmac.digest(secret.encode(), body, hashlib.sha256)
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-Hmac-Sha256": base64.b64encode(digest).decode(),
        "X-Shopify-Webhook-Id": secrets.token_hex(8),
        "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
        "Content-Type": "application/json",
        **more,
    }


def deliver(client: FlaskClient, topic: str, body: bytes, **how: str) -> TestResponse:
    """A webhook comes in."""
    return client.post("/webhooks/shopify", data=body, headers=signed_headers(topic, body, **how))
