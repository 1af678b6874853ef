"""Fixtures that many tests use: real PostgreSQL and Redis, a shop, a mail server that writes down what it gets."""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis as redis_library
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, create_engine, text

from plugin import create_app, db
from plugin.embedded import EmbeddedPostgres, EmbeddedRedis
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.factories import ShopKeys, make_shop
from tests.sink import MailSink
from tests.site import Site

# How long an example takes says more about the machine than about the code.
hypothesis_settings.register_profile("stockbell", deadline=None)
hypothesis_settings.load_profile("stockbell")
pytest_plugins = ["tests.browser"]

FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
REDIS_DATABASES = range(1, 16)


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database of this test process alone, with all tables: embedded, or on the server of DATABASE_URL."""
    given = os.environ.get("DATABASE_URL")
    if not given:
        with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), settings=FAST) as server:
            _make_tables(server.url)
            yield server.url
        return
    name = f"stockbell_test_{uuid.uuid4().hex[:12]}"
    admin = create_engine(db.sqlalchemy_url(given), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    url = db.sqlalchemy_url(given).set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    _make_tables(url)
    yield url
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _make_tables(url: str) -> None:
    engine = db.make_engine(url)
    db.upgrade(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis database of this test process alone: embedded, or an empty one on the server of REDIS_URL."""
    given = os.environ.get("REDIS_URL")
    if not given:
        with EmbeddedRedis(tmp_path_factory.mktemp("redis")) as server:
            yield server.url
        return
    for number in REDIS_DATABASES:
        client = redis_library.Redis.from_url(given, db=number)
        if client.dbsize() == 0 and client.set("stockbell:test", os.getpid(), nx=True):
            yield (
                given.rstrip("/0123456789") + f"/{number}"
                if given.rpartition("/")[2].isdigit()
                else f"{given}/{number}"
            )
            client.flushdb()
            client.close()
            return
        client.close()
    pytest.fail("no database on the server of REDIS_URL is empty")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """The way to a database without any rows."""
    engine = db.make_engine(database_url)
    yield engine
    with engine.begin() as database:
        names = ", ".join(table.name for table in db.metadata.sorted_tables)
        database.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))
    engine.dispose()


@pytest.fixture
def sink() -> Iterator[MailSink]:
    """A mail server that keeps what it gets, and misbehaves when told to."""
    with MailSink() as server:
        yield server


@pytest.fixture
def site() -> Iterator[Site]:
    """A web server of somebody else's."""
    site = Site()
    yield site
    site.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str, redis_url: str, sink: MailSink) -> Settings:
    """Settings of an installation for one test."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        home=tmp_path / "home",
        secret_key="k" * 40,
        smtp_url=sink.url,
        base_url="http://127.0.0.1:8000",
        allow_loopback=True,
        subscribe_limit=0,
    )


@pytest.fixture
def runtime(settings: Settings, engine: Engine) -> Iterator[Runtime]:
    """The parts of a process."""
    runtime = Runtime(settings)
    runtime.redis.flushdb()
    runtime.redis.set("stockbell:test", os.getpid())
    yield runtime
    runtime.close()


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    """The web application."""
    app = create_app(runtime=runtime)
    app.testing = False  # errors are answered as they are in production
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser or program that calls the web application."""
    return app.test_client()


@pytest.fixture
def shop(engine: Engine) -> ShopKeys:
    """A shop without double opt-in, with one sold-out variant "v1"."""
    return make_shop(engine)
