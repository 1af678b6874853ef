"""The frame of a simulated platform: stock behind an HTTP API, webhooks to whoever registered, misbehaviour on demand.

A platform of its own adds its routes to `Platform.app` and says how it writes a webhook.
"""

import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.error import URLError
from urllib.request import Request, urlopen

from flask import Flask, Response, request

from tests.platforms.custom import serve


@dataclass(frozen=True, slots=True)
class Level:
    """Stock of one variant."""

    available: int | None
    updated_at: datetime


@dataclass(slots=True)
class Platform:
    """What the platform knows, and how it behaves."""

    stock: dict[str, Level] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    """Where webhooks go; whoever runs the platform may empty it, as real ones do after failures."""
    loses_webhooks: bool = False
    faults: deque[tuple[int, Mapping[str, str]]] = field(default_factory=deque)
    """Status and headers of the next API calls, one for each, instead of what they ask for."""
    calls: list[str] = field(default_factory=list)
    """Method and path of every API call."""
    deliveries: list[int] = field(default_factory=list)
    """Statuses with which webhooks were answered."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Flask:
        """The platform's API without any route; faults come first."""
        app = Flask(__name__)

        @app.before_request
        def misbehave() -> Response | None:
            with self.lock:
                self.calls.append(f"{request.method} {request.path}")
                if not self.faults:
                    return None
                status, headers = self.faults.popleft()
            return Response(status=status, headers=dict(headers))

        return app

    def set_stock(self, variant_id: str, available: int | None) -> None:
        """Change stock and tell by webhook, unless it gets lost."""
        with self.lock:
            self.stock[variant_id] = Level(available, datetime.now(UTC))
        if not self.loses_webhooks:
            for address in self.addresses:
                self._send(address, variant_id)

    def webhook(self, variant_id: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of the webhook that tells of a variant; each platform has its own."""
        raise NotImplementedError

    def _send(self, address: str, variant_id: str) -> None:
        headers, body = self.webhook(variant_id)
        with suppress(URLError):
            answer = urlopen(Request(address, body, headers), timeout=10)
            self.deliveries.append(answer.status)


@contextmanager
def running(app: Flask) -> Iterator[str]:
    """Run a platform on 127.0.0.1; gives its origin."""
    with serve(app) as origin:
        yield origin
