"""One run: a restock of many people while faults happen, then a look at what arrived and what is recorded.

What must hold: nobody is lost; nobody gets two different messages; whoever got
the same message twice is listed as uncertain, and there are no more of them than faults allow.
"""

import contextlib
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from plugin.domain import shops
from tests import webhooks
from tests.chaos.faults import KINDS, PLAN, Fault, plan
from tests.chaos.installation import WORKERS, Installation

PEOPLE = 10_000
SIGN_UP_PAUSE_SECONDS = 0.1
MOST_SIGN_UPS = 300
WEBHOOKS = 10
"""Variants, each with one person waiting, of which webhooks tell meanwhile that they are back."""
SIGN_UPS_A_WEBHOOK = 10
DONE_SECONDS = 200
STUCK_SECONDS = 5
LOOK_SECONDS = 0.02


def play(seed: int, people: int = PEOPLE, data: Path | None = None) -> dict[str, Any]:
    """Play a seed; returns what happened, with what is wrong under "complaints".

    Args:
        seed: decides what happens, and when.
        people: how many wait in line.
        data: a folder made by `installation.template`; saves a few seconds.
    """
    planned, started = plan(seed, people), time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="stockbell-chaos-") as folder,
        Installation(Path(folder), data, knows_ids=planned.knows_ids, clock_names=planned.clock_names) as installation,
    ):
        run = Run(installation, people, random.Random(seed))
        run.prepare()
        run.restock("v1")
        with run.signing_up():
            for fault in planned.faults:
                run.await_moment(fault)
                run.play(fault)
        run.announce_the_rest()
        run.restock("v2")
        complaints = run.complaints()
    return {
        "plan": PLAN,
        "seed": seed,
        "people": people,
        "faults": [f"{fault.kind}@{fault.after_mails}" for fault in planned.faults],
        **({"left_out": planned.left_out} if planned.left_out else {}),
        **run.figures(),
        "seconds": round(time.monotonic() - started, 1),
        "complaints": complaints,
    }


