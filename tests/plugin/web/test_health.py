from flask.testing import FlaskClient
from sqlalchemy import Engine

from plugin import create_app, db
from plugin.runtime import Runtime
from plugin.settings import Settings


def test_the_process_answers(client: FlaskClient) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.json) == (200, {"status": "ok"})


def test_ready_when_every_part_is_there(client: FlaskClient) -> None:
    response = client.get("/readyz")

    assert response.status_code == 200
    assert response.json == {"status": "ok", "checks": {"database": "ok", "redis": "ok", "migrations": "ok"}}
    assert response.headers["Cache-Control"] == "no-store"


def test_not_ready_before_the_migrations(client: FlaskClient, engine: Engine) -> None:
    db.downgrade(engine)
    try:
        response = client.get("/readyz")
    finally:
        db.upgrade(engine)

    assert response.status_code == 503
    assert response.json["checks"]["database"] == "ok"
    assert "stockbell db upgrade" in response.json["checks"]["migrations"]


def test_not_ready_without_database_and_redis_but_the_process_answers(settings: Settings) -> None:
    values = {name: getattr(settings, name) for name in Settings.__slots__}
    away = {"database_url": "postgresql://nobody@127.0.0.1:1/x", "redis_url": "redis://127.0.0.1:1/0"}
    runtime = Runtime(Settings(**{**values, **away}))
    client = create_app(runtime=runtime).test_client()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert response.json == {
        "status": "unavailable",
        "checks": {"database": "not reachable", "redis": "not reachable", "migrations": "unknown"},
    }
    assert client.get("/healthz").status_code == 200
    runtime.close()
