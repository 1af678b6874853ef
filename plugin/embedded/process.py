"""Child processes that never outlive their parent."""

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import IO

PR_SET_PDEATHSIG = 1


class EmbeddedError(Exception):
    """An embedded server does not start; the sentence says why and what to do."""


def die_with_parent(signum: int) -> Callable[[], None]:
    """A `preexec_fn`: the kernel sends `signum` to the child when the parent ends, however it ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signum)
        if os.getppid() != parent:  # it ended in between
            os.kill(os.getpid(), signum)

    return prepare


def package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it (both wheels do work at import).

    Raises:
        EmbeddedError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {package} is not installed: run 'make setup'.")
    return Path(spec.submodule_search_locations[0])


def start(command: Sequence[str | Path], *, log: IO[bytes], stop_signal: int) -> subprocess.Popen[bytes]:
    """Start a server as a child in its own process group, so that Ctrl-C reaches only the parent."""
    return subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        preexec_fn=die_with_parent(stop_signal),  # noqa: PLW1509 (the parent starts children before threads)
    )


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, *, seconds: float) -> None:
    """Wait for a server to answer.

    Raises:
        EmbeddedError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").strip().splitlines()[-3:] or ["it said nothing"]
            name = Path(str(process.args[0])).name  # type: ignore[index]
            raise EmbeddedError(f"{name} did not start: {' | '.join(lines)} (all of it in {log})")
        time.sleep(0.02)


def stop(process: subprocess.Popen[bytes] | None, signum: int, *, seconds: float = 20) -> None:
    """Ask the child to end and wait for it; kill it when it does not."""
    if process is None or process.poll() is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signum)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait(5)
