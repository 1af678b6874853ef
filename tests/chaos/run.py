"""One run: a restock of many people while faults happen, then a look at what arrived and what is recorded.

What must hold (design.md, "What must never be lost"): nobody is lost; nobody gets two different messages; whoever got
the same message twice is listed as uncertain, and there are no more of them than faults times connections.
"""

import contextlib
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

from plugin.domain import shops
from tests.chaos.installation import WORKERS, Installation, Part

PEOPLE = 10_000
SIGN_UPS = 40
MOST_FAULTS = 6
DONE_SECONDS = 150
LEASE_AND_A_BIT_SECONDS = 50


@dataclass(frozen=True)
class Fault:
    """Something bad, at a moment."""

    kind: str
    after_mails: int
    """It happens when so many mails have arrived, or nothing arrives any more."""
    later_seconds: float
    seconds: float
    """How long it lasts, where it lasts."""


def plan(seed: int, people: int) -> list[Fault]:
    """The faults of a seed, in order."""
    chance = random.Random(seed)
    faults = [
        Fault(
            kind=chance.choice(list(FAULTS)),
            after_mails=chance.randrange(people),
            later_seconds=chance.uniform(0, 0.3),
            seconds=chance.uniform(0.05, 2.0),
        )
        for _ in range(chance.randint(2, MOST_FAULTS))
    ]
    return sorted(faults, key=lambda fault: fault.after_mails)


def play(seed: int, people: int = PEOPLE) -> dict[str, Any]:
    """Play a seed; returns what happened, with what is wrong under "complaints"."""
    faults = plan(seed, people)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="stockbell-chaos-") as folder, Installation(Path(folder)) as installation:
        run = _Run(installation, people, random.Random(seed))
        run.prepare()
        run.restock("v1")
        with run.signing_up():
            for fault in faults:
                run.await_moment(fault)
                FAULTS[fault.kind](run, fault)
        run.restock("v2")
        complaints = run.complaints(len(faults))
    return {
        "seed": seed,
        "people": people,
        "faults": [f"{fault.kind}@{fault.after_mails}" for fault in faults],
        "mails": run.mails(),
        "sign_ups": len(run.signed_up),
        "doubles": len(run.doubles()),
        "uncertain": run.uncertain_count,
        "seconds": round(time.monotonic() - started, 1),
        "complaints": complaints,
    }


class _Run:
    def __init__(self, installation: Installation, people: int, chance: random.Random) -> None:
        self.installation = installation
        self.people = people
        self.chance = chance
        self.signed_up: set[str] = set()
        self.uncertain_count = 0
        self._stop_signing_up = threading.Event()

    def prepare(self) -> None:
        """A shop, two sold-out variants, and a line in front of the first."""
        with self.installation.runtime.engine.begin() as database:
            shop = shops.create_shop(database, platform="custom", name="Shop", domain="https://shop.example")
            shops.change_settings(database, shop.shop_id, {"double_opt_in": False})
            database.execute(
                text(
                    "INSERT INTO variant (shop_id, variant_id, product_id, product_title)"
                    " SELECT :shop, 'v' || n, 'p', 'Shirt' FROM generate_series(1, 2) AS n"
                ),
                {"shop": shop.shop_id},
            )
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
        self._until_answered(lambda: self.installation.http("PUT", "/api/v1/inventory", json=body, headers=headers))

    @contextlib.contextmanager
    def signing_up(self) -> Iterator[None]:
        """Meanwhile people sign up for the second variant; who is answered 202 must not be lost."""
        path = f"/api/v1/storefront/{self.shop.public_key}/subscriptions"

        def sign_up() -> None:
            for number in range(SIGN_UPS):
                body = {"variant_id": "v2", "email": f"s{number}@x.example"}
                if self._stop_signing_up.is_set():
                    return
                with contextlib.suppress(httpx.HTTPError):
                    if self.installation.http("POST", path, json=body).status_code == 202:
                        self.signed_up.add(body["email"])
                time.sleep(0.1)

        thread = threading.Thread(target=sign_up)
        thread.start()
        try:
            yield
        finally:
            self._stop_signing_up.set()
            thread.join()

    def await_moment(self, fault: Fault) -> None:
        """Wait until enough mails have come, or until none come any more."""
        seen, since = -1, time.monotonic()
        while self.mails() < fault.after_mails and time.monotonic() - since < 5:
            if self.mails() != seen:
                seen, since = self.mails(), time.monotonic()
            time.sleep(0.01)
        time.sleep(fault.later_seconds)

    def a_worker(self) -> Part:
        """Any of them."""
        return self.installation.parts[f"worker {self.chance.randrange(WORKERS)}"]

    def mails(self) -> int:
        return sum(self.installation.sink.received.values())

    def doubles(self) -> dict[str, int]:
        """By address: how often too many."""
        counts: dict[str, int] = {}
        for (address, _), count in self.installation.sink.received.items():
            counts[address] = counts.get(address, 0) + count
        return {address: count - 1 for address, count in counts.items() if count > 1}

    def complaints(self, faults: int) -> list[str]:
        """Everything that must not be, once everything is quiet."""
        expected = {f"p{number}@x.example" for number in range(1, self.people + 1)} | self.signed_up
        self._wait_until_quiet()
        received = dict(self.installation.sink.received)
        told = {address for address, _ in received}
        found = []
        if lost := expected - told:
            found.append(f"{len(lost)} people were not told, e.g. {min(lost)}")
        if len(told) != len(received):
            found.append(f"{len(received) - len(told)} people got two different messages")
        uncertain = self._uncertain()
        self.uncertain_count = len(uncertain)
        doubles = self.doubles()
        if unlisted := set(doubles) - uncertain:
            found.append(f"{len(unlisted)} doubles are not listed as uncertain, e.g. {min(unlisted)}")
        if sum(doubles.values()) > faults * WORKERS:
            found.append(f"{sum(doubles.values())} doubles after {faults} faults")
        found += [f"{count} messages are {state}" for state, count in self._not_sent().items()]
        return found

    def _wait_until_quiet(self) -> None:
        deadline = time.monotonic() + DONE_SECONDS
        while time.monotonic() < deadline and (self._not_sent() or self._in_line()):
            time.sleep(0.2)

    def _not_sent(self) -> dict[str, int]:
        query = "SELECT state, count(*) FROM message WHERE state <> 'sent' GROUP BY state"
        return {row.state: row.count for row in self._rows(query)}

    def _in_line(self) -> int:
        return int(self._rows("SELECT count(*) FROM subscription WHERE state <> 'notified'")[0].count)

    def _uncertain(self) -> set[str]:
        query = "SELECT email FROM message JOIN subscription ON subscription.id = subscription_id WHERE uncertain"
        return {row.email for row in self._rows(query)}

    def _rows(self, query: str) -> list[Any]:
        found: list[Any] = []

        def ask() -> bool:
            with self.installation.runtime.engine.connect() as database:
                found[:] = database.execute(text(query)).all()
            return True

        _again(ask)
        return found

    def _until_answered(self, request: Callable[[], httpx.Response]) -> None:
        _again(lambda: request().is_success)


