"""Migrations: from nothing to the newest and back, and the same tables as the models say."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

import plugin.models
from plugin import db


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A database without tables beside the one of the other tests."""
    name = "stockbell_migrations"
    admin = create_engine(db.sqlalchemy_url(database_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_engine(db.sqlalchemy_url(database_url).set(database=name))
    yield engine
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def test_tables_come_and_go(empty: Engine) -> None:
    assert not db.is_up_to_date(empty)
    db.upgrade(empty)
    db.upgrade(empty)
    assert db.is_up_to_date(empty)

    db.downgrade(empty)

    assert inspect(empty).get_table_names() == ["alembic_version"]


def test_migrations_make_the_tables_of_the_models(empty: Engine) -> None:
    db.upgrade(empty)

    assert plugin.models.__all__
    with empty.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), db.metadata) == []
