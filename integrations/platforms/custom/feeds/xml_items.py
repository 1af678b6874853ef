"""XML: Klaviyo's <Products>, Google's RSS 2.0 and Atom.

Read as a stream of events by expat, without a tree: memory does not grow with the feed, nor with anything
that a hostile one puts between its products. A document type is refused, so there are no entities to expand.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TextIO
from xml.parsers import expat

from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.row import FIELD_ALIASES, FIELDS, Row
from integrations.platforms.custom.feeds.variant import CATEGORIES_MAX

BLOCK_CHARS = 64 * 1024
TOKEN_MAX_BYTES = 1024 * 1024
DEPTH_MAX = 32
GOOGLE_NAMESPACE = "http://base.google.com/ns/1.0"

_ITEM_OF_ROOT = {"Products": "Product", "rss": "item", "feed": "entry"}
_INDEX = {name: index for index, name in enumerate(FIELDS)}
_INDEX_OF_BARE = _INDEX | {alias: _INDEX[name] for alias, name in FIELD_ALIASES.items()}
_LINK = _INDEX["link"]
_PRODUCT_TYPE = _INDEX["product_type"]


def read_xml(text: TextIO) -> Iterator[Row]:
    """Each product as a row.

    Raises:
        PayloadError: not such a feed, not well-formed, or it breaks off; the sentence names the line.
    """
    items = _Items()
    parser = items.parser
    size = 0
    try:
        while block := text.read(BLOCK_CHARS):
            # The text is decoded already; expat is told so and ignores the encoding that the file declares.
            data = block.encode()
            size += len(data)
            parser.Parse(data, False)  # noqa: FBT003
            items.check_size(size)
            yield from items.take()
        parser.Parse(b"", True)  # noqa: FBT003
    except expat.ExpatError as error:
        raise _broken(error) from error
    yield from items.take()


def _broken(error: expat.ExpatError) -> PayloadError:
    if error.code in _CUT_OFF:
        return PayloadError(f"The XML breaks off in line {error.lineno}.", reason="cut_off")
    return PayloadError(f"The XML is broken in line {error.lineno}: {expat.ErrorString(error.code)}.")


_CUT_OFF = frozenset(
    expat.errors.codes[name]
    for name in (
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
        expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    )
)


class _Items:
    """Collects the fields of each product from the parser's events."""

    def __init__(self) -> None:
        self.parser = parser = expat.ParserCreate("utf-8")
        self._rows: list[Row] = []
        self._row: list[Any] = []
        self._text: list[str] = []
        self._depth = 0
        self._field_depth = 0  # 0 outside a product
        self._item_tag = ""
        self._google: dict[str, int] = {}
        self._index_of: dict[str, int] = {}
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = self._refuse_doctype

    def take(self) -> list[Row]:
        """The products that ended since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def check_size(self, fed_bytes: int) -> None:
        """Bound the tag or text that has not ended: it is in memory, and expat scans a tag anew each time."""
        unfinished = fed_bytes - max(self.parser.CurrentByteIndex, 0)
        if max(unfinished, sum(map(len, self._text))) > TOKEN_MAX_BYTES:
            raise self._refusal("a tag or text is longer than 1 MB")

    def _refusal(self, reason: str) -> PayloadError:
        return PayloadError(f"The XML is refused in line {self.parser.CurrentLineNumber}: {reason}.")

    def _refuse_doctype(self, *_: object) -> None:
        raise self._refusal("a feed must not have a document type (DOCTYPE)")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        depth = self._depth = self._depth + 1
        if depth == self._field_depth:
            self._text.clear()
            if attributes and tag == "link" and attributes.get("rel", "alternate") == "alternate":
                self._row[_LINK] = self._row[_LINK] or attributes.get("href")  # Atom
        elif not self._field_depth:
            self._start_outside(tag, attributes)
        if depth > DEPTH_MAX:
            raise self._refusal(f"tags are nested more than {DEPTH_MAX} deep")

    def _start_outside(self, tag: str, attributes: dict[str, str]) -> None:
        self._text.clear()
        if self._depth == 1:
            self._start_root(tag, attributes)
        elif tag == self._item_tag:
            self._row = [None] * len(FIELDS)
            self._field_depth = self._depth + 1

    def _start_root(self, tag: str, attributes: dict[str, str]) -> None:
        if tag not in _ITEM_OF_ROOT:
            known = ", ".join(f"<{name}>" for name in _ITEM_OF_ROOT)
            raise PayloadError(f"The XML begins with <{tag[:80]}>, not with one of {known}.", reason="unknown_format")
        self._item_tag = _ITEM_OF_ROOT[tag]
        prefix = _google_prefix(attributes)
        self._google = {f"{prefix}:{name}": index for name, index in _INDEX_OF_BARE.items()}
        self._index_of = _INDEX_OF_BARE | self._google

    def _end(self, tag: str) -> None:
        depth = self._depth
        self._depth = depth - 1
        if depth == self._field_depth:
            index = self._index_of.get(tag)
            if index is not None:
                row, text = self._row, self._text
                if index == _PRODUCT_TYPE:
                    self._add_type("".join(text))
                elif not row[index] or tag in self._google:
                    # Atom and RSS have an id, title and link of their own; Google's, if there before, win.
                    row[index] = text[0] if len(text) == 1 else "".join(text)
        elif depth == self._field_depth - 1:
            self._rows.append(self._row)
            self._field_depth = 0

    def _add_type(self, text: str) -> None:
        """A product may have several types."""
        types = self._row[_PRODUCT_TYPE] = self._row[_PRODUCT_TYPE] or []
        if len(types) < CATEGORIES_MAX:
            types.append(text)


def _google_prefix(attributes: Mapping[str, str]) -> str:
    """What the feed calls Google's namespace."""
    for name, value in attributes.items():
        if name.startswith("xmlns:") and value.startswith(GOOGLE_NAMESPACE):
            return name.removeprefix("xmlns:")
    return "g"
