from pathlib import Path

import pytest

from integrations import platform_adapter
from integrations.base import Capabilities
from integrations.errors import NotSupportedError, PayloadError, SignatureError
from integrations.http import HTTPClient
from integrations.platforms.custom.adapter import CustomAdapter
from integrations.types import ShopConnection
from tests.platforms.custom import DemoShop, create_shop_app, serve
from tests.site import Site

FEED = '[{"id": "a", "link": "https://shop.example/a", "inventory_quantity": 2}]'


def adapter(feed: str, http: HTTPClient) -> CustomAdapter:
    return CustomAdapter(ShopConnection("1", "https://shop.example", feed), http)


def test_is_registered() -> None:
    assert platform_adapter("custom") is CustomAdapter


def test_is_told_by_webhooks_and_cannot_be_asked(http: HTTPClient) -> None:
    assert CustomAdapter.capabilities == Capabilities(webhooks=True)
    with pytest.raises(NotSupportedError):
        adapter("", http).read_inventory(["1"])
    with pytest.raises(SignatureError):
        adapter("", http).verify_webhook({}, b"")


@pytest.mark.parametrize("path", ["/feed.json", "/feed.xml"])
def test_reads_the_demo_shop_twice_and_notices_no_change(path: str, http: HTTPClient) -> None:
    shop = DemoShop()
    with serve(create_shop_app("http://127.0.0.1:8000", "K", shop)) as origin:
        custom = adapter(origin + path, http)

        with custom.read_catalog() as first:
            variants = {variant.variant_id: variant for variant in first}
        with custom.read_catalog(first.bookmark) as again:
            assert (again.unchanged, list(again)) == (True, [])
        shop.set_quantity("710101", 20)
        with custom.read_catalog(again.bookmark) as changed:
            assert not changed.unchanged
            later = {variant.variant_id: variant for variant in changed}

    assert first.report.problems == {}
    assert len(variants) == sum(len(product.variants) for product in shop.products)
    assert variants["710101"].available == 0
    assert later["710101"].available in {20, None}
    assert (variants["710101"].price, variants["710101"].currency) == ("24.00", "EUR")
    assert variants["710101"].product_id == "7101"


def test_reads_a_file(tmp_path: Path, http: HTTPClient) -> None:
    path = tmp_path / "feed.txt"
    path.write_text(FEED)

    with adapter(str(path), http).read_catalog() as reading:
        assert [variant.variant_id for variant in reading] == ["a"]

    with adapter(str(path), http).read_catalog(reading.bookmark) as again:
        assert again.unchanged


def test_content_decides_not_name_or_type(site: Site, http: HTTPClient) -> None:
    address = site.answer("/feed.csv", body=FEED.encode(), Content_Type="text/html")

    with adapter(address, http).read_catalog() as reading:
        assert len(list(reading)) == 1


def test_broken_feed_breaks_the_iteration(site: Site, http: HTTPClient) -> None:
    with adapter(site.answer("/", body=FEED.encode()[:-5]), http).read_catalog() as reading:
        assert reading.complete
        with pytest.raises(PayloadError):
            list(reading)


def test_closing_early_is_fine(site: Site, http: HTTPClient) -> None:
    reading = adapter(site.answer("/", body=FEED.encode()), http).read_catalog()
    next(iter(reading))

    reading.close()
    reading.close()


def test_snippet_is_ready_to_paste(http: HTTPClient) -> None:
    snippet = adapter("", http).install_snippet("https://bell.example", '"<>&')

    assert not snippet.installed
    assert snippet.instructions == (
        '<script src="https://bell.example/s/&quot;&lt;&gt;&amp;.js" async></script>\n'
        '<stockbell-notify product-id="PRODUCT_ID" variant-id="VARIANT_ID"></stockbell-notify>'
    )
