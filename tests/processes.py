"""Whole processes of an installation, for tests that kill them."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from plugin.settings import Settings

ROOT = Path(__file__).parents[1]


def environment(settings: Settings, **more: str) -> dict[str, str]:
    """The environment of a process with these settings."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "default",
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "STOCKBELL_HOME": str(settings.home),
        "STOCKBELL_SECRET_KEY": settings.secret_key,
        "STOCKBELL_SMTP_URL": settings.smtp_url,
        "STOCKBELL_ALLOW_LOOPBACK": "1",
        **more,
    }


@contextlib.contextmanager
def stockbell(settings: Settings, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`stockbell WORDS` as a child process; killed at the end if it still runs."""
    command = [sys.executable, "-m", "plugin.cli", *words]
    with subprocess.Popen(command, env=environment(settings), cwd=ROOT, start_new_session=True) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(15)
                child.kill()


def run_stockbell(settings: Settings, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """`stockbell WORDS`, waited for."""
    return subprocess.run(
        [sys.executable, "-m", "plugin.cli", *words],
        env=environment(settings),
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Wait until something is true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {seconds} s"
        time.sleep(0.05)
