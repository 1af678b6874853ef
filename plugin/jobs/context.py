"""What a worker process has at hand for its jobs. A job's arguments are ids only, so the rest waits here."""

from dataclasses import dataclass

from plugin.domain.delivery import Courier
from plugin.runtime import Runtime


@dataclass(frozen=True)
class WorkerContext:
    """The parts of this worker process."""

    runtime: Runtime
    courier: Courier


_current: list[WorkerContext] = []


def enter(context: WorkerContext) -> None:
    """Make this process a worker."""
    leave()
    _current.append(context)


def leave() -> None:
    """Be no worker any more."""
    while _current:
        _current.pop().courier.close()


def current() -> WorkerContext:
    """The parts of this worker process.

    Raises:
        RuntimeError: this process is no worker.
    """
    if not _current:
        raise RuntimeError("This job runs only in 'stockbell worker'.")
    return _current[0]
