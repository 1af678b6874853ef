"""Get the bytes of a feed, from the web or from a file, into a private temporary file."""

import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from integrations.errors import (
    ForbiddenAddressError,
    IntegrationError,
    PayloadError,
    RejectedError,
    UnreachableError,
)
from integrations.http import HTTPClient
from integrations.inflate import BLOCK_BYTES, megabytes
from integrations.types import CatalogBookmark

MAX_FEED_BYTES = 2 * 1024**3
MAX_DOWNLOAD_SECONDS = 10 * 60.0
PATIENCE_SECONDS = 30.0
LEAST_BYTES_PER_SECOND = 10_000
"""A server that sends less, once it has had time to begin, holds up the feeds of other shops."""

_ACCEPT = "application/json, application/xml, text/xml, text/csv, text/tab-separated-values, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class FetchedFeed:
    """What the source gave."""

    file: BinaryIO | None
    """At its start, owned by the receiver; None when nothing changed since the bookmark."""
    bookmark: CatalogBookmark


def fetch_feed(http: HTTPClient, feed: str, bookmark: CatalogBookmark) -> FetchedFeed:
    """Copy the feed, so that it is read at our own pace and cannot change under the reader.

    Args:
        http: makes the one request, for a web address.
        feed: web address, or path of a file on this machine.
        bookmark: of the last reading of this same feed; empty fields when there is none.

    Raises:
        IntegrationError: cannot be reached or read, longer than `MAX_FEED_BYTES`, or no room for the copy.
    """
    if not feed.strip():
        raise RejectedError("This shop has no feed address yet.", reason="no_feed")
    return _download(http, feed, bookmark) if "://" in feed else _copy(Path(feed), bookmark)


def _download(http: HTTPClient, url: str, bookmark: CatalogBookmark) -> FetchedFeed:
    headers = {"Accept": _ACCEPT}
    if bookmark.etag:
        headers["If-None-Match"] = bookmark.etag
    if bookmark.last_modified:
        headers["If-Modified-Since"] = bookmark.last_modified
    with http.get(url, headers=headers, max_bytes=MAX_FEED_BYTES, max_seconds=MAX_DOWNLOAD_SECONDS) as response:
        if response.status == 304:
            return FetchedFeed(None, bookmark)
        if response.headers.get("content-encoding", "identity").lower() not in {"identity", "gzip", "x-gzip"}:
            raise PayloadError("The feed is packed in a way that cannot be read.", reason="bad_encoding")
        etag, last_modified = response.headers.get("etag", ""), response.headers.get("last-modified", "")
        file, digest = _spool(_not_too_slow(response.iter_raw()))
    return _unless_same(file, CatalogBookmark(etag, last_modified, digest), bookmark)


def _not_too_slow(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks as they come.

    Raises:
        UnreachableError: they come too slowly.
    """
    begun, received = time.monotonic(), 0
    for block in blocks:
        received += len(block)
        seconds = time.monotonic() - begun
        if seconds > PATIENCE_SECONDS and received < seconds * LEAST_BYTES_PER_SECOND:
            raise UnreachableError("The feed's server sends too slowly.", reason="too_slow")
        yield block


def _copy(path: Path, bookmark: CatalogBookmark) -> FetchedFeed:
    with closing(_file_blocks(path)) as blocks:
        file, digest = _spool(blocks)
    return _unless_same(file, CatalogBookmark(digest=digest), bookmark)


def _file_blocks(path: Path) -> Generator[bytes]:
    try:
        # Without blocking: opening a pipe would wait for its writer.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as source:  # noqa: PTH123
            if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                raise ForbiddenAddressError(f"{path} is not a file.", reason="not_a_file")
            if os.fstat(source.fileno()).st_size > MAX_FEED_BYTES:
                limit = megabytes(MAX_FEED_BYTES)
                raise PayloadError(f"The file is larger than {limit}.", reason="too_large")
            while block := source.read(BLOCK_BYTES):
                yield block
    except (OSError, ValueError) as error:
        raise RejectedError(f"The file {path} cannot be read.", reason="not_found") from error


def _spool(blocks: Iterable[bytes]) -> tuple[BinaryIO, str]:
    """A nameless temporary file with the blocks, at its start, and their SHA-256."""
    digest = hashlib.sha256()
    try:
        file = tempfile.TemporaryFile()  # noqa: SIM115 - handed on open
    except OSError as error:
        raise _no_room(error) from error
    try:
        for block in blocks:
            digest.update(block)
            file.write(block)
        file.seek(0)
    except OSError as error:
        file.close()
        raise _no_room(error) from error
    except BaseException:
        file.close()
        raise
    return file, digest.hexdigest()


def _no_room(error: OSError) -> IntegrationError:
    return IntegrationError(f"The feed cannot be kept on this machine's disk: {error.strerror}.", reason="no_room")


def _unless_same(file: BinaryIO, found: CatalogBookmark, known: CatalogBookmark) -> FetchedFeed:
    if found.digest != known.digest:
        return FetchedFeed(file, found)
    file.close()
    return FetchedFeed(None, found)
