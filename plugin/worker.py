"""`stockbell worker`: one RQ worker on one queue, without a fork per job, so that connections stay open."""

import time
from typing import Any

from rq import SimpleWorker
from rq.serializers import JSONSerializer
from sqlalchemy import Connection, text

from plugin import queues
from plugin.domain import outbox
from plugin.jobs import context
from plugin.runtime import Runtime, now, worker_name

NAME_LOCK = 7_365_004
NAME_TRIES = 10
NAME_WAIT_SECONDS = 0.5


class StockbellWorker(SimpleWorker):
    """RQ's worker that keeps its own house: what a dead worker left is recovered from PostgreSQL, not by RQ."""

    def __init__(self, runtime: Runtime, name: str) -> None:
        """Listen on the one queue.

        Args:
            runtime: the parts of this process.
            name: the name that claims bear; a worker that was killed and started again keeps it.
        """
        queue = queues.queue(runtime.redis)
        super().__init__([queue], name=worker_name(), connection=runtime.redis, serializer=JSONSerializer)
        self._runtime = runtime
        self._name = name

    def work(self, *args: Any, **options: Any) -> Any:
        """Take back what the predecessor of this name held, then work until a signal comes."""
        with self._runtime.engine.connect() as holder:
            if not self._is_alone(holder):
                self._name = worker_name()
            return self._work(*args, **options)

    def _is_alone(self, holder: Connection) -> bool:
        """Hold this name for as long as the connection lives; False when another worker does, and goes on doing so.

        A predecessor that was killed has lost its connection, so what it held may be taken back at once.
        """
        query = text("SELECT pg_try_advisory_lock(:lock, hashtext(:name))")
        for _ in range(NAME_TRIES):
            if holder.execute(query, {"lock": NAME_LOCK, "name": self._name}).scalar_one():
                holder.commit()
                return True
            holder.commit()
            time.sleep(NAME_WAIT_SECONDS)
        return False

    def _work(self, *args: Any, **options: Any) -> Any:
        with self._runtime.engine.begin() as database:
            for shop_id in outbox.recover(database, now(), worker=self._name):
                self._runtime.doorbell.deliver(shop_id)
        context.enter(context.WorkerContext(self._runtime, self._runtime.courier(self._name)))
        return super().work(*args, **options)


def run(runtime: Runtime, name: str = "", *, burst: bool = False) -> None:
    """Work until SIGTERM or SIGINT; the job in hand is finished first."""
    StockbellWorker(runtime, name or worker_name()).work(burst=burst, logging_level="WARNING")
