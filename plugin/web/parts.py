"""What views need from the running application."""

import json
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, cast

import flask_smorest
from flask import Flask, abort, current_app, request
from marshmallow import Schema, ValidationError
from sqlalchemy import Connection

from plugin.domain import shops
from plugin.domain.shops import Shop
from plugin.runtime import Runtime
from plugin.web.errors import APIError, by_path

View = Callable[..., Any]
Decorator = Callable[[View], View]
SECURED: Mapping[str, Any] = {"security": [{"api_key": []}]}


def runtime() -> Runtime:
    """The parts of this process."""
    return runtime_of(current_app)


def runtime_of(app: Flask) -> Runtime:
    """The parts of an application's process."""
    return cast(Runtime, app.extensions["stockbell"])


def autocommit() -> Connection:
    """A connection on which each statement is its own transaction."""
    return runtime().quick_engine.connect()


def shop_with(public_key: str) -> Shop:
    """The shop with this key; else the request ends with 404."""
    with autocommit() as database:
        shop = shops.by_public_key(database, public_key)
    if shop is None:
        abort(404)
    return shop


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """Endpoints that are in the OpenAPI document."""

    def arguments(self, schema: Schema | type[Schema], *, location: str = "json", **options: Any) -> Decorator:
        """Hand the view what the schema loads; flask-smorest documents it.

        A body is read here and not by webargs: JSON and nothing else, as a foreign page could send a form without
        asking first.
        """
        documented = super().arguments(schema, location=location, **options)
        if location != "json":
            return cast(Decorator, documented)
        loader = schema() if isinstance(schema, type) else schema

        def decorator(view: View) -> View:
            @wraps(documented(view))
            def with_body(*args: Any, **named: Any) -> Any:
                return view(*args, _load_body(loader), **named)

            return with_body

        return decorator


def _load_body(schema: Schema) -> Any:
    """The request's body.

    Raises:
        APIError: 415, 400 or 422 naming the fields.
    """
    if not request.is_json:
        raise APIError(415)
    try:
        body = json.loads(request.get_data())
    except (ValueError, RecursionError) as error:  # broken, too deep, or a number of thousands of digits
        raise APIError(400, "The body is not JSON that can be read.") from error
    try:
        return schema.load(body)
    except ValidationError as error:
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]
        raise APIError(422, fields=by_path(messages)) from error
