"""What holds for every format."""

import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import PayloadError
from integrations.types import CatalogVariant
from tests.integrations.platforms.custom.feeds.reading import (
    FORMATS,
    Product,
    as_csv,
    as_json,
    as_rss,
    open_reading,
    read_feed,
)

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Co", "Cn")), max_size=40)
PRODUCT = st.fixed_dictionaries(
    {
        "id": TEXT.map(str.strip).filter(bool),
        "title": TEXT,
        "link": st.integers(0).map("https://shop.example/p/{}?a=1&b=2".format),
    },
    optional={
        "item_group_id": TEXT,
        "image_link": st.just("https://shop.example/i.png"),
        "price": st.decimals(0, 99999, places=2).map("{} EUR".format),
        "categories": st.lists(TEXT.filter(lambda name: "," not in name), max_size=3).map(",".join),
        "inventory_quantity": st.integers(-5, 10**12).map(str),
        "availability": st.sampled_from(["in_stock", "out of stock", "preorder", "soon"]),
        "variant_title": TEXT,
    },
)


@given(st.lists(PRODUCT, min_size=1, max_size=5))
def test_one_catalog_reads_the_same_in_every_format(products: list[Product]) -> None:
    readings = [read_feed(write(products)) for write in FORMATS.values()]

    first_variants, first_report = readings[0]
    assert len(first_variants) == len(products)
    for variants, report in readings[1:]:
        assert variants == first_variants
        assert report.counts() == first_report.counts()


CATALOG = [
    {"id": f"sku-{number}", "title": 'Größe "M", 日本', "link": f"https://shop.example/{number}", "price": "5 EUR",
     "inventory_quantity": str(number)}
    for number in range(3)
]  # fmt: skip


@pytest.mark.parametrize("name", ["json", "klaviyo xml", "rss", "atom"])
def test_cut_at_any_byte_is_never_a_whole_catalog(name: str) -> None:
    whole = FORMATS[name](CATALOG).encode().rstrip()

    assert len(read_feed(whole)[0]) == 3
    for end in range(len(whole)):
        with pytest.raises(PayloadError):
            read_feed(whole[:end])


@pytest.mark.parametrize("name", ["csv", "tsv"])
def test_table_cut_inside_a_row_is_never_a_whole_catalog(name: str) -> None:
    whole = FORMATS[name](CATALOG).encode()
    last_row = whole.rindex(b"\n", 0, -1) + 1
    last_column = max(whole.rindex(b","), whole.rindex(b"\t") if b"\t" in whole else 0)

    for end in range(last_row + 1, last_column):
        with pytest.raises(PayloadError) as caught:
            read_feed(whole[:end])
        assert caught.value.reason in {"cut_off", "bad_encoding"}


@given(st.binary(max_size=200), st.sampled_from(["json", "rss", "csv", "klaviyo xml"]), st.integers(0, 2000))
def test_damage_never_gives_anything_but_a_payload_error(junk: bytes, name: str, at: int) -> None:
    whole = FORMATS[name](CATALOG).encode()
    at %= len(whole)

    try:
        variants, _ = read_feed(whole[:at] + junk + whole[at + len(junk) :])
    except PayloadError:
        return
    assert all(isinstance(variant, CatalogVariant) for variant in variants)


@given(st.binary(max_size=500))
def test_any_bytes_at_all_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(PayloadError):
        read_feed(data)


