"""Shopify's servers, as the app and its merchants see them."""

import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.platforms.shopify.admin import AdminPages
from tests.platforms.shopify.bulk import Bulk
from tests.platforms.shopify.catalog import Catalog
from tests.platforms.shopify.graphql_api import AdminAPI
from tests.platforms.shopify.oauth import OAuth
from tests.platforms.shopify.payloads import moment
from tests.platforms.shopify.shops import Event, SimulatedShop
from tests.platforms.shopify.storefront import Storefront
from tests.platforms.shopify.webhooks import COMPLIANCE, Deliveries, Delivery, Mischief, is_permitted

START = 1_790_000_000.0
POLL_SECONDS = 0.02
"""How soon the server notices that it is to stop."""


class _Quiet(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Shopify:
    """The servers, with any number of shops; what there is to know is in the package's description."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        *,
        clock: Callable[[], float] | None = None,
        app_webhooks: Mapping[str, str] | None = None,
        storefront: str = "",
    ) -> None:
        """No shops yet.

        Args:
            client_id: of the app.
            client_secret: of the app.
            clock: `time.time` for real time; by default time stands still until `now` is set.
            app_webhooks: where the app's own configuration wants webhooks, by topic (`app/uninstalled`).
            storefront: domain of the shop whose pages are shown; by default the first shop.
        """
        self.client_id = client_id
        self.client_secret = client_secret
        self.clock = clock or (lambda: START)
        self.is_real_time = clock is not None
        self.app_webhooks = dict(app_webhooks or {})
        self.storefront = storefront
        self.app_url = ""
        self.proxy_url = ""
        self.redirect_uris: Sequence[str] = ()
        self.origin = ""
        self.shops: dict[str, SimulatedShop] = {}
        self.requests: list[Mapping[str, Any]] = []
        """GraphQL requests that were let in: shop, query, variables, cost, version."""
        self.failures: list[tuple[int, str]] = []
        """What the next requests of the app are answered with instead: status and body."""
        self.deliveries: list[Delivery] = []
        """Every try to deliver a webhook."""
        self._lock = threading.RLock()
        self.last_id = 1_400_000_000_000
        self.deliveries_by = Deliveries(client_secret, self.deliveries)
        self.app = Flask(__name__)
        self.oauth = OAuth(self)
        self.api = AdminAPI(self)
        self.bulk = Bulk(self)
        self.admin = AdminPages(self)
        self.pages = Storefront(self)

    @property
    def now(self) -> float:
        """Seconds since 1970, by Shopify's clock."""
        return float(self.clock())

    @now.setter
    def now(self, seconds: float) -> None:
        self.clock = lambda: seconds

    @property
    def mischief(self) -> Mischief | None:
        """How the delivery of webhooks goes wrong; None: not at all."""
        return self.deliveries_by.mischief

    @mischief.setter
    def mischief(self, mischief: Mischief | None) -> None:
        self.deliveries_by.mischief = mischief

    @property
    def retry_seconds(self) -> Sequence[float]:
        """How long to wait before each further try to deliver a webhook."""
        return self.deliveries_by.retry_seconds

    @retry_seconds.setter
    def retry_seconds(self, seconds: Sequence[float]) -> None:
        self.deliveries_by.retry_seconds = seconds

    @contextmanager
    def serving(self, port: int = 0) -> Iterator[str]:
        """Run on a port, by default a free one; gives the address of a shop's admin, `{shop}` for its domain."""
        server = make_server("127.0.0.1", port, self.app, threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
        self.origin = f"http://127.0.0.1:{server.server_port}"
        self._settle_storefront()
        thread.start()
        try:
            yield f"{self.origin}/{{shop}}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
            self.deliveries_by.close()
            self.bulk.close()

    def add_shop(self, domain: str, **facts: Any) -> SimulatedShop:
        """A shop in which the app is installed, unless `is_installed=False`; other facts as in `SimulatedShop`."""
        number = len(self.shops)
        shop = SimulatedShop(domain, number=number, catalog=Catalog(number), **facts)
        shop.available = shop.maximum
        shop.clock = lambda: self.now
        shop.send = self.send
        self.shops[domain] = shop
        self._settle_storefront()
        return shop

    def session_token(self, domain: str, **changes: Any) -> str:
        """What App Bridge gives a page of the app; `changes` to its claims."""
        return self.oauth.session_token(domain, **changes)

    def code(self, domain: str) -> str:
        """What a merchant's browser brings back from granting; good once."""
        return self.oauth.code(domain)

    def install(self, domain: str) -> None:
        """The merchant installs the app."""
        self.shops[domain].is_installed = True

    def uninstall(self, domain: str) -> None:
        """The merchant takes the app away: no token of the shop is good any more."""
        shop = self.shops[domain]
        was_installed, shop.is_installed = shop.is_installed, False
        shop.pairs.clear()
        if was_installed:
            self.send(shop, [("app/uninstalled", shop.facts())])
        shop.webhooks.clear()
        shop.metafields.clear()

    def change_scopes(self, domain: str, scopes: set[str] | frozenset[str]) -> None:
        """The merchant grants something else."""
        shop = self.shops[domain]
        previous, shop.scopes = shop.scopes, frozenset(scopes)
        told = {"id": shop.shop_id, "previous": sorted(previous), "current": sorted(scopes)}
        self.send(shop, [("app/scopes_update", {**told, "updated_at": moment(self.now)})])

    def data_request(self, domain: str, email: str = "", phone: str = "") -> None:
        """A customer asks what the app knows."""
        told = {"orders_requested": [], "data_request": {"id": self.next_id()}}
        self.send(self.shops[domain], [("customers/data_request", self._about(domain, email, phone) | told)])

    def redact_customer(self, domain: str, email: str = "", phone: str = "") -> None:
        """A customer is to be forgotten."""
        told = self._about(domain, email, phone) | {"orders_to_redact": []}
        self.send(self.shops[domain], [("customers/redact", told)])

    def redact_shop(self, domain: str) -> None:
        """A shop is to be forgotten; comes two days after the app was taken away."""
        shop = self.shops[domain]
        self.send(shop, [("shop/redact", {"shop_id": shop.shop_id, "shop_domain": domain})])

    def settle(self, timeout: float = 10) -> bool:
        """Wait until every webhook is delivered or given up; whether that took no longer."""
        return self.deliveries_by.settle(timeout)

    def send(self, shop: SimulatedShop, events: Sequence[Event]) -> None:
        """Deliver webhooks about one thing that happened to whoever wants them."""
        event_id = str(uuid.uuid4())
        for topic, payload in events:
            goes = shop.is_installed or topic == "app/uninstalled"
            if topic in COMPLIANCE:
                wanted = []
            elif goes and is_permitted(topic, shop.scopes):
                name = topic.upper().replace("/", "_")
                wanted = [each for each in list(shop.webhooks.values()) if each.topic == name]
            else:
                continue
            for each in wanted:
                self.deliveries_by.post(shop, topic, payload, each.uri, event_id, each)
            if topic in self.app_webhooks:
                self.deliveries_by.post(shop, topic, payload, self.app_webhooks[topic], event_id)

    def next_id(self) -> int:
        """A number for something new."""
        with self._lock:
            self.last_id += 1
            return self.last_id

    def shown_shop(self) -> SimulatedShop | None:
        """The shop whose pages are at the root."""
        return self.shops.get(self.storefront) or next(iter(self.shops.values()), None)

    def locked(self, view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        """A view that runs alone, and instead of which a failure may come."""

        @wraps(view)
        def guarded(**arguments: str) -> ResponseReturnValue:
            with self._lock:
                if self.failures:
                    status, body = self.failures.pop(0)
                    return body, status
                return view(**arguments)

        return guarded

    def _settle_storefront(self) -> None:
        shown = self.shown_shop()
        for each in self.shops.values():
            each.origin = self.origin if each is shown else ""

    def _about(self, domain: str, email: str, phone: str) -> dict[str, Any]:
        customer = {"id": self.next_id(), "email": email or None, "phone": phone or None}
        return {"shop_id": self.shops[domain].shop_id, "shop_domain": domain, "customer": customer}
