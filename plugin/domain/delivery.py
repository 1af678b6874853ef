"""Hands messages over: claims a batch of one shop, sends it over open connections, records each outcome."""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Protocol

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from integrations.channels.base import Channel, ChannelConnection, Envelope, SendResult
from integrations.errors import IntegrationError, UnreachableError
from plugin.domain import outbox, shops
from plugin.domain.outbox import ClaimedMessage, Outcome
from plugin.domain.recorder import Ended, Recorder, RecorderError
from plugin.domain.shops import Shop

log = structlog.get_logger(__name__)

CLAIM_BATCH = 250
CLAIM_BATCH_IN_COMPANY = 50
"""The same while other shops wait for their turn."""
BATCH_SECONDS = 10.0
"""Messages of a batch that have not been begun by then are put back, so that stock is looked at again."""
LEASE_RENEWAL_SECONDS = 10.0
LOOK_AROUND_SECONDS = 0.1
"""How often a worker looks whether other shops wait."""
PACE_SECONDS = 0.2
"""How long a worker waits when the send rate allows nothing now."""
PAUSE_SECONDS = 0.05
"""The same when nothing of what is due could be sent."""
LANE_IDLE_SECONDS = 2.0
"""Connections that were not used for longer are not trusted: many servers end those that are idle."""
SETTLE_SECONDS = 35.0
"""How long a batch waits for a database that is away; nobody else may take its messages for longer than that."""
SETTLE_PAUSE_SECONDS = 0.5
PROVIDER_DOWN_PAUSE = timedelta(seconds=15)
FAR_ROUND_TRIP_SECONDS = 0.01
"""A server whose answers take longer gets several connections: the wait, not the work, would set the pace."""


Fill = Callable[[Shop, Sequence[ClaimedMessage]], Callable[[ClaimedMessage], Envelope]]
"""Reads the facts that a batch needs, once; returns what makes the envelope of one of its messages."""


class Turn(Enum):
    """How a worker's turn with a shop has ended."""

    DONE = "done"
    """Nothing is due."""
    MORE = "more"
    """More is due."""
    HELD_BACK = "held back"
    """More is due, but the send rate allows nothing at the moment."""

    def __bool__(self) -> bool:
        """Whether more is due."""
        return self is not Turn.DONE


class Pace(Protocol):
    """How fast a shop, and the provider, may be sent for; shared by all workers."""

    def take(self, shop: Shop, wanted: int) -> int:
        """How many of so many messages may go now."""

    def give_back(self, shop: Shop, unused: int) -> None:
        """So many did not go after all."""


class Unhurried:
    """No limit."""

    def take(self, _shop: Shop, wanted: int) -> int:
        """All of them."""
        return wanted

    def give_back(self, _shop: Shop, _unused: int) -> None:
        """Nothing was counted."""


