"""A small shop without a platform, for tests and the demo: storefront, catalog feeds, Stockbell snippet."""

from tests.platforms.custom.app import create_shop_app, serve
from tests.platforms.custom.catalog import DemoShop

__all__ = ["DemoShop", "create_shop_app", "serve"]
