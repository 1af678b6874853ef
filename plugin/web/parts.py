"""What views need from the running application."""

from collections.abc import Mapping
from typing import Any, cast

import flask
import flask_smorest
from flask import current_app
from webargs import core
from webargs.flaskparser import FlaskParser, is_json_request

from plugin.runtime import Runtime
from plugin.web.errors import APIError

SECURED: Mapping[str, Any] = {"security": [{"api_key": []}]}


def runtime() -> Runtime:
    """The parts of this process."""
    return cast(Runtime, current_app.extensions["stockbell"])


class _BodyParser(FlaskParser):
    """JSON and nothing else: a foreign page could send a form without asking first."""

    def _raw_load_json(self, req: flask.Request) -> Any:
        if not is_json_request(req):
            raise APIError(415)
        try:
            return core.parse_json(req.get_data())
        except (ValueError, RecursionError) as error:  # broken, too deep, or a number of thousands of digits
            raise APIError(400, "The body is not JSON that can be read.") from error


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Endpoints that are in the OpenAPI document."""

    ARGUMENTS_PARSER = _BodyParser()
