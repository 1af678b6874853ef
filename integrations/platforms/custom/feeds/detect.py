"""Tell from a feed's first bytes what it is: packed or not, in which encoding, in which format."""

import codecs
import io
import re
from collections.abc import Iterator
from enum import Enum
from functools import partial
from typing import BinaryIO, TextIO

from integrations.errors import PayloadError
from integrations.inflate import BLOCK_BYTES, inflate

MAX_UNPACKED_BYTES = 8 * 1024**3
# gzip as the transfer encoding of a file that is itself a .gz
MAX_GZIP_LAYERS = 2

_GZIP = b"\x1f\x8b"
_ZIP = b"PK\x03\x04"
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED_ENCODING = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# Python's codecs include some that are no text encodings, or cost far more than they give.
_ENCODINGS = re.compile(r"utf-?8|ascii|iso8859-\d+|cp125\d|koi8-[ru]|shift_jis|euc_(jp|kr)|big5|gb(k|2312|18030)")
_WEB_PAGE = re.compile(r"<(!doctype\s+html|html|head|body)\b", re.IGNORECASE)


class FeedFormat(Enum):
    """How the rows are written."""

    JSON = "json"
    XML = "xml"
    DELIMITED = "delimited"


def open_feed(file: BinaryIO) -> tuple[TextIO, FeedFormat]:
    """The feed's text and its format, by its content alone: servers and file names are often wrong about it.

    Args:
        file: at its start; the caller closes it.

    Raises:
        PayloadError: empty, a web page, a ZIP archive, or in an encoding that cannot be read.
    """
    packed = _unpacked(file)
    head = packed.peek(BLOCK_BYTES)
    if head.startswith(_ZIP):
        raise PayloadError("The feed is a ZIP archive. Use gzip, or send it as it is.", reason="unknown_format")
    bom, encoding = next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), (b"", ""))
    encoding = encoding or _declared_encoding(head)
    packed.read(len(bom))
    feed_format = _format(head[len(bom) :].decode(encoding, "ignore").lstrip())
    return io.TextIOWrapper(packed, encoding, newline=""), feed_format


def _format(start: str) -> FeedFormat:
    if not start:
        raise PayloadError("The feed is empty.", reason="empty")
    if _WEB_PAGE.match(start):
        raise PayloadError("The address shows a web page, not a feed.", reason="web_page")
    if start[0] in "[{":
        return FeedFormat.JSON
    return FeedFormat.XML if start[0] == "<" else FeedFormat.DELIMITED


def _declared_encoding(head: bytes) -> str:
    match = _DECLARED_ENCODING.match(head.lstrip())
    if not match:
        return "utf-8"
    declared = match[1].decode("ascii")
    try:
        name = codecs.lookup(declared).name
    except LookupError:
        name = ""
    if not _ENCODINGS.fullmatch(name):
        raise PayloadError(f"The XML says that it is written in {declared}. Use UTF-8.", reason="bad_encoding")
    return name


def _unpacked(file: BinaryIO) -> "io.BufferedReader[_Blocks]":
    source = io.BufferedReader(_Blocks(iter(partial(file.read, BLOCK_BYTES), b"")), BLOCK_BYTES)
    for _ in range(MAX_GZIP_LAYERS):
        if not source.peek(BLOCK_BYTES).startswith(_GZIP):
            break
        blocks = inflate(iter(partial(source.read, BLOCK_BYTES), b""), MAX_UNPACKED_BYTES)
        source = io.BufferedReader(_Blocks(blocks), BLOCK_BYTES)
    return source


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file; fills each read as far as it can."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")
        self._position = 0

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer):
            if not self._rest:
                self._rest = memoryview(next(self._blocks, b""))
                if not self._rest:
                    break
            size = min(len(self._rest), len(buffer) - filled)
            buffer[filled : filled + size] = self._rest[:size]
            self._rest = self._rest[size:]
            filled += size
        self._position += filled
        return filled
