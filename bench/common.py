"""What the measurements share: an installation of their own, processes, tables."""

import contextlib
import os
import platform
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from plugin.embedded import EmbeddedPostgres, EmbeddedRedis
from plugin.runtime import Runtime
from plugin.settings import Settings

ROOT = Path(__file__).parents[1]


def title(words: str) -> None:
    """Print a heading with the machine that it was measured on."""
    cores = os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"\n## {words}\n\n{cores} cores, {memory:.0f} GiB, {platform.system()}, Python {platform.python_version()}\n")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table."""
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(row) + " |")
    sys.stdout.flush()


@contextlib.contextmanager
def installation(**overrides: object) -> Iterator[Runtime]:
    """An installation with embedded PostgreSQL (safe settings: fsync is on) and Redis in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="stockbell-bench-") as folder:
        home = Path(folder)
        with EmbeddedPostgres(home / "postgres") as postgres, EmbeddedRedis(home / "redis") as redis:
            settings = Settings(
                database_url=postgres.url,
                redis_url=redis.url,
                home=home,
                secret_key="b" * 40,
                allow_loopback=True,
            )
            runtime = Runtime(replace(settings, **overrides))  # type: ignore[arg-type]
            runtime.upgrade_database()
            try:
                yield runtime
            finally:
                runtime.close()


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a child process with these settings."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "STOCKBELL_HOME": str(settings.home),
        "STOCKBELL_SECRET_KEY": settings.secret_key,
        "STOCKBELL_SMTP_URL": settings.smtp_url,
        "STOCKBELL_PORT": str(settings.port),
        "STOCKBELL_ALLOW_LOOPBACK": "1",
        "STOCKBELL_SUBSCRIBE_LIMIT": "1000000",  # counted, as in production, and never reached
        "STOCKBELL_WEB_PROCESSES": str(settings.web_processes),
    }


@contextlib.contextmanager
def process(*words: str, **options: object) -> Iterator[subprocess.Popen[bytes]]:
    """A Python child process that ends with the block."""
    child = subprocess.Popen([sys.executable, *words], cwd=ROOT, **options)  # type: ignore[call-overload]
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(20)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_port(port: int, seconds: float = 30) -> None:
    """Wait until someone listens."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nobody listens on port {port}")


def wait_for_workers(runtime: Runtime, workers: int) -> None:
    """Wait until so many workers listen."""
    from rq import Worker  # noqa: PLC0415

    while Worker.count(connection=runtime.redis) < workers:
        time.sleep(0.05)
    time.sleep(0.5)


def read_answer(answers: IO[bytes]) -> None:
    """Read one answer of a web server on a connection that stays open; it must be 2xx."""
    status = answers.readline()
    assert status[9:10] == b"2", status
    length = 0
    while (line := answers.readline()) != b"\r\n":
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    answers.read(length)


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def peak_memory_mb(pid: int) -> float:
    """The most resident memory that a process ever had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1e3
