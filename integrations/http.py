"""The one door to other people's servers.

Only https, only public addresses (`integrations/network.py` looks names up and pins them), redirects followed
by hand and checked again, everything limited in time and size. Whatever goes wrong leaves here as an
`IntegrationError` with a sentence for the merchant.
"""

import base64
import json
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache, partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urljoin

import httpcore
import httpx

from integrations.errors import (
    AuthError,
    ForbiddenAddressError,
    IntegrationError,
    PayloadError,
    RateLimitedError,
    RejectedError,
    ServerError,
    UnreachableError,
)
from integrations.inflate import decode, megabytes
from integrations.network import (
    Deadline,
    PinnedBackend,
    PinnedTransport,
    Resolver,
    forbidden,
    is_loopback,
    is_public,
    resolve,
)

CONNECT_TIMEOUT_SECONDS = 5.0
READ_TIMEOUT_SECONDS = 30.0
API_MAX_SECONDS = 60.0
API_MAX_BYTES = 16 * 1024**2
MAX_REDIRECTS = 5
MAX_RETRY_AFTER_SECONDS = 24 * 3600.0
USER_AGENT = "Stockbell"

# Everything else that a caller sends may be a secret, so it stays with the origin it was meant for.
_HEADERS_FOR_ANY_ORIGIN = frozenset({"accept", "accept-encoding", "user-agent", "if-none-match", "if-modified-since"})
_FOLLOWED_METHODS = frozenset({"GET", "HEAD"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Edge = Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, decompressed."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    content: bytes
    host: str
    url: str
    """Where the answer came from, after redirects."""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            PayloadError: it is not.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise PayloadError(f"{self.host} answered with something that is not JSON.") from error


class StreamedResponse:
    """An answer whose body is still to come."""

    def __init__(self, response: httpx.Response, edge: Edge, max_bytes: int) -> None:
        """Made by `HTTPClient.get`."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self.host = response.url.host
        self._response = response
        self._edge = edge
        self._max_bytes = max_bytes

    def iter_raw(self) -> Iterator[bytes]:
        """The body in blocks, as it was sent: a gzip content encoding is not undone.

        Raises:
            PayloadError: longer than allowed ("too_large").
            UnreachableError: it broke off, or took too long.
        """
        announced = self.headers.get("content-length", "")
        received = int(announced) if announced.isdecimal() else 0
        self._check_size(received)
        received = 0
        stream = self._response.stream
        assert isinstance(stream, httpx.SyncByteStream)
        blocks = iter(stream)
        while (block := self._next(blocks)) is not None:
            received += len(block)
            self._check_size(received)
            yield block

    def _next(self, blocks: Iterator[bytes]) -> bytes | None:
        with self._edge():
            return next(blocks, None)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            limit = megabytes(self._max_bytes)
            raise PayloadError(f"The answer of {self.host} is larger than {limit}.", reason="too_large")


class HTTPClient:
    """Talks to other people's servers; safe to share between threads. A context manager, or `close` it."""

    def __init__(
        self,
        allow_loopback: bool = False,  # noqa: FBT001, FBT002 - the one switch that a shop's own set-up turns
        *,
        resolver: Resolver = resolve,
        transport: httpx.BaseTransport | None = None,
        connect_timeout_seconds: float = CONNECT_TIMEOUT_SECONDS,
        read_timeout_seconds: float = READ_TIMEOUT_SECONDS,
    ) -> None:
        """Open nothing yet.

        Args:
            allow_loopback: development only: 127.0.0.0/8 and ::1 may be reached too, over http or https.
            resolver: host, port -> addresses; for tests.
            transport: answers instead of the network; for tests. No name is looked up then.
            connect_timeout_seconds: for each address that is tried.
            read_timeout_seconds: the longest silence.
        """
        self._allow_loopback = allow_loopback
        self._deadline = Deadline()
        self._client = httpx.Client(
            transport=transport or self._transport(resolver, self._is_allowed),
            mounts={} if transport else {"http://": self._transport(resolver, is_loopback)},
            timeout=httpx.Timeout(read_timeout_seconds, connect=connect_timeout_seconds),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            # Shops share this client, so nobody's cookies are kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,
        )

    def _transport(self, resolver: Resolver, allowed: Callable[[str], bool]) -> httpx.BaseTransport:
        backend = PinnedBackend(resolver, allowed, self._deadline)
        return PinnedTransport(backend, _tls())

    def _is_allowed(self, address: str) -> bool:
        return is_public(address) or (self._allow_loopback and is_loopback(address))

    @contextmanager
    def get(
        self, url: str, *, max_bytes: int, max_seconds: float, headers: Mapping[str, str] | None = None
    ) -> Iterator[StreamedResponse]:
        """Fetch a large body in blocks. A user name and password in the address become basic authorization.

        Args:
            url: https (http for loopback where that is allowed).
            max_bytes: the longest body as sent; see `StreamedResponse.iter_raw`.
            max_seconds: for everything, the body included.
            headers: sent to this origin; only caching headers go on to another one that it redirects to.

        Returns:
            Context manager over a response with status 2xx or 304.

        Raises:
            IntegrationError: as told in `integrations/errors.py`.
        """
        deadline = time.monotonic() + max_seconds
        response = self._follow(self._build("GET", url, headers=headers), deadline)
        try:
            _check_status(response)
            yield StreamedResponse(response, self._edge_of(response, deadline), max_bytes)
        finally:
            response.close()

    def request(  # noqa: PLR0913 - the parts of an HTTP request, all by name
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        max_bytes: int = API_MAX_BYTES,
        max_seconds: float = API_MAX_SECONDS,
        raise_for_status: bool = True,
    ) -> Response:
        """Call an API and read the whole answer. Only GET and HEAD follow redirects.

        Args:
            method: upper case.
            url: https (http for loopback where that is allowed).
            headers: sent to this origin only, so credentials may be among them.
            params: added to the address.
            json: sent as the body, with its content type; or give `content`.
            content: raw body.
            max_bytes: the longest answer, before and after decompression.
            max_seconds: for everything.
            raise_for_status: turn statuses from 400 on into errors; otherwise the caller looks at them.

        Raises:
            IntegrationError: as told in `integrations/errors.py`.
        """
        deadline = time.monotonic() + max_seconds
        request = self._build(method, url, headers=headers, params=params, json=json, content=content)
        with closing(self._follow(request, deadline)) as response:
            if raise_for_status:
                _check_status(response)
            edge = self._edge_of(response, deadline)
            blocks = StreamedResponse(response, edge, max_bytes).iter_raw()
            encoding = response.headers.get("content-encoding", "identity")
            body = b"".join(decode(blocks, encoding, max_bytes))
        return Response(response.status_code, response.headers, body, response.url.host, str(response.url))

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def __enter__(self) -> Self:
        """Use in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()

    @contextmanager
    def _edge(self, host: str, deadline: float) -> Iterator[None]:
        """Hold the thread to the deadline and turn what the network throws into our errors."""
        before, self._deadline.at = self._deadline.at, deadline
        try:
            self._deadline.left(None)  # Buffered data is read without a socket, so look here too.
            yield
        except _NETWORK_ERRORS as error:
            raise _network_error(error, host) from error
        finally:
            self._deadline.at = before

    def _edge_of(self, response: httpx.Response, deadline: float) -> Edge:
        return partial(self._edge, response.url.host, deadline)

    def _build(self, method: str, url: str, *, headers: Mapping[str, str] | None, **body: Any) -> httpx.Request:
        address = self._checked_url(url)
        own = dict(headers or {})
        if address.userinfo:
            # Taken out of the address, so that it cannot reach a log.
            pair = f"{address.username}:{address.password}".encode()
            own["Authorization"] = "Basic " + base64.b64encode(pair).decode()
            address = address.copy_with(userinfo=b"")
        return self._client.build_request(method, address, headers=own, **body)

    def _checked_url(self, url: str, base: str = "") -> httpx.URL:
        try:
            address = httpx.URL(urljoin(base, url))
            host = address.host  # Also reads names in other scripts, which can fail.
        except (httpx.InvalidURL, ValueError) as error:
            raise ForbiddenAddressError("This is not a web address.", reason="bad_address") from error
        schemes = ("https", "http") if self._allow_loopback else ("https",)
        if address.scheme not in schemes or not host:
            raise ForbiddenAddressError("The address must begin with https:// and name a server.")
        # A name is checked once it is looked up; this is for addresses, before anything else is done.
        if _is_ip(host) and not self._is_allowed(host):
            raise forbidden(host)
        return address

    def _follow(self, request: httpx.Request, deadline: float) -> httpx.Response:
        for _ in range(MAX_REDIRECTS + 1):
            with self._edge(request.url.host, deadline):
                response = self._client.send(request, stream=True, follow_redirects=False)
            if response.status_code not in _REDIRECTS:
                return response
            response.close()
            request = self._redirected(request, response.headers.get("location", ""))
        raise RejectedError(
            f"{request.url.host} redirects more than {MAX_REDIRECTS} times.", reason="too_many_redirects"
        )

    def _redirected(self, request: httpx.Request, location: str) -> httpx.Request:
        host = request.url.host
        if request.method not in _FOLLOWED_METHODS or not location:
            raise RejectedError(f"{host} redirects where an answer was expected.", reason="unexpected_redirect")
        target = self._checked_url(location, base=str(request.url))
        if target.userinfo:
            raise ForbiddenAddressError(f"{host} redirects to an address with a user name in it.")
        headers = {name: value for name, value in request.headers.items() if name != "host"}
        if _origin(target) != _origin(request.url):
            headers = {name: headers[name] for name in headers if name in _HEADERS_FOR_ANY_ORIGIN}
        return self._client.build_request(request.method, target, headers=headers)


@cache
def _tls() -> ssl.SSLContext:
    # Reading the certificate authorities takes long; nothing in it differs between clients.
    return httpx.create_ssl_context(trust_env=False)


def _is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}.get(url.scheme, 0)


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if not (200 <= status < 300 or status == 304):
        raise status_error(status, response.headers, response.url.host)


def status_error(status: int, headers: Mapping[str, str], host: str) -> IntegrationError:
    """The error that an HTTP status stands for; adapters that know more look at the body first.

    Args:
        status: outside 200-299.
        headers: names in any case (httpx.Headers); Retry-After is honoured.
        host: for the sentence.
    """
    pause = retry_after_seconds(headers.get("retry-after", ""))
    if status == 429:
        return RateLimitedError(f"{host} asks us to slow down.", retry_after_seconds=pause)
    if status == 408 or status >= 500:
        return ServerError(f"{host} has a problem of its own (status {status}).", retry_after_seconds=pause)
    if status in {401, 403}:
        return AuthError(f"{host} does not accept our credentials (status {status}).")
    if status in {404, 410}:
        return RejectedError(f"{host} has nothing at this address (status {status}).", reason="not_found")
    return RejectedError(f"{host} refused the request (status {status}).")


def retry_after_seconds(value: str) -> float | None:
    """Seconds of a Retry-After header (a number or a date), 0 to one day; None when it cannot be read."""
    if re.fullmatch(r"[0-9]{1,9}", value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max((aware - datetime.now(UTC)).total_seconds(), 0.0), MAX_RETRY_AFTER_SECONDS)


_NETWORK_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpx.TransportError,
)
_TIMEOUTS = (httpcore.TimeoutException, httpx.TimeoutException)
_PROTOCOL = (httpcore.ProtocolError, httpx.ProtocolError)


def _network_error(error: BaseException, host: str) -> UnreachableError:
    if isinstance(error, _TIMEOUTS):
        return UnreachableError(f"{host} took too long to answer.", reason="timeout")
    if isinstance(error, _PROTOCOL):
        return UnreachableError(f"{host} broke off its answer.", reason="broken_answer")
    if _is_tls_error(error):
        return UnreachableError(f"{host} has no valid certificate for https.", reason="bad_certificate")
    return UnreachableError(f"{host} could not be reached.", reason="no_connection")


def _is_tls_error(error: BaseException | None) -> bool:
    while error:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
