"""The way to PostgreSQL: engine, transactions, migrations."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGconn, PGresult
from sqlalchemy import URL, Connection, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.exc import DatabaseError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

CONNECT_SECONDS = 10
STATEMENT_SECONDS = 60
IDLE_SECONDS = 1.0
NOTICE_A_DEAD_NETWORK: dict[str, Any] = {
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 40_000,
}
"""libpq's settings with which a connection whose other end has vanished ends after some 40 s, and not after hours."""
NOTICE_A_DEAD_CLIENT = (
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c tcp_user_timeout=25000"
    " -c idle_in_transaction_session_timeout=60s"
)
"""The same for the server: the locks of a machine that was cut off are free after some 25 s, those of a process that
hangs in a transaction after a minute."""
UNKNOWN_STATEMENT = b"26000"
"""PostgreSQL's code for a statement that this connection has not prepared (Appendix A of its manual)."""
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
    """An engine whose connections give up: connecting after 10 s, a statement after 60 s.

    A connection that was not used for a moment is tried before it is handed out, so that a restart of the database
    costs nobody a request; one in steady use is not, which would be a round trip for each request.
    """
    engine = create_engine(
        sqlalchemy_url(database_url),
        **options,
        hide_parameters=True,  # they hold addresses, and errors are logged
        pool_size=pool_size,
        max_overflow=5,
        pool_recycle=1800,
        pool_timeout=CONNECT_SECONDS,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            **NOTICE_A_DEAD_NETWORK,
            "options": f"-c statement_timeout={STATEMENT_SECONDS}s -c timezone=UTC {NOTICE_A_DEAD_CLIENT}",
            "application_name": "stockbell",
        },
    )
    event.listen(engine, "checkin", _remember_use)
    event.listen(engine, "checkout", _try_if_idle)
    return engine


def _remember_use(_connection: object, record: ConnectionPoolEntry) -> None:
    record.info["used_at"] = time.monotonic()


def _try_if_idle(connection: psycopg.Connection[Any], record: ConnectionPoolEntry, _pooled: object) -> None:
    if time.monotonic() - record.info.get("used_at", time.monotonic()) < IDLE_SECONDS:
        return
    try:
        # No text for the server, which answers all the same, and no transaction, which would be left open.
        connection.pgconn.exec_(b"")
    finally:
        if connection.pgconn.status != ConnStatus.OK:
            raise DisconnectionError


@contextmanager
def one_transaction(database: Connection) -> Iterator[None]:
    """Several statements as one transaction, on a connection that otherwise commits each."""
    driver: psycopg.Connection[Any] = database.connection.driver_connection  # type: ignore[assignment]
    assert driver.autocommit
    with driver.transaction():
        yield


T = TypeVar("T")
TRIES_AGAINST_DEADLOCK = 3


def in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Do something in a transaction, and again when it ran into another one.

    Of two transactions that wait for each other PostgreSQL ends one; nothing of it is written.

    Raises:
        OperationalError: not now.
    """
    for _ in range(TRIES_AGAINST_DEADLOCK - 1):
        try:
            with engine.begin() as database:
                return work(database)
        except OperationalError as error:
            if not is_deadlock(error):
                raise
    with engine.begin() as database:
        return work(database)


def is_deadlock(error: OperationalError) -> bool:
    """Whether a transaction was ended because it and another one waited for each other."""
    return isinstance(error.orig, psycopg.errors.DeadlockDetected)


class PreparedStatement:
    """A statement for what happens by the thousand: prepared once per connection, and run without a cursor.

    SQLAlchemy's and the cursor's work in Python is most of what a short statement costs a web process.
    """

    def __init__(self, name: str, sql: str) -> None:
        """Take a name, unique in the process, and the statement with $1, $2 ... for its values."""
        self._name = name.encode()
        self._sql = sql.encode()

    def one(self, database: Connection, *values: object) -> list[str | None]:
        """Run it as a transaction of its own; returns the columns of its one row, as PostgreSQL writes them.

        Args:
            database: a connection in autocommit mode.
            values: texts, numbers, bytes and moments.

        Raises:
            OperationalError: not now; a broken connection and those beside it in the pool are thrown away.
            DatabaseError: the database refuses the statement.
        """
        driver: psycopg.Connection[Any] = database.connection.driver_connection  # type: ignore[assignment]
        assert driver.autocommit
        result = self._run(driver.pgconn, values)
        if result.status != ExecStatus.TUPLES_OK:
            broken = driver.pgconn.status == ConnStatus.BAD
            if broken:
                database.invalidate()
                database.engine.dispose()
            # Its first line only: the details may hold addresses, and errors are logged.
            state = (result.error_field(DiagnosticField.SQLSTATE) or b"08006").decode()
            words = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or b"the connection was lost").decode()
            error = psycopg.errors.lookup(state)(words)
            is_passing = broken or isinstance(error, psycopg.OperationalError)
            kind = OperationalError if is_passing else DatabaseError
            raise kind(self._name.decode(), None, error, connection_invalidated=broken)
        found = (result.get_value(0, column) for column in range(result.nfields))
        return [None if value is None else value.decode() for value in found]

    def _run(self, libpq: PGconn, values: Sequence[object]) -> PGresult:
        texts = [_as_text(value) for value in values]
        result = libpq.exec_prepared(self._name, texts)
        if result.error_field(DiagnosticField.SQLSTATE) == UNKNOWN_STATEMENT:
            libpq.prepare(self._name, self._sql)
            result = libpq.exec_prepared(self._name, texts)
        return result


def _as_text(value: object) -> bytes:
    """A value as PostgreSQL reads it.

    Raises:
        ValueError: nothing, or text with a NUL, which PostgreSQL would cut off there.
    """
    if value is None:
        raise ValueError("a prepared statement takes no NULL")
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