class Run:
    """A restock in an installation."""

    def __init__(self, installation: Installation, people: int, chance: random.Random) -> None:
        self.installation: Installation = installation
        self.people = people
        self.chance = chance
        self.signed_up: set[str] = set()
        self.announced: set[int] = set()
        """Numbers of the variants whose webhook was accepted."""
        self.uncertain: set[str] = set()
        self.doubles_allowed = 0
        self._stop_signing_up = threading.Event()

    def prepare(self) -> None:
        """A shop, two sold-out variants, and a line in front of the first."""
        with self.installation.runtime.engine.begin() as database:
            shop = shops.create_shop(database, platform="custom", name="Shop", domain="https://shop.example")
            shops.change_settings(database, shop.shop_id, {"double_opt_in": False})
            database.execute(
                text(
                    "INSERT INTO variant (shop_id, variant_id, product_id, product_title)"
                    " SELECT :shop, name, 'p', 'Shirt' FROM unnest(CAST(:names AS text[])) AS name"
                ),
                {"shop": shop.shop_id, "names": ["v1", "v2", *(f"w{number}" for number in range(WEBHOOKS))]},
            )
            database.execute(
                text(
                    "INSERT INTO subscription (shop_id, variant_id, email, email_key, state, link_key, joined_at)"
                    " SELECT :shop, 'w' || n, name, name, 'waiting', decode(md5(name), 'hex'), now()"
                    "   FROM generate_series(0, :last) AS n, format('w%s@x.example', n) AS name"
                ),
                {"shop": shop.shop_id, "last": WEBHOOKS - 1},
            )
            found = shops.by_id(database, shop.shop_id)
            assert found
            self.secret = shops.webhook_secret(self.installation.runtime.secret_key, found)
            database.execute(
                text(
                    "INSERT INTO subscription (shop_id, variant_id, email, email_key, state, link_key, joined_at)"
                    " SELECT :shop, 'v1', name, name, 'waiting', decode(md5(name), 'hex'),"
                    "        now() - interval '1 day' + n * interval '1 second'"
                    "   FROM generate_series(1, :people) AS n, format('p%s@x.example', n) AS name"
                ),
                {"shop": shop.shop_id, "people": self.people},
            )
        self.shop = shop

    def restock(self, variant_id: str) -> None:
        """As a merchant's program does it: again until it is answered."""
        body = {"levels": [{"variant_id": variant_id, "available": 5}]}
        headers = {"Authorization": f"Bearer {self.shop.api_key}"}
        self.again(lambda: self.installation.http("PUT", "/api/v1/inventory", json=body, headers=headers).is_success)

    def announce(self, number: int) -> bool:
        """Tell by a webhook that a variant is back; whether it was accepted, so that whoever waits for it is told."""
        body = webhooks.stock_body(5, f"w{number}")
        clock = self.installation.clocks.get("application")  # the sender's goes with it
        headers = webhooks.headers(
            self.installation.runtime,
            self.shop,
            body,
            seconds_ago=-round(clock.seconds) if clock else 0,
            secret=self.secret,
        )
        if self.installation.http("POST", webhooks.PATH, content=body, headers=headers).status_code == 202:
            self.announced.add(number)
        return number in self.announced

    def announce_the_rest(self) -> None:
        """Those of which no webhook was accepted yet."""
        for number in set(range(WEBHOOKS)) - self.announced:
            self.again(lambda number=number: self.announce(number))  # type: ignore[misc]

    @contextlib.contextmanager
    def signing_up(self) -> Iterator[None]:
        """Meanwhile people sign up for the second variant, and webhooks come; what is answered 202 must not be lost."""
        path = f"/api/v1/storefront/{self.shop.public_key}/subscriptions"

        def sign_up() -> None:
            for number in range(MOST_SIGN_UPS):
                body = {"variant_id": "v2", "email": f"s{number}@x.example"}
                with contextlib.suppress(httpx.HTTPError):
                    if self.installation.http("POST", path, json=body).status_code == 202:
                        self.signed_up.add(body["email"])
                if number % SIGN_UPS_A_WEBHOOK == 0 and number // SIGN_UPS_A_WEBHOOK < WEBHOOKS:
                    with contextlib.suppress(httpx.HTTPError):
                        self.announce(number // SIGN_UPS_A_WEBHOOK)
                if self._stop_signing_up.wait(SIGN_UP_PAUSE_SECONDS):
                    return

        thread = threading.Thread(target=sign_up)
        thread.start()
        try:
            yield
        finally:
            self._stop_signing_up.set()
            thread.join()

    def await_moment(self, fault: Fault) -> None:
        """Wait for it."""
        self.await_mails(fault.after_mails)
        time.sleep(fault.later_seconds)

    def await_mails(self, mails: int) -> None:
        """Wait until so many mails have come, or until none come any more."""
        sink = self.installation.sink
        seen, since = -1, time.monotonic()
        while sink.mails < mails and time.monotonic() - since < STUCK_SECONDS:
            if sink.mails != seen:
                seen, since = sink.mails, time.monotonic()
            time.sleep(LOOK_SECONDS)

    def play(self, fault: Fault) -> None:
        """Let it happen."""
        kind = KINDS[fault.kind]
        if kind.may_double:
            self.allow_doubles()
        kind.play(self, fault)

    def allow_doubles(self) -> None:
        """One mail of each open connection, or of each that a worker is about to open, may come twice from now on."""
        self.doubles_allowed += max(WORKERS, len(self.installation.sink.sessions))

    def doubles(self) -> dict[str, int]:
        """By address: how often too many."""
        counts: dict[str, int] = {}
        for (address, _), count in self.installation.sink.received.items():
            counts[address] = counts.get(address, 0) + count
        return {address: count - 1 for address, count in counts.items() if count > 1}

    def complaints(self) -> list[str]:
        """Everything that must not be, once everything is quiet; ends all processes."""
        expected = {f"p{number}@x.example" for number in range(1, self.people + 1)} | self.signed_up
        expected |= {f"w{number}@x.example" for number in range(WEBHOOKS)}
        self.wait_until_quiet()
        self.installation.end_processes()
        sink = self.installation.sink
        told = {address for address, _ in sink.received}
        found = []
        if lost := expected - told:
            found.append(f"{len(lost)} people were not told, e.g. {min(lost)}")
        if len(told) != len(sink.received):
            found.append(f"{len(sink.received) - len(told)} people got two different messages")
        self.uncertain = self._uncertain()
        doubles, allowed = self.doubles(), self.doubles_allowed + sink.answers_lost
        if unlisted := set(doubles) - self.uncertain:
            found.append(f"{len(unlisted)} doubles are not listed as uncertain, e.g. {min(unlisted)}")
        if doubles and sink.knows_ids:
            found.append(f"{sum(doubles.values())} doubles at a server that knows Message-IDs")
        if (twice := sum(doubles.values()) + sink.repeats) > allowed:
            found.append(f"{twice} messages were sent twice, {allowed} at the most may be")
        return found + [f"{count} messages are {state}" for state, count in self._not_sent().items()]

    def figures(self) -> dict[str, Any]:
        """What happened, in numbers."""
        sink = self.installation.sink
        return {
            "knows_ids": sink.knows_ids,
            "mails": sink.mails,
            "sign_ups": len(self.signed_up),
            "doubles": sum(self.doubles().values()),
            "repeats_dropped": sink.repeats,
            "doubles_allowed": self.doubles_allowed + sink.answers_lost,
            "uncertain": len(self.uncertain),
            "refused_for_now": sink.refused,
        }

    def wait_until_quiet(self, seconds: float = DONE_SECONDS) -> None:
        """Wait until everyone was told, or nobody is told any more in that time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and (self._not_sent() or self._in_line()):
            time.sleep(0.3)

    def _not_sent(self) -> dict[str, int]:
        query = "SELECT state, count(*) FROM message WHERE state <> 'sent' GROUP BY state"
        return {row.state: row.count for row in self.rows(query)}

    def _in_line(self) -> int:
        return int(self.rows("SELECT count(*) FROM subscription WHERE state <> 'notified'")[0].count)

    def _uncertain(self) -> set[str]:
        query = "SELECT email FROM message JOIN subscription ON subscription.id = subscription_id WHERE uncertain"
        return {row.email for row in self.rows(query)}

    def rows(self, query: str) -> list[Any]:
        """Ask the database, until it answers."""
        found: list[Any] = []

        def ask() -> bool:
            with self.installation.runtime.engine.connect() as database:
                found[:] = database.execute(text(query)).all()
            return True

        self.again(ask)
        return found

    def again(self, attempt: Callable[[], bool], seconds: float = 60) -> None:
        """Try until it works.

        Raises:
            TimeoutError: it never does.
        """
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(Exception):
                if attempt():
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("nobody answers any more")
            time.sleep(0.2)
