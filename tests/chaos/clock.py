"""Clocks that can be set: of Python processes, and of PostgreSQL where libfaketime is installed."""

import contextlib
import functools
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from tests.processes import ROOT

PATTERN = "/usr/lib/*/faketime/libfaketimeMT.so.1"
SHIM = Path(__file__).parent / "clock_shim"


@functools.cache
def library() -> str | None:
    """Where libfaketime is (Debian's package `faketime`); None: nowhere."""
    return next(iter(sorted(glob(PATTERN))), None)  # noqa: PTH207 (the pattern begins at the root)


@dataclass
class Clock:
    """The clock of some processes."""

    file: Path
    seconds: float = 0.0
    """How far it is ahead."""

    def __post_init__(self) -> None:
        self.file.touch(0o644)
        self.step(0)

    def step(self, seconds: float) -> None:
        """Set it forwards, or backwards; processes that run notice within a second."""
        self.seconds += seconds
        with self.file.open("r+", encoding="ascii") as file:
            file.write(f"{self.seconds:+012.0f}")  # always as long, so that nobody reads half of it

    def of_python(self) -> dict[str, str]:
        """What a Python process needs to live by this clock."""
        return {"STOCKBELL_CHAOS_CLOCK": str(self.file), "PYTHONPATH": f"{SHIM}:{ROOT}"}

    def of_postgres(self) -> dict[str, str]:
        """What PostgreSQL needs to; the monotonic clock stays as it is, as on a real machine."""
        found = library()
        assert found
        return {
            "LD_PRELOAD": found,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",  # without a cache, each look at the clock opens the file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }


def forget(pid: int) -> None:
    """Remove what libfaketime leaves of a process that was killed."""
    for path in (f"/dev/shm/faketime_shm_{pid}", f"/dev/shm/sem.faketime_sem_{pid}"):
        with contextlib.suppress(OSError):
            Path(path).unlink()
