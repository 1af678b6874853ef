"""The catalog is the file that Shopify prepares, in whatever order; what is not whole is not taken for it."""

import gzip
import json
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from integrations.base import CatalogReading
from integrations.errors import IntegrationError, NotReadyError, PayloadError, RejectedError, UnreachableError
from integrations.http import HTTPClient
from integrations.platforms.shopify.adapter import ShopifyAdapter
from integrations.platforms.shopify.catalog import FAILURE_STANDS, STALE, BulkFile, BulkReading
from integrations.platforms.shopify.documents import RUN_BULK
from integrations.types import SOLD_ANYWAY, CatalogBookmark, CatalogVariant, InventoryLevel
from tests.platforms.shopify import Shopify, SimulatedShop

OTHER_QUERY = "{ productVariants { edges { node { id } } } }"
ASKED_AT = datetime(2026, 11, 25, 12, tzinfo=UTC)


def prepared(adapter: ShopifyAdapter, bookmark: CatalogBookmark | None = None) -> CatalogReading:
    """The second try, when the file is there."""
    with pytest.raises(NotReadyError):
        adapter.read_catalog(bookmark)
    return adapter.read_catalog(bookmark)


def read(reading: CatalogReading) -> tuple[dict[str, CatalogVariant], dict[str, list[InventoryLevel]]]:
    """All that it tells: variants and their levels, by the variant's id."""
    with reading:
        variants = list(reading)
        levels: dict[str, list[InventoryLevel]] = {}
        last = ""
        for level in reading.levels():
            assert level.variant_id == last or level.variant_id not in levels, "levels of a variant stand in a row"
            last = level.variant_id
            levels.setdefault(last, []).append(level)
    found = {each.variant_id: each for each in variants}
    assert len(found) == len(variants)
    return found, levels


def by_location(levels: list[InventoryLevel]) -> dict[str | None, int | None]:
    return {each.location_id: each.available for each in levels}


def test_the_catalog_is_prepared_first_and_then_told_with_its_facts(
    adapter: ShopifyAdapter, shop: SimulatedShop
) -> None:
    mug = shop.catalog.add_product(
        "Mug", [{"title": "Blue / L", "price": "24.00"}, {"title": "Red / L"}], tags=("clay", "new"), image="/mug.jpg"
    )
    vase = shop.catalog.add_product("Vase")
    draft = shop.catalog.add_product("Secret", status="DRAFT")
    blue, (plain,), (hidden,) = mug.variant_ids[0], vase.variant_ids, draft.variant_ids

    with pytest.raises(NotReadyError) as told:
        adapter.read_catalog()
    reading = adapter.read_catalog()
    variants, _ = read(reading)

    assert told.value.retry_after_seconds
    assert (reading.complete, reading.report.rows, len(variants)) == (True, 4, 4)
    assert blue > 2**53
    assert variants[str(blue)] == CatalogVariant(
        variant_id=str(blue),
        product_id=str(mug.id),
        product_title="Mug",
        variant_title="Blue / L",
        url=f"{shop.storefront}/products/mug?variant={blue}",
        image_url=f"{shop.storefront}/mug.jpg",
        price="24.00",
        currency="",
        collections=("clay", "new"),
        available=0,
        stock_known=False,
    )
    assert (variants[str(plain)].variant_title, variants[str(plain)].image_url) == ("", "")
    assert variants[str(hidden)].url == ""
    assert len(shop.operations) == 1


