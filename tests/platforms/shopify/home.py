"""Keeps a simulated Shopify in a JSON file, so that a demo goes on where it was."""

import json
import math
from pathlib import Path
from typing import Any

from tests.platforms.shopify.oauth import Pair
from tests.platforms.shopify.servers import Shopify
from tests.platforms.shopify.shops import SimulatedShop
from tests.platforms.shopify.webhooks import Subscription


def saved(shopify: Shopify) -> str:
    """What there is to keep."""
    shops = {domain: _dumped(shopify, shop) for domain, shop in shopify.shops.items()}
    return json.dumps({"last_id": shopify.last_id, "shops": shops}, indent=1)


def save(shopify: Shopify, home: Path, before: str = "") -> str:
    """Write the file, if it is another one than before; returns its text."""
    text = saved(shopify)
    if text != before:
        new = home.with_name(f"{home.name}.new")
        new.write_text(text, "utf-8")
        new.chmod(0o600)
        new.replace(home)
    return text


def restore(shopify: Shopify, home: Path) -> bool:
    """Read the file, if there is one; the shops in it are there then."""
    if not home.exists():
        return False
    told = json.loads(home.read_text("utf-8"))
    shopify.last_id = told["last_id"]
    for domain, each in told["shops"].items():
        shop = shopify.add_shop(
            domain, name=each["name"], scopes=frozenset(each["scopes"]), is_installed=each["is_installed"]
        )
        shop.catalog.load(each["catalog"])
        shop.pairs = [Pair(**{**pair, "expires_at": pair["expires_at"] or math.inf}) for pair in each["pairs"]]
        shop.webhooks = {one["id"]: Subscription(**one) for one in each["webhooks"]}
        shop.metafields = {(one["namespace"], one["key"]): one["written"] for one in each["metafields"]}
        shop.block_enabled, shop.embed_enabled = each["block_enabled"], each["embed_enabled"]
    return True


def _dumped(shopify: Shopify, shop: SimulatedShop) -> dict[str, Any]:
    pairs = shopify.oauth.dump(shop)
    return {
        "name": shop.name,
        "scopes": sorted(shop.scopes),
        "is_installed": shop.is_installed,
        "block_enabled": shop.block_enabled,
        "embed_enabled": shop.embed_enabled,
        "catalog": shop.catalog.dump(),
        "pairs": [{**each, "expires_at": each["expires_at"] if each["refresh_token"] else None} for each in pairs],
        "webhooks": [
            {
                "id": each.id,
                "topic": each.topic,
                "uri": each.uri,
                "include_fields": list(each.include_fields),
                "api_version": each.api_version,
            }
            for each in list(shop.webhooks.values())
        ],
        "metafields": [
            {"namespace": namespace, "key": key, "written": written}
            for (namespace, key), written in list(shop.metafields.items())
        ],
    }
