import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.json_items import BLOCK_CHARS, ITEM_MAX_CHARS, read_json
from integrations.platforms.custom.feeds.row import FIELDS
from tests.integrations.platforms.custom.feeds.reading import read_feed

LINK = "https://shop.example/"
TITLE = FIELDS.index("title")


def item(number: int, **more: object) -> dict[str, object]:
    return {"id": number, "link": LINK, "inventory_quantity": number, **more}


def test_reads_klaviyo_feed() -> None:
    variants, report = read_feed(
        json.dumps([{
            "id": "COAT-M", "product_id": "COAT", "title": "Coat", "variant_title": "M", "link": LINK + "coat",
            "description": "Warm.", "price": 89.90, "currency": "EUR", "image_link": LINK + "coat.jpg",
            "categories": ["Coats", "New"], "inventory_quantity": 25, "inventory_policy": 1,
        }])
    )  # fmt: skip

    assert variants == [
        ("COAT-M", "COAT", "Coat", "M", LINK + "coat", LINK + "coat.jpg", "89.9", "EUR", ("Coats", "New"), 25, True)
    ]
    assert report.problems == {}


@pytest.mark.parametrize("size", [BLOCK_CHARS - 300, BLOCK_CHARS, BLOCK_CHARS * 2 + 7])
def test_objects_may_cross_the_edge_of_the_window(size: int) -> None:
    text = json.dumps([item(1, description="x" * size), *(item(number) for number in range(2, 9000))], indent=1)

    variants, _ = read_feed(text)

    assert [variant.available for variant in variants] == list(range(1, 9000))


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["id", "title", "}, {", "]"]), st.text(max_size=9), max_size=3), max_size=6
    ),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
)
def test_any_block_size_gives_the_same_objects(items: list[dict[str, str]], block: int, indent: int | None) -> None:
    class Slow(io.StringIO):
        def read(self, size: int | None = -1) -> str:
            return super().read(block)

    rows = list(read_json(Slow(json.dumps(items, indent=indent, ensure_ascii=False))))

    assert [row[TITLE] for row in rows] == [item.get("title") for item in items]


@given(st.text(st.sampled_from(list('[]{}":,a1 \\')), max_size=30))
def test_accepts_what_the_json_module_accepts_and_nothing_else(text: str) -> None:
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    is_catalog = isinstance(whole, list) and all(isinstance(each, dict) for each in whole)

    try:
        rows = list(read_json(io.StringIO(text)))
    except PayloadError:
        assert not is_catalog
    else:
        assert is_catalog
        assert len(rows) == len(whole)


def test_nested_values_do_no_harm() -> None:
    variants, _ = read_feed(
        json.dumps([item(n, variants=[{"id": 1}, {"id": 2}], extra={"a": {}}) for n in range(5000)])
    )

    assert len(variants) == 5000


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[{"id": 1, "link": "https://s.example/"}, {"id": 2', "breaks off after product 1"),
        ('[{"id": 1, "link": "https://s.example/"}', "breaks off after product 1"),
        ('[{"id": 1, "link": "https://s.example/"},', "breaks off after product 1"),
        ('[{"id": 1}, {"id": "unfinished', "breaks off after product 1"),
        ('[{"id": 1}, {id: 2}, {"id": 3}]', "cannot be read in product 2: Expecting property name"),
        ('[{"id": 1} {"id": 2}]', "cannot be read in product 2"),
        ('[{"id": 1}, 5]', "Product 2 of the JSON array is not an object"),
        ('[{"id": 1}] [{"id": 2}]', "Something follows the JSON array of 1 products"),
        ('[{"id": 1}]\n\n<!-- cached -->', "Something follows"),
        ('{"products": []}', "must be one array"),
        ('[{"id": ' + "9" * 5000 + "}]", "cannot be read in product 1"),
        ('[{"id": ' + "[" * 100_000 + "}]", "cannot be read in product 1"),
        ('[{"id": "' + "x" * (ITEM_MAX_CHARS * 2) + '"}]', "cannot be read in product 1"),
    ],
)
def test_says_where_it_cannot_go_on(text: str, sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence):
        list(read_json(io.StringIO(text)))


def test_memory_of_layouts_is_bounded() -> None:
    variants, _ = read_feed(json.dumps([item(number, **{f"key{number}": 1}) for number in range(3000)]))

    assert len(variants) == 3000
