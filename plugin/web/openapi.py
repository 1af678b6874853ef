"""The OpenAPI document, made from the endpoints' own schemas."""

from importlib.metadata import PackageNotFoundError, version

from flask import Flask
from flask_smorest import Api

from plugin.web.schemas import ErrorSchema


def make_api(app: Flask) -> Api:
    """The API that JSON endpoints register with; serves /api/v1/openapi.json."""
    app.config.update(
        API_TITLE="Stockbell",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api/v1",
        OPENAPI_JSON_PATH="openapi.json",
        API_SPEC_OPTIONS={
            "info": {"description": f"Back-in-stock alerts that shops host themselves. Version {_version()}."},
            "components": {
                "securitySchemes": {
                    "api_key": {"type": "http", "scheme": "bearer", "description": "The shop's API key"}
                }
            },
        },
    )
    return _Api(app)


class _Api(Api):  # type: ignore[misc]
    """flask-smorest with our error shape."""

    ERROR_SCHEMA = ErrorSchema


def _version() -> str:
    try:
        return version("stockbell")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "0"
