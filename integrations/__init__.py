"""Everything that talks to somebody else's system: shop platforms and message channels.

Knows nothing of Flask, RQ or SQL. The application asks `platform_adapter` for the adapter of a shop's platform;
adapters are imported at first use.
"""

from importlib import import_module

from integrations.base import PlatformAdapter

# kind -> (label shown to merchants, where the adapter class lives)
PLATFORMS: dict[str, tuple[str, str]] = {
    "custom": ("Custom catalog", "integrations.platforms.custom.adapter:CustomAdapter"),
    "shopify": ("Shopify", "integrations.platforms.shopify.adapter:ShopifyAdapter"),
}


def platform_adapter(kind: str) -> type[PlatformAdapter]:
    """The adapter class of a platform.

    Raises:
        KeyError: the platform is not one of `PLATFORMS`.
    """
    module_name, _, class_name = PLATFORMS[kind][1].partition(":")
    adapter: type[PlatformAdapter] = getattr(import_module(module_name), class_name)
    return adapter
