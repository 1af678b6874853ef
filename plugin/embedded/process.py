"""Child processes that never outlive their parent, and what the embedded servers have in common."""

import contextlib
import shutil
import signal
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self


class EmbeddedError(Exception):
    """An embedded server does not start; the sentence says why and what to do."""


def that_dies_with_its_parent(command: Sequence[str | Path], signum: signal.Signals) -> list[str]:
    """The command so that the kernel sends `signum` to it when this process ends, however it ends.

    By a command and not by a `preexec_fn`, which must not be used where there are threads.
    """
    return ["setpriv", "--pdeathsig", signum.name.removeprefix("SIG"), "--", *map(str, command)]


def package_folder(package: str) -> Path:
    """Where an installed package lies, without importing it (both wheels do work at import).

    Raises:
        EmbeddedError: it is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(f"The package {package} is not installed: run 'make setup'.")
    return Path(spec.submodule_search_locations[0])


def start(command: Sequence[str | Path], *, log: IO[bytes], stop_signal: signal.Signals) -> subprocess.Popen[bytes]:
    """Start a server as a child in its own process group, so that Ctrl-C reaches only the parent."""
    return subprocess.Popen(
        that_dies_with_its_parent(command, stop_signal),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
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
            raise EmbeddedError(f"{log.stem} did not start: {' | '.join(lines)} (all of it in {log})")
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


class EmbeddedServer(ABC):
    """A server of this process alone: its data in `folder`, its socket in a private folder, no port.

    Use as a context manager, or with `start` and `stop`.
    """

    name: str
    stop_signal: signal.Signals

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self.folder = folder
        self.log = folder / f"{self.name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None

    @property
    def sockets(self) -> Path:
        """Where the socket lies; the same for as long as the server is wanted, however often it is started anew.

        A socket's path may have 107 bytes at the most, a checkout's may be longer: so it is not in `folder`.
        """
        if self._socket_folder is None:
            self._socket_folder = Path(tempfile.mkdtemp(prefix=f"stockbell-{self.name}-"))
        return self._socket_folder

    @property
    @abstractmethod
    def url(self) -> str:
        """Where the running server is reached."""

    @abstractmethod
    def _start(self) -> None:
        """Start the process and wait until it answers."""

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            EmbeddedError: it does not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def ended(self) -> bool:
        """Whether it was started and has ended without having been asked to."""
        return self.process is not None and self.process.poll() is not None

    def start_again(self) -> None:
        """Start the server that has ended, at the same address.

        Raises:
            EmbeddedError: it does not start.
        """
        try:
            self._start()
        except EmbeddedError:
            stop(self.process, self.stop_signal)
            raise

    def stop(self) -> None:
        """End the server; what was committed stays."""
        stop(self.process, self.stop_signal)
        self.process = None
        if self._socket_folder:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()
