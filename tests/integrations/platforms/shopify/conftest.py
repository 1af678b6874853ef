from collections.abc import Iterator

import pytest

from integrations.http import HTTPClient
from integrations.platforms.shopify.app import ShopifyApp
from tests.platforms.shopify import Shopify

SECRET = "shpss_" + "0123456789abcdef" * 4


@pytest.fixture
def shopify() -> Shopify:
    """Shopify's servers, with one shop."""
    servers = Shopify("client", SECRET)
    servers.add_shop("fern.myshopify.com")
    return servers


@pytest.fixture
def app(shopify: Shopify) -> Iterator[ShopifyApp]:
    """The app as it is registered there."""
    with shopify.serving() as admin:
        yield ShopifyApp("client", SECRET, admin=admin)


@pytest.fixture
def http() -> Iterator[HTTPClient]:
    """The way there."""
    client = HTTPClient(allow_loopback=True)
    yield client
    client.close()
