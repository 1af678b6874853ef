"""`stockbell up`: every part of an installation on one machine, started, watched and stopped together."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import FrameType

import click
import httpx

from plugin.demo import Demo, ShopifyDemo
from plugin.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedRedis
from plugin.embedded.process import EmbeddedServer, stop, that_dies_with_its_parent
from plugin.mailbox.server import MailboxServer
from plugin.mailbox.store import MailStore
from plugin.runtime import MAIL_SERVER_IS_SET, RUNNING, Runtime, address_file, read_address
from plugin.settings import Settings, SettingsError, owner_only

READY_SECONDS = 60
STOP_SECONDS = 20
RESTART_SECONDS = 1.0
MOST_RESTART_SECONDS = 30.0
WATCH_SECONDS = 0.2
CATALOG_WORKERS = 2
"""So that one slow feed does not hold up the others."""


@dataclass
class _Part:
    """A child process that is started again when it ends."""

    name: str
    command: Sequence[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    wait_seconds: float = RESTART_SECONDS
    """Twice as long after each time that it ended at once."""

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            that_dies_with_its_parent(self.command, signal.SIGTERM),
            env=self.environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for the parent, which stops its children in order
        )

    def watch(self) -> None:
        assert self.process
        lived = time.monotonic() - self.started_at
        if self.process.poll() is None:
            if lived > MOST_RESTART_SECONDS:
                self.wait_seconds = RESTART_SECONDS
        elif lived > self.wait_seconds:
            click.echo(f"{self.name} ended ({self.process.returncode}); it is started again.", err=True)
            self.wait_seconds = min(2 * self.wait_seconds, MOST_RESTART_SECONDS)
            self.start()


@dataclass
class _Installation:
    settings: Settings
    servers: Sequence[EmbeddedServer]
    parts: list[_Part] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def start_parts(self, extra: Sequence[tuple[str, Sequence[str]]]) -> None:
        command = [sys.executable, "-m", "plugin.cli"]
        named: list[tuple[str, Sequence[str]]] = [
            ("web", [*command, "web"]),
            ("scheduler", [*command, "scheduler"]),
        ]
        for number in range(1, self.settings.workers + 1):
            name = f"{socket.gethostname()}-{self.settings.home}-{number}"
            named.append((f"worker {number}", [*command, "worker", "--name", name]))
        for number in range(1, CATALOG_WORKERS + 1):
            name = f"{socket.gethostname()}-{self.settings.home}-catalogs-{number}"
            named.append((f"worker {number} for catalogs", [*command, "worker", "--catalogs", "--name", name]))
        if self.settings.shopify_client_id:
            name = f"{socket.gethostname()}-{self.settings.home}-platforms"
            named.append(("worker for platforms", [*command, "worker", "--platforms", "--name", name]))
        environment = self._environment()
        for name, words in [*named, *extra]:
            part = _Part(name, words, environment)
            part.start()
            self.parts.append(part)

    def _environment(self) -> dict[str, str]:
        checkout = str(Path(__file__).parents[1])
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, [checkout, os.environ.get("PYTHONPATH", "")])),
            "DATABASE_URL": self.settings.database_url,
            "REDIS_URL": self.settings.redis_url,
            "STOCKBELL_SMTP_URL": self.settings.smtp_url,
            "STOCKBELL_HOME": str(self.settings.home),
            "STOCKBELL_ALLOW_LOOPBACK": "1" if self.settings.allow_loopback else "0",
            "STOCKBELL_SHOPIFY_CLIENT_ID": self.settings.shopify_client_id,
            "STOCKBELL_SHOPIFY_CLIENT_SECRET": self.settings.shopify_client_secret,
            "STOCKBELL_SHOPIFY_SIMULATOR": self.settings.shopify_simulator,
        }

    def wait_until(self, is_so: Callable[[], bool], otherwise: str) -> None:
        """Look after the parts until something is true, or somebody ends it.

        Raises:
            EmbeddedError: it takes too long; in the words of `otherwise`.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not self.stopping.is_set() and not is_so():
            if time.monotonic() > deadline:
                raise EmbeddedError(otherwise)
            self.look_after()
            self.stopping.wait(WATCH_SECONDS)

    def web_is_ready(self) -> bool:
        host = "127.0.0.1" if self.settings.bind in {"0.0.0.0", "::"} else self.settings.bind  # noqa: S104
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://{host}:{self.settings.port}/readyz", timeout=5, trust_env=False).is_success
        return False

    def watch(self) -> None:
        while not self.stopping.wait(WATCH_SECONDS):
            self.look_after()

    def look_after(self) -> None:
        for server in self.servers:
            if server.ended():
                click.echo(f"{server.name} ended; it is started again.", err=True)
                with contextlib.suppress(EmbeddedError):  # what it left behind may take a moment to go
                    server.start_again()
        for part in self.parts:
            part.watch()

    def stop_parts(self) -> None:
        running = [part.process for part in self.parts if part.process and part.process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            stop(process, signal.SIGTERM, seconds=STOP_SECONDS)


def run(settings: Settings, *, demo: str = "") -> None:
    """Start everything, print the addresses, and stay until Ctrl-C or SIGTERM.

    Args:
        settings: what the environment decides.
        demo: the platform of the demo shop; empty: none.

    Raises:
        SettingsError: a port is taken or the home folder cannot be written.
        EmbeddedError: a part does not start.
    """
    if demo:
        settings = replace(settings, allow_loopback=True)
    with contextlib.ExitStack() as stack:
        _lock_home(settings, stack)
        _check_port(settings)
        shop: Demo | ShopifyDemo | None = None
        if demo == "shopify":
            shop = ShopifyDemo.prepare(settings)
            settings = shop.settings(settings)
        settings, servers = _start_services(settings, stack)
        runtime = Runtime(settings)
        stack.callback(runtime.close)
        runtime.upgrade_database()
        if demo == "custom":
            shop = Demo.prepare(runtime)
        installation = _Installation(settings, servers)
        stack.callback(installation.stop_parts)
        with _signals(installation.stopping):
            installation.start_parts([("demo shop", shop.command)] if shop else [])
            installation.wait_until(
                installation.web_is_ready, "The web server does not become ready; its messages above say why."
            )
            if shop:
                installation.wait_until(
                    lambda: shop.is_ready(runtime), "The demo shop does not become ready; the messages above say why."
                )
            if not installation.stopping.is_set():
                _print_addresses(settings, shop)
            installation.watch()
        click.echo("Stopping ...", err=True)


def _lock_home(settings: Settings, stack: contextlib.ExitStack) -> None:
    try:
        (settings.home / "run").mkdir(parents=True, exist_ok=True)
        lock = stack.enter_context((settings.home / "run" / "lock").open("w"))
    except OSError as error:
        raise SettingsError(f"STOCKBELL_HOME: {settings.home} cannot be written ({error.strerror}).") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise SettingsError(f"'stockbell up' runs already in {settings.home}.") from error


def _check_port(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.bind, settings.port))
        except OSError as error:
            raise SettingsError(
                f"Port {settings.port} on {settings.bind} cannot be used ({error.strerror}):"
                " set STOCKBELL_PORT to another one."
            ) from error


