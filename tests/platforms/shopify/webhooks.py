"""Webhooks: who wants which, and their delivery, as good or as bad as the test likes."""

import base64
import hashlib
import heapq
import hmac
import json
import random
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from tests.platforms.shopify.payloads import Payload
from tests.platforms.shopify.shops import SimulatedShop

TIMEOUT_SECONDS = 5
RETRY_SECONDS = (0.05,) * 8
WORKERS = 4
COMPLIANCE = ("customers/data_request", "customers/redact", "shop/redact")
SCOPES_OF = {
    "products": {"read_products"},
    "variants": {"read_products"},
    "inventory_levels": {"read_inventory"},
    "inventory_items": {"read_inventory", "read_products"},
    "locations": {"read_locations"},
    "orders": {"read_orders"},
    "checkouts": {"read_orders"},
    "themes": {"read_themes"},
    "app": set(),
    "shop": set(),
    "bulk_operations": set(),
    "app_subscriptions": set(),
}
"""One of these is needed for topics that begin so."""


@dataclass
class Subscription:
    """That the app wants to hear of something."""

    id: int
    topic: str
    """As in the schema: INVENTORY_LEVELS_UPDATE."""
    uri: str
    include_fields: Sequence[str] = ()
    api_version: str = "2026-10"


@dataclass
class Mischief:
    """How deliveries go wrong; each time with these probabilities, the same ones for the same seed."""

    drop: float = 0
    double: float = 0
    late: float = 0
    late_seconds: tuple[float, float] = (0.2, 3)
    shuffle: bool = False
    """Put them into another order."""
    seed: int = 0

    def __post_init__(self) -> None:
        """The dice."""
        self.random = random.Random(self.seed)

    def delays(self) -> list[float]:
        """After how long a webhook is delivered: never, once or twice."""
        dice = self.random
        dropped, doubled = dice.random() < self.drop, dice.random() < self.double
        return [] if dropped else [self._delay() for _ in range(1 + doubled)]

    def _delay(self) -> float:
        late = self.random.uniform(*self.late_seconds) if self.random.random() < self.late else 0
        return late + (self.random.uniform(0, 0.1) if self.shuffle else 0)


@dataclass(frozen=True)
class Delivery:
    """One try; `status` is 0 where nobody answered in time, and None where mischief has dropped it."""

    topic: str
    shop: str
    url: str
    webhook_id: str
    status: int | None


@dataclass
class _Message:
    topic: str
    shop: str
    url: str
    body: bytes
    headers: Mapping[str, str]
    subscription: tuple[SimulatedShop, Subscription] | None = None
    tries: int = 0


def is_permitted(topic: str, scopes: frozenset[str]) -> bool:
    """Whether an app with these scopes may hear of a topic, `products/update`."""
    needed = SCOPES_OF.get(topic.partition("/")[0], {"unknown"})
    return not needed or bool(needed & scopes)


def signature(secret: str, body: bytes) -> str:
    """What a webhook's header says of its body."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()


class Deliveries:
    """The way to the app."""

    def __init__(self, secret: str, log: list[Delivery]) -> None:
        """Deliver nothing yet."""
        self.secret = secret
        self.log = log
        self.mischief: Mischief | None = None
        self.retry_seconds: Sequence[float] = RETRY_SECONDS
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._open = 0
        self._has_workers = False
        self._changed = threading.Condition()

    def post(
        self,
        shop: SimulatedShop,
        topic: str,
        payload: Payload,
        url: str,
        event_id: str,
        subscription: Subscription | None = None,
    ) -> None:
        """Deliver a webhook, soon."""
        if subscription and subscription.include_fields:
            payload = {name: each for name, each in payload.items() if name in subscription.include_fields}
        body = json.dumps(payload).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Shopify-Captain-Hook",
            "X-Shopify-Topic": topic,
            "X-Shopify-Hmac-Sha256": signature(self.secret, body),
            "X-Shopify-Shop-Domain": shop.domain,
            "X-Shopify-API-Version": subscription.api_version if subscription else "2026-10",
            "X-Shopify-Webhook-Id": str(uuid.uuid4()),
            "X-Shopify-Event-Id": event_id,
            "X-Shopify-Triggered-At": datetime.fromtimestamp(shop.clock(), UTC).isoformat().replace("+00:00", "Z"),
        }
        message = _Message(topic, shop.domain, url, body, headers, (shop, subscription) if subscription else None)
        delays = self.mischief.delays() if self.mischief else [0.0]
        if not delays:
            self._note(message, None)
        for delay in delays:
            self.later(delay, partial(self._try, replace(message)))

    def later(self, seconds: float, job: Callable[[], None]) -> None:
        """Do something then; `settle` waits for it."""
        with self._changed:
            self._number += 1
            self._open += 1
            heapq.heappush(self._due, (time.monotonic() + seconds, self._number, job))
            if not self._has_workers:
                self._has_workers = True
                for _ in range(WORKERS):
                    threading.Thread(target=self._work, daemon=True).start()
            self._changed.notify_all()

    def settle(self, timeout: float) -> bool:
        """Wait until all is delivered or given up; whether it is, in this time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._open == 0, timeout)

    def close(self) -> None:
        """Forget what is still to be done."""
        with self._changed:
            self._open -= len(self._due)
            self._due.clear()
            self._has_workers = False
            self._changed.notify_all()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            finally:
                with self._changed:
                    self._open -= 1
                    self._changed.notify_all()

    def _next(self) -> Callable[[], None] | None:
        with self._changed:
            while self._has_workers:
                if not self._due:
                    self._changed.wait()
                elif (wait := self._due[0][0] - time.monotonic()) > 0:
                    self._changed.wait(wait)
                else:
                    return heapq.heappop(self._due)[2]
            return None

    def _try(self, message: _Message) -> None:
        status = _answer(message)
        self._note(message, status)
        message.tries += 1
        if 200 <= status < 300:
            return
        if message.tries <= len(self.retry_seconds):
            self.later(self.retry_seconds[message.tries - 1], partial(self._try, message))
        elif message.subscription:
            shop, subscription = message.subscription
            shop.webhooks.pop(subscription.id, None)

    def _note(self, message: _Message, status: int | None) -> None:
        webhook_id = message.headers["X-Shopify-Webhook-Id"]
        self.log.append(Delivery(message.topic, message.shop, message.url, webhook_id, status))


def _answer(message: _Message) -> int:
    address = urlsplit(message.url)
    kind = HTTPSConnection if address.scheme == "https" else HTTPConnection
    connection = kind(address.hostname or "", address.port, timeout=TIMEOUT_SECONDS)
    try:
        target = address.path + (f"?{address.query}" if address.query else "")
        connection.request("POST", target or "/", message.body, dict(message.headers))
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()
