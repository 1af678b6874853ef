"""The catalog: a file that Shopify prepares (a bulk operation), or single products.

https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, Self

from integrations.base import CatalogReading
from integrations.errors import NotReadyError, PayloadError, RejectedError
from integrations.http import HTTPClient
from integrations.inflate import decode
from integrations.platforms.shopify import documents, stock
from integrations.platforms.shopify.app import legacy_id
from integrations.platforms.shopify.graphql import AdminAPI
from integrations.types import CatalogBookmark, CatalogReport, CatalogVariant, InventoryLevel

RETRY_SECONDS = 3.0
STALE = timedelta(hours=1)
"""What was prepared longer ago may be older than what has been read piece by piece since."""
FAILURE_STANDS = timedelta(minutes=10)
"""So long a failure is told; then the file is asked for again."""
MOST_BYTES = 8 * 1024**3
MOST_SECONDS = 1800.0
PARTS = 128
"""The file is joined part by part, so that memory holds one of them at a time."""
NO_OPTIONS = "Default Title"
_UNDER_WAY = {"CREATED", "RUNNING"}
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class BulkFile:
    """A file that is ready."""

    operation_id: str
    asked_at: datetime
    """Since when the catalog may have changed: the file does not show it."""
    url: str
    """Empty when the catalog is."""
    complete: bool


def newest_file(api: AdminAPI, bookmark: CatalogBookmark | None, now: datetime) -> BulkFile:
    """The file that was asked for last and has not been read yet; asks for one when there is none.

    Nothing is remembered here: Shopify knows what it was asked.

    Raises:
        NotReadyError: it is being prepared.
        RejectedError: Shopify could not prepare it ("bulk_failed").
        IntegrationError: Shopify does not answer properly.
    """
    asked = api.execute(documents.BULK_OPERATIONS)["bulkOperations"]["nodes"]
    wanted = documents.CATALOG.split()
    newest = next((each for each in asked if each["query"].split() == wanted), None)
    if newest and newest["status"] in _UNDER_WAY:
        raise _not_ready()
    if newest and not _is_old(newest, bookmark, now):
        url = newest["url"] or newest["partialDataUrl"] or ""
        is_whole = newest["status"] == "COMPLETED"
        is_fresh = _moment(newest["completedAt"] or newest["createdAt"]) + FAILURE_STANDS > now
        if is_whole or (url and is_fresh):
            return BulkFile(newest["id"], _moment(newest["createdAt"]), url, complete=is_whole)
        if is_fresh:
            code = str(newest["errorCode"] or newest["status"]).lower()
            raise RejectedError(f"Shopify could not export the catalog ({code}).", reason="bulk_failed")
    _ask_for_file(api)
    raise _not_ready()


def _ask_for_file(api: AdminAPI) -> None:
    try:
        api.execute(documents.RUN_BULK, {"query": documents.CATALOG})
    except RejectedError as error:
        if error.reason not in {"operation_in_progress", "limit_reached"}:
            raise
        raise _not_ready() from error  # other programs' files are being prepared


def _not_ready() -> NotReadyError:
    return NotReadyError("Shopify prepares the catalog.", retry_after_seconds=RETRY_SECONDS)


def _is_old(operation: Mapping[str, Any], bookmark: CatalogBookmark | None, now: datetime) -> bool:
    was_read = bookmark is not None and bookmark.etag == operation["id"]
    return was_read or _moment(operation["completedAt"] or operation["createdAt"]) + STALE < now


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


class BulkReading(CatalogReading):
    """Variants, and then their stock, from a file of one JSON object a line, in any order."""

    def __init__(self, http: HTTPClient, file: BulkFile) -> None:
        """Nothing is fetched before it is entered."""
        self.complete = file.complete
        self.as_of = file.asked_at
        self.bookmark = CatalogBookmark(etag=file.operation_id)
        self.report = CatalogReport()
        self._http = http
        self._file = file
        self._folder = tempfile.TemporaryDirectory(prefix="stockbell-bulk-")

    def __enter__(self) -> Self:
        """Fetch the file, before anybody waits for its first row."""
        try:
            self._fetch()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Take the parts away."""
        self._folder.cleanup()

    def __iter__(self) -> Iterator[CatalogVariant]:
        """Each variant once."""
        for variants, _ in self._parts():
            for row in variants:
                self.report.rows += 1
                with _readable():
                    variant = catalog_variant(row, row["product"])
                yield variant

    def levels(self) -> Iterator[InventoryLevel]:
        """Their stock, as it was when the file was asked for; none of a part: what it leaves out is not sold out."""
        for variants, levels in self._parts() if self.complete else ():
            for row in variants:
                with _readable():
                    item = row["inventoryItem"]
                    told = list(stock.levels(row, item, levels[legacy_id(item["id"])]))
                for level in told:
                    yield level._replace(updated_at=self._file.asked_at)

    def _fetch(self) -> None:
        """Sort the file's lines into parts: a stock item, its variants and its levels lie in the same one."""
        if not self._file.url:
            return
        with ExitStack() as stack:
            parts = [stack.enter_context(self._part(number).open("wb")) for number in range(PARTS)]
            for line in self._lines():
                _sort_in(line, parts)

    def _lines(self) -> Iterator[bytes]:
        rest = b""
        with self._http.get(self._file.url, max_bytes=MOST_BYTES, max_seconds=MOST_SECONDS) as answer:
            encoding = answer.headers.get("content-encoding", "identity")
            for block in decode(answer.iter_raw(), encoding, MOST_BYTES):
                *lines, rest = (rest + block).split(b"\n")
                yield from lines
        if rest.strip() and self.complete:  # the file of an operation that failed may end anywhere
            yield rest

    def _part(self, number: int) -> Path:
        return Path(self._folder.name) / str(number)

    def _parts(self) -> Iterator[tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]]:
        """The variants of each part, and the levels by stock item."""
        for number in range(PARTS if self._file.url else 0):
            variants: list[dict[str, Any]] = []
            levels: dict[str, list[dict[str, Any]]] = defaultdict(list)
            with self._part(number).open("rb") as lines:
                for row in map(json.loads, lines):
                    if "inventoryItem" in row:
                        variants.append(row)
                    else:
                        levels[stock.item_of_level(row["id"])].append(row)
            yield variants, levels


