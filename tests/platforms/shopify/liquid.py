"""The theme app extension's blocks, rendered as Shopify renders them."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from liquid import DictLoader, Environment

from tests.platforms.shopify.catalog import Product, Variant
from tests.platforms.shopify.shops import SimulatedShop

ROOT = Path(__file__).parents[3]
EXTENSION = ROOT / "snippets" / "shopify" / "extensions" / "stockbell"
ASSETS = EXTENSION / "assets"
WIDGET = ROOT / "widget" / "dist"
SCHEMA = re.compile(r"{% schema %}(.*){% endschema %}", re.DOTALL)
MOST_VARIANTS = 250
"""How many Liquid lists."""


def rendered(shop: SimulatedShop, block: str, origin: str, product: Product, chosen: Variant) -> str:
    """A block with its default settings on a product's page."""
    objects = {
        "app": {"metafields": _metafields(shop)},
        "request": {"design_mode": False},
        "product": liquid_product(shop, product, chosen),
    }
    template = _environment(origin).get_template(block, globals=objects)
    html = template.render(block={"settings": _defaults(block)})
    return html.replace(f"https://{shop.domain}", origin)


def liquid_product(shop: SimulatedShop, product: Product, chosen: Variant) -> dict[str, Any]:
    """A product as Liquid gives it."""
    variants = [liquid_variant(shop, each) for each in shop.catalog.variants_of(product)]
    return {
        "id": product.id,
        "title": product.title,
        "handle": product.handle,
        "url": f"/products/{product.handle}",
        "tags": list(product.tags),
        "available": any(each["available"] for each in variants),
        "variants": variants[:MOST_VARIANTS],
        "variants_count": len(variants),
        "has_only_default_variant": len(variants) == 1 and variants[0]["title"] == "Default Title",
        "selected_or_first_available_variant": liquid_variant(shop, chosen),
    }


def liquid_variant(shop: SimulatedShop, variant: Variant) -> dict[str, Any]:
    """A variant as Liquid gives it."""
    return {
        "id": variant.id,
        "title": variant.title,
        "price": round(float(variant.price) * 100),
        "available": shop.catalog.is_available(variant),
        "inventory_policy": variant.policy.lower(),
        "inventory_quantity": shop.catalog.total(variant),
        "inventory_management": "shopify" if variant.tracked else None,
    }


def loader() -> bytes:
    """The widget's loader: the one built last, or the one that was copied into the extension."""
    manifest = WIDGET / "manifest.json"
    if manifest.exists():
        return (WIDGET / str(json.loads(manifest.read_text("utf-8"))["loader"])).read_bytes()
    return (ASSETS / "stockbell.js").read_bytes()


@cache
def _environment(origin: str) -> Environment:
    # Shopify, too, takes the schema out before it renders.
    sources = {path.stem: SCHEMA.sub("", path.read_text("utf-8")) for path in EXTENSION.rglob("*.liquid")}
    found = Environment(loader=DictLoader(sources))
    found.filters["t"] = _translated
    found.filters["asset_url"] = lambda name: f"{origin}/extensions/{name}"
    found.filters["stylesheet_tag"] = lambda url: f'<link href="{url}" rel="stylesheet" type="text/css" media="all" />'
    return found


def _translated(key: str) -> str:
    words: Any = json.loads((EXTENSION / "locales" / "en.default.json").read_text("utf-8"))
    for part in key.split("."):
        words = words[part]
    return str(words)


def _defaults(block: str) -> dict[str, Any]:
    found = SCHEMA.search((EXTENSION / "blocks" / f"{block}.liquid").read_text("utf-8"))
    assert found
    settings = json.loads(found[1])["settings"]
    return {each["id"]: each["default"] for each in settings if "id" in each and "default" in each}


def _metafields(shop: SimulatedShop) -> dict[str, dict[str, dict[str, Any]]]:
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for (namespace, key), written in shop.metafields.items():
        is_text = written["type"] not in {"boolean", "number_integer", "number_decimal", "json"}
        value = written["value"] if is_text else json.loads(written["value"])
        found.setdefault(namespace, {})[key] = {"value": value, "type": written["type"]}
    return found
