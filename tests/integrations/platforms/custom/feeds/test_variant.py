"""What becomes of a row's values."""

import json
from typing import Any

import pytest

from integrations.platforms.custom.feeds.row import FIELDS
from integrations.platforms.custom.feeds.variant import REMEMBERED_MAX, VariantBuilder
from integrations.types import CatalogReport
from tests.integrations.platforms.custom.feeds.reading import read_feed, read_item


@pytest.mark.parametrize(
    ("value", "variant_id"),
    [("a", "a"), (" a b ", "a b"), ("日本", "日本"), (9007199254740993, "9007199254740993"), (10**30, "1" + "0" * 30),
     (0, "0"), (-1, "-1"), ("x" * 255, "x" * 255), ("1e3", "1e3"), ("1.5", "1.5"), ("'; DROP TABLE", "'; DROP TABLE"),
     ("\u200d👩\u200d🚀", "\u200d👩\u200d🚀")],
)  # fmt: skip
def test_id_is_kept_as_text(value: Any, variant_id: str) -> None:
    variant, report = read_item(id=value)

    assert variant is not None
    assert (variant.variant_id, variant.product_id) == (variant_id, variant_id)
    assert report.skipped == 0


@pytest.mark.parametrize(
    "value",
    ["x" * 256, "a\0b", "a\nb", "a\x1bb", "a\x85b", "\ud800", 1.5, 1e3, True, False, ["a"], {"a": 1}, "4.71234E+13"],
)
def test_bad_id_is_skipped(value: Any) -> None:
    variant, report = read_item(id=value)

    assert variant is None
    assert report.skipped == 1
    assert set(report.problems) <= {"bad_id", "missing_id"}
    assert report.problems[next(iter(report.problems))].first_row == 1


@pytest.mark.parametrize("value", [None, "", "  "])
def test_missing_id_is_skipped(value: Any) -> None:
    variant, report = read_item(id=value)

    assert variant is None
    assert sum(report.counts()[code] for code in ("missing_id", "bad_id")) == 1


@pytest.mark.parametrize("text", ["1e3", "1E400", "1.0", "NaN", "-Infinity"])
def test_json_number_that_is_not_whole_is_no_id(text: str) -> None:
    variants, report = read_feed(
        f'[{{"id": {text}, "link": "https://shop.example/"}}, {{"id": "b", "link": "https://shop.example/"}}]'
    )

    assert [variant.variant_id for variant in variants] == ["b"]
    assert report.problems["bad_id"].first_id == text


@pytest.mark.parametrize(
    ("value", "title"),
    [("Coat", "Coat"), (" Coat\r\n  M ", "Coat M"), ("a\0b", "a b"), ("x" * 501, "x" * 500), (42, "42"), (1.50, "1.5"),
     (None, "a"), ("", "a"), ("\n", "a"), (["x"], "a"), ("\ud800!", "!"), ("e\u0301", "e\u0301")],
)  # fmt: skip
def test_title_is_one_clean_line(value: Any, title: str) -> None:
    variant, _ = read_item(title=value)

    assert variant is not None
    assert variant.product_title == title


@pytest.mark.parametrize(
    ("value", "url"),
    [
        ("https://shop.example/a", "https://shop.example/a"),
        ("http://127.0.0.1:8001/a?b=c#d", "http://127.0.0.1:8001/a?b=c#d"),
        (" https://shop.example/a\n", "https://shop.example/a"),
        ("HTTPS://shop.example/A b", "https://shop.example/A%20b"),
        ("https://shop.example/größe", "https://shop.example/größe"),
        ("https://s.example/" + "x" * 2030, "https://s.example/" + "x" * 2030),
    ],
)
def test_link_is_kept(value: Any, url: str) -> None:
    variant, _ = read_item(link=value)

    assert variant is not None
    assert variant.url == url


NOT_WEB = [None, "", "shop.example/a", "/a", "javascript:alert(1)", "data:text/html,x", "ftp://shop.example/", 5, ["x"],
           "https://", "https:///a", "http://", "http:///a", "https://?", "https://\0/", "https://a/\nb", "https://a/\ud800",
           "https://s.example/" + "x" * 2031]  # fmt: skip


@pytest.mark.parametrize("value", NOT_WEB)
def test_row_without_usable_link_is_skipped(value: Any) -> None:
    variant, report = read_item(link=value)

    assert variant is None
    assert report.counts()["bad_link"] == 1


