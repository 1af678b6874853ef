"""What every platform's adapter keeps to, whatever the platform."""

import inspect

import httpx
import pytest

from integrations import PLATFORMS, platform_adapter
from integrations.base import Capabilities, CatalogReading, PlatformAdapter
from integrations.errors import ForbiddenAddressError, IntegrationError, NotSupportedError
from integrations.http import HTTPClient
from integrations.types import ShopConnection

SECRET = "s3cr3t-t0ken"
CREDENTIALS = {"custom": ("webhook_secret",), "shopify": ("client_id", "client_secret")}
SHOP_IDS = {"shopify": "fern.myshopify.com"}

every_platform = pytest.mark.parametrize("kind", PLATFORMS)


def make_adapter(kind: str, http: HTTPClient, feed: str = "https://shop.example/feed") -> PlatformAdapter:
    connection = ShopConnection(
        "1",
        "https://shop.example",
        feed,
        dict.fromkeys(CREDENTIALS[kind], SECRET),
        platform_shop_id=SHOP_IDS.get(kind, "1"),
        access_token=lambda: SECRET,
    )
    return platform_adapter(kind)(connection, http)


def answering(status: int, body: bytes = b"", **headers: str) -> HTTPClient:
    return HTTPClient(transport=httpx.MockTransport(lambda _: httpx.Response(status, content=body, headers=headers)))


def read_all(adapter: PlatformAdapter) -> CatalogReading:
    with adapter.read_catalog() as reading:
        for _ in reading:
            pass
    return reading


def test_unknown_platform_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        platform_adapter("no-such-platform")


@every_platform
def test_is_a_whole_adapter(kind: str) -> None:
    adapter = platform_adapter(kind)

    assert issubclass(adapter, PlatformAdapter)
    assert not inspect.isabstract(adapter)
    assert isinstance(adapter.capabilities, Capabilities)
    assert PLATFORMS[kind][0]


@every_platform
def test_has_what_it_says_it_can(kind: str) -> None:
    adapter = platform_adapter(kind)

    def overrides(name: str) -> bool:
        return getattr(adapter, name) is not getattr(PlatformAdapter, name)

    assert overrides("read_inventory") is adapter.capabilities.inventory_reads
    for name in ("verify_webhook", "parse_webhook", "register_webhooks"):
        assert overrides(name) is adapter.capabilities.webhooks
    assert ("webhook_shop" in vars(adapter)) is adapter.capabilities.webhooks


@every_platform
def test_refuses_what_it_cannot(kind: str) -> None:
    with answering(200) as http:
        adapter = make_adapter(kind, http)
        if not adapter.capabilities.inventory_reads:
            with pytest.raises(NotSupportedError):
                adapter.read_inventory(["1"])
        if not adapter.capabilities.webhooks:
            with pytest.raises(NotSupportedError):
                adapter.verify_webhook({}, b"")
            with pytest.raises(NotSupportedError):
                adapter.parse_webhook({}, b"")
            with pytest.raises(NotSupportedError):
                adapter.webhook_shop({}, b"")


@every_platform
def test_making_one_opens_nothing(kind: str, connections: list[str]) -> None:
    with HTTPClient() as http:
        make_adapter(kind, http)

    assert connections == []


@every_platform
@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 418, 429, 500, 502, 503])
def test_every_bad_status_is_an_integration_error(kind: str, status: int) -> None:
    client = answering(status, b"a private detail", **{"Retry-After": "7"})
    with client as http, pytest.raises(IntegrationError) as caught:
        read_all(make_adapter(kind, http))

    assert "private detail" not in str(caught.value)
    assert caught.value.permanent is (status not in {429, 500, 502, 503})
    if status in {429, 503}:
        assert caught.value.retry_after_seconds == 7


@every_platform
@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"[1]", b"<html></html>", b"\xff\xfe\xfd", b"{" * 10_000, b"\0" * 1000]
)
def test_every_unexpected_body_is_an_integration_error(kind: str, body: bytes) -> None:
    with answering(200, body) as http, pytest.raises(IntegrationError) as caught:
        read_all(make_adapter(kind, http))

    assert str(caught.value).endswith(".")


@every_platform
def test_no_network_is_an_integration_error(kind: str) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("too slow", request=request)

    with HTTPClient(transport=httpx.MockTransport(fail)) as http, pytest.raises(IntegrationError) as caught:
        read_all(make_adapter(kind, http))

    assert not caught.value.permanent


@every_platform
def test_private_addresses_are_never_reached(kind: str, connections: list[str]) -> None:
    with HTTPClient(resolver=lambda *_: ["10.0.0.1"]) as http, pytest.raises(ForbiddenAddressError):
        read_all(make_adapter(kind, http))

    assert connections == []


@every_platform
def test_secrets_are_in_no_repr(kind: str) -> None:
    with answering(500) as http:
        adapter = make_adapter(kind, http)
        with pytest.raises(IntegrationError) as caught:
            read_all(adapter)

    assert SECRET not in repr(adapter) + repr(adapter.connection) + repr(caught.value)


@every_platform
def test_registration_is_harmless_without_support(kind: str) -> None:
    with answering(404) as http:
        adapter = make_adapter(kind, http)
        if not adapter.capabilities.webhooks:
            adapter.register_webhooks("https://bell.example/webhooks/custom")


@every_platform
def test_snippet_says_what_to_paste_unless_it_is_installed(kind: str) -> None:
    with answering(200, b"{}") as http:
        adapter = make_adapter(kind, http)
        if not adapter.capabilities.snippet_api:
            snippet = adapter.install_snippet("https://bell.example", "key")
            assert not snippet.installed
            assert snippet.instructions
