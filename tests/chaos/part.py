"""A process of an installation that can be hurt, and that is started again when it ends."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from plugin.embedded.process import that_dies_with_its_parent
from tests.processes import ROOT

RESTART_SECONDS = 0.5
TO_ALL = {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT}
"""Signals that a web server's children get, too."""


@dataclass
class Part:
    """`stockbell WORDS`."""

    words: Sequence[str]
    environment: dict[str, str]
    log: Path
    words_before: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """Start it."""
        self.started_at = time.monotonic()
        command = [*self.words_before, sys.executable, "-m", "plugin.cli", *self.words]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                that_dies_with_its_parent(command, signal.SIGKILL),
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def keep_going(self) -> None:
        """Start it again when it has ended."""
        assert self.process
        if self.process.poll() is not None and time.monotonic() - self.started_at > RESTART_SECONDS:
            self.start()

    def signal(self, signum: signal.Signals) -> None:
        """Send a signal to the process, and to its children where the kernel's signals would leave them alone."""
        assert self.process
        if self.process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            if signum in TO_ALL:
                os.killpg(self.process.pid, signum)
            else:
                self.process.send_signal(signum)

    def children(self) -> list[int]:
        """The processes that it has started."""
        assert self.process
        try:
            tasks = Path(f"/proc/{self.process.pid}/task")
            return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
        except OSError:
            return []

    def end(self, seconds: float) -> None:
        """Wait for the end of a process that was told to end; kill it when it does not."""
        assert self.process
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self.process.wait(10)


def end_all(parts: Sequence[Part], seconds: float = 10) -> None:
    """Tell all of them to end, and wait for each."""
    for part in parts:
        part.signal(signal.SIGCONT)
        part.signal(signal.SIGTERM)
    deadline = time.monotonic() + seconds
    for part in parts:
        part.end(max(0.0, deadline - time.monotonic()))
