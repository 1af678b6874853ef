"""An installation whose every process and connection can be hurt, and that is kept going all the while."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import httpx

from plugin import db
from plugin.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedRedis
from plugin.embedded.process import that_dies_with_its_parent
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.chaos.proxy import Proxy
from tests.processes import ROOT, environment, free_port
from tests.sink import Delivered, MailSink

WORKERS = 2
READY_SECONDS = 60
WATCH_SECONDS = 0.1
RESTART_SECONDS = 0.5


class RecordingSink(MailSink):
    """Keeps who got which message, not the messages."""

    def __init__(self) -> None:
        super().__init__()
        self.received: Counter[tuple[str, str]] = Counter()
        """By recipient and Message-ID: how often it came."""

    def take(self, mail: Delivered) -> None:
        """Write it down."""
        head = mail.content.partition(b"\r\n\r\n")[0].decode("ascii", "replace")
        (message_id,) = (line for line in head.splitlines() if line.lower().startswith("message-id:"))
        with self.changed:
            self.received[mail.recipient, message_id] += 1
            self.changed.notify_all()


@dataclass
class Part:
    """A process that is started again when it ends."""

    words: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0

    def start(self) -> None:
        """Start it."""
        self.started_at = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                that_dies_with_its_parent([sys.executable, "-m", "plugin.cli", *self.words], signal.SIGKILL),
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
        """Send a signal to the process (a web server's children are in its group)."""
        assert self.process
        with contextlib.suppress(ProcessLookupError):
            if signum == signal.SIGKILL:
                os.killpg(self.process.pid, signum)
            else:
                self.process.send_signal(signum)


@dataclass
class Installation:
    """Everything that `stockbell up` starts, each behind a proxy."""

    folder: Path
    sink: RecordingSink = field(default_factory=RecordingSink)
    parts: dict[str, Part] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._stack = contextlib.ExitStack()
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *details: object) -> None:
        self._stack.close()

    def _start(self) -> None:
        enter = self._stack.enter_context
        # Processes are killed here, not the machine: what was written is on the disk as far as they can tell.
        self.postgres = enter(EmbeddedPostgres(self.folder / "postgres", settings={"fsync": "off"}))
        self.redis = enter(EmbeddedRedis(self.folder / "redis"))
        enter(self.sink)
        self.smtp_proxy = enter(Proxy(self._reach_sink))
        self.postgres_proxy = enter(Proxy(lambda: _unix(self.postgres.sockets / ".s.PGSQL.5432")))
        self.redis_proxy = enter(Proxy(lambda: _unix(self.redis.sockets / "redis.sock")))
        self.settings = Settings(
            database_url=f"postgresql://postgres@127.0.0.1:{self.postgres_proxy.port}/stockbell",
            redis_url=f"redis://127.0.0.1:{self.redis_proxy.port}/0",
            smtp_url=f"smtp://127.0.0.1:{self.smtp_proxy.port}",
            home=self.folder,
            secret_key="c" * 40,
            allow_loopback=True,
            port=free_port(),
        )
        self.runtime = Runtime(replace(self.settings, database_url=self.postgres.url, redis_url=self.redis.url))
        self._stack.callback(self.runtime.close)
        db.upgrade(self.runtime.engine)
        self._start_parts()
        self._stop = threading.Event()
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        self._stack.callback(watcher.join)
        self._stack.callback(self._stop.set)
        self._wait_until_ready()

    def _start_parts(self) -> None:
        own = {"STOCKBELL_PORT": str(self.settings.port), "STOCKBELL_SUBSCRIBE_LIMIT": "0"}
        words = {"web": ["web"], "scheduler": ["scheduler"]}
        words |= {f"worker {number}": ["worker", "--name", f"w{number}"] for number in range(WORKERS)}
        for name, command in words.items():
            log = self.folder / f"{name.replace(' ', '-')}.log"
            part = self.parts[name] = Part(command, environment(self.settings, **own), log)
            part.start()
            self._stack.callback(_end, part)

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            for server in (self.postgres, self.redis):
                if server.ended():
                    with contextlib.suppress(EmbeddedError):
                        server.start_again()
            for part in self.parts.values():
                part.keep_going()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with contextlib.suppress(httpx.HTTPError):
                if self.http("GET", "/readyz").is_success:
                    return
            if time.monotonic() > deadline:
                raise TimeoutError("the installation does not become ready")
            time.sleep(0.1)

    def http(self, method: str, path: str, **options: object) -> httpx.Response:
        """A request to the web process; raises httpx.HTTPError when nobody answers."""
        url = f"http://127.0.0.1:{self.settings.port}{path}"
        return httpx.request(method, url, timeout=10, trust_env=False, **options)  # type: ignore[arg-type]

    def _reach_sink(self) -> socket.socket:
        port = int(self.sink.url.rpartition(":")[2])
        return socket.create_connection(("127.0.0.1", port), 5)


def _unix(path: Path) -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    try:
        end.connect(str(path))
    except OSError:
        end.close()
        raise
    return end


def _end(part: Part) -> None:
    assert part.process
    part.signal(signal.SIGCONT)
    part.signal(signal.SIGTERM)
    try:
        part.process.wait(10)
    except subprocess.TimeoutExpired:
        part.signal(signal.SIGKILL)
        part.process.wait(10)
