"""Bulk operations: a query without pages is run on the whole shop, and its rows are fetched as a file."""

import json
import random
import secrets
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Response, abort
from flask.typing import ResponseReturnValue

from tests.platforms.shopify.payloads import gid, moment

if TYPE_CHECKING:
    from tests.platforms.shopify.plans import Plan
    from tests.platforms.shopify.servers import Shopify
    from tests.platforms.shopify.shops import SimulatedShop

MOST_RUNNING = 5
URL_SECONDS = 7 * 86_400
MOST_AT_ONCE = 5_000
"""Variants; of more the file is written in the background."""
SCATTER_ROWS = 2_000
EXPIRED = (
    "<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code><Message>Access denied.</Message></Error>"
)


@dataclass
class BulkOperation:
    """One that was begun."""

    id: int
    query: str
    created_at: float
    plan: "Plan" = field(repr=False)
    status: str = "CREATED"
    completed_at: float | None = None
    error_code: str | None = None
    object_count: int = 0
    url: str | None = None
    partial_data_url: str | None = None
    path: Path | None = None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.status in {"CREATED", "RUNNING"}


class Bulk:
    """The part of Shopify that runs them."""

    def __init__(self, shopify: "Shopify") -> None:
        """Nothing runs yet."""
        self.shopify = shopify
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._is_closed = False
        self._results: dict[str, tuple[SimulatedShop, BulkOperation]] = {}
        self._threads: list[threading.Thread] = []
        shopify.app.add_url_rule("/bulk/<name>.jsonl", view_func=self.result)

    def begin(self, shop: "SimulatedShop", query: str, plan: "Plan") -> BulkOperation | None:
        """Run a query; None if too many run."""
        self.look(shop, is_first=True)
        if sum(each.is_open for each in shop.operations) >= MOST_RUNNING:
            return None
        number = 720_000_000_001 + len(shop.operations) + shop.number * 10_000
        operation = BulkOperation(number, query, self.shopify.now, plan)
        shop.operations.append(operation)
        # It ends without anybody looking, too.
        if self.shopify.is_real_time or not shop.bulk_seconds:
            self.shopify.deliveries_by.later(shop.bulk_seconds + 0.05, lambda: self.look(shop))
        return operation

    def look(self, shop: "SimulatedShop", *, is_first: bool = False) -> None:
        """Let time have its effect on what runs."""
        with shop.lock:
            for each in () if self._is_closed else shop.operations:
                if not each.is_open or (each.status == "RUNNING" and each.path):
                    continue
                if self.shopify.now - each.created_at < shop.bulk_seconds or (is_first and not shop.bulk_seconds):
                    each.status = "RUNNING"
                else:
                    self._complete(shop, each)

    def close(self) -> None:
        """Take the files away."""
        self._is_closed = True
        for shop in self.shopify.shops.values():
            with shop.lock:
                pass  # nobody writes now
        for each in self._threads:
            each.join()
        if self._folder:
            self._folder.cleanup()

    def _complete(self, shop: "SimulatedShop", operation: BulkOperation) -> None:
        operation.status = "RUNNING"
        self._folder = self._folder or tempfile.TemporaryDirectory(prefix="shopify-bulk-")
        operation.path = Path(self._folder.name) / f"{secrets.token_hex(12)}.jsonl"
        if len(shop.catalog.variants) <= MOST_AT_ONCE:
            self._write(shop, operation)
        else:
            thread = threading.Thread(target=self._write, args=(shop, operation), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _write(self, shop: "SimulatedShop", operation: BulkOperation) -> None:
        assert operation.path
        most = shop.bulk_fails_after
        is_denied = bool(operation.plan.scopes - shop.scopes)
        number = 0
        with operation.path.open("w", encoding="utf-8") as file:
            for row in () if is_denied else islice(rows(shop, operation.plan, shop.bulk_order), most):
                file.write(json.dumps(row, separators=(",", ":")) + "\n")
                number += 1
        address = f"{self.shopify.origin}/bulk/{operation.path.stem}.jsonl"
        self._results[operation.path.stem] = shop, operation
        operation.object_count = number
        operation.completed_at = self.shopify.now
        if is_denied:
            operation.error_code = "ACCESS_DENIED"
        elif most is not None:
            operation.error_code, operation.partial_data_url = "TIMEOUT", address if number else None
        elif number:
            operation.url = address
        operation.status = "FAILED" if operation.error_code else "COMPLETED"
        told = {
            "admin_graphql_api_id": gid("BulkOperation", operation.id),
            "completed_at": moment(operation.completed_at),
            "created_at": moment(operation.created_at),
            "error_code": operation.error_code and operation.error_code.lower(),
            "status": operation.status.lower(),
            "type": "query",
        }
        shop.send(shop, [("bulk_operations/finish", told)])

    def result(self, name: str) -> ResponseReturnValue:
        """The rows of an operation that is done."""
        shop, operation = self._results.get(name) or abort(404)
        is_old = self.shopify.now - (operation.completed_at or 0) > URL_SECONDS
        if shop.bulk_url_expired or is_old or not operation.path:
            return Response(EXPIRED, 403, content_type="application/xml; charset=UTF-8")
        headers = {"Content-Length": str(operation.path.stat().st_size), "Content-Type": "application/jsonl"}
        return Response(_chunks(operation.path, shop.bulk_breaks_after_bytes), headers=headers)


def _chunks(path: Path, most: int | None) -> Iterator[bytes]:
    left = most
    with path.open("rb") as file:
        while chunk := file.read(65_536 if left is None else min(left, 65_536)):
            left = None if left is None else left - len(chunk)
            yield chunk


def rows(shop: "SimulatedShop", plan: "Plan", order: str) -> Iterator[dict[str, Any]]:
    """The rows of a plan's result: those of lists within others stand alone, and name their parent."""
    if order == "children_first":
        yield from (row for row in plan.rows(shop) if "__parentId" in row)
        yield from (row for row in plan.rows(shop) if "__parentId" not in row)
    elif order == "scattered":
        yield from _scattered(plan.rows(shop))
    else:
        yield from plan.rows(shop)


def _scattered(ordered: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    dice, waiting = random.Random(1), list(islice(ordered, SCATTER_ROWS))
    for row in ordered:
        place = dice.randrange(len(waiting))
        yield waiting[place]
        waiting[place] = row
    dice.shuffle(waiting)
    yield from waiting
