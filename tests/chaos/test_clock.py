"""A Python process lives by the clock that it is given."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.chaos.clock import Clock

PROGRAM = """
import time
from datetime import UTC, datetime
print(datetime.now(UTC).isoformat(), flush=True)
input()
assert isinstance(datetime.now(), datetime) and isinstance(datetime(2026, 1, 1), datetime)
assert abs(time.time() - datetime.now(UTC).timestamp()) < 5
print(datetime.now(UTC).isoformat(), time.monotonic())
"""


def test_a_clock_is_set_while_the_process_runs(tmp_path: Path) -> None:
    clock = Clock(tmp_path / "clock")
    clock.step(3600)
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **clock.of_python()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        first = datetime.fromisoformat(child.stdout.readline().strip())
        clock.step(-3 * 3600)
        child.stdin.write("\n")
        child.stdin.flush()
        second = datetime.fromisoformat(child.stdout.readline().split()[0])

    minute = timedelta(minutes=1)
    assert abs(first - datetime.now(UTC) - timedelta(hours=1)) < minute
    assert abs(second - datetime.now(UTC) + timedelta(hours=2)) < minute
