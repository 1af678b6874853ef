"""What the snippets of the platforms put into a shop's pages is understood by the check of a page."""

import json
from pathlib import Path

import pytest

from integrations.http import Response
from plugin.snippet_check.page import read
from plugin.snippet_check.scripts import Target, findings, loaders
from tests.snippets import test_shopify as shopify

SNIPPETS = Path(__file__).parents[2] / "snippets"
TARGET = Target(shopify.HOST, "pk_live")


def told(html: str, target: Target = TARGET) -> list[bool | None]:
    """What is said of the script on a page that holds this."""
    for name, value in (("https://HOST", TARGET.host), ("https%3A%2F%2FHOST", "https%3A%2F%2Fstock.example")):
        html = html.replace(name, value)
    html = html.replace("PUBLIC_KEY", TARGET.key)
    page = read(Response(200, {}, html.encode(), "shop.example", "https://shop.example/mug"))
    return [each.ok for each in findings(page, loaders(page, target), target)]


def source(name: str) -> str:
    return (SNIPPETS / name).read_text("utf-8")


def wix() -> str:
    values = {"enabled": "true", "host": TARGET.host, "publicKey": TARGET.key, "accent": ""}
    page = source("wix/src/extensions/site/embedded-scripts/stockbell/stockbell.html")
    for name, value in values.items():
        page = page.replace(f"{{{{{name}}}}}", value)
    return page


SHOPIFY = [shopify.render("notify-button", product=shopify.MUG), shopify.render("embed", product=shopify.MUG)]
SEEN = [source("html/stockbell.html"), *SHOPIFY, "".join(SHOPIFY)]
BY_SCRIPT = [
    source("bigcommerce/script-manager.html"),
    json.loads(source("bigcommerce/script-tag.json"))["html"],
    f'<script async src="{json.loads(source("bigcommerce/script.json"))["src"].replace("&", "&amp;")}"></script>',
    wix(),
]


@pytest.mark.parametrize("html", SEEN)
def test_script_of_a_snippet_is_found(html: str) -> None:
    assert told(html) == [True]


@pytest.mark.parametrize("html", BY_SCRIPT)
def test_script_that_a_snippet_puts_in_cannot_be_told(html: str) -> None:
    assert told(html) == [None]


@pytest.mark.parametrize("html", SEEN + BY_SCRIPT)
def test_snippet_of_another_shop_does_not_count(html: str) -> None:
    for other in (Target(TARGET.host, "another"), Target("https://elsewhere.example", TARGET.key)):
        assert set(told(html, other)) == {False}
