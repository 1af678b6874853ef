"""Tables: CSV and TSV with a header row, in the columns of Klaviyo, Google or Meta."""

import csv
from collections.abc import Iterator, Sequence
from typing import TextIO

from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.row import Row, field_name, row_picker
from integrations.types import CatalogReport

_DELIMITERS = ("\t", ",", ";")


def read_delimited(text: TextIO, report: CatalogReport) -> Iterator[Row]:
    """Each line as a row.

    Lines with too few or too many values are counted as skipped: an unquoted comma or line break shifts every
    value after it. A file cut off in the middle of a row is recognised, one cut off between rows cannot be.

    Args:
        text: opened with newline="".
        report: gets the rows that cannot be read.

    Raises:
        PayloadError: no header with the columns that are needed, or the file breaks off.
    """
    delimiter, names = _header(text.readline())
    width = len(names)
    pick = row_picker(names)
    short = False
    for values in _split(text, delimiter, report):
        if len(values) == width:
            short = False
            values.append("")  # for the fields without a column
            yield pick(values)
        elif values != [""]:
            short = len(values) < width
            _skip(values, width, report)
    if short:
        raise _cut_off(report)


def _split(text: TextIO, delimiter: str, report: CatalogReport) -> Iterator[list[str]]:
    """The values of each row. Most lines can simply be split, which is several times faster than `csv`."""
    quoted: list[str] = []
    reader = csv.reader(_quoted_lines(quoted, text, report), delimiter=delimiter)
    try:
        for line in text:
            if '"' not in line:
                yield line.rstrip("\r\n").split(delimiter)
                continue
            values = _split_quoted(line.rstrip("\r\n"), delimiter)
            if values is None:
                quoted.append(line)
                values = next(reader)
            yield values
    except csv.Error as error:
        raise PayloadError(f"The table cannot be read after row {report.rows}: {error}.") from error


def _split_quoted(line: str, delimiter: str) -> list[str] | None:
    """The values of a line whose quotes stand around whole values, with none inside; None for any other."""
    outside = line.split('"')
    inside = outside[1::2]
    del outside[1::2]
    if len(outside) != len(inside) + 1:
        return None
    values = []
    # A delimiter at each end lets all the parts outside the quotes be treated alike.
    outside[0] = delimiter + outside[0]
    outside[-1] += delimiter
    for before, value in zip(outside, inside, strict=False):
        if not (before.startswith(delimiter) and before.endswith(delimiter)):
            return None
        values += before.split(delimiter)[1:-1]
        values.append(value)
    last = outside[-1]
    return values + last.split(delimiter)[1:-1] if last.startswith(delimiter) else None


def _quoted_lines(quoted: list[str], text: TextIO, report: CatalogReport) -> Iterator[str]:
    """The line with quotes that was put into `quoted`, and the lines after it while a quote is open."""
    while True:
        line = quoted.pop() if quoted else next(text, "")
        if not line:
            raise _cut_off(report)
        yield line


def _cut_off(report: CatalogReport) -> PayloadError:
    return PayloadError(f"The table breaks off after row {report.rows}.", reason="cut_off")


def _skip(values: Sequence[str], width: int, report: CatalogReport) -> None:
    report.rows += 1
    report.add(
        "wrong_columns",
        f"A row has {len(values)} values under {width} column names. Put values with commas, tabs or line "
        'breaks in "quotes".',
        row=report.rows,
        row_id=values[0][:80],
        skipped=True,
    )


def _header(line: str) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns."""
    for delimiter in _DELIMITERS:
        names = next(csv.reader([line], delimiter=delimiter), [])
        if {"id", "link"} <= set(map(field_name, names)):
            return delimiter, names
    raise PayloadError(
        "The feed is neither JSON nor XML, and its first line does not name the columns `id` and `link`.",
        reason="unknown_format",
    )
