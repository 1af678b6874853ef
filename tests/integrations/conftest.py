import sys
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from integrations.http import HTTPClient

_connections: list[str] = []


def _note_connection(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        _connections.append(str(arguments[1][0]))


# An audit hook sees every connection of the process, whichever library makes it; it stays for good.
sys.addaudithook(_note_connection)


@pytest.fixture
def connections() -> list[str]:
    """Addresses that a socket was connected to, or tried to be, since the test began."""
    _connections.clear()
    return _connections


def is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback


@pytest.fixture
def http() -> Iterator[HTTPClient]:
    """A client that may reach loopback, as in development."""
    with HTTPClient(allow_loopback=True, connect_timeout_seconds=2, read_timeout_seconds=2) as client:
        yield client
