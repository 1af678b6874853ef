"""Structured logs: one JSON object a line, without addresses, tokens or bodies."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

ADDRESS = re.compile(r"[^\s<>\"'=(),;:&?/]+(?:@|%40)[^\s<>\"'(),;:&?/]+")
TOKEN = re.compile(r"(/[uc]/)[\w-]+")


def without_personal_data(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take addresses and link tokens out of everything, however deep, whoever logged it."""
    for key, value in event.items():
        event[key] = _cleaned(value)
    return event


def _cleaned(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {_cleaned(str(key)): _cleaned(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_cleaned(each) for each in value]
    return TOKEN.sub(r"\1<token>", ADDRESS.sub("<address>", str(value)))


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
