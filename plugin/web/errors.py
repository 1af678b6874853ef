"""One shape for every JSON error: `{"error": {"code", "message", "fields"?}}`, and pages for people."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from flask import Flask, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from redis import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

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
TITLES = {
    403: "Not allowed",
    404: "This page is not here",
    429: "One moment, please",
    500: "Something went wrong",
    503: "We will be back in a moment",
}
AWAY_SECONDS = 5
JSON_PATHS = ("/api/", "/webhooks/", "/shopify/proxy/", "/healthz", "/readyz")


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
        usual_code, usual_message = CODES.get(status) or _usual(status)
        super().__init__(message or usual_message)
        self.status = status
        self.code = code or usual_code
        self.message = message or usual_message
        self.fields = fields
        self.headers = dict(headers or {})


def _usual(status: int) -> tuple[str, str]:
    """Code and sentence of a status that is not among `CODES`."""
    known = HTTPStatus(status)
    return known.phrase.lower().replace(" ", "_").replace("-", "_"), f"{known.phrase}."


def register_handlers(app: Flask) -> None:
    """Answer every error in the one shape."""
    app.register_error_handler(APIError, answer)
    app.register_error_handler(HTTPException, _http_error)
    for away in (OperationalError, PoolTimeoutError, RedisError):
        app.register_error_handler(away, _part_is_away)
    app.register_error_handler(Exception, _unexpected)


def answer(error: APIError) -> ResponseReturnValue:
    """The error as JSON for programs, as a page for people."""
    if request.path.startswith(JSON_PATHS):
        body: dict[str, Any] = {"code": error.code, "message": error.message}
        if error.fields:
            body["fields"] = error.fields
        return jsonify({"error": body}), error.status, error.headers
    title = TITLES.get(error.status) or HTTPStatus(error.status).phrase
    return render_template("error.html", title=title, message=error.message), error.status, error.headers


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    if status < 400:
        return error.get_response()  # a redirect
    headers = {"Allow": ", ".join(error.valid_methods or ())} if isinstance(error, MethodNotAllowed) else {}
    data: Mapping[str, Any] = getattr(error, "data", None) or {}
    in_query = data.get("messages", {}).get("query", {})  # what webargs found wrong
    return answer(APIError(status, fields=by_path(in_query) or None, headers=headers))


def by_path(messages: Mapping[Any, Any], prefix: str = "") -> dict[str, list[str]]:
    """A schema's messages by dotted path: {"levels": {0: {"available": [...]}}} -> levels.0.available."""
    found: dict[str, list[str]] = {}
    for key, value in messages.items():
        path = f"{prefix}{key}" if key != "_schema" else (prefix.rstrip(".") or "body")
        if isinstance(value, Mapping):
            found |= by_path(value, f"{path}.")
        else:
            found[path] = [str(item) for item in (value if isinstance(value, list) else [value])]
    return found


def _part_is_away(error: Exception) -> ResponseReturnValue:
    log.error("part_is_away", error=type(error).__name__, path=request.url_rule and request.url_rule.rule)
    return answer(APIError(503, headers={"Retry-After": str(AWAY_SECONDS)}))


def _unexpected(error: Exception) -> ResponseReturnValue:
    log.error("unexpected_error", path=request.url_rule and request.url_rule.rule, exc_info=error)
    return answer(APIError(500))
