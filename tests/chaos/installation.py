"""An installation whose every process and connection can be hurt, and that is kept going all the while."""

import contextlib
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import httpx

from plugin import db
from plugin.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedRedis
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.chaos.clock import Clock, forget
from tests.chaos.machine import Loopback, Machine, Way, cable, cables_are_allowed
from tests.chaos.network import Loop, Proxy
from tests.chaos.part import Part, end_all
from tests.chaos.sink import RecordingSink
from tests.processes import environment, free_port

SECRET_KEY = "c" * 40
WORKERS = 2
READY_SECONDS = 60
WATCH_SECONDS = 0.1
HTTP_SECONDS = 10
POSTGRES_PORT = 5432
# Processes are killed here, not the machine: what was written is on the disk as far as they can tell.
POSTGRES_SETTINGS = {"fsync": "off"}


class ClockedPostgres(EmbeddedPostgres):
    """A PostgreSQL whose clock can be set."""

    clock: Clock | None = None
    pid: int | None = None

    def _start(self) -> None:
        self._forget()
        super()._start()
        self.pid = self.process.pid if self.process else None

    def stop(self) -> None:
        """End the server."""
        super().stop()
        self._forget()

    def _forget(self) -> None:
        if self.clock and self.pid:
            forget(self.pid)

    def _as_account(self) -> list[str]:
        words = super()._as_account()
        if self.clock:
            words += ["env", *(f"{name}={value}" for name, value in self.clock.of_postgres().items())]
        return words


@contextlib.contextmanager
def template(folder: Path) -> Iterator[Path]:
    """A data folder of PostgreSQL with all tables, to be copied."""
    with EmbeddedPostgres(folder, settings=POSTGRES_SETTINGS) as server:
        engine = db.make_engine(server.url)
        db.upgrade(engine)
        engine.dispose()
    yield folder / "data"


