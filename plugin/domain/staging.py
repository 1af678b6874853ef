"""What a catalog holds, copied into a temporary table of one connection before any of it is written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

from psycopg import Cursor
from psycopg.copy import QueuedLibpqWriter
from sqlalchemy import Connection, text

from integrations.types import CatalogReport, CatalogVariant

COPY_ROWS = 2000
NULL = "\\N"  # in COPY's text format

Progress = Callable[[int], None]


def stage(
    connection: Connection, variants: Iterable[CatalogVariant], report: CatalogReport, progress: Progress
) -> None:
    """Copy variants into a temporary table of this connection; of rows with the same id the first counts.

    Raises:
        IntegrationError: the source broke off; the caller rolls back.
    """
    connection.execute(text("DROP TABLE IF EXISTS staged"))
    connection.execute(text(_STAGE_TABLE))
    with closing(driver_of(connection).cursor()) as cursor:
        rows = _copy(cursor, variants, progress)
    report.rows = max(report.rows, rows)
    duplicates = connection.execute(text(_DROP_DUPLICATES)).all()
    if duplicates:
        example = min(duplicates, key=lambda row: row.position)
        message = "The id stands in the feed more than once; the first row with it counts."
        for row in duplicates:
            report.add("duplicate_id", message, row=example.position, row_id=row.variant_id, skipped=True)
    connection.execute(text("ANALYZE staged"))


_COLUMNS = (
    "position, variant_id, product_id, product_title, variant_title, url, image_url, price, currency, collections,"
    " available, stock_known"
)
_STAGE_TABLE = """
    CREATE TEMPORARY TABLE staged (
        position integer, variant_id text, product_id text, product_title text, variant_title text, url text,
        image_url text, price numeric, currency text, collections text[], available bigint, stock_known boolean)
"""
_DROP_DUPLICATES = """
    DELETE FROM staged USING (
        SELECT variant_id, min(position) AS first FROM staged GROUP BY variant_id HAVING count(*) > 1) AS twice
     WHERE staged.variant_id = twice.variant_id AND position > first RETURNING staged.variant_id, position
"""


def driver_of(connection: Connection) -> Any:
    """Psycopg's own connection."""
    return connection.connection.driver_connection


def _copy(cursor: Cursor[Any], variants: Iterable[CatalogVariant], progress: Progress) -> int:
    rows = 0
    with cursor.copy(f"COPY staged ({_COLUMNS}) FROM STDIN", writer=QueuedLibpqWriter(cursor)) as copy:
        for lines in _lines(variants):
            copy.write("".join(lines))
            rows += len(lines)
            progress(rows)
    return rows


def _lines(variants: Iterable[CatalogVariant]) -> Iterator[list[str]]:
    """Rows in COPY's text format, 2,000 at a time. Written by hand: a million rows pass through here."""
    lines: list[str] = []
    arrays: dict[tuple[str, ...], str] = {(): "{}"}
    for position, variant in enumerate(variants, 1):
        id_, product, title, options, url, image, price, currency, collections, available, known = variant
        array = arrays.get(collections)
        if array is None:
            array = arrays[collections] = _array(collections)
            if len(arrays) > COPY_ROWS:
                arrays = {(): "{}"}
        stock_text = NULL if available is None else str(available)
        words = f"{id_}\t{product}\t{title}\t{options}\t{url}\t{image}"
        if "\\" in words or words.count("\t") != 5 or "\n" in words or "\r" in words:
            words = "\t".join(map(_escaped, (id_, product, title, options, url, image)))
        lines.append(
            f"{position}\t{words}\t{price or NULL}\t{currency}\t{array}\t{stock_text}\t{'t' if known else 'f'}\n"
        )
        if len(lines) == COPY_ROWS:
            yield lines
            lines = []
    if lines:
        yield lines


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _escaped(value: str) -> str:
    return value.translate(_ESCAPES)


def _array(values: Sequence[str]) -> str:
    quoted = (value.replace("\\", "\\\\").replace('"', '\\"') for value in values)
    return _escaped("{" + ",".join(f'"{value}"' for value in quoted) + "}")
