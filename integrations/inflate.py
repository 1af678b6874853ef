"""Unpacking of compressed answers and files without ever holding much more than a block."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

from integrations.errors import PayloadError

BLOCK_BYTES = 256 * 1024


def decode(blocks: Iterable[bytes], encoding: str, max_bytes: int) -> Iterator[bytes]:
    """Undo a content encoding, block by block.

    Args:
        blocks: the body as it was sent.
        encoding: value of Content-Encoding; gzip or none.
        max_bytes: of the result. Blocks are never inflated beyond it, so a small bomb stays small.

    Raises:
        PayloadError: another encoding, broken data, or too long.
    """
    if encoding.strip().lower() in {"", "identity"}:
        return iter(blocks)
    if encoding.strip().lower() in {"gzip", "x-gzip"}:
        return inflate(blocks, max_bytes)
    raise PayloadError("The answer is packed in a way that was not asked for.", reason="bad_encoding")


def inflate(blocks: Iterable[bytes], max_bytes: int) -> Iterator[bytes]:
    """Unpack gzip (one or more members) in blocks of at most `BLOCK_BYTES`.

    Raises:
        PayloadError: broken ("bad_gzip"), cut off ("cut_off") or longer than `max_bytes` ("too_large").
    """
    produced = 0
    member: Any = None
    for block in blocks:
        data = block
        while data:
            member = member or zlib.decompressobj(wbits=31)
            try:
                piece = member.decompress(data, BLOCK_BYTES)
            except zlib.error as error:
                raise PayloadError("The gzip data is damaged.", reason="bad_gzip") from error
            produced += len(piece)
            if produced > max_bytes:
                limit = megabytes(max_bytes)
                raise PayloadError(f"Unpacked, it is larger than {limit}.", reason="too_large")
            if piece:
                yield piece
            data = member.unused_data if member.eof else member.unconsumed_tail
            member = None if member.eof else member
    if member:
        raise PayloadError("The gzip data breaks off.", reason="cut_off")


def megabytes(count: int) -> str:
    """A number of bytes for a sentence."""
    return f"{count / 1024**2:,.1f} MB".replace(".0 MB", " MB")
