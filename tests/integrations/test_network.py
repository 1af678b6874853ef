"""Nothing private is ever connected to, however the address is written, found or redirected to."""

import socket
import threading
from collections.abc import Sequence

import pytest

from integrations.errors import ForbiddenAddressError, IntegrationError, UnreachableError
from integrations.http import HTTPClient
from integrations.network import is_loopback, is_public
from tests.site import Site

PRIVATE_HOSTS = [
    # loopback in every spelling that a resolver understands
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1",
    "0x7f.1", "017700000001", "0177.0.0.1", "0177.1", "[::1]", "[0:0:0:0:0:0:0:1]", "localhost", "LOCALHOST",
    "localhost.", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
    # this network, and what the machine itself answers to
    "0.0.0.0", "0", "0x0", "0.0.0.1", "[::]", "[::ffff:0.0.0.0]",
    # private networks
    "10.0.0.1", "10.255.255.255", "0xa000001", "167772161", "012.0.0.1", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "192.168.255.255", "0xc0a80001", "3232235521", "[::ffff:10.0.0.1]", "[::ffff:192.168.0.1]",
    "[fc00::1]", "[fd12:3456:789a::1]", "[fec0::1]",
    # shared, link-local, metadata services of the clouds
    "100.64.0.1", "100.127.255.254", "100.100.100.200", "169.254.169.254", "169.254.170.2", "0xa9fea9fe",
    "2852039166", "0251.0376.0251.0376", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "192.0.0.192",
    "168.63.129.16", "[fe80::1]", "[fe80::a9fe:a9fe]", "[fd00:ec2::254]",
    # tunnels that hide an IPv4 address
    "[2002:7f00:1::]", "[2002:a9fe:a9fe::]", "[2002:c0a8:1::1]", "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::a00:1]", "[2001:0:7f00:1::]", "[2001::1]", "192.88.99.1",
    # documentation, benchmarks, multicast, reserved
    "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1", "255.255.255.255", "[2001:db8::1]", "[3fff::1]", "[ff02::1]", "[100::1]", "[5f00::1]",
]  # fmt: skip

BAD_ADDRESSES = [
    "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:11211/stats", "ftp://10.0.0.1/feed.csv", "ldap://127.0.0.1/", "jar:https://10.0.0.1!/",
    "data:text/csv,id", "javascript:alert(1)", "unix:/var/run/docker.sock", "//127.0.0.1/", "/etc/passwd", "",
    "https://", "https:///feed", "https://:443/", "https://?", "http://example.com/",
    "https://shop.example@127.0.0.1/", "https://127.0.0.1:443@10.0.0.1/", "https://shop.example:80@169.254.169.254/",
    "https://[::1", "https://[::1]:port/", "https://127.0.0.1:99999/", "https://exa\nmple.com/",
    "https://\x00/", "https://[::ffff:10.0.0.1%25eth0]/", "https://①②⑦.⓪.⓪.①/", "https://%31%32%37.0.0.1/",
    "https://127.0.0.1\t/", "HTTPS://127.0.0.1/", "https://127。0。0。1/", "https://xn--/",
    "https://" + "a" * 300,
]  # fmt: skip

PUBLIC = ["1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.255.255", "172.32.0.1",
          "2606:4700::1111",
          "2a00:1450:4001::1", "64:ff9b::808:808", "223.255.255.255", "11.0.0.1"]  # fmt: skip


def numeric_resolver(host: str, port: int) -> Sequence[str]:
    """The system's understanding of numbers and "localhost", without asking any name server."""
    if host.lower().rstrip(".") == "localhost":
        return ["127.0.0.1", "::1"]
    return [str(socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)[0][4][0])]


def fetch(client: HTTPClient, address: str) -> None:
    with client.get(address, max_bytes=10, max_seconds=5):
        raise AssertionError(f"{address} was reached")


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
def test_refuses_private_host(host: str, connections: list[str]) -> None:
    with HTTPClient(resolver=numeric_resolver) as client, pytest.raises(ForbiddenAddressError):
        fetch(client, f"https://{host}/feed")

    assert connections == []


@pytest.mark.parametrize("host", [host for host in PRIVATE_HOSTS if host != "localhost"])
def test_loopback_switch_opens_nothing_but_loopback(host: str, connections: list[str]) -> None:
    def resolver(name: str, port: int) -> Sequence[str]:
        addresses = numeric_resolver(name, port)
        # Loopback itself is open now, and says so by a closed port that is not worth waiting for.
        return [] if all(map(is_loopback, addresses)) else addresses

    client = HTTPClient(allow_loopback=True, resolver=resolver)
    with client, pytest.raises((ForbiddenAddressError, UnreachableError)):
        fetch(client, f"http://{host}/feed")

    assert connections == []


