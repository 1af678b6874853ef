"""Hands messages over: claims a batch of one shop, sends it over open connections, records each outcome."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from integrations.channels.base import Channel, ChannelConnection, Envelope, SendResult
from integrations.errors import IntegrationError, UnreachableError
from plugin.domain import outbox, shops
from plugin.domain.outbox import ClaimedMessage, Outcome
from plugin.domain.recorder import Ended, Recorder, RecorderError
from plugin.domain.shops import Shop

log = structlog.get_logger(__name__)

CLAIM_BATCH = 250
BATCH_SECONDS = 10.0
"""Messages of a batch that have not been begun by then are put back, so that stock is looked at again."""
LEASE_RENEWAL_SECONDS = 10.0
SETTLE_SECONDS = 35.0
"""How long a batch waits for a database that is away; nobody else may take its messages for longer than that."""
SETTLE_PAUSE_SECONDS = 0.5
PROVIDER_DOWN_PAUSE = timedelta(seconds=15)
FAR_ROUND_TRIP_SECONDS = 0.01
"""A server whose answers take longer gets several connections: the wait, not the work, would set the pace."""


Fill = Callable[[Shop, Sequence[ClaimedMessage]], Callable[[ClaimedMessage], Envelope]]
"""Reads the facts that a batch needs, once; returns what makes the envelope of one of its messages."""


@dataclass(slots=True)
class Courier:
    """One worker's means to hand messages over."""

    engine: Engine
    worker: str
    channel: Channel
    fill: Fill
    open_recorder: Callable[[], Recorder]
    most_connections: int = 1

    def deliver(self, shop_id: int, *, seconds: float) -> bool:
        """Send what is due for a shop, for about so many seconds; returns whether more is due.

        Raises:
            IntegrationError: the provider cannot be used now; nothing is lost, everything is due again soon.
        """
        deadline = time.monotonic() + seconds
        with contextlib.ExitStack() as stack:
            lanes: list[_Lane] = []
            while time.monotonic() < deadline:
                shop, claimed = self._claim(shop_id)
                if not claimed:
                    return False
                assert shop
                if not self._send_batch(shop, claimed, lanes, stack):
                    return False
        return True

    def _claim(self, shop_id: int) -> tuple[Shop | None, list[ClaimedMessage]]:
        """Claim until something is to be sent or nothing is due any more."""
        with self.engine.begin() as database:
            shop = shops.by_id(database, shop_id)
        while shop:
            with self.engine.begin() as database:
                now = datetime.now(UTC)
                claimed = outbox.claim(database, shop, self.worker, now, limit=CLAIM_BATCH)
                if claimed or not _is_due(database, shop_id, now):
                    return shop, claimed
        return None, []

    def _send_batch(
        self,
        shop: Shop,
        claimed: Sequence[ClaimedMessage],
        lanes: "list[_Lane]",
        stack: contextlib.ExitStack,
    ) -> bool:
        """Send one batch and write what became of it; False when the provider takes nothing now."""
        batch = _Batch(time.monotonic() + BATCH_SECONDS)
        try:
            with self._lease_kept([message.id for message in claimed]):
                self._fill(batch, shop, claimed)
                self._open_lanes(lanes, stack, len(claimed))
                _run(lanes, batch)
        finally:
            self._settle(batch, claimed)
        if batch.lost_provider:
            for lane in lanes:
                lane.close()
            lanes.clear()
            log.warning("mail_server_lost", shop_id=shop.id, accepted=batch.accepted)
        if batch.error:
            raise batch.error
        # Some servers end every connection after so many mails: that is no reason to pause.
        return not batch.lost_provider or batch.accepted

    def _fill(self, batch: "_Batch", shop: Shop, claimed: Sequence[ClaimedMessage]) -> None:
        """Write the messages; one that cannot be written is given up, the others go out."""
        fill = self.fill(shop, claimed)
        for message in claimed:
            try:
                batch.waiting.append((message, fill(message)))
            except (LookupError, ValueError) as error:
                batch.end(message, SendResult("permanent", f"The message cannot be written: {type(error).__name__}."))

    def _settle(self, batch: "_Batch", claimed: Sequence[ClaimedMessage]) -> None:
        now = datetime.now(UTC)
        known = {message_id for message_id, _ in batch.outcomes} | batch.not_ours
        left = [message.id for message in claimed if message.id not in known]
        not_before = None if batch.accepted or not batch.lost_provider else now + PROVIDER_DOWN_PAUSE
        if not batch.ran:
            not_before = now + PROVIDER_DOWN_PAUSE
        give_up = time.monotonic() + SETTLE_SECONDS
        while True:
            try:
                with self.engine.begin() as database:
                    outbox.finish(database, self.worker, batch.outcomes, now)
                    if left:
                        outbox.give_back(database, self.worker, left, not_before)
            except OperationalError as error:
                # Only this process knows what the provider has answered: a restart of the database is waited for.
                if time.monotonic() > give_up:
                    raise
                log.warning("batch_waits_for_database", error=type(error).__name__)
                time.sleep(SETTLE_PAUSE_SECONDS)
            else:
                return

    def _open_lanes(self, lanes: "list[_Lane]", stack: contextlib.ExitStack, messages: int) -> None:
        if lanes:
            return
        first = self._open_lane(stack)
        lanes.append(first)
        far = first.connection.round_trip_seconds > FAR_ROUND_TRIP_SECONDS
        wanted = min(self.most_connections, messages) if far else 1
        with contextlib.suppress(IntegrationError, RecorderError):  # one connection is enough to go on
            while len(lanes) < wanted:
                lanes.append(self._open_lane(stack))

    def _open_lane(self, stack: contextlib.ExitStack) -> "_Lane":
        connection = self.channel.connect()
        try:
            recorder = self.open_recorder()
        except BaseException:
            connection.close()
            raise
        return stack.enter_context(_Lane(connection, recorder))

    @contextlib.contextmanager
    def _lease_kept(self, message_ids: Sequence[int]) -> Iterator[None]:
        """Renew the lease while a batch is under way, however long the provider thinks about a message."""
        done = threading.Event()

        def renew() -> None:
            while not done.wait(LEASE_RENEWAL_SECONDS):
                try:
                    with self.engine.begin() as database:
                        outbox.extend_lease(database, self.worker, message_ids)
                except Exception as error:  # noqa: BLE001 (the next renewal may work; the lease decides)
                    log.warning("lease_not_renewed", error=type(error).__name__)

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


