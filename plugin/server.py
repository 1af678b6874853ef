"""`stockbell web`: the application behind gunicorn."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from plugin.application import create_app
from plugin.runtime import Runtime
from plugin.settings import Settings

THREADS = 4
REDIS_SECONDS = 0.5


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, settings: Settings, make_app: Callable[[], Flask]) -> None:
        self.settings = settings
        self.make_app = make_app
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
            self.cfg.set(name, value)

    def load(self) -> Flask:
        return self.make_app()


def serve(settings: Settings) -> None:
    """Serve the application until SIGTERM or SIGINT."""
    serve_app(
        settings, lambda: create_app(runtime=Runtime(settings, pool_size=THREADS + 1, redis_seconds=REDIS_SECONDS))
    )


def serve_app(settings: Settings, make_app: Callable[[], Flask]) -> None:
    """Serve what `make_app` makes in each process of the server, until SIGTERM or SIGINT."""
    _Server(settings, make_app).run()
