"""`/healthz`: this process lives; `/readyz`: everything that it needs is there."""

from flask import Blueprint, Flask, jsonify
from flask.typing import ResponseReturnValue
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from plugin import db
from plugin.web.parts import runtime

blueprint = Blueprint("health", __name__)


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Whether the process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Whether database, Redis and migrations are there; 503 names what is not."""
    checks = {"database": "ok", "redis": "ok", "migrations": "ok"}
    try:
        if not db.is_up_to_date(runtime().engine):
            checks["migrations"] = "not up to date: run 'stockbell db upgrade'"
    except SQLAlchemyError:
        checks["database"] = "not reachable"
        checks["migrations"] = "unknown"
    try:
        runtime().redis.ping()
    except RedisError:
        checks["redis"] = "not reachable"
    ready = set(checks.values()) == {"ok"}
    return jsonify(status="ok" if ready else "unavailable", checks=checks), 200 if ready else 503
