"""What can happen in a run, and which of it happens when: the plan of a seed."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.chaos import clock
from tests.chaos.network import Proxy

if TYPE_CHECKING:
    from tests.chaos.run import Run

PLAN = 3
"""Raised when the same seed means other faults; a run is played again with the code of its plan."""
MOST_FAULTS = 6
LEASE_AND_A_BIT_SECONDS = 50
DELAY_SECONDS = 0.2
CLOCK_STEPS = (90, 15 * 60, 3600, 3 * 3600)


@dataclass(frozen=True)
class Fault:
    """Something bad, at a moment."""

    kind: str
    after_mails: int
    """It happens when so many mails have arrived, or nothing arrives any more."""
    later_seconds: float
    seconds: float
    """How long it lasts, where it lasts."""


@dataclass(frozen=True)
class Plan:
    """What a seed means."""

    faults: tuple[Fault, ...]
    knows_ids: bool
    """Whether the mail server drops a Message-ID that it has had."""
    left_out: tuple[str, ...]
    """Faults that cannot be played here."""

    @property
    def clock_names(self) -> frozenset[str]:
        """Whose clocks are to be set."""
        return frozenset(CLOCKS[fault.kind] for fault in self.faults if fault.kind in CLOCKS)


def plan(seed: int, people: int) -> Plan:
    """The faults of a seed, in order."""
    chance = random.Random(seed)
    knows_ids = chance.random() < 0.5
    faults = [
        Fault(
            kind=chance.choice(list(KINDS)),
            after_mails=chance.randrange(people),
            later_seconds=chance.uniform(0, 0.3),
            seconds=chance.uniform(0.05, 2.0),
        )
        for _ in range(chance.randint(2, MOST_FAULTS))
    ]
    faults.sort(key=lambda fault: fault.after_mails)
    left_out = [] if clock.library() else [fault for fault in faults if CLOCKS.get(fault.kind) == "PostgreSQL"]
    played = tuple(fault for fault in faults if fault not in left_out)
    return Plan(played, knows_ids, tuple(fault.kind for fault in left_out))


class Kind(NamedTuple):
    """A kind of fault."""

    play: Callable[["Run", Fault], None]
    may_double: bool = False
    """Whether the outcome of a hand-over may stay unknown, of one for each connection."""


def _signal(part: str, signum: signal.Signals) -> Callable[["Run", Fault], None]:
    return lambda run, _fault: run.installation.parts[part].signal(signum)


def _signal_a_worker(signum: signal.Signals) -> Callable[["Run", Fault], None]:
    return lambda run, _fault: run.installation.a_worker(run.chance).signal(signum)


def _freeze(part: str) -> Callable[["Run", Fault], None]:
    def freeze(run: "Run", fault: Fault) -> None:
        run.installation.parts[part].signal(signal.SIGSTOP)
        time.sleep(fault.seconds)
        run.installation.parts[part].signal(signal.SIGCONT)

    return freeze


def _freeze_worker(run: "Run", fault: Fault) -> None:
    """Stopped for a moment, rarely for longer than its lease."""
    worker = run.installation.a_worker(run.chance)
    worker.signal(signal.SIGSTOP)
    time.sleep(LEASE_AND_A_BIT_SECONDS if run.chance.random() < 0.1 else fault.seconds)
    worker.signal(signal.SIGCONT)


def _kill_a_web_process(run: "Run", _fault: Fault) -> None:
    """One of those that answer requests; the server has to notice and to start another one."""
    children = run.installation.parts["web"].children()
    if children:
        _kill(run.chance.choice(children))


def _kill_postgres(run: "Run", _fault: Fault) -> None:
    assert run.installation.postgres.process
    run.installation.postgres.process.kill()


def _kill_database_session(run: "Run", _fault: Fault) -> None:
    """The server ends all its sessions then and recovers."""
    query = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    pids = [row.pid for row in run.rows(query)]
    if pids:
        _kill(run.chance.choice(pids))


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_redis(run: "Run", _fault: Fault) -> None:
    assert run.installation.redis.process
    run.installation.redis.process.kill()


def _empty_redis(run: "Run", _fault: Fault) -> None:
    run.again(lambda: bool(run.installation.runtime.redis.flushall()))


def _busy_mail_server(run: "Run", fault: Fault) -> None:
    """Some addresses are refused for now."""
    run.installation.sink.busy_for = run.chance.randint(2, 6)
    time.sleep(fault.seconds)
    run.installation.sink.busy_for = 0


def _lost_answers(run: "Run", fault: Fault) -> None:
    """Mails are taken, and the connection ends before it is said."""
    run.installation.sink.lose_every = run.chance.randint(20, 200)
    time.sleep(fault.seconds)
    run.installation.sink.lose_every = 0


def _slow_answers(run: "Run", fault: Fault) -> None:
    run.installation.sink.answer_seconds = run.chance.uniform(0.1, 3)
    time.sleep(fault.seconds)
    run.installation.sink.answer_seconds = 0


def _cut(name: str) -> Callable[["Run", Fault], None]:
    return lambda run, _fault: run.installation.proxies[name].cut()


def _half_close(name: str) -> Callable[["Run", Fault], None]:
    return lambda run, _fault: run.installation.proxies[name].half_close()


def _delay(name: str) -> Callable[["Run", Fault], None]:
    def delay(run: "Run", fault: Fault) -> None:
        proxy: Proxy = run.installation.proxies[name]
        proxy.delay_seconds = DELAY_SECONDS
        time.sleep(fault.seconds)
        proxy.delay_seconds = 0.0

    return delay


def _silence(name: str) -> Callable[["Run", Fault], None]:
    """Nothing passes and nobody is told, rarely for longer than a lease."""

    def silence(run: "Run", fault: Fault) -> None:
        proxy: Proxy = run.installation.proxies[name]
        proxy.fall_silent()
        time.sleep(LEASE_AND_A_BIT_SECONDS if run.chance.random() < 0.1 else 5 * fault.seconds)
        proxy.be_heard_again()

    return silence


def _step(name: str) -> Callable[["Run", Fault], None]:
    """Set a clock forwards or backwards, by minutes or hours."""

    def step(run: "Run", _fault: Fault) -> None:
        run.installation.clocks[name].step(run.chance.choice((-1, 1)) * run.chance.choice(CLOCK_STEPS))

    return step


CLOCKS = {"set the application's clock": "application", "set PostgreSQL's clock": "PostgreSQL"}
KINDS: dict[str, Kind] = {
    "kill worker": Kind(_signal_a_worker(signal.SIGKILL), may_double=True),
    "kill web": Kind(_signal("web", signal.SIGKILL)),
    "kill a web process": Kind(_kill_a_web_process),
    "kill scheduler": Kind(_signal("scheduler", signal.SIGKILL)),
    "kill PostgreSQL": Kind(_kill_postgres, may_double=True),
    "kill a database session": Kind(_kill_database_session, may_double=True),
    "kill Redis": Kind(_kill_redis),
    "empty Redis": Kind(_empty_redis),
    "terminate worker": Kind(_signal_a_worker(signal.SIGTERM)),
    "freeze worker": Kind(_freeze_worker, may_double=True),
    "freeze web": Kind(_freeze("web")),
    "freeze scheduler": Kind(_freeze("scheduler")),
    "cut smtp": Kind(lambda run, _fault: run.installation.sink.cut(), may_double=True),
    "half-close smtp": Kind(lambda run, _fault: run.installation.sink.half_close(), may_double=True),
    "busy mail server": Kind(_busy_mail_server),
    "lost answers": Kind(_lost_answers),  # each of them is counted
    "slow answers": Kind(_slow_answers),
    **{f"cut {name}": Kind(_cut(name), may_double=True) for name in ("postgres", "redis")},
    **{f"half-close {name}": Kind(_half_close(name), may_double=True) for name in ("postgres", "redis")},
    **{f"silence {name}": Kind(_silence(name), may_double=True) for name in ("postgres", "redis")},
    **{f"delay {name}": Kind(_delay(name)) for name in ("postgres", "redis")},
    **{kind: Kind(_step(name), may_double=True) for kind, name in CLOCKS.items()},
}
