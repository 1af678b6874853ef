"""What the engine should do, told once more as plainly as possible: lists, loops, one shop, no database.

Written from the rules and not from the code that it judges. Nothing of `plugin` is used here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)
ACTIVE = ("unconfirmed", "waiting", "released")
UNTOLD = (*ACTIVE, "undeliverable")
"""Leaving, unsubscribing, buying and erasure end these."""
ASK_AGAIN_AFTER = 10 * MINUTE
NEVER = 0
"""A rank before that of every update."""


@dataclass(frozen=True)
class Rules:
    """The three settings; `per_unit` None is "all"."""

    minimum: int = 1
    per_unit: int | None = None
    wait: int = 60


@dataclass(frozen=True)
class Step:
    """One message of a flow."""

    after_minutes: int = 0
    smart_hours: int | None = None


@dataclass(frozen=True)
class Update:
    """What somebody said about stock. The rank orders what was said, and is unique: by the platform's clock, or, where
    nobody gives a time, by when it came."""

    location: str | None
    quantity: int | None
    rank: int


@dataclass
class Variant:
    """One variant with all that was ever said about its stock."""

    name: str
    parts: tuple[tuple[str, str], ...]
    """What overrides may name, the widest first: (scope, target)."""
    updates: list[Update] = field(default_factory=lambda: [Update(None, 0, NEVER)])
    next_release_at: datetime | None = None
    """Set while a restock is open."""
    opened_at: datetime | None = None
    """When the restock that is open was opened."""


@dataclass(eq=False)
class Subscription:
    """One wish of one person."""

    number: int
    person: str | None
    """None: erased."""
    variant: Variant
    state: str
    place: datetime
    left: bool = False
    """Said so, or was erased."""
    bought: bool = False
    left_out_at: datetime | None = None
    """When smart sending left the person out last, who was let out."""

    @property
    def order(self) -> tuple[datetime, int]:
        """By what the line is ordered."""
        return self.place, self.number


@dataclass(eq=False)
class Message:
    """One message to one person."""

    subscription: Subscription
    kind: str
    release: int | None
    step: int
    due_at: datetime
    created_at: datetime
    state: str = "pending"
    reason: str = ""
    uncertain: bool = False
    attempts: int = 0
    worker: str | None = None
    is_begun: bool = False
    answer: str | None = None
    finished_at: datetime | None = None
    refused_at: datetime | None = None
    """Set until the time of the next try, which is random within bounds, has been looked up."""

    @property
    def key(self) -> tuple[int, str, int, int]:
        """What tells it from all other messages of the shop."""
        return self.subscription.number, self.kind, self.release or 0, self.step


@dataclass
class ShopModel:
    """One shop. Methods are what may happen; each is given the moment."""

    variants: dict[str, Variant]
    rules: Rules = Rules()
    overrides: dict[tuple[str, str], dict[str, int | None]] = field(default_factory=dict)
    locations: tuple[str, ...] | None = None
    asks_confirmation: bool = False
    flow_state: str = "live"
    steps: tuple[Step, ...] = (Step(),)
    paused_at: datetime | None = None
    suppressed: set[str] = field(default_factory=set)
    subscriptions: list[Subscription] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    releases: list[tuple[str, datetime, int | None, int]] = field(default_factory=list)
    """Variant, moment, quantity, people."""

    # What is so.

    def rules_of(self, variant: Variant) -> Rules:
        """The narrowest wins, each setting by itself."""
        rules = self.rules
        for part in variant.parts:
            rules = replace(rules, **self.overrides.get(part, {}))  # type: ignore[arg-type]
        return rules

    def quantity(self, variant: Variant) -> int | None:
        """The newest total, unless locations have spoken since: then those of them that count."""
        total = max((each for each in variant.updates if each.location is None), key=lambda each: each.rank)
        newest: dict[str | None, Update] = {}
        for update in sorted(variant.updates, key=lambda each: each.rank):
            if update.rank > total.rank:
                newest[update.location] = update
        if not newest:
            return total.quantity
        counted = [
            each.quantity for each in newest.values() if self.locations is None or each.location in self.locations
        ]
        return None if None in counted else sum(each for each in counted if each is not None)

    def is_sellable(self, variant: Variant) -> bool:
        """Unlimited, or at least the minimum."""
        quantity = self.quantity(variant)
        return quantity is None or quantity >= self.rules_of(variant).minimum

    def line(self, variant: Variant) -> list[Subscription]:
        """Who waits, oldest first."""
        waiting = [each for each in self.subscriptions if each.variant is variant and each.state == "waiting"]
        return sorted(waiting, key=lambda each: each.order)

    def of_person(self, person: str) -> list[Subscription]:
        """All that a person ever asked for."""
        return [each for each in self.subscriptions if each.person == person]

    def active(self, person: str, variant: Variant) -> Subscription | None:
        """What a person asks for at present."""
        return next((each for each in self.of_person(person) if each.variant is variant and each.state in ACTIVE), None)

    def held_by(self, worker: str) -> list[Message]:
        """What a worker has claimed, in the order in which it is to hand it over."""
        held = [each for each in self.messages if each.state == "claimed" and each.worker == worker]
        return sorted(held, key=lambda each: (each.due_at, self.messages.index(each)))

    @property
    def is_paused(self) -> bool:
        """Whether nothing is sent."""
        return self.paused_at is not None

    def pause(self, paused: bool, now: datetime) -> None:
        """While a shop is paused its clock stands still: what was to be released later is by as much later."""
        for variant in self.variants.values():
            if self.paused_at and not paused and variant.next_release_at and variant.opened_at:
                variant.next_release_at += now - max(self.paused_at, variant.opened_at)
        if paused != self.is_paused:
            self.paused_at = now if paused else None

    # Stock, and what it lets out of the line.

    def stock_changes(self, variant: Variant, updates: Sequence[Update], now: datetime) -> list[int]:
        """Rule 1. Returns how many each release let out."""
        if self.quantity(replace(variant, updates=[*variant.updates, *updates])) == self.quantity(variant):
            variant.updates += updates
            return []
        released = [] if self.is_paused else self.release_if_due(variant, now)
        was_sellable = self.is_sellable(variant)
        variant.updates += updates
        comes_back = self.is_sellable(variant) and not was_sellable and variant.next_release_at is None
        if comes_back and self.flow_state == "live" and self.line(variant):
            released.append(self._release(variant, self.line(variant), now))
        return released

    def time_passes(self, now: datetime) -> list[tuple[str, int]]:
        """Everything that is due (rule 3); a longer overdue one comes first. A paused shop lets it wait."""
        if self.is_paused:
            return []
        due = [each for each in self.variants.values() if each.next_release_at and each.next_release_at <= now]
        due.sort(key=lambda each: each.next_release_at or now)
        return [(variant.name, people) for variant in due for people in self.release_if_due(variant, now)]

    def release_if_due(self, variant: Variant, now: datetime) -> list[int]:
        """Rule 3. However late it is carried out: who joined at its time or later was not there yet."""
        due_at = variant.next_release_at
        if due_at is None or due_at > now:
            return []
        there = [each for each in self.next_in_line(variant) if each.place < due_at]
        if self.flow_state == "live" and self.is_sellable(variant) and there:
            return [self._release(variant, there, now)]
        variant.next_release_at = variant.opened_at = None
        return []

    def next_in_line(self, variant: Variant) -> list[Subscription]:
        """Who is let out next: whom the restock that is open has left out lets the others go first, until the next."""
        opened_at = variant.opened_at
        line = self.line(variant)
        return [each for each in line if not opened_at or not each.left_out_at or each.left_out_at < opened_at]

    def notify_now(self, variant: Variant, now: datetime) -> int | None:
        """Rule 5. Returns how many were let out, with those of a release that was due."""
        if self.flow_state != "live" or self.is_paused:
            return None
        released = self.release_if_due(variant, now)
        if self.is_sellable(variant) and self.next_in_line(variant):
            released.append(self._release(variant, self.next_in_line(variant), now))
        return sum(released) if released else None

    def _release(self, variant: Variant, line: Sequence[Subscription], now: datetime) -> int:
        """Rule 2."""
        quantity, rules = self.quantity(variant), self.rules_of(variant)
        if rules.per_unit is None or quantity is None:
            variant.next_release_at = variant.opened_at = None
        else:
            line = line[: rules.per_unit * quantity]
            variant.next_release_at = now + rules.wait * MINUTE
            variant.opened_at = variant.opened_at or now
        self.releases.append((variant.name, now, quantity, len(line)))
        for subscription in line:
            subscription.state, subscription.left_out_at = "released", None
            self.messages.append(Message(subscription, "restock", len(self.releases), 1, now, now))
        return len(line)

    # What people do.

    def join(self, person: str, variant: Variant, now: datetime) -> None:
        """Rule 6."""
        active = self.active(person, variant)
        if active:
            if active.state == "unconfirmed":
                self._ask_again(active, now)
        elif person not in self.suppressed:
            state = "unconfirmed" if self.asks_confirmation else "waiting"
            active = Subscription(len(self.subscriptions) + 1, person, variant, state, now)
            self.subscriptions.append(active)
            if self.asks_confirmation:
                self.messages.append(Message(active, "confirmation", None, 1, now, now))

    def _ask_again(self, subscription: Subscription, now: datetime) -> None:
        if not self.asks_confirmation:
            subscription.state = "waiting"
            return
        asked = [each for each in self.messages if each.subscription is subscription]
        is_long_ago = all(each.created_at < now - ASK_AGAIN_AFTER for each in asked)
        if is_long_ago and all(each.state not in {"pending", "claimed"} for each in asked):
            self.messages.append(Message(subscription, "confirmation", None, len(asked) + 1, now, now))

    def confirm(self, subscription: Subscription) -> str:
        """Who confirms is in line, at the place of having asked. Returns what the page says."""
        if subscription.state == "unconfirmed":
            subscription.state = "waiting"
        if subscription.state not in {*ACTIVE, "notified"}:
            return "ended"
        if self.is_sellable(subscription.variant):
            return "in_stock"
        return "ended" if subscription.state == "notified" else "waiting"

    def leave(self, subscription: Subscription, now: datetime) -> None:
        """Always possible, and immediate."""
        subscription.left = True
        self._end(subscription, "unsubscribed", "unsubscribed", now)

    def suppress(self, person: str, now: datetime) -> None:
        """Stop all alerts."""
        self.suppressed.add(person)
        for subscription in self.of_person(person):
            self._end(subscription, "unsubscribed", "unsubscribed", now)

    def erase(self, person: str, now: datetime) -> int:
        """Nothing names the person any more."""
        self.suppressed.discard(person)
        erased = self.of_person(person)
        for subscription in erased:
            self._end(subscription, "unsubscribed", "erased", now)
            subscription.person, subscription.left = None, True
        return len(erased)

    def order(self, person: str, variants: Sequence[Variant], ordered_at: datetime, now: datetime) -> int:
        """Whatever was asked for before it was ordered, is answered. Returns how many were active."""
        ended = 0
        for subscription in self.of_person(person):
            if subscription.variant in variants and subscription.place <= ordered_at:
                ended += subscription.state in UNTOLD
                subscription.bought |= subscription.state != "unsubscribed"
                self._end(subscription, "bought", "bought", now)
        return ended

    def _end(self, subscription: Subscription, state: str, reason: str, now: datetime) -> None:
        """What nobody has begun to hand over is not sent any more."""
        if subscription.state in UNTOLD:
            subscription.state = state
        for message in self.messages:
            is_on_way = message.state in {"pending", "claimed"} and not message.is_begun
            if message.subscription is subscription and is_on_way:
                self._skip(message, reason, now)

    # Messages on their way.

    def due(self, now: datetime) -> list[Message]:
        """What may be claimed, oldest first."""
        if self.is_paused:
            return []
        due = [each for each in self.messages if each.state == "pending" and each.due_at <= now]
        due.sort(key=lambda each: (each.due_at, self.messages.index(each)))
        return [each for each in due if self.flow_state == "live" or each.kind == "confirmation"]

    def claim(self, worker: str, limit: int, now: datetime) -> list[Message]:
        """Take what is due; what must not be sent any more is left out, with the reason. Returns what is to be sent."""
        looked_at = self.due(now)[:limit]
        claimed: list[Message] = []
        left_out: dict[Message, str] = {}
        for message in looked_at:
            if reason := self.why_not(message, claimed, now):
                left_out[message] = reason
            else:
                message.state, message.worker, message.attempts = "claimed", worker, message.attempts + 1
                claimed.append(message)
        for message in sorted(left_out, key=self.messages.index):
            self._leave_out(message, left_out[message], now)
        return claimed

    def why_not(self, message: Message, others: Sequence[Message], now: datetime) -> str:
        """Why a message is not sent; empty when it is. `others` are claimed in the same go."""
        subscription = message.subscription
        is_sold_out = message.kind == "restock" and not self.is_sellable(subscription.variant)
        expected = {"restock": {"released", "notified"}, "confirmation": {"unconfirmed"}}[message.kind]
        if message.kind == "restock" and message.step == 1:
            expected = {"released"}
        reasons = {
            "suppressed": subscription.person in self.suppressed,
            "bought": subscription.bought,
            "unsubscribed": subscription.left or subscription.state == "unsubscribed",
            "no_longer_needed": subscription.state not in expected,
            "asked_again": message.kind == "restock" and message.step > 1 and self._asked_again(subscription),
            "not_in_flow": message.kind == "restock" and message.step > len(self.steps),
            "sold_out_again": is_sold_out and subscription.state == "released",
            "sold_out": is_sold_out,
        }
        reason = next((reason for reason, holds in reasons.items() if holds), "")
        if not reason and message.kind == "restock" and self._was_written_to(message, others, now):
            return "smart_sending"
        return reason

    def _asked_again(self, subscription: Subscription) -> bool:
        active = subscription.person and self.active(subscription.person, subscription.variant)
        return bool(active) and active is not subscription

    def _was_written_to(self, message: Message, others: Sequence[Message], now: datetime) -> bool:
        """Whether the person had, or is getting, a message about something else."""
        hours = self._step(message.step).smart_hours
        if not hours:
            return False
        for other in self.messages:
            is_same_person = other.subscription.person == message.subscription.person
            if is_same_person and other.kind == "restock" and other.subscription is not message.subscription:
                if other.state == "claimed" or other in others:
                    return True
                if other.finished_at and other.state == "sent" and other.finished_at > now - timedelta(hours=hours):
                    return True
        return False

    def _step(self, number: int) -> Step:
        return self.steps[number - 1]

    def _leave_out(self, message: Message, reason: str, now: datetime) -> None:
        subscription = message.subscription
        self._skip(message, reason, now)
        has_next = reason == "smart_sending" and self._plan_next(message, now)
        if message.kind == "confirmation" or subscription.state != "released" or has_next:
            return
        back = {"sold_out_again": "waiting", "smart_sending": "waiting", "not_in_flow": "waiting", "bought": "bought"}
        subscription.state = back.get(reason, "unsubscribed")
        subscription.left_out_at = now if reason == "smart_sending" else None

    @staticmethod
    def _skip(message: Message, reason: str, now: datetime) -> None:
        message.state, message.reason, message.finished_at, message.worker = "skipped", reason, now, None

    def begin(self, message: Message, worker: str) -> bool:
        """Whether the hand-over may begin."""
        if message.state != "claimed" or message.worker != worker:
            return False
        message.is_begun = True
        return True

    def give_back(self, worker: str) -> None:
        """What was not begun is due again."""
        for message in self.held_by(worker):
            if not message.is_begun:
                self._again(message, attempts=message.attempts - 1)

    def finish(self, worker: str, now: datetime) -> None:
        """Answers take effect."""
        for message in sorted(self.held_by(worker), key=self.messages.index):
            if message.answer:
                self._finish(message, message.answer, now)

    def recover(self, worker: str, now: datetime) -> None:
        """A dead worker's: answers take effect; without an answer it is uncertain; what was not begun is due again."""
        self.finish(worker, now)
        for message in self.held_by(worker):
            message.uncertain |= message.is_begun
            self._again(message, attempts=message.attempts - (not message.is_begun))

    def _finish(self, message: Message, answer: str, now: datetime) -> None:
        subscription = message.subscription
        if answer in {"temporary", "uncertain"}:
            message.uncertain |= answer == "uncertain"
            message.refused_at = now
            self._again(message, attempts=message.attempts)
            return
        message.state = {"accepted": "sent", "permanent": "dead"}[answer]
        message.worker, message.finished_at, message.is_begun, message.answer = None, now, False, None
        if message.kind == "restock" and subscription.state == "released":
            subscription.state = {"sent": "notified", "dead": "undeliverable"}[message.state]
        if message.state == "sent":
            self._plan_next(message, now)

    @staticmethod
    def _again(message: Message, *, attempts: int) -> None:
        message.state, message.worker, message.attempts = "pending", None, attempts
        message.is_begun, message.answer = False, None

    def _plan_next(self, message: Message, now: datetime) -> bool:
        """Write the flow's next message, where there is one."""
        if message.kind != "restock" or message.step >= len(self.steps):
            return False
        step = message.step + 1
        due_at = now + self._step(step).after_minutes * MINUTE
        self.messages.append(Message(message.subscription, "restock", message.release, step, due_at, now))
        return True

    def try_again(self, message: Message, now: datetime) -> bool:
        """The merchant drives a message once more that was given up."""
        if message.state != "dead":
            return False
        message.state, message.due_at, message.finished_at = "pending", now, None
        subscription = message.subscription
        if subscription.state == "undeliverable" and not self._asked_again(subscription):
            subscription.state = "released"
        return True

    # What must hold however it came to be.

    def broken(self) -> Iterator[str]:
        """What should never be so."""
        for subscription in self.subscriptions:
            mine = [each for each in self.messages if each.subscription is subscription and each.kind == "restock"]
            on_way = [each for each in mine if each.state in {"pending", "claimed"}]
            if subscription.state == "released" and not on_way:
                yield f"{subscription} is out of the line, and no message is on its way"
            if subscription.state == "waiting" and on_way:
                yield f"{subscription} waits, and a message is on its way"
            if subscription.state == "notified" and all(each.state != "sent" for each in mine):
                yield f"{subscription} counts as told, and was not"
