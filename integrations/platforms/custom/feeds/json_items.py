"""JSON: one flat array of objects, as Klaviyo's custom catalog feeds are."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TextIO

from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.row import Row, row_picker
from integrations.platforms.custom.feeds.text import NumberText

BLOCK_CHARS = 256 * 1024
ITEM_MAX_CHARS = 1024 * 1024
LAYOUTS_MAX = 1000

_OPENING = re.compile(r"\s*\[\s*")
_SEPARATOR = re.compile(r"\s*([,\]])\s*")
_DECODER = json.JSONDecoder(parse_float=NumberText, parse_constant=NumberText)


def read_json(text: TextIO) -> Iterator[Row]:
    """Each object of the array, as a row.

    Decodes from a window that slides over the text, so memory does not grow with the feed.

    Raises:
        PayloadError: not such an array, or it breaks off; the sentence tells at which product.
    """
    pickers: dict[tuple[str, ...], Callable[[Sequence[Any]], Row]] = {}
    for count, item in enumerate(_items(text), 1):
        if type(item) is not dict:
            raise PayloadError(f"Product {count} of the JSON array is not an object.")
        names = tuple(item)
        pick = pickers.get(names)
        if pick is None:
            if len(pickers) >= LAYOUTS_MAX:
                pickers.clear()
            pick = pickers[names] = row_picker(names)
        yield pick((*item.values(), None))


def _items(text: TextIO) -> Iterator[Any]:
    window = _Window(text)
    more = window.open_array()
    while more:
        yield from window.decode_many() or window.decode_one()
        more = window.next_item()


class _Window:
    """The part of the text around the objects that are being read."""

    def __init__(self, text: TextIO) -> None:
        self._source = text
        self._text = ""
        self._position = 0
        self._count = 0
        self._ended = False
        self._many_tried = False
        self._extend()

    def open_array(self) -> bool:
        """Step into the array; False when it is empty."""
        match = _OPENING.match(self._text)
        while match and match.end() == len(self._text) and self._extend():
            match = _OPENING.match(self._text)
        if not match:
            raise PayloadError("The JSON must be one array of products: [{...}, {...}].")
        self._position = match.end()
        if not self._text.startswith("]", self._position):
            return True
        self._position += 1
        self._check_end()
        return False

    def decode_many(self) -> list[Any]:
        """Nearly all objects of the window at once, which is faster; empty when that does not work.

        What ends before a "}," and is a list of values is a list of whole objects, wherever that "}," stands.
        """
        end = self._text.rfind("},", self._position) + 1
        if self._many_tried or not end:
            return []
        self._many_tried = True
        try:
            items: list[Any] = _DECODER.decode(f"[{self._text[self._position : end]}]")
        except (ValueError, RecursionError):
            return []
        self._position = end
        self._count += len(items)
        return items

    def decode_one(self) -> list[Any]:
        """The next object, reading on until it is whole."""
        while True:
            try:
                item, self._position = _DECODER.raw_decode(self._text, self._position)
            except (ValueError, RecursionError) as error:
                if not self._extend():
                    raise self._broken(error) from error
            else:
                self._count += 1
                return [item]

    def next_item(self) -> bool:
        """Step over the comma to the next object; False at the end of the array."""
        match = _SEPARATOR.match(self._text, self._position)
        # At the edge of the window, blanks or the comma itself may not be there yet.
        while (not match or match.end() == len(self._text)) and self._extend():
            match = _SEPARATOR.match(self._text, self._position)
        if not match:
            raise self._broken(None)
        self._position = match.end()
        if match[1] == ",":
            return True
        self._check_end()
        return False

    def _extend(self) -> bool:
        """Read on, dropping what is done; False when there is no more, or an object does not end."""
        if self._ended or len(self._text) - self._position > ITEM_MAX_CHARS:
            return False
        block = self._source.read(BLOCK_CHARS)
        self._text = self._text[self._position :] + block
        self._position = 0
        self._ended = not block
        self._many_tried = False
        return not self._ended

    def _check_end(self) -> None:
        while not self._text[self._position :].strip():
            self._position = len(self._text)
            if not self._extend():
                return
        raise PayloadError(f"Something follows the JSON array of {self._count} products.")

    def _broken(self, error: Exception | None) -> PayloadError:
        """Tell a feed that was cut off from one that was never JSON."""
        end = len(self._text.rstrip())
        if isinstance(error, json.JSONDecodeError):
            at_end = error.pos >= end or error.msg.startswith("Unterminated string")
            detail = error.msg
        else:
            at_end = error is None and self._position >= end
            detail = "too long, too deep, or no comma before it"
        if at_end and self._ended:
            return PayloadError(f"The JSON breaks off after product {self._count}.", reason="cut_off")
        return PayloadError(f"The JSON cannot be read in product {self._count + 1}: {detail}.")
