import gzip
import os
from pathlib import Path

import pytest

from integrations.errors import ForbiddenAddressError, IntegrationError, PayloadError, RejectedError
from integrations.http import HTTPClient
from integrations.platforms.custom.feeds import source
from integrations.platforms.custom.feeds.source import fetch_feed
from integrations.types import CatalogBookmark
from tests.site import Site

NOTHING_KNOWN = CatalogBookmark()


def test_downloads_with_bookmark(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", body=b"feed", ETag='"1"', Last_Modified="Sun, 22 Nov 2026 10:00:00 GMT")

    fetched = fetch_feed(http, address, NOTHING_KNOWN)

    assert fetched.file is not None
    with fetched.file:
        assert fetched.file.read() == b"feed"
    assert fetched.bookmark.etag == '"1"'
    assert fetched.bookmark.last_modified == "Sun, 22 Nov 2026 10:00:00 GMT"
    assert len(fetched.bookmark.digest) == 64
    assert not {"if-none-match", "if-modified-since"} & site.requests[0][1].keys()


def test_asks_whether_anything_is_newer(site: Site, http: HTTPClient) -> None:
    bookmark = CatalogBookmark('"1"', "Sun, 22 Nov 2026 10:00:00 GMT", "abc")
    address = site.answer("/", 304)

    fetched = fetch_feed(http, address, bookmark)

    assert (fetched.file, fetched.bookmark) == (None, bookmark)
    assert site.requests[0][1]["if-none-match"] == '"1"'
    assert site.requests[0][1]["if-modified-since"] == "Sun, 22 Nov 2026 10:00:00 GMT"


def test_same_bytes_are_unchanged_and_the_bookmark_moves_on(site: Site, http: HTTPClient) -> None:
    address = site.answer("/", body=b"feed", ETag='"1"')
    first = fetch_feed(http, address, NOTHING_KNOWN)
    assert first.file is not None
    first.file.close()
    site.answer("/", body=b"feed", ETag='"2"')

    second = fetch_feed(http, address, first.bookmark)

    assert second.file is None
    assert second.bookmark == CatalogBookmark('"2"', "", first.bookmark.digest)


def test_packed_bytes_are_kept_as_sent(site: Site, http: HTTPClient) -> None:
    packed = gzip.compress(b"feed")

    fetched = fetch_feed(http, site.answer("/", body=packed, Content_Encoding="gzip"), NOTHING_KNOWN)

    assert fetched.file is not None
    with fetched.file:
        assert fetched.file.read() == packed


def test_unknown_packing_is_refused(site: Site, http: HTTPClient) -> None:
    with pytest.raises(PayloadError):
        fetch_feed(http, site.answer("/", body=b"x", Content_Encoding="br"), NOTHING_KNOWN)


def test_reads_file_and_notices_no_change(tmp_path: Path, http: HTTPClient) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"feed")

    fetched = fetch_feed(http, str(path), NOTHING_KNOWN)

    assert fetched.file is not None
    with fetched.file:
        path.write_bytes(b"overwritten while it is read")
        assert fetched.file.read() == b"feed"
    path.write_bytes(b"feed")
    assert fetch_feed(http, str(path), fetched.bookmark).file is None


@pytest.mark.parametrize("kind", ["missing", "directory", "pipe", "device", "null"])
def test_odd_paths_are_refused(kind: str, tmp_path: Path, http: HTTPClient) -> None:
    os.mkfifo(tmp_path / "pipe")
    paths = {"missing": tmp_path / "none", "directory": tmp_path, "pipe": tmp_path / "pipe", "device": "/dev/zero",
             "null": "a\0b"}  # fmt: skip

    with pytest.raises((ForbiddenAddressError, RejectedError)):
        fetch_feed(http, str(paths[kind]), NOTHING_KNOWN)


@pytest.mark.parametrize("feed", ["file:///etc/passwd", "ftp://shop.example/", "http://10.0.0.1/", "", "  "])
def test_other_addresses_are_refused(feed: str, http: HTTPClient, connections: list[str]) -> None:
    with pytest.raises(IntegrationError):
        fetch_feed(http, feed, NOTHING_KNOWN)

    assert connections == []


def test_long_file_is_refused(tmp_path: Path, http: HTTPClient) -> None:
    path = tmp_path / "feed"
    with path.open("wb") as file:
        file.truncate(source.MAX_FEED_BYTES + 1)  # takes no room on the disk

    with pytest.raises(PayloadError) as caught:
        fetch_feed(http, str(path), NOTHING_KNOWN)

    assert caught.value.reason == "too_large"


def test_broken_download_leaves_nothing_open(site: Site, http: HTTPClient) -> None:
    def break_off(request: object) -> None:
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")  # type: ignore[attr-defined]
        request.close_connection = True  # type: ignore[attr-defined]

    address = site.answer_with("/", break_off)

    with pytest.raises(IntegrationError) as caught:
        fetch_feed(http, address, NOTHING_KNOWN)

    assert caught.value.reason == "broken_answer"
