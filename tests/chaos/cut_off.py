"""One run on two machines, of which one is cut off in the middle of a restock: the other one does everything.

It is the one whose scheduler leads, where the database can tell.
"""

import random
import tempfile
import time
from pathlib import Path
from typing import Any

from plugin import scheduler
from tests.chaos.installation import Installation
from tests.chaos.machine import Cable, Machine
from tests.chaos.run import PEOPLE, Run

PLAN = 1
DONE_SECONDS = 90
"""PostgreSQL notices after 25 s that a client has vanished; its messages are free after 45 s, and soon swept up."""


def play_cut_off(seed: int, people: int = PEOPLE, data: Path | None = None) -> dict[str, Any]:
    """Play a seed; see `run.play`. In some seeds the machine comes back, by its cable, and knows nothing of it."""
    chance, started = random.Random(seed), time.monotonic()
    after_mails, knows_ids = chance.randrange(people // 20, people), chance.random() < 0.5
    back_seconds = chance.choice((None, None, chance.uniform(1, 80)))
    with (
        tempfile.TemporaryDirectory(prefix="stockbell-chaos-") as folder,
        Installation(Path(folder), data, ("a", "b"), knows_ids=knows_ids) as installation,
    ):
        run = Run(installation, people, chance)
        run.prepare()
        run.restock("v1")
        run.await_mails(after_mails)
        leader = _leader(run)
        machine = leader or installation.machines["a"]
        is_cable = isinstance(machine.way, Cable)
        run.allow_doubles()
        machine.cut_off()
        cut_at = time.monotonic()
        if is_cable and back_seconds:
            time.sleep(back_seconds)
            machine.way.join_again()
        run.announce_the_rest()
        run.restock("v2")
        run.wait_until_quiet(DONE_SECONDS - (time.monotonic() - cut_at))
        seconds = time.monotonic() - cut_at
        complaints = run.complaints()
    return {
        "machines": 2,
        "plan": PLAN,
        "seed": seed,
        "people": people,
        "faults": [f"{'pull the cable' if is_cable else 'silence the proxies'}@{after_mails}"],
        "leader": leader is not None,
        "back_after_seconds": round(back_seconds, 1) if is_cable and back_seconds else None,
        "told_after_seconds": round(seconds, 1),
        **run.figures(),
        "seconds": round(time.monotonic() - started, 1),
        "complaints": complaints,
    }


def _leader(run: Run) -> Machine | None:
    """The machine whose scheduler leads; None: it cannot be seen, as both are on this machine."""
    query = (
        "SELECT host(client_addr) AS host FROM pg_locks JOIN pg_stat_activity USING (pid)"
        f" WHERE locktype = 'advisory' AND granted AND objid = {scheduler.ELECTION_LOCK}"
    )
    hosts = {row.host for row in run.rows(query)}
    machines = [each for each in run.installation.machines.values() if each.way.own_host in hosts]
    return machines[0] if machines else None
