"""Which addresses may be reached, and connections that go nowhere else.

A name is looked up once, every answer is checked, and the connection goes to the very address that was
checked, so that the name cannot point somewhere else a moment later. For `integrations/http.py` only.

Source: IANA special-purpose address registries for IPv4 and IPv6 (checked 2026-11-22).
"""

import math
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

import httpcore
import httpx

from integrations.errors import ForbiddenAddressError, UnreachableError

MAX_ADDRESSES_TRIED = 4

_NOT_PUBLIC_V4 = tuple(
    ip_network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "168.63.129.16/32",  # Azure's metadata and DNS service sits on a public address.
    )
)  # fmt: skip
_PUBLIC_V6 = ip_network("2000::/3")
_NOT_PUBLIC_V6 = tuple(
    # Teredo and other protocol assignments, documentation, and 6to4, which hides an IPv4 address.
    ip_network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
_NAT64 = ip_network("64:ff9b::/96")
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))

Resolver = Callable[[str, int], Sequence[str]]


def resolve(host: str, port: int) -> Sequence[str]:
    """Every address of a host by the system's resolver, without repetition.

    Raises:
        OSError: the name is not known.
        UnicodeError: it cannot be a name.
    """
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))


def is_loopback(address: str) -> bool:
    """Whether this is 127.0.0.0/8 or ::1; every other way to write or reach this machine is not."""
    return _within(ip_address(address), _LOOPBACK)


def is_public(address: str) -> bool:
    """Whether this is an address of the public internet: not private, shared, link-local or reserved.

    Tunnelled forms that embed an IPv4 address are refused, save NAT64 of a public one: machines without IPv4
    see the whole IPv4 internet that way.
    """
    ip = ip_address(address)
    if isinstance(ip, IPv4Address):
        return not _within(ip, _NOT_PUBLIC_V4)
    if ip in _NAT64:
        return not _within(IPv4Address(int(ip) & 0xFFFFFFFF), _NOT_PUBLIC_V4)
    return ip in _PUBLIC_V6 and not _within(ip, _NOT_PUBLIC_V6)


def forbidden(host: str) -> ForbiddenAddressError:
    """The error for a host that is not on the public internet."""
    return ForbiddenAddressError(
        f"{host} is inside a private network. Only servers on the public internet may be used."
    )


def _within(ip: IPv4Address | IPv6Address, blocks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(ip in block for block in blocks)


class Deadline(threading.local):
    """When the request that this thread is making must be over (monotonic seconds)."""

    at: float = math.inf

    def left(self, timeout: float | None) -> float:
        """Seconds until then, at most `timeout`."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("total time is up")
        return min(left, math.inf if timeout is None else timeout)


class _TimedStream(httpcore.NetworkStream):
    """A connection whose reads and writes also end at the deadline, so that a server cannot drip for ever."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left(timeout))
        return _TimedStream(secured, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class PinnedBackend(httpcore.NetworkBackend):
    """Looks a name up once and connects only to addresses that passed the check."""

    def __init__(self, resolver: Resolver, allowed: Callable[[str], bool], deadline: Deadline) -> None:
        self._resolver = resolver
        self._allowed = allowed
        self._deadline = deadline
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError("no address")
        for address in self._checked_addresses(host, port)[:MAX_ADDRESSES_TRIED]:
            seconds = self._deadline.left(timeout)
            try:
                stream = self._sockets.connect_tcp(address, port, seconds, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure

    def _checked_addresses(self, host: str, port: int) -> Sequence[str]:
        # One bad answer refuses them all: a name that mixes public and private addresses is an attack.
        try:
            addresses = self._resolver(host, port)
            allowed = all(map(self._allowed, addresses))
        except (OSError, ValueError) as error:
            raise UnreachableError(f"There is no server named {host}.", reason="name_not_found") from error
        if not allowed:
            raise forbidden(host)
        return addresses


class PinnedTransport(httpx.BaseTransport):
    """An httpx transport over connections of `PinnedBackend`; knows no proxies."""

    def __init__(self, backend: httpcore.NetworkBackend, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, max_connections=100, keepalive_expiry=15.0, network_backend=backend
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
