"""Reading of custom catalog feeds: JSON, XML, CSV and TSV, from a web address or a file.

`source` gets the bytes, `detect` tells the format, `json_items`, `xml_items` and `delimited` find the rows,
`row` says what they hand on, `variant` makes a variant of each.

An id that occurs twice is handed on twice: finding it here would cost memory for every id. Whoever stores the
variants keeps the first and counts the others under "duplicate_id".
"""

from collections.abc import Iterator
from typing import BinaryIO

from integrations.base import CatalogReading
from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.delimited import read_delimited
from integrations.platforms.custom.feeds.detect import FeedFormat, open_feed
from integrations.platforms.custom.feeds.json_items import read_json
from integrations.platforms.custom.feeds.row import Row
from integrations.platforms.custom.feeds.source import FetchedFeed
from integrations.platforms.custom.feeds.variant import VariantBuilder
from integrations.platforms.custom.feeds.xml_items import read_xml
from integrations.types import CatalogReport, CatalogVariant


class FeedReading(CatalogReading):
    """One pass over a feed.

    Iterating raises PayloadError when the feed breaks off, cannot be read, or has no usable product:
    whoever has an older catalog keeps it.
    """

    def __init__(self, feed: FetchedFeed) -> None:
        """Take over the fetched file; `close` frees it."""
        self.bookmark = feed.bookmark
        self.unchanged = feed.file is None
        self.report = CatalogReport()
        self._file = feed.file

    def __iter__(self) -> Iterator[CatalogVariant]:
        """Each usable row, in the feed's order; once."""
        if self._file is None:
            return
        build = VariantBuilder(self.report).build
        usable = False
        try:
            for row in self._rows(self._file):
                variant = build(row)
                if variant is not None:
                    usable = True
                    yield variant
        except UnicodeDecodeError as error:
            raise self._bad_character(error) from error
        if not usable:
            raise self._nothing_usable()

    def close(self) -> None:
        """Free the temporary file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _rows(self, file: BinaryIO) -> Iterator[Row]:
        self._text, feed_format = open_feed(file)
        if feed_format is FeedFormat.DELIMITED:
            return read_delimited(self._text, self.report)
        return read_json(self._text) if feed_format is FeedFormat.JSON else read_xml(self._text)

    def _bad_character(self, error: UnicodeDecodeError) -> PayloadError:
        at_byte = self._text.buffer.tell() - len(error.object) + error.start + 1
        return PayloadError(
            f"Byte {at_byte:,} of the feed (after row {self.report.rows:,}) is not valid "
            f"{error.encoding.upper()}. Save the feed as UTF-8.",
            reason="bad_encoding",
        )

    def _nothing_usable(self) -> PayloadError:
        if not self.report.rows:
            return PayloadError("The feed has no products.", reason="no_products")
        first = next(iter(self.report.problems.values()))
        return PayloadError(
            f"None of the feed's {self.report.rows:,} products can be used. {first.message}",
            reason="no_products",
        )