@dataclass(slots=True)
class _Batch:
    """Messages that several lanes work on together."""

    deadline: float
    waiting: deque[tuple[ClaimedMessage, Envelope]] = field(default_factory=deque)
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)
    not_ours: set[int] = field(default_factory=set)
    ran: bool = False
    accepted: bool = False
    lost_provider: bool = False
    error: Exception | None = None

    def next(self) -> tuple[ClaimedMessage, Envelope] | None:
        if self.lost_provider or self.error or time.monotonic() > self.deadline:
            return None
        try:
            return self.waiting.popleft()
        except IndexError:
            return None

    def end(self, message: ClaimedMessage, result: SendResult) -> None:
        self.accepted = self.accepted or result.outcome == "accepted"
        self.outcomes.append((message.id, Outcome(result.outcome, result.detail, message.attempt)))


class _Lane:
    """One connection to the provider with the recorder of what goes over it."""

    def __init__(self, connection: ChannelConnection, recorder: Recorder) -> None:
        self.connection = connection
        self.recorder = recorder

    def work(self, batch: _Batch) -> None:
        """Hand over what the batch holds; record and connection are always one message ahead."""
        try:
            self._work(batch)
        finally:  # what is on its way to the record must be there before anybody looks
            self.recorder.drain()

    def _work(self, batch: _Batch) -> None:
        upcoming, ended = batch.next(), None
        if upcoming:
            self.recorder.step(begins=_attempt(upcoming[0]))
        while upcoming:
            (message, envelope), upcoming = upcoming, batch.next()
            self.recorder.step(ended=ended, begins=_attempt(upcoming[0]) if upcoming else None)
            ended = None
            if not self.recorder.wait_begun(message.id):
                self.connection.take_back()
                batch.not_ours.add(message.id)
                continue
            result = self._send(envelope, upcoming[1] if upcoming else None, batch)
            if result:
                ended = Ended(message.id, message.attempt, result.outcome, result.detail)
                batch.end(message, result)
        self.recorder.step(ended=ended)

    def _send(self, envelope: Envelope, following: Envelope | None, batch: _Batch) -> SendResult | None:
        """What the provider said; None when it never got the message."""
        if batch.lost_provider:  # begun ahead, and now nobody is there to take it
            return None
        try:
            result = self.connection.send(envelope, following)
        except UnreachableError:
            batch.lost_provider = True
            return None
        batch.lost_provider = batch.lost_provider or result.outcome == "uncertain"
        return result

    def close(self) -> None:
        self.connection.close()
        self.recorder.close()

    def __enter__(self) -> "_Lane":
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def _attempt(message: ClaimedMessage) -> tuple[int, int]:
    return message.id, message.attempt


def _run(lanes: Sequence[_Lane], batch: _Batch) -> None:
    """Let every lane work on the batch, each in its own thread when there are several."""

    def work(lane: _Lane) -> None:
        try:
            lane.work(batch)
        except Exception as error:  # noqa: BLE001 (carried over to the thread that waits)
            batch.error = error

    batch.ran = True
    threads = [threading.Thread(target=work, args=(lane,), name="lane") for lane in lanes[1:]]
    for thread in threads:
        thread.start()
    work(lanes[0])
    for thread in threads:
        thread.join()


def _is_due(database: Connection, shop_id: int, now: datetime) -> bool:
    query = text("SELECT EXISTS (SELECT FROM message WHERE shop_id = :shop AND state = 'pending' AND due_at <= :now)")
    return bool(database.execute(query, {"shop": shop_id, "now": now}).scalar_one())