@dataclass
class Installation:
    """Everything that `stockbell up` starts, each behind a proxy; or the same on several machines."""

    folder: Path
    data: Path | None = None
    """A `template`; None: all tables are made anew."""
    machine_names: tuple[str, ...] = ("",)
    knows_ids: bool = False
    """Whether the mail server drops a Message-ID that it has had."""
    clock_names: frozenset[str] = frozenset()
    """Whose clocks can be set: "application", "PostgreSQL"."""
    machines: dict[str, Machine] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)
    proxies: dict[str, Proxy] = field(default_factory=dict)
    """To PostgreSQL and to Redis, of the only machine."""

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

    @property
    def parts(self) -> dict[str, Part]:
        """All processes by their names."""
        return {
            f"{name} {part}".strip(): each for name, box in self.machines.items() for part, each in box.parts.items()
        }

    def _start(self) -> None:
        self.folder.chmod(0o711)  # PostgreSQL's account has to find its clock
        self.network = self._stack.enter_context(Loop())
        ways = {name: self._way() for name in self.machine_names}
        self.clocks = {name: Clock(self.folder / f"{name}.clock") for name in self.clock_names}
        self._start_services([way.server_host for way in ways.values()])
        for name, way in ways.items():
            self.machines[name] = self._machine(name, way)
        self._stop, self._resting = threading.Event(), threading.Event()
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        self._stack.callback(watcher.join)
        self._stack.callback(self._stop.set)
        self.client = self._stack.enter_context(httpx.Client(timeout=HTTP_SECONDS, trust_env=False))
        self._wait_until_ready()

    def _way(self) -> Way:
        if len(self.machine_names) > 1 and cables_are_allowed():
            return self._stack.enter_context(cable())
        return Loopback()

    def _start_services(self, hosts: list[str]) -> None:
        enter = self._stack.enter_context
        self.postgres = ClockedPostgres(self.folder / "postgres", settings=dict(POSTGRES_SETTINGS))
        self.postgres.clock = self.clocks.get("PostgreSQL")
        self._copy_data()
        if hosts[0] != Loopback.server_host:
            self.postgres.settings["listen_addresses"] = ",".join(hosts)
        enter(self.postgres)
        self._open_to(hosts)
        self.redis = enter(EmbeddedRedis(self.folder / "redis"))
        self.sink = enter(RecordingSink(self.network, knows_ids=self.knows_ids))
        settings = Settings(
            secret_key=SECRET_KEY, database_url=self.postgres.url, redis_url=self.redis.url, home=self.folder
        )
        self.runtime = Runtime(settings)
        self._stack.callback(self.runtime.close)
        if self.data is None:
            db.upgrade(self.runtime.engine)

    def _copy_data(self) -> None:
        if self.data:
            self.postgres.folder.mkdir()
            subprocess.run(["cp", "-a", str(self.data), str(self.postgres.data)], check=True)

    def _open_to(self, hosts: list[str]) -> None:
        """Let other machines in."""
        rules = [f"host all all {host}/30 trust\n" for host in hosts if host != Loopback.server_host]
        if rules:
            with (self.postgres.data / "pg_hba.conf").open("a", encoding="ascii") as file:
                file.writelines(rules)
            assert self.postgres.process
            self.postgres.process.send_signal(signal.SIGHUP)

    def _machine(self, name: str, way: Way) -> Machine:
        """Start the processes of a machine."""
        redis = self._proxy(self.redis.sockets / "redis.sock", way.server_host)
        if isinstance(way, Loopback):
            postgres = self._proxy(self.postgres.sockets / f".s.PGSQL.{POSTGRES_PORT}", way.server_host)
            postgres_port = postgres.port
            smtp_port = self.sink.port
            if name:
                smtp = self._proxy(self.sink.port, way.server_host)
                smtp_port = smtp.port
                way.proxies += [postgres, redis, smtp]
            self.proxies |= {"postgres": postgres, "redis": redis}
        else:
            postgres_port = POSTGRES_PORT
            smtp_port = self._proxy(self.sink.port, way.server_host).port
        home = self.folder / (name or "home")
        home.mkdir()
        machine = Machine(name, way, home)
        settings = Settings(
            database_url=f"postgresql://postgres@{way.server_host}:{postgres_port}/stockbell",
            redis_url=f"redis://{way.server_host}:{redis.port}/0",
            smtp_url=f"smtp://{way.server_host}:{smtp_port}",
            home=home,
            secret_key=SECRET_KEY,
            allow_loopback=True,
            port=free_port(),
            bind=way.own_host,
        )
        machine.address = f"http://{way.own_host}:{settings.port}"
        self._start_parts(machine, settings)
        return machine

    def _proxy(self, target: Path | int, host: str) -> Proxy:
        return self._stack.enter_context(Proxy(self.network, target, host))

    def _start_parts(self, machine: Machine, settings: Settings) -> None:
        own = {"STOCKBELL_PORT": str(settings.port), "STOCKBELL_BIND": settings.bind, "STOCKBELL_SUBSCRIBE_LIMIT": "0"}
        surroundings = environment(settings, **own)
        if "application" in self.clocks:
            surroundings |= self.clocks["application"].of_python()
        words = {f"worker {number}": ["worker", "--name", f"{machine.name}w{number}"] for number in range(WORKERS)}
        words |= {"web": ["web"], "scheduler": ["scheduler"]}
        for name, command in words.items():
            log = self.folder / f"{machine.name}{name.replace(' ', '-')}.log"
            machine.parts[name] = Part(command, surroundings, log, machine.way.words_before)
            machine.parts[name].start()
        self._stack.callback(lambda: end_all(list(machine.parts.values())))

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_SECONDS):
            if self._resting.is_set():
                continue
            for server in (self.postgres, self.redis):
                if server.ended():
                    with contextlib.suppress(EmbeddedError):
                        server.start_again()
            for part in self.parts.values():
                part.keep_going()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        waiting = list(self.machines.values())
        while waiting:
            with contextlib.suppress(httpx.HTTPError):
                if self.http("GET", "/readyz", machine=waiting[0]).is_success:
                    waiting.pop(0)
                    continue
            if time.monotonic() > deadline:
                raise TimeoutError("the installation does not become ready")
            time.sleep(0.1)

    def http(self, method: str, path: str, machine: Machine | None = None, **options: object) -> httpx.Response:
        """A request to a web process, of the last machine that is not cut off if none is named.

        Raises:
            httpx.HTTPError: nobody answers.
        """
        address = (machine or [each for each in self.machines.values() if not each.is_cut_off][-1]).address
        return self.client.request(method, f"{address}{path}", **options)  # type: ignore[arg-type]

    def a_worker(self, chance: random.Random) -> Part:
        """Any of them."""
        return chance.choice([part for name, part in self.parts.items() if "worker" in name])

    def end_processes(self) -> None:
        """End all processes of the application in good order; PostgreSQL and Redis stay."""
        self._resting.set()
        time.sleep(2 * WATCH_SECONDS)
        end_all(list(self.parts.values()))
