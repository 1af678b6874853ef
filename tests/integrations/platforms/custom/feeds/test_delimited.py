import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.delimited import read_delimited
from integrations.types import CatalogReport
from tests.integrations.platforms.custom.feeds.reading import read_feed

LINK = "https://shop.example/"


def test_reads_google_tsv() -> None:
    variants, report = read_feed(
        "id\titem_group_id\ttitle\tlink\timage_link\tavailability\tprice\tgtin\n"
        f'TS-S\tTS\tShirt "S" - 5\'\t{LINK}s\t{LINK}s.png\tout_of_stock\t19.99 USD\t3234567890126\n'
    )

    assert variants[0] == ("TS-S", "TS", 'Shirt "S" - 5\'', "", LINK + "s", LINK + "s.png", "19.99", "USD", (), 0, True)
    assert report.problems == {}


def test_reads_quotes_commas_and_line_breaks() -> None:
    variants, _ = read_feed(
        "id,title,link,quantity\r\n"
        f'a,"Shirt, ""S""\r\nblue",{LINK},1\r\n'
        f'"b","Plain",{LINK},"2"\r\n'
        f"c,No quotes,{LINK},3\r\n"
        f',"",,\r\n'
        f'd,"",{LINK},4'
    )

    assert [(variant.variant_id, variant.product_title, variant.available) for variant in variants] == [
        ("a", 'Shirt, "S" blue', 1), ("b", "Plain", 2), ("c", "No quotes", 3), ("d", "d", 4),
    ]  # fmt: skip


@pytest.mark.parametrize("header", ["ID,Title,LINK", "g:id,g:title,g:link", " id , title , link ", "id;title;link"])
def test_header_is_read_generously(header: str) -> None:
    delimiter = ";" if ";" in header else ","

    variants, _ = read_feed(f"{header}\n" + delimiter.join(["a", "Coat", LINK]))

    assert variants[0][:5] == ("a", "a", "Coat", "", LINK)


def test_first_column_of_a_field_counts() -> None:
    variants, _ = read_feed(f"id,link,quantity,inventory\na,{LINK},5,9\n")

    assert variants[0].available == 5


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_and_blank_lines(ending: str) -> None:
    variants, report = read_feed(ending.join(["id,link", f"a,{LINK}", "", f"b,{LINK}", "", ""]))

    assert len(variants) == report.rows == 2


def test_rows_of_wrong_width_are_skipped() -> None:
    variants, report = read_feed(f"id,title,link\na,Coat, blue,{LINK}\nb,Coat\nc,Coat,{LINK}\n")

    assert [variant.variant_id for variant in variants] == ["c"]
    assert (report.rows, report.skipped) == (3, 2)
    assert (report.problems["wrong_columns"].count, report.problems["wrong_columns"].first_id) == (2, "a")


@pytest.mark.parametrize(
    "feed",
    [
        f"id,title,link\na,Coat,{LINK}\nb,Co",
        f'id,title,link\na,Coat,{LINK}\nb,"Coat',
        f'id,link\na,"{LINK}\nb,{LINK}\n',
    ],
)
def test_breaking_off_is_noticed(feed: str) -> None:
    with pytest.raises(PayloadError) as caught:
        read_feed(feed)

    assert caught.value.reason == "cut_off"


@pytest.mark.parametrize("header", ["id,title", "link,title", "a,b,c", "id link title", '"id,link'])
def test_header_without_needed_columns_is_refused(header: str) -> None:
    with pytest.raises(PayloadError, match="`id` and `link`"):
        read_feed(f"{header}\na,b,c\n")


def test_endless_value_is_refused() -> None:
    with pytest.raises(PayloadError, match="after row 1"):
        read_feed(f'id,link\na,{LINK}\nb,"' + "x\n" * 200_000)


VALUE = st.text(st.sampled_from(list('ab ,;\t"\r\n')), max_size=8)


@given(st.lists(st.lists(VALUE, min_size=3, max_size=3), max_size=4), st.sampled_from([",", "\t"]))
def test_reads_exactly_what_the_csv_module_reads(rows: list[list[str]], delimiter: str) -> None:
    """The quick paths are an optimisation only."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([["id", "title", "link"], *rows])

    found = read_delimited(io.StringIO(text.getvalue(), newline=""), CatalogReport())

    assert [(row[0], row[2], row[4]) for row in found] == [tuple(row) for row in rows]


@given(st.lists(st.text(st.sampled_from(list('ab,"')), max_size=12), max_size=4))
@example(['"a"b,"c",d', 'a"b",c,d', '"a","b"c,"d"', '"a""b","c",d', 'a,b,"c"d'])
def test_reads_sloppy_quotes_as_the_csv_module_does(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in ["id,title,link", *lines])
    expected = [row for row in csv.reader(io.StringIO(text, newline="")) if len(row) == 3][1:]

    try:
        found = list(read_delimited(io.StringIO(text, newline=""), CatalogReport()))
    except PayloadError:
        # An open quote at the end, or a last row that is too short; `csv` lets both pass.
        return
    assert [[row[0], row[2], row[4]] for row in found] == expected
