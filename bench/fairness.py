"""From a restock to the first mail that leaves, with nothing else to do and beside another shop's 100,000 messages.

Whole processes, as in production: a program calls the API, the web server answers, a worker hears of it and hands over.
"""

import contextlib
import http.client
import json
import random
import smtplib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from bench import common
from integrations.types import InventoryLevel
from plugin.domain import shops, stock
from plugin.domain.shops import NewShop
from plugin.runtime import Runtime, now

RESTOCKS = 40
PEOPLE = 10
"""People who wait for each of the restocked variants."""
BACKLOG = 100_000
BACKLOG_LINES = 4
"""As one is sent away the next is let out, so that the backlog lasts."""
WORKERS = 2
PAUSE_SECONDS = 0.4
MOST_SECONDS = 120
POLL_SECONDS = 0.01
IDLE, BESIDE = "idle", f"another shop has {BACKLOG:,} messages due"


def main() -> None:
    """Measure 40 restocks with nothing else to do, then 40 beside the backlog."""
    common.title(f"Restock to first mail: {RESTOCKS} restocks of {PEOPLE} people, {WORKERS} workers")
    sink = common.free_port()
    with (
        common.process("-m", "bench.sink", str(sink)),
        common.installation(smtp_url=f"smtp://127.0.0.1:{sink}", port=common.free_port()) as runtime,
        _processes(runtime),
    ):
        common.wait_for_port(sink)
        quiet, loud = _shop(runtime, "Quiet"), _shop(runtime, "Loud")
        _fill(runtime, quiet.shop_id, [f"q{number}" for number in range(2 * RESTOCKS)], PEOPLE)
        backlog = _Backlog(runtime, loud.shop_id)
        rows = []
        with _Client(runtime.settings.port, quiet.api_key, sink) as client:
            for name, first in ((IDLE, 0), (BESIDE, RESTOCKS)):
                found, least = [], BACKLOG
                for number in range(first, first + RESTOCKS):
                    if name == BESIDE:
                        least = min(least, backlog.keep())
                    time.sleep(random.uniform(0.5, 1.5) * PAUSE_SECONDS)
                    found.append(client.restock(f"q{number}"))
                rows.append([name, *_columns(found), f"{least:,}" if name == BESIDE else ""])
    head = ["", "p50", "p95", "longest", "p50 from the request", "p95 from the request", "least due meanwhile"]
    common.table(head, rows)


def _columns(found: Sequence[tuple[float, float]]) -> list[str]:
    """Of pairs of seconds: from the answer to the first mail, and from the request to it."""
    answered, asked = (sorted(values) for values in zip(*found, strict=True))
    shown = [answered[len(found) // 2], _p95(answered), answered[-1], asked[len(found) // 2], _p95(asked)]
    return [f"{1000 * seconds:,.0f} ms" for seconds in shown]


def _p95(ordered: Sequence[float]) -> float:
    return ordered[int(len(ordered) * 0.95)]


@contextlib.contextmanager
def _processes(runtime: Runtime) -> Iterator[None]:
    environment = common.environment(runtime.settings)
    with contextlib.ExitStack() as stack:
        for words in (["web"], ["scheduler"], *[["worker"]] * WORKERS):
            stack.enter_context(common.process("-m", "plugin.cli", *words, env=environment))
        common.wait_for_port(runtime.settings.port)
        common.wait_for_workers(runtime, WORKERS)
        yield


def _shop(runtime: Runtime, name: str) -> NewShop:
    with runtime.engine.begin() as database:
        return shops.create_shop(database, platform="custom", name=name, domain=f"https://{name.lower()}.example")


def _fill(runtime: Runtime, shop_id: int, variants: Sequence[str], people: int) -> None:
    """Make variants with people who wait for each; their addresses begin with the variant's name."""
    with runtime.engine.begin() as database:
        database.execute(
            text(
                "INSERT INTO variant (shop_id, variant_id, product_id, product_title, url)"
                " SELECT :shop, name, 'p', 'Linen shirt', 'https://shop.example/' || name"
                " FROM unnest(CAST(:variants AS text[])) AS name"
            ),
            {"shop": shop_id, "variants": list(variants)},
        )
        database.execute(
            text(
                "INSERT INTO subscription (shop_id, variant_id, email, email_key, state, joined_at, link_key)"
                " SELECT :shop, name, email, email, 'waiting', now(), decode(md5(email), 'hex')"
                " FROM unnest(CAST(:variants AS text[])) AS name, generate_series(1, :people) AS n,"
                " concat(name, '.', n, '@example.com') AS email"
            ),
            {"shop": shop_id, "variants": list(variants), "people": people},
        )
        database.execute(text("ANALYZE subscription, message, variant"))


@dataclass
class _Backlog:
    """The messages of the other shop, which are kept many."""

    runtime: Runtime
    shop_id: int
    lines: int = 0

    def keep(self) -> int:
        """Let the next line out when less than half is left; returns how many messages are due."""
        if self.lines == 0:
            _fill(self.runtime, self.shop_id, [f"b{number}" for number in range(BACKLOG_LINES)], BACKLOG)
        due = self._due()
        if due < BACKLOG / 2 and self.lines < BACKLOG_LINES:
            with self.runtime.engine.connect() as database:
                shop = shops.by_id(database, self.shop_id)
            assert shop
            with self.runtime.engine.begin() as database:
                stock.apply_levels(database, shop, [InventoryLevel(f"b{self.lines}", None, 50, None)], now())
            self.runtime.doorbell.deliver(self.shop_id, BACKLOG)
            self.lines += 1
            time.sleep(2 * PAUSE_SECONDS)
            due = self._due()
        return due

    def _due(self) -> int:
        query = text("SELECT count(*) FROM message WHERE shop_id = :shop AND state = 'pending'")
        with self.runtime.engine.connect() as database:
            return int(database.execute(query, {"shop": self.shop_id}).scalar_one())


class _Client:
    """A program of the shop that tells new stock, and asks the mail server when the first mail came."""

    def __init__(self, port: int, api_key: str, sink: int) -> None:
        self.web = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        self.mails = smtplib.SMTP("127.0.0.1", sink)

    def restock(self, variant: str) -> tuple[float, float]:
        """Seconds from the answer, and from the request, to the first mail."""
        body = json.dumps({"levels": [{"variant_id": variant, "available": 50}]})
        asked_at = time.monotonic()
        self.web.request("PUT", "/api/v1/inventory", body, self.headers)
        answer = self.web.getresponse()
        told = json.loads(answer.read())
        answered_at = time.monotonic()
        self.web.close()  # the server would, before the next one; it is opened again by itself
        assert told["notified"] == PEOPLE, told
        while time.monotonic() < answered_at + MOST_SECONDS:
            seen_at = float(self.mails.docmd("SEEN", variant)[1])
            if seen_at:
                return max(0.0, seen_at - answered_at), seen_at - asked_at
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"no mail of {variant} came")

    def __enter__(self) -> "_Client":
        return self

    def __exit__(self, *details: object) -> None:
        self.web.close()
        self.mails.close()
