"""The doorbell: RQ jobs that say "there is work for this shop" and carry ids only.

A job may be lost, doubled or late without harm: the truth is in PostgreSQL, and a sweep rings again. A worker
listens on one queue (several on one worker would be taken off with BLPOP, which can lose a job): on that of messages,
of platforms or of catalogs. Jobs are JSON (pickle would let whoever can write to Redis run code).
"""

import secrets
import time
from dataclasses import dataclass
from typing import Any

import structlog
from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry
from rq import Queue, Worker
from rq.serializers import JSONSerializer

from plugin.scripts import Script

log = structlog.get_logger(__name__)

MESSAGES = "stockbell"
"""The queue of everything that people wait for."""
CATALOGS = "stockbell-catalogs"
"""The queue of catalogs to be read, which may take long and must hold up nothing else."""
PLATFORMS = "stockbell-platforms"
"""The queue of what platforms are asked for: they may be slow, for all shops alike, and must hold up no message."""
EVERY = (MESSAGES, PLATFORMS, CATALOGS)
JOB_SECONDS = 3600
FAILURE_SECONDS = 24 * 3600
SILENCE_SECONDS = 15
"""A bell that was rung is not rung again for so long, nor while its job stands in the queue, or until a worker hears
it."""
MOST_BELL_SECONDS = 24 * 3600
LATER = "stockbell:later"
"""Shops whose next turn is to begin with the scheduler's next tick."""
# KEYS: bell, queue. ARGV: the new job's id, now, SILENCE_SECONDS, MOST_BELL_SECONDS. Returns whether to put it there.
RING = Script("""
local held = redis.call('GET', KEYS[1])
if held then
    local at, job = string.match(held, '^(%S+) (.*)$')
    if ARGV[2] - at < tonumber(ARGV[3]) or redis.call('LPOS', KEYS[2], job) then
        return 0
    end
end
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. ARGV[1], 'EX', ARGV[4])
return 1
""")
MESSAGES_A_WORKER = 1000
MOST_WORKERS_A_SHOP = 8

DELIVER = "plugin.jobs.deliver"
RELEASE_DUE = "plugin.jobs.release_due"
SYNC_CATALOG = "plugin.jobs.sync_catalog"
HANDLE_WEBHOOKS = "plugin.jobs.handle_webhooks"
ASK_PLATFORM = "plugin.jobs.ask_platform"
RECONCILE = "plugin.jobs.reconcile"
CONNECT = "plugin.jobs.connect"
LINES = {SYNC_CATALOG: CATALOGS, ASK_PLATFORM: PLATFORMS, RECONCILE: PLATFORMS, CONNECT: PLATFORMS}
"""What does not belong to the queue of messages."""


def connect(redis_url: str, seconds: float = 5) -> Redis:
    """A client whose calls end after so many seconds.

    A connection that was closed meanwhile is opened once more; a server that does not answer is not asked twice.
    """
    again = Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,))
    return Redis.from_url(redis_url, socket_timeout=seconds, socket_connect_timeout=seconds, retry=again, protocol=2)


def queue(redis: Redis, name: str = MESSAGES) -> Queue:
    """A queue."""
    return Queue(name, connection=redis, serializer=JSONSerializer, default_timeout=JOB_SECONDS)


@dataclass(frozen=True, slots=True)
class Doorbell:
    """Rings for work. Never raises: without Redis the sweep finds the work a little later."""

    redis: Redis

    def deliver(self, shop_id: int, messages: int = 1) -> None:
        """Messages of a shop are due: wake as many workers as so many messages deserve, and as there are."""
        slots = min(MOST_WORKERS_A_SHOP, 1 + messages // MESSAGES_A_WORKER)
        for slot in range(min(slots, self._workers() or slots) if slots > 1 else 1):
            self._ring(DELIVER, shop_id, slot)

    def again(self, shop_id: int, slot: int) -> None:
        """This worker's turn is over but the shop's work is not: another turn, behind the other shops."""
        self._ring(DELIVER, shop_id, slot)

    def later(self, shop_id: int) -> None:
        """This shop may send nothing at the moment; it gets another turn in a second."""
        try:
            self.redis.sadd(LATER, shop_id)
        except RedisError as error:
            log.warning("doorbell_silent", error=type(error).__name__)

    def it_is_later(self) -> None:
        """Ring for the shops that were put off."""
        try:
            pipeline = self.redis.pipeline()
            pipeline.smembers(LATER)
            pipeline.delete(LATER)
            put_off: Any = pipeline.execute()[0]
        except RedisError as error:
            log.warning("doorbell_silent", error=type(error).__name__)
            return
        for shop_id in sorted(map(int, put_off)):
            self.deliver(shop_id)

    def release_due(self, shop_id: int) -> None:
        """A release of a shop is due."""
        self._ring(RELEASE_DUE, shop_id)

    def sync_catalog(self, shop_id: int) -> None:
        """A shop's catalog is to be read."""
        self._ring(SYNC_CATALOG, shop_id)

    def handle_webhooks(self, shop_id: int) -> None:
        """Webhooks of a shop are in the inbox."""
        self._ring(HANDLE_WEBHOOKS, shop_id)

    def ask_platform(self, shop_id: int) -> None:
        """The same, and its platform has to be asked what they are about."""
        self._ring(ASK_PLATFORM, shop_id)

    def connect(self, shop_id: int) -> None:
        """A shop has installed the application, or lets it do something else."""
        self._ring(CONNECT, shop_id)

    def reconcile(self, shop_id: int) -> None:
        """The stock of what somebody waits for at a shop is to be read anew."""
        self._ring(RECONCILE, shop_id)

    def others_wait(self, shop_id: int) -> bool:
        """Whether something else than this shop's own turns stands in the queue of messages."""
        try:
            first: Any = self.redis.lrange(queue(self.redis).key, 0, MOST_WORKERS_A_SHOP)
        except RedisError:
            return False
        own = f"{_name(DELIVER, shop_id)}-".encode()
        return any(not job_id.startswith(own) for job_id in first)

    def _workers(self) -> int:
        """How many listen for messages, 0 when that is not known; one that was killed may still be counted."""
        try:
            return int(Worker.count(queue=queue(self.redis)))
        except RedisError:
            return 0

    def heard(self, function: str, *numbers: int) -> None:
        """A worker has begun: work that comes up from now on may ring again."""
        try:
            self.redis.delete(_bell(function, *numbers))
        except RedisError:
            log.warning("doorbell_silent")

    def _ring(self, function: str, *numbers: int) -> None:
        line = queue(self.redis, LINES.get(function, MESSAGES))
        job_id = f"{_name(function, *numbers)}-{secrets.token_hex(8)}"
        try:
            if self._may_ring(_bell(function, *numbers), line, job_id):
                line.enqueue_call(
                    function,
                    args=numbers,
                    job_id=job_id,
                    timeout=JOB_SECONDS,
                    result_ttl=0,
                    failure_ttl=FAILURE_SECONDS,
                )
        except RedisError as error:
            log.warning("doorbell_silent", error=type(error).__name__)

    def _may_ring(self, bell: str, line: Queue, job_id: str) -> bool:
        values = (job_id, int(time.time()), SILENCE_SECONDS, MOST_BELL_SECONDS)
        return bool(RING.run(self.redis, [bell, line.key], *values))


def _bell(function: str, *numbers: int) -> str:
    return f"stockbell:bell:{_name(function, *numbers)}"


def _name(function: str, *numbers: int) -> str:
    """What is to be done for whom, as in deliver-12-0."""
    return "-".join([function.rpartition(".")[2], *map(str, numbers)])
