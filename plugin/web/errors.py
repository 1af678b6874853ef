"""One shape for every JSON error: `{"error": {"code", "message", "fields"?}}`, and pages for people."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from redis import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException

log = structlog.get_logger(__name__)

CODES = {
    400: ("bad_request", "The request could not be read."),
    401: ("not_authorized", "A valid API key is needed: Authorization: Bearer <api_key>."),
    403: ("forbidden", "This is not allowed."),
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not take such a request."),
    413: ("too_large", "The request is too large."),
    415: ("not_json", "The request must be JSON: Content-Type: application/json."),
    422: ("invalid", "Some fields are not valid."),
    429: ("too_many_requests", "Too many requests; try again later."),
    500: ("internal_error", "Something went wrong here. It has been recorded."),
    503: ("unavailable", "A part of the service is not available; try again in a moment."),
}


class APIError(Exception):
    """An answer that is an error; raised anywhere below a view."""

    def __init__(
        self,
        status: int,
        message: str = "",
        *,
        code: str = "",
        fields: Mapping[str, list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Take what is not given from the status."""
        usual_code, usual_message = CODES[status]
        super().__init__(message or usual_message)
        self.status = status
        self.code = code or usual_code
        self.message = message or usual_message
        self.fields = fields
        self.headers = dict(headers or {})


def init_app(app: Flask) -> None:
    """Handlers are registered last, by `register_handlers`."""


def register_handlers(app: Flask) -> None:
    """Answer every error in the one shape."""
    app.register_error_handler(APIError, _api_error)
    app.register_error_handler(HTTPException, _http_error)
    for away in (OperationalError, PoolTimeoutError, RedisError):
        app.register_error_handler(away, _part_is_away)
    app.register_error_handler(Exception, _unexpected)


def _answer(error: APIError) -> ResponseReturnValue:
    if _wants_json():
        body: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.fields:
            body["fields"] = error.fields
        return jsonify({"error": body}), error.status, error.headers
    title = HTTPStatus(error.status).phrase
    return render_template("error.html", title=title, message=error.message), error.status, error.headers


def _wants_json() -> bool:
    return request.path.startswith("/api/") or request.path in {"/healthz", "/readyz"}


def _api_error(error: APIError) -> ResponseReturnValue:
    return _answer(error)


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400 and error.response:
        return error.response
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    messages = data.get("messages", {})
    fields = dict(_flat(messages.get("json", messages)) if isinstance(messages, Mapping) else [])
    headers = {"Allow": ", ".join(error.valid_methods)} if getattr(error, "valid_methods", None) else {}
    if status not in CODES:
        return _answer(_Other(status, error.description or ""))
    return _answer(APIError(status, fields=fields or None, headers=headers))


class _Other(APIError):
    """A status without an entry of its own."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(400, message)
        self.status = status
        self.code = HTTPStatus(status).phrase.lower().replace(" ", "_")


def _flat(messages: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, list[str]]]:
    """Nested messages by dotted path: {"levels": {0: {"available": [...]}}} -> levels.0.available."""
    for key, value in messages.items():
        path = f"{prefix}{key}" if key != "_schema" else (prefix.rstrip(".") or "body")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        else:
            yield path, [str(item) for item in (value if isinstance(value, list) else [value])]


def _part_is_away(error: Exception) -> ResponseReturnValue:
    log.error("part_is_away", error=type(error).__name__, path=request.url_rule and request.url_rule.rule)
    return _answer(APIError(503, headers={"Retry-After": "5"}))


def _unexpected(error: Exception) -> ResponseReturnValue:
    log.error("unexpected_error", path=request.url_rule and request.url_rule.rule, exc_info=error)
    return _answer(APIError(500))
