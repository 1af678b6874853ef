"""Structured logs: one JSON object a line, without addresses, tokens or bodies."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

ADDRESS = re.compile(r"[^\s<>\"'=(),;:]+@[^\s<>\"'(),;:]+")
TOKEN = re.compile(r"(/(?:u|c)/)[\w-]+")


def without_personal_data(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take addresses and link tokens out of every text, whoever logged it."""
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = TOKEN.sub(r"\1<token>", ADDRESS.sub("<address>", value))
    return event


def configure(process: str) -> None:
    """Log to standard error as JSON lines; also what libraries log."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.contextvars.merge_contextvars,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                without_personal_data,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    structlog.contextvars.bind_contextvars(process=process)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for chatty in ("rq", "httpx", "httpcore", "mail.log", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