@pytest.mark.parametrize("value", [value for value in NOT_WEB if value])
def test_bad_picture_is_left_out(value: Any) -> None:
    variant, report = read_item(image_link=value)

    assert variant is not None
    assert variant.image_url == ""
    assert report.counts()["bad_image"] == 1
    assert report.skipped == 0


@pytest.mark.parametrize(
    ("fields", "product_id"),
    [
        ({}, "a"),
        ({"product_id": "p"}, "p"),
        ({"item_group_id": "g"}, "g"),
        ({"product_id": 12345678901234567890}, "12345678901234567890"),
        ({"product_id": ""}, "a"),
        ({"product_id": "x" * 256}, "a"),
        ({"product_id": 1.5}, "a"),
    ],
)
def test_product_id(fields: dict[str, Any], product_id: str) -> None:
    variant, _ = read_item(**fields)

    assert variant is not None
    assert variant.product_id == product_id


@pytest.mark.parametrize(
    ("fields", "price", "currency"),
    [
        ({"price": "19.99 USD"}, "19.99", "USD"),
        ({"price": 10}, "10", ""),
        ({"price": 89.5}, "89.5", ""),
        ({"price": "10", "currency": "eur"}, "10", "EUR"),
        ({"price": "10 usd", "currency": "EUR"}, "10", "USD"),
        ({"price": "10", "currency": "euros"}, "10", ""),
        ({"price": "19.99 USD", "sale_price": "15.00 USD"}, "15.00", "USD"),
        ({"price": "19.99 USD", "sale_price": ""}, "19.99", "USD"),
        ({"price": "19.99 USD", "sale_price": None}, "19.99", "USD"),
        ({"price": ""}, "", ""),
        ({"price": 0}, "0", ""),
    ],
)
def test_price(fields: dict[str, Any], price: str, currency: str) -> None:
    variant, report = read_item(**fields)

    assert variant is not None
    assert (variant.price, variant.currency) == (price, currency)
    assert "bad_price" not in report.problems


@pytest.mark.parametrize("value", ["free", "-5", "1.2.3", "NaN", True, [1], {}, "19.99 DOLLARS", "9" * 30, "1e5", "\0"])
def test_bad_price_is_left_out(value: Any) -> None:
    variant, report = read_item(price=value)

    assert variant is not None
    assert (variant.price, variant.currency) == ("", "")
    assert report.counts()["bad_price"] == 1


def test_bad_sale_price_gives_way_to_the_price() -> None:
    variant, report = read_item(price="5 EUR", sale_price="sale!")

    assert variant is not None
    assert variant.price == "5"
    assert report.counts()["bad_price"] == 1