def _start_services(settings: Settings, stack: contextlib.ExitStack) -> tuple[Settings, list[EmbeddedServer]]:
    """Start what is embedded and write its address down for other commands."""
    servers: list[EmbeddedServer] = []
    addresses: dict[str, str] = {}
    told = {"settings": json.dumps({name: getattr(settings, name) for name in RUNNING})}
    if not settings.database_url:
        servers.append(stack.enter_context(EmbeddedPostgres(settings.home / "postgres")))
        addresses["database_url"] = servers[-1].url
    if not settings.redis_url:
        servers.append(stack.enter_context(EmbeddedRedis(settings.home / "redis")))
        addresses["redis_url"] = servers[-1].url
    if not settings.smtp_url:
        mailbox = MailboxServer(MailStore(settings.home / "mailbox"))
        mailbox.start()
        stack.callback(mailbox.stop)
        addresses["smtp_url"] = mailbox.url
    else:
        told[MAIL_SERVER_IS_SET] = "yes"  # not which: its address may hold a password
    for name, address in {**addresses, **told}.items():
        file = Path(address_file(settings, name))
        with open(file, "w", encoding="utf-8", opener=owner_only) as written:  # an app's secret may be among it
            written.write(address)
        stack.callback(file.unlink, missing_ok=True)
    return replace(settings, **addresses), servers  # type: ignore[arg-type]


@contextlib.contextmanager
def _signals(stopping: threading.Event) -> Iterator[None]:
    def told(_signum: int, _frame: FrameType | None) -> None:
        stopping.set()

    before = {signum: signal.signal(signum, told) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _print_addresses(settings: Settings, shop: Demo | ShopifyDemo | None) -> None:
    lines = ["", "Stockbell runs.", ""]
    if shop:
        lines += [f"  {name:17} {address}" for name, address in shop.pages]
    if settings.allow_loopback and read_address(settings, "smtp_url"):
        lines.append(f"  Mailbox           {settings.public_url}/mailbox")
    lines.append(f"  Merchant page     {settings.public_url}/merchant/")
    if shop:
        lines += [f"                    {hint}" for hint in shop.hints]
    lines += ["", "Ctrl-C stops everything; nothing is lost.", ""]
    click.echo("\n".join(lines))
    sys.stdout.flush()
