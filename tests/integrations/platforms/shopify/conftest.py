import math
import time
from collections.abc import Iterator

import pytest

from integrations.http import HTTPClient
from integrations.platforms.shopify.adapter import ShopifyAdapter
from integrations.platforms.shopify.app import ShopifyApp
from integrations.platforms.shopify.graphql import AdminAPI
from integrations.types import ShopConnection
from tests.platforms.shopify import Shopify, SimulatedShop
from tests.platforms.shopify.oauth import Pair

SECRET = "shpss_" + "0123456789abcdef" * 4
FERN = "fern.myshopify.com"


@pytest.fixture
def shopify() -> Shopify:
    """Shopify's servers, with one shop."""
    servers = Shopify("client", SECRET)
    servers.add_shop(FERN)
    return servers


@pytest.fixture
def shop(shopify: Shopify) -> SimulatedShop:
    """The shop there; nothing is in it."""
    return shopify.shops[FERN]


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


@pytest.fixture
def adapter(http: HTTPClient, app: ShopifyApp, shopify: Shopify, shop: SimulatedShop) -> ShopifyAdapter:
    """The shop's adapter, with a token that lasts. At Shopify it is now; time passes there only while it waits."""
    shopify.now = time.time()
    shop.pairs.append(Pair("shpat_lasting", math.inf, ""))

    class Waiting(ShopifyAdapter):
        @property
        def api(self) -> AdminAPI:
            api = super().api
            api.sleep = sleep
            return api

    def sleep(seconds: float) -> None:
        shopify.now += seconds

    connection = ShopConnection(
        shop_id="1",
        domain=f"https://{FERN}",
        credentials={"client_id": app.client_id, "client_secret": app.client_secret, "admin": app.admin},
        platform_shop_id=FERN,
        access_token=lambda: "shpat_lasting",
    )
    return Waiting(connection, http)
