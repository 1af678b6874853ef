"""`/healthz`: this process lives; `/readyz`: everything that it needs is there."""

from typing import Any

from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from plugin import db
from plugin.web.parts import Blueprint, runtime
from plugin.web.schemas import HealthSchema, ReadinessSchema

blueprint = Blueprint("health", __name__, description="Called by whatever watches over the installation")


@blueprint.route("/healthz")
@blueprint.response(200, HealthSchema)
def healthz() -> dict[str, str]:
    """Whether the process answers."""
    return {"status": "ok"}


@blueprint.route("/readyz")
@blueprint.response(200, ReadinessSchema)
@blueprint.alt_response(503, schema=ReadinessSchema, description="Something is missing; `checks` says what")
def readyz() -> tuple[dict[str, Any], int]:
    """Whether database, Redis and migrations are there."""
    checks = {**_database(), "redis": _redis()}
    ready = set(checks.values()) == {"ok"}
    return {"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503


def _database() -> dict[str, str]:
    try:
        current = db.is_up_to_date(runtime().engine)
    except SQLAlchemyError:
        return {"database": "not reachable", "migrations": "unknown"}
    return {"database": "ok", "migrations": "ok" if current else "not up to date: run 'stockbell db upgrade'"}


def _redis() -> str:
    try:
        runtime().redis.ping()
    except RedisError:
        return "not reachable"
    return "ok"
