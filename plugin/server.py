"""`stockbell web`: the application behind gunicorn."""

import signal
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from plugin.application import create_app
from plugin.runtime import Runtime
from plugin.settings import Settings

THREADS = 4


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": f"{self.settings.bind}:{self.settings.port}",
            "workers": self.settings.web_processes,
            "worker_class": "gthread",
            "threads": THREADS,
            "timeout": 60,
            "graceful_timeout": 15,
            "keepalive": 15,
            "accesslog": None,
            "errorlog": "-",
            "loglevel": "warning",
            "proc_name": "stockbell-web",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            if name in self.cfg.settings:
                self.cfg.set(name, value)

    def load(self) -> Flask:
        return create_app(runtime=Runtime(self.settings, pool_size=THREADS + 1))


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    Runtime(settings).close()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    _Server(settings).run()
