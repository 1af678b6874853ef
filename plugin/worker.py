"""`stockbell worker`: one RQ worker on one queue, without a fork per job, so that connections stay open."""

import contextlib
import time
from typing import Any

import structlog
from redis import RedisError
from rq import SimpleWorker, worker_registration
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker import WorkerStatus
from sqlalchemy import text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from plugin import queues
from plugin.domain import inbox, outbox
from plugin.jobs import context
from plugin.runtime import Runtime, now, worker_name

NAME_LOCK = 7_365_004
NAME_TRIES = 10
NAME_WAIT_SECONDS = 0.5
WAIT_SECONDS = 2.0
TTL_SECONDS = 45
"""After so long without a sign of life RQ takes a worker for dead; so long at most one waits for a silent Redis."""

log = structlog.get_logger(__name__)


class StockbellWorker(SimpleWorker):
    """RQ's worker that keeps its own house: what a dead worker left is recovered from PostgreSQL, not by RQ."""

    def __init__(self, runtime: Runtime, queue_name: str, name: str) -> None:
        """Listen on one queue.

        Args:
            runtime: the parts of this process.
            queue_name: `queues.MESSAGES`, `queues.PLATFORMS` or `queues.CATALOGS`.
            name: the name that claims bear; a worker that was killed and started again keeps it.
        """
        # RQ lengthens the time limit of its client's calls; the doorbell's and the send rates' must stay short.
        redis = runtime.new_redis()
        super().__init__(
            [queues.queue(redis, queue_name)],
            name=worker_name(),
            connection=redis,
            serializer=JSONSerializer,
            worker_ttl=TTL_SECONDS,
        )
        self._runtime = runtime
        self._name = name

    def work(self, *args: Any, **options: Any) -> Any:
        """Take back what the predecessor of this name held, then work until a signal comes."""
        self._holder = self._runtime.engine.connect()
        try:
            if not self._is_alone(NAME_TRIES):
                self._name = worker_name()
            return self._work(*args, **options)
        finally:
            context.leave()
            self._holder.close()

    def heartbeat(self, *args: Any, **options: Any) -> None:
        """Give a sign of life, and be among the workers again if Redis was emptied."""
        if self._stop_requested and self.get_state() == WorkerStatus.IDLE:
            raise StopRequested  # RQ would ask a Redis that is away for ever
        super().heartbeat(*args, **options)
        if not options.get("pipeline"):
            worker_registration.register(self)

    def set_shutdown_requested_date(self) -> None:
        """Tell others that this worker is to end; in a signal's handler, which a Redis that is away must not break."""
        with contextlib.suppress(RedisError):
            super().set_shutdown_requested_date()  # type: ignore[no-untyped-call]

    def perform_job(self, *args: Any, **options: Any) -> bool:
        """Make sure that nobody else bears this name, then do the job."""
        self._keep_name()
        return bool(super().perform_job(*args, **options))

    def _keep_name(self) -> None:
        """Take the name again, or another one, after the database was restarted; nothing is claimed between jobs."""
        try:
            self._holder.execute(text("SELECT 1"))
            self._holder.commit()
        except SQLAlchemyError:
            self._holder.close()
            try:
                self._holder = self._runtime.engine.connect()
                if self._is_alone(tries=1):
                    return
            except SQLAlchemyError:  # away still: the job finds out too
                pass
            self._enter(worker_name())

    def _is_alone(self, tries: int) -> bool:
        """Hold this name for as long as the connection lives; False when another worker does, and goes on doing so.

        A predecessor that was killed has lost its connection, so what it held may be taken back at once.
        """
        self._holder.execute(text("SET idle_session_timeout = 0"))
        query = text("SELECT pg_try_advisory_lock(:lock, hashtext(:name))")
        for _ in range(tries):
            held = self._holder.execute(query, {"lock": NAME_LOCK, "name": self._name}).scalar_one()
            self._holder.commit()
            if held:
                return True
            time.sleep(NAME_WAIT_SECONDS)
        return False

    def _work(self, *args: Any, **options: Any) -> Any:
        with self._runtime.engine.begin() as database:
            for shop_id in outbox.recover(database, now(), worker=self._name):
                self._runtime.doorbell.deliver(shop_id)
            for shop_id in inbox.recover(database, self._name):
                self._runtime.doorbell.handle_webhooks(shop_id)
        self._enter(self._name)
        return super().work(*args, **options)

    def _enter(self, name: str) -> None:
        self._name = name
        context.enter(context.WorkerContext(self._runtime, self._runtime.courier(name)))


def run(runtime: Runtime, queue_name: str = queues.MESSAGES, name: str = "", *, burst: bool = False) -> None:
    """Work until SIGTERM or SIGINT; the job in hand is finished first."""
    while True:
        try:
            StockbellWorker(runtime, queue_name, name or worker_name()).work(burst=burst, logging_level="WARNING")
        except (RedisError, OperationalError) as error:  # a part is away: it is waited for
            log.warning("worker_waits", error=type(error).__name__)
            time.sleep(WAIT_SECONDS)
        else:
            return