@pytest.mark.parametrize(
    ("fields", "available"),
    [
        ({"inventory_quantity": 5}, 5),
        ({"inventory_quantity": "5"}, 5),
        ({"inventory_quantity": " 5 "}, 5),
        ({"inventory_quantity": 0}, 0),
        ({"inventory_quantity": -3}, -3),
        ({"inventory_quantity": "-3"}, -3),
        ({"inventory_quantity": "3.0"}, 3),
        ({"inventory_quantity": 2.7}, 2),
        ({"inventory_quantity": "-0.5"}, -1),
        ({"inventory_quantity": 10**30}, 2**31 - 1),
        ({"inventory_quantity": -(10**30)}, -(2**31)),
        ({"inventory_quantity": "9" * 500}, 2**31 - 1),
        ({"quantity": "4"}, 4),
        ({"sell_on_google_quantity": "7", "availability": "preorder"}, 7),
        ({"quantity_to_sell_on_facebook": "2"}, 2),
        ({"inventory_quantity": 0, "availability": "in_stock"}, 0),
        ({"inventory_quantity": 9, "availability": "out_of_stock"}, 0),
        ({"inventory_quantity": 9, "availability": "discontinued"}, 0),
        ({"inventory_quantity": 9, "availability": "who knows"}, 9),
        ({"availability": "in_stock"}, None),
        ({"availability": "in stock"}, None),
        ({"availability": "limited"}, None),
        ({"availability": "LIMITED_AVAILABILITY"}, None),
        ({"availability": "preorder"}, None),
        ({"availability": "backorder"}, None),
        ({"availability": "available for order"}, None),
        ({"availability": "out of stock"}, 0),
        ({"availability": "OUT_OF_STOCK"}, 0),
        ({"availability": "discontinued"}, 0),
        ({"availability": "mark_as_sold"}, 0),
        ({"availability": "InStoreOnly"}, 0),
        ({"availability": "https://schema.org/InStock"}, None),
        ({"availability": "http://schema.org/SoldOut"}, 0),
        ({"inventory_quantity": "", "availability": "in_stock"}, None),
        ({"inventory_quantity": 0, "inventory_policy": 2}, 0),
        ({"inventory_quantity": 5, "inventory_policy": 1}, 5),
    ],
)
def test_stock(fields: dict[str, Any], available: int | None) -> None:
    variant, report = read_item(**fields)

    assert variant is not None
    assert (variant.available, variant.stock_known) == (available, True)
    assert report.problems == {}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "no_stock"),
        ({"inventory_quantity": None}, "no_stock"),
        ({"inventory_quantity": ""}, "no_stock"),
        ({"availability": "pending"}, "no_stock"),
        ({"availability": "soon"}, "no_stock"),
        ({"availability": ["in_stock"]}, "no_stock"),
        ({"inventory_quantity": "many"}, "bad_quantity"),
        ({"inventory_quantity": "1e3"}, "bad_quantity"),
        ({"inventory_quantity": "1_000"}, "bad_quantity"),
        ({"inventory_quantity": "٣"}, "bad_quantity"),
        ({"inventory_quantity": "NaN"}, "bad_quantity"),
        ({"inventory_quantity": True}, "bad_quantity"),
        ({"inventory_quantity": [5]}, "bad_quantity"),
        ({"inventory_quantity": {}, "availability": "in_stock"}, "bad_quantity"),
    ],
)
def test_unclear_stock_is_not_known(fields: dict[str, Any], problem: str) -> None:
    variant, report = read_item(**fields)

    assert variant is not None
    assert (variant.available, variant.stock_known) == (None, False)
    assert report.counts() == {problem: 1}


def test_true_is_not_taken_for_a_remembered_one() -> None:
    variants, _ = read_feed(
        '[{"id": "a", "link": "https://s.example/", "inventory_quantity": 1, "price": 1},'
        ' {"id": "b", "link": "https://s.example/", "inventory_quantity": true, "price": true}]'
    )

    assert [(variant.stock_known, variant.price) for variant in variants] == [(True, "1"), (False, "")]


@pytest.mark.parametrize(
    ("fields", "collections"),
    [
        ({"categories": ["Coats", "Sale"]}, ("Coats", "Sale")),
        ({"categories": "Coats, Sale ,Coats,"}, ("Coats", "Sale")),
        ({"categories": []}, ()),
        ({"categories": {"a": 1}}, ()),
        ({"categories": [None, 5, ["x"], "Coats"]}, ("5", "Coats")),
        ({"categories": ["x" * 300]}, ("x" * 255,)),
        ({"product_type": "Home, Garden > Tools"}, ("Home, Garden > Tools",)),
        ({"categories": "Coats", "product_type": "Other"}, ("Coats",)),
    ],
)
def test_collections(fields: dict[str, Any], collections: tuple[str, ...]) -> None:
    variant, _ = read_item(**fields)

    assert variant is not None
    assert variant.collections == collections


def test_categories_that_look_alike_are_told_apart() -> None:
    values = [["a, b"], "a, b", ["a\0b"], ["a", "b"], [1], [True]]
    items = [{"id": str(n), "link": "https://s.example/", "categories": value} for n, value in enumerate(values)]

    variants, _ = read_feed(json.dumps(items))

    assert [v.collections for v in variants] == [("a, b",), ("a", "b"), ("a b",), ("a", "b"), ("1",), ()]


def test_remembered_values_do_not_grow_without_end() -> None:
    builder = VariantBuilder(CatalogReport())
    none = dict.fromkeys(FIELDS)

    for number in range(REMEMBERED_MAX + 100):
        text = str(number)
        row = none | {"id": text, "link": "https://s.example/", "price": text, "inventory_quantity": text,
                      "categories": text}  # fmt: skip
        variant = builder.build(list(row.values()))
        assert variant is not None
        assert (variant.price, variant.available, variant.collections) == (text, number, (text,))

    for remembered in (builder._prices, builder._stocks, builder._categories):
        assert len(remembered) <= REMEMBERED_MAX