def _sort_in(line: bytes, parts: Sequence[IO[bytes]]) -> None:
    """Write a line to its part.

    Raises:
        PayloadError: it is none of those that were asked for.
    """
    if not line.strip():
        return
    with _readable():
        row = json.loads(line)
        item = row.get("inventoryItem")
        number = legacy_id(item["id"]) if item else stock.item_of_level(row["id"])
    parts[int(number) % PARTS].write(line + b"\n")


@contextmanager
def _readable() -> Iterator[None]:
    """What is read here is as it was asked for.

    Raises:
        PayloadError: it is not.
    """
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PayloadError("Shopify's file of the catalog cannot be read.") from error


def catalog_variant(variant: Mapping[str, Any], product: Mapping[str, Any]) -> CatalogVariant:
    """A variant, from its `VariantFacts` and its product's `ProductFacts`."""
    variant_id, title = legacy_id(variant["id"]), _one_line(variant["title"])
    page = product["onlineStoreUrl"]
    preview = ((product["featuredMedia"] or {}).get("preview") or {}).get("image")
    return CatalogVariant(
        variant_id=variant_id,
        product_id=legacy_id(product["id"]),
        product_title=_one_line(product["title"]),
        variant_title="" if title == NO_OPTIONS else title,
        url=f"{page}?variant={variant_id}" if page else "",
        image_url=(variant["image"] or preview or {}).get("url", ""),
        price=str(variant["price"]),
        currency="",
        collections=tuple(map(_one_line, product["tags"])),
        available=0,
        stock_known=False,
    )


def _one_line(text: str) -> str:
    """What a database and the subject of a mail can hold."""
    return text if text.isprintable() else _CONTROL.sub(" ", text).strip()


def product_variants(api: AdminAPI, product_id: str) -> Iterator[CatalogVariant]:
    """All variants of a product; none when there is no such product (any more)."""
    after = None
    while True:
        asked = {"id": f"gid://shopify/Product/{product_id}", "after": after}
        product = api.execute(documents.PRODUCT, asked)["product"]
        if product is None:
            return
        for variant in product["variants"]["nodes"]:
            yield catalog_variant(variant, product)
        page = product["variants"]["pageInfo"]
        if not page["hasNextPage"]:
            return
        after = page["endCursor"]
