"""Records hand-overs one by one without waiting for each answer of the database, nor for its disk.

Two statements go through libpq's pipeline, each its own transaction with synchronous_commit off: one before the
provider is spoken to, one after. The first is acknowledged before the provider gets the message, but it is asked
for one message ahead, so that the wait is over when it matters.
"""

from collections import deque
from typing import Self

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

BEGIN = b"""
    INSERT INTO delivery_attempt (message_id, number, begun_at)
    SELECT id, attempts, clock_timestamp() FROM message
     WHERE id = $1 AND attempts = $2 AND state = 'claimed' AND claimed_by = $3 AND lease_until > clock_timestamp()
    ON CONFLICT DO NOTHING
"""
END = b"""
    UPDATE delivery_attempt SET ended_at = clock_timestamp(), outcome = $3, detail = $4
     WHERE message_id = $1 AND number = $2 AND outcome IS NULL
"""


class RecorderError(Exception):
    """The database does not take the record: no further message may be handed over."""


class Recorder:
    """One connection that only writes delivery attempts. Use from one thread, as a context manager."""

    def __init__(self, conninfo: str, worker: str) -> None:
        """Connect.

        Args:
            conninfo: a libpq connection string or URL.
            worker: the name under which the messages were claimed.

        Raises:
            psycopg.OperationalError: the database is not there.
        """
        self._connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=10)
        self._connection.execute("SET synchronous_commit = off")
        self._worker = worker.encode()
        self._libpq: PGconn = self._connection.pgconn
        for name, statement in ((b"begin_attempt", BEGIN), (b"end_attempt", END)):
            self._libpq.prepare(name, statement)
        self._libpq.enter_pipeline_mode()
        self._asked: deque[int | None] = deque()  # message ids of begins, None for ends, in the order sent
        self._begun: dict[int, bool] = {}

    def begin(self, message_id: int, attempt: int) -> None:
        """Ask to record that a hand-over begins; `wait_begun` tells whether it may."""
        self._send(b"begin_attempt", [str(message_id), str(attempt), self._worker], message_id)

    def wait_begun(self, message_id: int) -> bool:
        """Whether the beginning of this hand-over is recorded; False: the lease is gone, do not send.

        Raises:
            RecorderError: the database is gone.
        """
        while message_id not in self._begun:
            self._read_one()
        return self._begun.pop(message_id)

    def end(self, message_id: int, attempt: int, outcome: str, detail: str = "") -> None:
        """Record the outcome; the answer is read later."""
        self._send(b"end_attempt", [str(message_id), str(attempt), outcome, detail], None)

    def drain(self) -> None:
        """Wait until everything is recorded.

        Raises:
            RecorderError: the database is gone.
        """
        while self._asked:
            self._read_one()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def __enter__(self) -> Self:
        """Use in a with statement."""
        return self

    def __exit__(self, *details: object) -> None:
        """Close."""
        self.close()

    def _send(self, statement: bytes, values: list[str | bytes], message_id: int | None) -> None:
        try:
            parameters = [value if isinstance(value, bytes) else value.encode() for value in values]
            self._libpq.send_query_prepared(statement, parameters)
            self._libpq.pipeline_sync()
            self._libpq.flush()
        except psycopg.OperationalError as error:
            raise RecorderError("The database does not take the record of a delivery attempt.") from error
        self._asked.append(message_id)

    def _read_one(self) -> None:
        try:
            result = self._next_result()
            while (end := self._next_result()).status != ExecStatus.PIPELINE_SYNC:
                result = end
        except psycopg.OperationalError as error:
            raise RecorderError("The database is gone.") from error
        if result.status != ExecStatus.COMMAND_OK:
            raise RecorderError(result.error_message.decode(errors="replace").strip())
        message_id = self._asked.popleft()
        if message_id is not None:
            self._begun[message_id] = bool(result.command_tuples)

    def _next_result(self) -> PGresult:
        """The next result; libpq puts a None behind those of each statement."""
        for _ in range(2):
            result = self._libpq.get_result()
            if result is not None:
                return result
        raise RecorderError("The database is gone.")