@dataclass(slots=True)
class Courier:
    """One worker's means to hand messages over."""

    engine: Engine
    worker: str
    channel: Channel
    fill: Fill
    open_recorder: Callable[[], Recorder]
    most_connections: int = 1
    pace: Pace = field(default_factory=Unhurried)
    others_wait: Callable[[int], bool] = lambda _shop_id: False
    """Whether others than this shop wait for a worker; then its turn ends early."""
    channel_name: str = "email"
    _lanes: "list[_Lane]" = field(default_factory=list, init=False)
    _lanes_used_at: float = field(default=0.0, init=False)

    def deliver(self, shop_id: int, *, seconds: float) -> Turn:
        """Send what is due for a shop, for about so many seconds.

        The turn ends earlier when other shops wait, but not before something was sent, or the send rate allows nothing.

        Raises:
            IntegrationError: the provider cannot be used now; nothing is lost, everything is due again soon.
        """
        deadline, turn = time.monotonic() + seconds, Turn.MORE
        if time.monotonic() - self._lanes_used_at > LANE_IDLE_SECONDS:
            self.close()
        try:
            while time.monotonic() < deadline:
                turn = self._turn(shop_id)
                if not turn or self.others_wait(shop_id):
                    return turn
        except BaseException:
            self.close()
            raise
        finally:
            # To the next shop with the same connections; with nothing to do, no provider is kept waiting.
            self._lanes_used_at = time.monotonic()
            if not self.others_wait(shop_id):
                self.close()
        return turn

    def _turn(self, shop_id: int) -> Turn:
        """Claim and send one batch."""
        with self.engine.begin() as database:
            shop = shops.by_id(database, shop_id)
        if shop is None:
            return Turn.DONE
        in_company = self.others_wait(shop_id)
        allowed = self.pace.take(shop, CLAIM_BATCH_IN_COMPANY if in_company else CLAIM_BATCH)
        if not allowed:
            if not in_company:
                time.sleep(PACE_SECONDS)
            return Turn.HELD_BACK if self._is_due(shop) else Turn.DONE
        now = datetime.now(UTC)
        with self.engine.begin() as database:
            claimed = outbox.claim(database, shop, self.worker, now, limit=allowed, channel=self.channel_name)
        # After an error nobody knows how many went: what was allowed counts as gone.
        sent, due = self._send_batch(shop, claimed) if claimed else (0, self._is_due(shop))
        self.pace.give_back(shop, allowed - sent)
        if due and not claimed:  # none of them was to be sent, or others hold them for a moment
            time.sleep(PAUSE_SECONDS)
        return Turn.MORE if due else Turn.DONE

    def _is_due(self, shop: Shop) -> bool:
        with self.engine.begin() as database:
            return outbox.is_due(database, shop, datetime.now(UTC), channel=self.channel_name)

    def _send_batch(self, shop: Shop, claimed: Sequence[ClaimedMessage]) -> tuple[int, bool]:
        """Send one batch and write what became of it; how many went, and whether the provider takes more now."""
        batch = _Batch(time.monotonic() + BATCH_SECONDS)
        try:
            with self._kept(shop, [message.id for message in claimed], batch):
                self._fill(batch, shop, claimed)
                self._open_lanes(len(claimed))
                _run(self._lanes, batch)
        finally:
            self._settle(batch, claimed)
        if batch.lost_provider:
            self.close()
            log.warning("mail_server_lost", shop_id=shop.id, accepted=batch.accepted)
        if batch.error:
            raise batch.error
        # Some servers end every connection after so many mails: that is no reason to pause.
        return len(batch.outcomes), not batch.lost_provider or batch.accepted

    def close(self) -> None:
        """End the connections that are kept while others wait."""
        for lane in self._lanes:
            lane.close()
        self._lanes.clear()

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

    def _open_lanes(self, messages: int) -> None:
        if self._lanes:
            return
        first = self._open_lane()
        self._lanes.append(first)
        far = first.connection.round_trip_seconds > FAR_ROUND_TRIP_SECONDS
        wanted = min(self.most_connections, messages) if far else 1
        with contextlib.suppress(IntegrationError, RecorderError):  # one connection is enough to go on
            while len(self._lanes) < wanted:
                self._lanes.append(self._open_lane())

    def _open_lane(self) -> "_Lane":
        connection = self.channel.connect()
        try:
            recorder = self.open_recorder()
        except BaseException:
            connection.close()
            raise
        return _Lane(connection, recorder)

    @contextlib.contextmanager
    def _kept(self, shop: Shop, message_ids: Sequence[int], batch: "_Batch") -> Iterator[None]:
        """While a batch is under way: renew its lease, however long the provider thinks, and look around for others."""
        done = threading.Event()

        def watch() -> None:
            renewed_at = time.monotonic()
            while not done.wait(LOOK_AROUND_SECONDS):
                # First the lease: what is asked of others may take its time to answer.
                if time.monotonic() - renewed_at >= LEASE_RENEWAL_SECONDS:
                    renewed_at = time.monotonic()
                    try:
                        with self.engine.begin() as database:
                            outbox.extend_lease(database, self.worker, message_ids)
                    except Exception as error:  # noqa: BLE001 (the next renewal may work; the lease decides)
                        log.warning("lease_not_renewed", error=type(error).__name__)
                batch.gives_way = batch.gives_way or self.others_wait(shop.id)

        thread = threading.Thread(target=watch, name="lease", daemon=True)
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
    gives_way: bool = False
    """Others wait: no further message is begun once one has ended."""

    def next(self) -> tuple[ClaimedMessage, Envelope] | None:
        if self.lost_provider or self.error or time.monotonic() > self.deadline:
            return None
        if self.gives_way and self.outcomes:
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
