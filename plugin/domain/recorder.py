"""Records hand-overs one by one without waiting for each answer of the database, nor for its disk.

The statements go through libpq's pipeline, each its own transaction with synchronous_commit off. The beginning of a
hand-over is acknowledged before the provider gets the message, but it is asked for one message ahead, so that the
wait is over when it matters.
"""

from collections import deque
from typing import NamedTuple, Self

import psycopg
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from plugin.db import NOTICE_A_DEAD_CLIENT, NOTICE_A_DEAD_NETWORK
from plugin.partitions import id_bounds

# One statement for the end of one hand-over and the beginning of another: half the work for the database. It is
# prepared for each month (there is hardly ever more than one), so that its plan knows no partition but that month's.
STEP = """
    WITH ended AS (
        UPDATE delivery_attempt SET ended_at = clock_timestamp(), outcome = $3, detail = $4
         WHERE message_id = $1 AND message_id BETWEEN {0[low]} AND {0[high]} AND number = $2 AND outcome IS NULL
    ), upcoming AS MATERIALIZED ( -- found by its id and not among all that are claimed, whatever the planner believes
        SELECT * FROM message WHERE id = $5 AND id BETWEEN {1[low]} AND {1[high]}
    )
    INSERT INTO delivery_attempt (message_id, number, begun_at)
    SELECT id, attempts, clock_timestamp() FROM upcoming
     WHERE attempts = $6 AND state = 'claimed' AND claimed_by = $7 AND lease_until > clock_timestamp()
    ON CONFLICT DO NOTHING
"""


class Ended(NamedTuple):
    """How a hand-over ended."""

    message_id: int
    attempt: int
    outcome: str
    detail: str


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
            RecorderError: the database is not there.
        """
        try:
            self._connection = psycopg.connect(
                conninfo, autocommit=True, connect_timeout=10, options=NOTICE_A_DEAD_CLIENT, **NOTICE_A_DEAD_NETWORK
            )
        except psycopg.OperationalError as error:
            raise RecorderError("The database cannot be reached.") from error
        try:
            self._connection.execute("SET synchronous_commit = off")
        except psycopg.OperationalError as error:
            self._connection.close()
            raise RecorderError("The database is gone.") from error
        self._worker = worker.encode()
        self._libpq: PGconn = self._connection.pgconn
        self._libpq.enter_pipeline_mode()
        self._prepared: set[bytes] = set()
        self._asked: deque[int | None] = deque()  # the begins that were sent, in order; None for none
        self._begun: dict[int, bool] = {}

    def step(self, *, ended: Ended | None = None, begins: tuple[int, int] | None = None) -> None:
        """Record how one hand-over ended, and ask to record that another begins; `wait_begun` tells whether it may.

        Args:
            ended: the hand-over that is over.
            begins: message id and attempt of the hand-over that comes next but one.

        Raises:
            RecorderError: the database is gone.
        """
        end = [_text(value) for value in ended] if ended else [None] * 4
        begin = [_text(value) for value in begins] if begins else [None] * 2
        months = [id_bounds([part[0]] if part else []) for part in (ended, begins)]
        name = b"step_%d_%d" % (months[0]["low"], months[1]["low"])
        try:
            if name not in self._prepared:
                self._libpq.send_prepare(name, STEP.format(*months).encode())
                self._prepared.add(name)
            self._libpq.send_query_prepared(name, [*end, *begin, self._worker])
            self._libpq.pipeline_sync()
            self._libpq.flush()
        except psycopg.OperationalError as error:
            raise RecorderError("The database does not take the record of a delivery attempt.") from error
        self._asked.append(begins[0] if begins else None)

    def wait_begun(self, message_id: int) -> bool:
        """Whether the beginning of this hand-over is recorded; False: the lease is gone, do not send.

        Raises:
            RecorderError: the database is gone.
        """
        while message_id not in self._begun:
            self._read_one()
        return self._begun.pop(message_id)

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


def _text(value: object) -> bytes:
    return str(value).replace("\0", "").encode()