@pytest.mark.parametrize(
    ("feed", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\t ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (gzip.compress(b"", mtime=0), "empty"),
        (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "web_page"),
        (b"\n<html><head>", "web_page"),
        (b"Service temporarily unavailable", "unknown_format"),
        (b"PK\x03\x04...", "unknown_format"),
        (b"[]", "no_products"),
        (b" [ ] ", "no_products"),
        (b"<Products></Products>", "no_products"),
        (b"<rss><channel><title>Shop</title></channel></rss>", "no_products"),
        (b"id,link\n", "no_products"),
        (b"id,link", "no_products"),
        (b'[{"title": "no id"}]', "no_products"),
        (b'{"error": "not found"}', "unreadable"),
        (b'<?xml version="1.0"?><error>not found</error>', "unknown_format"),
    ],
)
def test_what_is_no_catalog_is_refused(feed: bytes, reason: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_feed(feed)

    assert caught.value.reason == reason


def test_feed_without_one_usable_product_says_why() -> None:
    with pytest.raises(PayloadError, match="None of the feed's 2 products can be used"):
        read_feed(as_json([{"id": "a"}, {"id": "b"}]))


@pytest.mark.parametrize("write", [as_json, as_csv, as_rss])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(write: object, encoding: str) -> None:
    text = write(CATALOG).replace('<?xml version="1.0" encoding="UTF-8"?>', "")  # type: ignore[operator]

    assert read_feed(text.encode(encoding)) == read_feed(text)


@pytest.mark.parametrize("write", [as_json, as_csv, as_rss])
def test_invalid_utf_8_names_the_byte(write: object) -> None:
    text = write([{**CATALOG[0], "title": "GrX"}, *CATALOG]).encode()  # type: ignore[operator]
    at = text.index(b"X")

    with pytest.raises(PayloadError, match=f"Byte {at + 1:,} of the feed") as caught:
        read_feed(text.replace(b"X", b"\xfc"))

    assert caught.value.reason == "bad_encoding"


def test_invalid_utf_8_far_inside_names_the_byte_and_the_row() -> None:
    rows = b"".join(b"%d,https://shop.example/%d\n" % (number, number) for number in range(20_000))
    feed = b"id,link\n" + rows + b"x\xffy,https://shop.example/\n"

    with pytest.raises(PayloadError) as caught:
        read_feed(feed)

    assert f"Byte {feed.index(0xFF) + 1:,} of the feed" in str(caught.value)
    assert "(after row 19," in str(caught.value) or "(after row 20," in str(caught.value)


@pytest.mark.parametrize("layers", [1, 2])
def test_gzip_is_recognised(layers: int) -> None:
    data = as_json(CATALOG).encode()
    for _ in range(layers):
        data = gzip.compress(data)

    assert len(read_feed(data)[0]) == 3


def test_cut_off_gzip_is_refused() -> None:
    with pytest.raises(PayloadError) as caught:
        read_feed(gzip.compress(as_json(CATALOG * 1000).encode())[:-20])

    assert caught.value.reason in {"cut_off", "bad_gzip"}


@pytest.mark.parametrize("name", FORMATS)
def test_memory_stays_flat(name: str) -> None:
    products = [
        {"id": f"{number}", "title": "x" * 100, "link": f"https://shop.example/{number}", "price": f"{number} EUR"}
        for number in range(5_000)
    ]
    data = FORMATS[name](products).encode()
    del products
    tracemalloc.start()

    with open_reading(data) as reading:
        read = sum(1 for _ in reading)

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read == 5_000
    # The prices that are remembered, two windows of text; the whole catalog would be more.
    assert peak < 4_000_000


def test_duplicates_are_handed_on_for_the_store_to_decide() -> None:
    variants, report = read_feed(json.dumps([{"id": "a", "link": "https://shop.example/"}] * 2))

    assert [variant.variant_id for variant in variants] == ["a", "a"]
    assert "duplicate_id" not in report.problems


def test_rows_are_counted_with_the_skipped_ones() -> None:
    _, report = read_feed(as_json([*CATALOG, {"id": "x"}, {"title": "y"}, {"id": "z"}]))

    assert (report.rows, report.skipped) == (6, 3)
    assert report.counts() == {"bad_link": 2, "missing_id": 1}
    assert (report.problems["bad_link"].first_row, report.problems["bad_link"].first_id) == (4, "x")
