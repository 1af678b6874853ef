"""A shop and a Stockbell server for the widget's tests, on two origins of the loopback interface.

The server keeps the storefront contract: only the shop's origin is let in, a JSON body needs a preflight,
assets are immutable and open to all, the loader carries the shop's settings.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PLACEHOLDER = '"__STOCKBELL_SETTINGS__"'
PUBLIC_KEY = "pk_test"
STOREFRONT = f"/api/v1/storefront/{PUBLIC_KEY}"
LOADERS = {f"/s/{PUBLIC_KEY}.js": "loader.js", f"/s/{PUBLIC_KEY}/klaviyo.js": "klaviyo.js"}


@dataclass(frozen=True)
class Answer:
    """What the server answers."""

    status: int
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0


@dataclass(frozen=True)
class Request:
    """What reached the server."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any = None


def accepted(*, confirmation_required: bool = False, in_stock: bool = False, delay_seconds: float = 0) -> Answer:
    """The contract's answer to a subscription."""
    body = {"status": "accepted", "confirmation_required": confirmation_required, "in_stock": in_stock}
    return Answer(202, body, delay_seconds=delay_seconds)


def look(properties: Mapping[str, str]) -> str:
    """A shop's look as the server puts it into the loader."""
    return ";".join(f"--{name}:var(--stockbell-{name},{value})" for name, value in properties.items())


def refused(status: int, code: str, *, fields: dict[str, list[str]] | None = None, **headers: str) -> Answer:
    """The contract's shape of an error."""
    error: dict[str, object] = {"code": code, "message": "Refused."} | ({"fields": fields} if fields else {})
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"error": error}, named)


class _Handler(BaseHTTPRequestHandler):
    """Hands each request to the server's `answer` function."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_OPTIONS(self) -> None:
        self._serve()

    def _serve(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, json.loads(content) if content else None)
        status, headers, body = self.server.answer(request)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


Raw = tuple[int, dict[str, str], bytes]


class _Server(ThreadingHTTPServer):
    def __init__(self, answer: Callable[[Request], Raw]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that closes a page drops its connections; that is no error here."""

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def _running(server: _Server) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Stub:
    """Both servers. Tests set what is answered and read what was asked."""

    def __init__(self, dist: Path) -> None:
        self.subscription_answer = accepted()
        self.events_answer = Answer(202, {"status": "accepted"})
        self.availability: dict[str, bool] = {}
        self.settings: dict[str, object] = {}
        self.pages: dict[str, tuple[dict[str, str], str]] = {}
        self.requests: list[Request] = []
        self.dist = dist
        self._manifest = json.loads((dist / "manifest.json").read_text())
        self._shop = _Server(self._answer_as_shop)
        self._host = _Server(self._answer_as_host)

    @contextmanager
    def running(self) -> Iterator["Stub"]:
        """Serve until the end of the block."""
        with _running(self._shop), _running(self._host):
            yield self

    @property
    def shop(self) -> str:
        """Origin of the shop's pages."""
        return self._shop.origin

    @property
    def host(self) -> str:
        """Origin of the Stockbell server."""
        return self._host.origin

    @property
    def script(self) -> str:
        """Address of the loader."""
        return f"{self.host}/s/{PUBLIC_KEY}.js"

    @property
    def form_path(self) -> str:
        """Path of the form's module."""
        return f"/widget/{self._manifest['version']}/form.js"

    @property
    def pinned_script(self) -> str:
        """Address of the loader without settings."""
        return f"{self.host}/widget/{self._manifest['loader']}"

    @property
    def integrity(self) -> str:
        """The published hash of the loader."""
        return str(self._manifest["files"]["loader.js"]["integrity"])

    def asked(self, method: str, path: str) -> list[Request]:
        """The requests of one kind that reached the server, oldest first."""
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    @property
    def subscriptions(self) -> list[Any]:
        """The bodies of the subscriptions asked for."""
        return [request.body for request in self.asked("POST", f"{STOREFRONT}/subscriptions")]

    @property
    def events(self) -> list[Any]:
        """What the page has told of its visitors, each event as often as it came."""
        return [event for request in self.asked("POST", f"{STOREFRONT}/events") for event in request.body["events"]]

    def _answer_as_shop(self, request: Request) -> Raw:
        headers, html = self.pages.get(urlsplit(request.path).path, ({}, ""))
        return (200 if html else 204), {"Content-Type": "text/html; charset=utf-8", **headers}, html.encode()

    def _answer_as_host(self, request: Request) -> Raw:
        self.requests.append(request)
        path = urlsplit(request.path).path
        if path in LOADERS:
            return 200, {"Content-Type": "text/javascript; charset=utf-8"}, self._loader(LOADERS[path])
        if path == f"/s/{PUBLIC_KEY}.json":
            everyone = {"Content-Type": "application/json", "Access-Control-Allow-Origin": "*"}
            return 200, everyone, json.dumps(self._settings()).encode()
        if request.path.startswith("/widget/"):
            return self._asset(request.path.removeprefix("/widget/"))
        return self._answer_storefront(request)

    def _settings(self) -> dict[str, object]:
        usual = look({"accent": "#1a1a1a", "radius": "6px"})
        return {"host": self.host, "key": PUBLIC_KEY, "locale": "en", "look": usual, **self.settings}

    def _loader(self, name: str) -> bytes:
        loader = (self.dist / self._manifest["version"] / name).read_text()
        return loader.replace(PLACEHOLDER, json.dumps(self._settings())).encode()

    def _asset(self, name: str) -> Raw:
        headers = {
            "Access-Control-Allow-Origin": "*",
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Type": "text/javascript; charset=utf-8",
            "X-Content-Type-Options": "nosniff",
        }
        return 200, headers, (self.dist / name).read_bytes()

    def _answer_storefront(self, request: Request) -> Raw:
        if request.headers.get("origin") != self.shop or "cookie" in request.headers:
            return 403, {}, b""
        cors = {"Access-Control-Allow-Origin": self.shop, "Access-Control-Expose-Headers": "Retry-After"}
        if request.method == "OPTIONS":
            allowed = {"Access-Control-Allow-Methods": "POST", "Access-Control-Allow-Headers": "Content-Type"}
            return 204, cors | allowed, b""
        answer = self._posted(request) if request.method == "POST" else self._variant(request)
        time.sleep(answer.delay_seconds)
        headers = {"Content-Type": "application/json"} | cors | answer.headers
        return answer.status, headers, b"" if answer.body is None else json.dumps(answer.body).encode()

    def _posted(self, request: Request) -> Answer:
        if request.headers.get("content-type") != "application/json":
            return refused(415, "unsupported_media_type")
        return self.events_answer if request.path == f"{STOREFRONT}/events" else self.subscription_answer

    def _variant(self, request: Request) -> Answer:
        variant_id = request.path.rsplit("/", 1)[1]
        if variant_id not in self.availability:
            return refused(404, "not_found")
        return Answer(200, {"variant_id": variant_id, "available": self.availability[variant_id], "waiting": 0})