@pytest.mark.parametrize("address", BAD_ADDRESSES)
def test_refuses_what_is_no_public_https_address(address: str, connections: list[str]) -> None:
    with HTTPClient(resolver=numeric_resolver) as client, pytest.raises(IntegrationError):
        fetch(client, address)

    assert connections == []


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(address)
    assert not is_loopback(address)


@pytest.mark.parametrize("host", [host.strip("[]") for host in PRIVATE_HOSTS if "::" in host])
def test_literal_private_addresses_are_not_public(host: str) -> None:
    assert not is_public(host)


def test_refuses_name_with_one_private_answer_among_public_ones(connections: list[str]) -> None:
    def resolver(host: str, port: int) -> Sequence[str]:
        return ["8.8.8.8", "10.0.0.1"]

    with HTTPClient(resolver=resolver) as client, pytest.raises(ForbiddenAddressError):
        fetch(client, "https://mixed.example/")

    assert connections == []


def test_name_that_rebinds_is_connected_where_it_was_checked(site: Site, connections: list[str]) -> None:
    site.answer("/", body=b"hello")
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"]])

    with HTTPClient(allow_loopback=True, resolver=lambda *_: next(answers)) as client:
        response = client.request("GET", f"http://rebind.example:{site.port}/")

    assert response.content == b"hello"
    assert set(connections) == {"127.0.0.1"}


def test_name_that_turns_private_later_is_refused(site: Site, connections: list[str]) -> None:
    site.answer("/", body=b"hello", Connection="close")
    answers = iter([["127.0.0.1"], ["192.168.1.1"]])

    with HTTPClient(allow_loopback=True, resolver=lambda *_: next(answers)) as client:
        client.request("GET", f"http://rebind.example:{site.port}/")
        with pytest.raises(ForbiddenAddressError):
            client.request("GET", f"http://rebind.example:{site.port}/")

    assert set(connections) == {"127.0.0.1"}


def test_plain_http_stays_on_loopback_even_for_public_names(connections: list[str]) -> None:
    client = HTTPClient(allow_loopback=True, resolver=lambda *_: ["8.8.8.8"])
    with client, pytest.raises(ForbiddenAddressError):
        fetch(client, "http://shop.example/")

    assert connections == []


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/", "https://[fd00:ec2::254]/", "file:///etc/passwd",
     "gopher://127.0.0.1/", "//192.168.1.1/", "http://internal.example/", "https://internal.example/",
     "https://user:secret@127.0.0.1/", "http://[::ffff:169.254.169.254]/", "https://2852039166/", "https://[bad/"],
)  # fmt: skip
def test_refuses_redirect_to_private_place(target: str, site: Site, connections: list[str]) -> None:
    def resolver(host: str, port: int) -> Sequence[str]:
        return ["192.168.7.7"] if host == "internal.example" else numeric_resolver(host, port)

    site.answer("/", 302, Location=target)

    with HTTPClient(allow_loopback=True, resolver=resolver) as client, pytest.raises(ForbiddenAddressError):
        fetch(client, site.origin + "/")

    assert set(connections) == {"127.0.0.1"}


def test_server_name_and_host_stay_the_name() -> None:
    hello: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def listen() -> None:
            connection, _ = listener.accept()
            with connection:
                hello.append(connection.recv(4096))

        thread = threading.Thread(target=listen)
        thread.start()
        client = HTTPClient(allow_loopback=True, resolver=lambda *_: ["127.0.0.1"])
        with client, pytest.raises(UnreachableError):
            fetch(client, f"https://pinned.example:{listener.getsockname()[1]}/")
        thread.join()

    assert b"pinned.example" in hello[0]  # The name in the TLS greeting is in the clear.


def test_host_header_is_the_name(site: Site) -> None:
    site.answer("/")

    with HTTPClient(allow_loopback=True, resolver=lambda *_: ["127.0.0.1"]) as client:
        client.request("GET", f"http://pinned.example:{site.port}/")

    assert site.requests[0][1]["host"] == f"pinned.example:{site.port}"


def test_tries_the_next_address_when_the_first_is_closed(site: Site) -> None:
    site.answer("/", body=b"here")

    with HTTPClient(allow_loopback=True, resolver=lambda *_: ["127.0.0.9", "127.0.0.1"]) as client:
        assert client.request("GET", f"http://two.example:{site.port}/").content == b"here"


@pytest.mark.parametrize("failure", [OSError("no such name"), UnicodeError("label too long")])
def test_unknown_name_is_a_plain_sentence(failure: Exception) -> None:
    def resolver(host: str, port: int) -> Sequence[str]:
        raise failure

    with HTTPClient(resolver=resolver) as client, pytest.raises(UnreachableError) as caught:
        fetch(client, "https://nowhere.example/")

    assert caught.value.reason == "name_not_found"
    assert str(caught.value) == "There is no server named nowhere.example."


def test_corpus_is_large_enough() -> None:
    assert len(set(PRIVATE_HOSTS)) + len(set(BAD_ADDRESSES)) >= 60
