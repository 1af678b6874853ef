"""`stockbell worker`: one RQ worker on one queue, without a fork per job, so that connections stay open."""

import time
from typing import Any

import structlog
from redis import RedisError
from rq import SimpleWorker
from rq.serializers import JSONSerializer
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

log = structlog.get_logger(__name__)


class StockbellWorker(SimpleWorker):
    """RQ's worker that keeps its own house: what a dead worker left is recovered from PostgreSQL, not by RQ."""

    def __init__(self, runtime: Runtime, queue_name: str, name: str) -> None:
        """Listen on one queue.

        Args:
            runtime: the parts of this process.
            queue_name: `queues.MESSAGES` or `queues.CATALOGS`.
            name: the name that claims bear; a worker that was killed and started again keeps it.
        """
        queue = queues.queue(runtime.redis, queue_name)
        super().__init__([queue], name=worker_name(), connection=runtime.redis, serializer=JSONSerializer)
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
