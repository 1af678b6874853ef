"""Fixtures for tests of the application that need a database of their own."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from plugin import db


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A database without tables beside the one of the other tests."""
    name = "stockbell_empty"
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
