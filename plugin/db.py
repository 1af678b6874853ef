"""The way to PostgreSQL: engine, transactions, migrations."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.pq import ConnStatus, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, make_url

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
NAMING = {
    "ix": "%(table_name)s_%(column_0_N_name)s_idx",
    "uq": "%(table_name)s_%(column_0_N_name)s_key",
    "ck": "%(table_name)s_%(constraint_name)s_check",
    "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
    "pk": "%(table_name)s_pkey",
}
metadata = MetaData(naming_convention=NAMING)


def sqlalchemy_url(database_url: str) -> URL:
    """The same address for SQLAlchemy, with psycopg 3 as the driver."""
    return make_url(database_url).set(drivername="postgresql+psycopg")


def make_engine(database_url: str, *, pool_size: int = 5, **options: Any) -> Engine:
    """An engine whose connections give up: connecting after 10 s, a statement after 60 s."""
    return create_engine(
        sqlalchemy_url(database_url),
        **options,
        hide_parameters=True,  # they hold addresses, and errors are logged
        pool_size=pool_size,
        max_overflow=5,
        pool_pre_ping=False,
        pool_recycle=1800,
        pool_timeout=CONNECT_SECONDS,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c timezone=UTC",
            "application_name": "stockbell",
        },
    )


class PreparedStatement:
    """A statement for what happens by the thousand: prepared once per connection, and run without a cursor.

    A cursor's work in Python is most of what a short statement costs a web process.
    """

    def __init__(self, name: str, sql: str) -> None:
        """Take a name, unique in the process, and the statement with $1, $2 ... for its values."""
        self._name = name.encode()
        self._sql = sql.encode()

    def one(self, database: Connection, *values: object) -> list[str | None]:
        """Run it in the connection's transaction; the columns of its one row, as PostgreSQL writes them.

        Raises:
            psycopg.Error: it failed; a broken connection is taken out of the pool.
        """
        pooled = database.connection
        libpq = pooled.driver_connection.pgconn  # type: ignore[union-attr]
        autocommit = pooled.driver_connection.autocommit  # type: ignore[union-attr]
        if not autocommit and libpq.transaction_status == TransactionStatus.IDLE:
            self._run(database, libpq.exec_, b"BEGIN")
        if self._name not in pooled.info:
            self._run(database, libpq.prepare, self._name, self._sql)
            pooled.info[self._name] = True
        result = self._run(database, libpq.exec_prepared, self._name, [_as_text(value) for value in values])
        found = (result.get_value(0, column) for column in range(result.nfields))
        return [None if value is None else value.decode() for value in found]

    @staticmethod
    def _run(database: Connection, call: Callable[..., PGresult], *words: object) -> PGresult:
        result = call(*words)
        if result.status in {ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK}:
            return result
        message = result.error_message.decode(errors="replace").strip()
        if database.connection.driver_connection.pgconn.status == ConnStatus.BAD:  # type: ignore[union-attr]
            database.invalidate()
            raise psycopg.OperationalError(message)
        raise psycopg.DatabaseError(message)


def _as_text(value: object) -> bytes:
    """A value as PostgreSQL reads it.

    Raises:
        ValueError: text with a NUL, which PostgreSQL would cut off there.
    """
    if isinstance(value, bytes):
        return b"\\x" + value.hex().encode()
    text = value.isoformat() if isinstance(value, datetime) else str(value)
    if "\0" in text:
        raise ValueError("text with a NUL cannot be stored")
    return text.encode()


def _alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables up to date; several at once wait for each other."""
    config = _alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take migrations back."""
    config = _alembic_config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def is_up_to_date(engine: Engine) -> bool:
    """Whether the tables are the ones that this code needs."""
    head = ScriptDirectory.from_config(_alembic_config()).get_current_head()
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