def _again(attempt: Callable[[], bool], seconds: float = 60) -> None:
    """Try until it works."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if attempt():
                return
        except Exception:
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise TimeoutError("nobody answers any more")
        time.sleep(0.2)


def _signal(part: str, signum: signal.Signals) -> Callable[[_Run, Fault], None]:
    return lambda run, _fault: run.installation.parts[part].signal(signum)


def _signal_a_worker(signum: signal.Signals) -> Callable[[_Run, Fault], None]:
    return lambda run, _fault: run.a_worker().signal(signum)


def _freeze_worker(run: _Run, fault: Fault) -> None:
    """Stopped for a moment, rarely for longer than its lease."""
    worker = run.a_worker()
    worker.signal(signal.SIGSTOP)
    time.sleep(LEASE_AND_A_BIT_SECONDS if run.chance.random() < 0.1 else fault.seconds)
    worker.signal(signal.SIGCONT)


def _kill_postgres(run: _Run, _fault: Fault) -> None:
    assert run.installation.postgres.process
    run.installation.postgres.process.kill()


def _kill_database_session(run: _Run, _fault: Fault) -> None:
    """The server ends all its sessions then and recovers."""
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    pids = [row.pid for row in run._rows(query)]
    if pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(run.chance.choice(pids), signal.SIGKILL)


def _kill_redis(run: _Run, _fault: Fault) -> None:
    assert run.installation.redis.process
    run.installation.redis.process.kill()


def _empty_redis(run: _Run, _fault: Fault) -> None:
    _again(lambda: bool(run.installation.runtime.redis.flushall()))


def _cut(proxy: str) -> Callable[[_Run, Fault], None]:
    return lambda run, _fault: getattr(run.installation, f"{proxy}_proxy").cut()


def _half_close(proxy: str) -> Callable[[_Run, Fault], None]:
    return lambda run, _fault: getattr(run.installation, f"{proxy}_proxy").half_close()


def _delay(name: str) -> Callable[[_Run, Fault], None]:
    def delay(run: _Run, fault: Fault) -> None:
        proxy = getattr(run.installation, f"{name}_proxy")
        proxy.delay_seconds = 0.2
        time.sleep(fault.seconds)
        proxy.delay_seconds = 0.0

    return delay


FAULTS: dict[str, Callable[[_Run, Fault], None]] = {
    "kill worker": _signal_a_worker(signal.SIGKILL),
    "kill web": _signal("web", signal.SIGKILL),
    "kill scheduler": _signal("scheduler", signal.SIGKILL),
    "kill PostgreSQL": _kill_postgres,
    "kill a database session": _kill_database_session,
    "kill Redis": _kill_redis,
    "empty Redis": _empty_redis,
    "terminate worker": _signal_a_worker(signal.SIGTERM),
    "freeze worker": _freeze_worker,
    **{f"cut {name}": _cut(name) for name in ("smtp", "postgres", "redis")},
    **{f"half-close {name}": _half_close(name) for name in ("smtp", "postgres", "redis")},
    **{f"delay {name}": _delay(name) for name in ("smtp", "postgres", "redis")},
}