def test_stock_comes_with_the_file_as_it_was_when_it_was_asked_for(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    warehouse, attic = (str(shop.catalog.add_location(name).id) for name in ("Warehouse", "Attic"))
    street = shop.catalog.add_location("Long Lane", fulfills_online_orders=False).id
    levels = {int(warehouse): 0, int(attic): -2, street: 9}
    mug = shop.catalog.add_product("Mug", [{"levels": levels}, {"levels": levels, "policy": "CONTINUE"}])
    gift = shop.catalog.add_product("Gift", [{"tracked": False}])
    draft = shop.catalog.add_product("Secret", [{"levels": levels}], status="DRAFT")
    sold_out, sold_anyway, untracked, hidden = map(str, mug.variant_ids + gift.variant_ids + draft.variant_ids)
    asked_at = int(shopify.now)

    _, told = read(prepared(adapter))

    assert by_location(told[sold_out]) == {None: 0, warehouse: 0, attic: -2}
    assert by_location(told[sold_anyway]) == {None: 0, SOLD_ANYWAY: None, warehouse: 0, attic: -2}
    assert by_location(told[untracked]) == {None: None}
    assert by_location(told[hidden]) == {None: 0}
    assert all(each[0].location_id is None for each in told.values()), "the total replaces what was known"
    assert {level.updated_at for each in told.values() for level in each} == {datetime.fromtimestamp(asked_at, UTC)}


@pytest.mark.parametrize("order", ["scattered", "children_first"])
def test_the_order_of_the_lines_does_not_matter(adapter: ShopifyAdapter, shop: SimulatedShop, order: str) -> None:
    shop.catalog.fill(40, 3, locations=3)
    first = prepared(adapter)
    variants, levels = read(first)
    shop.bulk_order = order

    again, levels_again = read(prepared(adapter, first.bookmark))

    assert again == variants
    stock = {each: by_location(told) for each, told in levels.items()}
    assert {each: by_location(told) for each, told in levels_again.items()} == stock
    assert len(stock) == 120
    assert all(len(each) == 4 for each in stock.values())


def test_an_empty_shop_has_an_empty_catalog(adapter: ShopifyAdapter) -> None:
    reading = prepared(adapter)

    assert read(reading) == ({}, {})
    assert reading.complete


def test_while_shopify_works_nothing_more_is_asked_for(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shop.catalog.fill(1, 1)
    shop.bulk_seconds = 30

    for _ in range(3):
        with pytest.raises(NotReadyError):
            adapter.read_catalog()
    assert len(shop.operations) == 1
    shopify.now += 31
    assert len(read(adapter.read_catalog())[0]) == 1


def test_a_file_is_read_once(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.catalog.fill(1, 1)
    first = prepared(adapter)
    read(first)

    second = prepared(adapter, first.bookmark)

    assert len(shop.operations) == 2
    assert second.bookmark != first.bookmark
    read(second)


def test_an_old_file_is_not_read(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    read(prepared(adapter))
    assert shop.operations[0].completed_at
    shop.operations[0].completed_at -= STALE.total_seconds() + 1

    read(prepared(adapter))

    assert len(shop.operations) == 2


def test_an_address_that_has_expired_is_an_error_until_the_file_is_old(
    adapter: ShopifyAdapter, shop: SimulatedShop
) -> None:
    shop.catalog.fill(1, 1)
    shop.bulk_url_expired = True
    reading = prepared(adapter)

    with pytest.raises(IntegrationError), reading:
        next(iter(reading))
    assert shop.operations[0].completed_at
    shop.operations[0].completed_at -= STALE.total_seconds() + 1
    shop.bulk_url_expired = False
    assert len(read(prepared(adapter))[0]) == 1
    assert len(shop.operations) == 2


def test_a_file_that_breaks_off_is_not_the_catalog(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.catalog.fill(50, 2)
    shop.bulk_breaks_after_bytes = 10_000
    reading = prepared(adapter)

    with pytest.raises(UnreachableError), reading:
        list(reading)

    shop.bulk_breaks_after_bytes = None
    assert len(read(adapter.read_catalog())[0]) == 100


def test_what_there_is_of_a_failed_file_counts_but_not_as_the_whole_and_not_as_stock(
    adapter: ShopifyAdapter, shop: SimulatedShop
) -> None:
    shop.catalog.fill(10, 2, locations=2)
    shop.bulk_fails_after = 7  # of two variants there is everything, of a third the first level

    reading = prepared(adapter)
    variants, levels = read(reading)

    assert not reading.complete
    assert len(variants) == 3
    assert levels == {}, "what the file leaves out is not sold out"
    shop.bulk_fails_after = None
    again = prepared(adapter, reading.bookmark)
    assert len(read(again)[0]) == 20
    assert again.complete


def test_a_failed_file_may_end_anywhere() -> None:
    whole, cut = row(1), row(2)[:40]

    assert list(read(reading_of(whole + b"\n" + cut, complete=False))[0]) == ["1"]
    with pytest.raises(PayloadError):
        read(reading_of(whole + b"\n" + cut))


@pytest.mark.parametrize("denied", [False, True])
def test_a_failure_stands_for_a_while_and_then_the_file_is_asked_for_anew(
    adapter: ShopifyAdapter, shop: SimulatedShop, denied: bool
) -> None:
    shop.catalog.fill(1, 1)
    scopes = shop.scopes
    if denied:
        shop.scopes = scopes - {"read_inventory"}
    else:
        shop.bulk_fails_after = 0

    for _ in range(2):
        with pytest.raises(RejectedError, match="access_denied" if denied else "timeout") as refused:
            prepared(adapter) if not shop.operations else adapter.read_catalog()
        assert refused.value.reason == "bulk_failed"
    assert len(shop.operations) == 1

    shop.scopes, shop.bulk_fails_after = scopes, None
    assert shop.operations[0].completed_at
    shop.operations[0].completed_at -= FAILURE_STANDS.total_seconds() + 1
    assert len(read(prepared(adapter))[0]) == 1


def test_when_other_programs_have_files_prepared_we_wait(
    adapter: ShopifyAdapter, shopify: Shopify, shop: SimulatedShop
) -> None:
    shop.catalog.fill(1, 1)
    shop.bulk_seconds = 60
    for _ in range(5):
        adapter.api.execute(RUN_BULK, {"query": OTHER_QUERY})

    with pytest.raises(NotReadyError):
        adapter.read_catalog()
    assert [each.query for each in shop.operations] == [OTHER_QUERY] * 5

    shopify.now += 61
    shop.bulk_seconds = 0
    assert len(read(prepared(adapter))[0]) == 1


def test_files_of_other_programs_are_not_read(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    shop.catalog.fill(1, 1)
    adapter.api.execute(RUN_BULK, {"query": OTHER_QUERY})
    with pytest.raises(NotReadyError):
        adapter.read_catalog()
    adapter.api.execute(RUN_BULK, {"query": OTHER_QUERY})

    reading = adapter.read_catalog()

    assert reading.bookmark.etag == f"gid://shopify/BulkOperation/{shop.operations[1].id}"
    assert len(read(reading)[0]) == 1


def row(number: int, *, item: int = 0, **changes: Any) -> bytes:
    """A variant's line as Shopify writes it, with escaped slashes."""
    facts = {
        "id": f"gid://shopify/ProductVariant/{number}",
        "title": "Blue",
        "price": "24.00",
        "inventoryPolicy": "DENY",
        "image": None,
        "inventoryItem": {"id": f"gid://shopify/InventoryItem/{item or number + 1000}", "tracked": True},
        "product": {
            "id": "gid://shopify/Product/7",
            "title": "Mug",
            "status": "ACTIVE",
            "onlineStoreUrl": "https://fern.example/products/mug",
            "tags": [],
            "featuredMedia": {"preview": {"image": {"url": "https://cdn.example/mug.jpg"}}},
        },
        **changes,
    }
    return json.dumps(facts).replace("/", "\\/").encode()


def level_row(item: int, location: int, available: Any) -> bytes:
    place = {"id": f"gid://shopify/Location/{location}", "isActive": True, "fulfillsOnlineOrders": True}
    facts = {
        "id": f"gid://shopify/InventoryLevel/{location}?inventory_item_id={item}",
        "isActive": True,
        "location": place,
        "quantities": [{"name": "available", "quantity": available}],
        "__parentId": "gid://shopify/ProductVariant/1",
    }
    return json.dumps(facts).encode()


def reading_of(content: bytes | Iterator[bytes], *, complete: bool = True, **headers: str) -> CatalogReading:
    """A reading of a file with this content."""
    blocks = iter([content]) if isinstance(content, bytes) else content
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=blocks, headers=headers))
    return BulkReading(HTTPClient(transport=transport), BulkFile("1", ASKED_AT, "https://x.example/f", complete))


def test_a_variants_own_picture_comes_before_its_products() -> None:
    own = {"url": "https://cdn.example/blue.jpg"}
    product = json.loads(row(3))["product"] | {"featuredMedia": {"preview": None}}

    variants, _ = read(reading_of(b"\n".join([row(1, image=own), row(2), row(3, product=product)])))

    pictures = [variants[each].image_url for each in ("1", "2", "3")]
    assert pictures == ["https://cdn.example/blue.jpg", "https://cdn.example/mug.jpg", ""]


def test_a_file_may_be_packed() -> None:
    lines = b"\n\n".join(row(number) for number in range(500))
    packed = gzip.compress(lines)

    assert len(read(reading_of(packed, **{"content-encoding": "gzip"}))[0]) == 500
    for broken in (packed[:-20], packed[:50] + b"x" * 50 + packed[100:]):
        with pytest.raises(PayloadError):
            read(reading_of(broken, **{"content-encoding": "gzip"}))


def test_two_variants_of_one_stock_item_both_have_its_stock() -> None:
    lines = [row(1, item=42), level_row(42, 9, 3), row(2, item=42)]

    _, levels = read(reading_of(b"\n".join(lines)))

    assert {each: by_location(told) for each, told in levels.items()} == {
        "1": {None: 0, "9": 3},
        "2": {None: 0, "9": 3},
    }


def test_titles_are_one_line_that_a_database_can_hold() -> None:
    product = json.loads(row(1))["product"] | {"title": "Mug\r\nBcc: a@b.example", "tags": ["a\0b"]}

    variants, _ = read(reading_of(row(1, product=product, title="Blue\0\ud800 \u00e9\U0001f3fa")))

    assert variants["1"].product_title == "Mug Bcc: a@b.example"
    assert variants["1"].variant_title == "Blue  \u00e9\U0001f3fa"
    assert variants["1"].collections == ("a b",)


WRONG_LINES = {
    "no JSON": b"<html>",
    "cut": row(1)[:-5],
    "not UTF-8": b'{"id": "\xff"}',
    "a list": b"[]",
    "a number": b"1",
    "nothing that was asked for": b'{"id": "gid://shopify/Product/1"}',
    "no id": row(1).replace(b'"id"', b'"no"'),
    "an id that is none": row(1, id="1"),
    "another id of the stock item": row(1, inventoryItem={"id": 5, "tracked": True}),
    "no product": row(1, product=None),
    "no title": row(1, title=None),
    "a product without facts": row(1, product={"id": "gid://shopify/Product/7"}),
    "a level of nothing": b'{"id": "gid://shopify/InventoryLevel/9"}',
    "a level without number": row(1, item=42) + b"\n" + level_row(42, 9, None),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("line", WRONG_LINES.values(), ids=WRONG_LINES)
def test_what_is_no_line_of_a_catalog_is_an_error(line: bytes) -> None:
    with pytest.raises(PayloadError):
        read(reading_of(row(5) + b"\n" + line + b"\n"))


def test_nothing_stays_in_the_folder_for_temporary_files(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, adapter: ShopifyAdapter, shop: SimulatedShop
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    shop.catalog.fill(1, 1)
    reading = prepared(adapter)

    with reading:
        list(reading)
        assert list(tmp_path.glob("stockbell-bulk-*"))
    assert not list(tmp_path.glob("stockbell-bulk-*"))


def test_memory_stays_flat() -> None:
    pair = (row(777, item=777) + b"\n" + level_row(777, 9, 1) + b"\n").replace(b"777", b"%(id)d")

    def lines() -> Iterator[bytes]:
        for number in range(0, 5_000, 100):
            yield b"".join(pair % {b"id": each} for each in range(number, number + 100))

    tracemalloc.start()
    with reading_of(lines()) as reading:
        count = sum(1 for _ in reading), sum(1 for _ in reading.levels())
        _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert count == (5_000, 10_000)
    assert peak < 3e6  # all at once would take some 20 MB


def test_single_products_are_told_with_all_their_variants(adapter: ShopifyAdapter, shop: SimulatedShop) -> None:
    large = shop.catalog.add_product("Paint", [{"title": f"Tone {each}"} for each in range(205)], image="/paint.jpg")
    small = shop.catalog.add_product("Brush")
    shop.catalog.add_product("Unasked")

    told = list(adapter.read_products([str(large.id), "1", str(small.id)]))

    assert [each.variant_id for each in told] == [str(each) for each in large.variant_ids + small.variant_ids]
    assert told[0] == read(prepared(adapter))[0][told[0].variant_id]
    assert list(adapter.read_products([])) == []
