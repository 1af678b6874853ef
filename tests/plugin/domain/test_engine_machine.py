"""The engine against a plain model: whatever happens, in whatever order, both end in the same state.

`make engine EXAMPLES=100000` plays more than the suite does.
"""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from integrations.types import InventoryLevel
from plugin.domain.outbox import RETRY_FIRST_SECONDS, RETRY_JITTER, RETRY_MOST_SECONDS, ClaimedMessage
from tests.factories import START
from tests.plugin.domain.engine_model import ACTIVE, MINUTE, Message, ShopModel, Step, Subscription, Update, Variant
from tests.plugin.domain.engine_world import PARTS, Facts, World

EXAMPLES = int(os.environ.get("ENGINE_EXAMPLES", "1000"))
SHARES = 2
"""Tests among which the examples are shared, so that several processes can play them."""
STEPS = 20 if EXAMPLES <= 1000 else 40
TICK = timedelta(milliseconds=1)
PLATFORM_START = START - timedelta(days=400)

PEOPLE = ("ann", "bob", "cid", "dan")
WORKERS = ("w1", "w2")
ANSWERS = ("accepted", "accepted", "accepted", "temporary", "permanent", "uncertain")

shops = st.sampled_from((0, 0, 0, 0, 0, 1))
variants = st.sampled_from(("v1", "v1", "v2"))
people = st.sampled_from(PEOPLE)
some = st.integers(0, 11)
"""One of several, whatever their number."""
quantities = st.sampled_from((0, 0, 1, 1, 2, 3, -1, None))
minutes = st.sampled_from((1, 9, 11, 61, 24 * 60))
rules_changes = st.fixed_dictionaries(
    {},
    optional={
        "minimum_inventory": st.sampled_from((1, 2, 4)),
        "customers_per_unit": st.sampled_from(("all", 1, 2)),
        "wait_minutes": st.sampled_from((1, 60)),
    },
)
parts = st.sampled_from(sorted({part for parts in PARTS.values() for part in parts}))
flow_messages = st.sampled_from(
    (
        ((0, None),),
        ((0, None), (60, None)),
        ((0, None), (1, None), (1, None)),
        ((0, 12), (60, None)),
        ((0, None), (1, 1), (60, 24)),
        ((0, 24),),
    )
)
merchants_changes = st.one_of(
    st.tuples(st.just("settings_change"), rules_changes, st.booleans()),
    st.tuples(st.just("override"), parts, rules_changes),
    st.tuples(st.just("count_locations"), st.sampled_from((None, ("A",), ("B",), ("A", "B")))),
    st.tuples(st.just("flow_changes"), st.sampled_from(("live", "live", "live", "paused", "draft")), flow_messages),
    st.tuples(st.just("pause"), st.booleans()),
)
Messages = tuple[tuple[int, int | None], ...]
"""Of a flow: minutes after the one before, hours of smart sending."""
WORDS = {"minimum_inventory": "minimum", "customers_per_unit": "per_unit", "wait_minutes": "wait"}


def in_model(changes: dict[str, Any]) -> dict[str, Any]:
    """Settings in the model's words."""
    return {WORDS[name]: None if value == "all" else value for name, value in changes.items()}


def what_counts(
    state: str, reason: str, due_at: datetime, uncertain: bool, attempts: int, worker: str | None
) -> tuple[Any, ...]:
    """Of what is written about a message, that which means something in its state."""
    details = {"pending": (due_at,), "claimed": (due_at, worker), "skipped": (reason,)}
    return state, uncertain, attempts, details.get(state)


class EngineMachine(RuleBasedStateMachine):
    """Two shops with the same ids, four people, two workers."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        world.begin_example()
        self.shops = [ShopModel({name: Variant(name, parts) for name, parts in PARTS.items()}) for _ in range(2)]
        self.facts: list[Facts] = world.facts()
        self.moment = START
        self.rank = 100
        self.told: list[tuple[int, list[Update]]] = []
        """What the platform said of v1, by shop."""
        self.hands: dict[str, list[tuple[Message, ClaimedMessage]]] = {}
        """What each worker that lives is at work on."""
        self.place_of: dict[str, int] = {}
        self.dead: set[str] = set()
        self.late: dict[str, list[tuple[Message, ClaimedMessage, bool, str | None]]] = {}
        """What workers whose lease ran out still believe to hold: whether it was begun, what was answered by then."""
        self.arrived: Counter[tuple[int, tuple[int, str, int, int]]] = Counter()
        self.may_release = True
        self.is_sound = True

    def now(self) -> datetime:
        """The present moment; no two steps have the same."""
        self.is_sound = False
        self.moment += TICK
        return self.moment - TICK

    def pick_subscription(self, shop: int, which: int) -> tuple[Subscription, int] | None:
        known = self.shops[shop].subscriptions
        if not known:
            return None
        subscription = known[-1 - which % len(known)]
        return subscription, self.facts[shop].ids[subscription.number]

    # Shoppers.

    def join(self, shop: int, person: str, variant: str, aloud: bool) -> None:
        now = self.now()
        self.shops[shop].join(person, self.shops[shop].variants[variant], now)
        self.world.join(shop, person, variant, now, aloud=aloud)
        self.nobody_is_released()

    def confirm(self, shop: int, which: int) -> None:
        if picked := self.pick_subscription(shop, which):
            subscription, id_ = picked
            assert self.world.confirm(shop, id_, self.now()) == self.shops[shop].confirm(subscription)
        self.nobody_is_released()

    def leave(self, shop: int, which: int) -> None:
        if picked := self.pick_subscription(shop, which):
            subscription, id_ = picked
            now = self.now()
            self.shops[shop].leave(subscription, now)
            self.world.leave(shop, id_, now)

    def leave_all(self, shop: int, person: str) -> None:
        now = self.now()
        self.shops[shop].suppress(person, now)
        self.world.suppress(shop, person, now)

    def allow_again(self, shop: int, person: str) -> None:
        self.shops[shop].suppressed.discard(person)
        self.world.allow_again(shop, person)

    def end(self, shop: int, person: str, how: str, bought: set[str], minutes_ago: int) -> None:
        """In one of the ways in which people stop wanting it; or they allow alerts again."""
        if how == "leave":
            self.leave(shop, minutes_ago + len(bought))
        elif how == "order":
            self.order(shop, person, bought, minutes_ago)
        else:
            getattr(self, how)(shop, person)

    def erase(self, shop: int, person: str) -> None:
        now = self.now()
        assert self.world.erase(shop, person, now) == self.shops[shop].erase(person, now)

    def order(self, shop: int, person: str, bought: set[str], minutes_ago: int) -> None:
        now = self.now()
        model = self.shops[shop]
        ordered_at = now - minutes_ago * MINUTE
        ended = model.order(person, [model.variants[each] for each in bought], ordered_at, now)
        assert self.world.order(shop, person, sorted(bought), ordered_at, now) == ended

    # Stock.

    def stock_by_location(self, shop: int, levels: dict[str, int | None]) -> None:
        self.rank += 10
        self.platform_tells(shop, [Update(location, quantity, self.rank) for location, quantity in levels.items()])

    def stock_in_all(self, shop: int, quantity: int | None) -> None:
        self.rank += 10
        self.platform_tells(shop, [Update(None, quantity, self.rank)])

    def stock_comes_late(self, shop: int, location: str | None, quantity: int | None, late: int) -> None:
        rank, used = self.rank - 10 * late + 5, {each.rank for _, told in self.told for each in told}
        while rank in used:
            rank -= 1
        self.platform_tells(shop, [Update(location, quantity, rank)])

    def stock_comes_twice(self, which: int) -> None:
        if not self.told:
            return
        shop, updates = self.told[-1 - which % len(self.told)]
        self.platform_tells(shop, updates)

    def stock_without_a_time(self, shop: int, location: str | None, quantity: int | None) -> None:
        self.rank += 10
        self.stock_changes(shop, "v2", [Update(location, quantity, self.rank)], is_timed=False)

    def platform_tells(self, shop: int, updates: list[Update]) -> None:
        self.told.append((shop, updates))
        self.stock_changes(shop, "v1", updates, is_timed=True)

    def stock_changes(self, shop: int, variant: str, updates: list[Update], *, is_timed: bool) -> None:
        now = self.now()
        levels = [
            InventoryLevel(
                variant, each.location, each.quantity, PLATFORM_START + each.rank * MINUTE if is_timed else None
            )
            for each in updates
        ]
        model = self.shops[shop]
        self.may_release = True
        assert self.world.set_stock(shop, levels, now) == model.stock_changes(model.variants[variant], updates, now)

    def notify_now(self, shop: int, variant: str) -> None:
        now = self.now()
        model = self.shops[shop]
        assert self.world.notify_now(shop, variant, now) == model.notify_now(model.variants[variant], now)

    def time_passes(self, by: int, to_next: bool, is_swept: bool) -> None:
        self.moment = self.next_due() if to_next else self.moment + by * MINUTE
        if is_swept:
            for shop, model in enumerate(self.shops):
                assert self.world.release_due(shop, self.moment) == model.time_passes(self.moment)

    def next_due(self) -> datetime:
        """The moment at which something is due next."""
        moments = [each.next_release_at for model in self.shops for each in model.variants.values()]
        moments += [each.due_at for model in self.shops for each in model.messages if each.state == "pending"]
        return min((each for each in moments if each and each > self.moment), default=self.moment + MINUTE)

    # What the merchant sets; none of it lets anybody out of the line.

    def merchant_sets(self, shop: int, change: tuple[Any, ...]) -> None:
        name, *values = change
        getattr(self, name)(shop, *values)
        self.nobody_is_released()

    def settings_change(self, shop: int, changes: dict[str, Any], asks: bool) -> None:
        model = self.shops[shop]
        model.asks_confirmation = asks
        model.rules = type(model.rules)(**{**vars(model.rules), **in_model(changes)})
        self.world.change_settings(shop, {**changes, "double_opt_in": asks})

    def override(self, shop: int, part: tuple[str, str], changes: dict[str, Any]) -> None:
        if changes:
            self.shops[shop].overrides[part] = in_model(changes)
            self.world.put_override(shop, part, changes)
        else:
            had = self.shops[shop].overrides.pop(part, None) is not None
            assert self.world.remove_override(shop, part) == had

    def count_locations(self, shop: int, locations: tuple[str, ...] | None) -> None:
        self.shops[shop].locations = locations
        self.world.change_settings(shop, {"locations": locations and list(locations)})

    def flow_changes(self, shop: int, state: str, messages: Messages) -> None:
        model = self.shops[shop]
        model.flow_state, model.steps = state, tuple(Step(*each) for each in messages)
        self.world.put_flow(shop, state, messages)

    def pause(self, shop: int, paused: bool) -> None:
        now = self.now()
        self.shops[shop].pause(paused, now)
        self.world.change_settings(shop, {"paused": paused}, now)

    def dead_messages(self) -> list[Message]:
        """Those that were given up, in any shop."""
        return [each for model in self.shops for each in model.messages if each.state == "dead"]

    def try_again(self, shop: int, which: int) -> None:
        if dead := [each for each in self.dead_messages() if each in self.shops[shop].messages]:
            message = dead[which % len(dead)]
            now = self.now()
            assert self.world.try_again(shop, self.facts[shop].message_ids[message.key], now)
            assert self.shops[shop].try_again(message, now)

    # Workers.

    def claim(self, shop: int, worker: str, limit: int) -> None:
        if worker in self.hands or worker in self.dead or worker in self.late:
            return
        now = self.now()
        model = self.shops[shop]
        expected = model.claim(worker, limit, now)
        claimed = self.world.claim(shop, worker, limit, now)
        names = {id_: number for number, id_ in self.facts[shop].ids.items()}
        assert [(names[each.subscription_id], each.kind, each.step) for each in claimed] == [
            (each.subscription.number, each.kind, each.step) for each in expected
        ]
        for message in expected:
            assert message.kind == "confirmation" or model.is_sellable(message.subscription.variant)
        if claimed:
            self.place_of[worker] = shop
            self.hands[worker] = list(zip(expected, claimed, strict=True))

    def begin(self, worker: str) -> None:
        waiting = [pair for pair in self.hands.get(worker, ()) if not pair[0].is_begun]
        if waiting:
            self.begin_one(worker, *waiting[0])

    def begin_one(self, worker: str, message: Message, claimed: ClaimedMessage) -> bool:
        """Whether the provider gets it."""
        model = self.shops[self.place_of[worker]]
        may = model.begin(message, worker)
        assert self.world.begin(worker, claimed) == may
        if not may:
            self.hands[worker].remove((message, claimed))
            return False
        person = message.subscription.person
        assert person
        assert person not in model.suppressed
        assert not message.subscription.left
        assert not message.subscription.bought
        assert claimed.email.lower().startswith(person)
        return True

    def answer(self, worker: str, answer: str, arrives: bool) -> None:
        in_hand = [pair for pair in self.hands.get(worker, ()) if pair[0].is_begun and not pair[0].answer]
        if in_hand:
            self.answer_one(worker, *in_hand[0], answer, arrives)

    def answer_one(self, worker: str, message: Message, claimed: ClaimedMessage, answer: str, arrives: bool) -> None:
        message.answer = answer
        self.world.answer(worker, claimed, answer)
        if answer == "accepted" or (answer == "uncertain" and arrives):
            self.arrived[self.place_of[worker], message.key] += 1

    def finish(self, worker: str) -> None:
        hands = self.hands.get(worker, [])
        if not hands or any(message.is_begun and not message.answer for message, _ in hands):
            return
        now = self.now()
        answered = [(claimed, message.answer) for message, claimed in hands if message.answer]
        others = [claimed for message, claimed in hands if not message.is_begun]
        for model in self.shops:
            model.finish(worker, now)
            model.give_back(worker)
        self.world.finish(worker, answered, now)
        self.world.give_back(worker, others)
        self.hands.pop(worker, None)

    def deliver(self, shop: int, answers: list[str]) -> None:
        """A whole turn of a worker to whom nothing happens."""
        self.claim(shop, "w1", 50)
        if "w1" in self.hands:
            for index, pair in enumerate([pair for pair in self.hands["w1"] if not pair[0].is_begun]):
                if self.begin_one("w1", *pair):
                    self.answer_one("w1", *pair, answers[index] if index < len(answers) else "accepted", True)
            self.finish("w1")

    def goes_well(self, shop: int) -> None:
        """A turn, and another one as soon as something is due."""
        self.deliver(shop, [])
        # What the worker had in hand may have been refused; its next try comes within this step.
        for model, facts in zip(self.shops, self.world.facts(), strict=True):
            self.look_up_retries(model, facts)
        self.time_passes(0, True, True)
        self.deliver(shop, [])

    def die(self, worker: str, arrives: bool) -> None:
        if worker in self.hands:
            for message, _ in self.hands.pop(worker):
                if message.is_begun and not message.answer and arrives:
                    self.arrived[self.place_of[worker], message.key] += 1
            self.dead.add(worker)

    def recover(self) -> None:
        worker = min(self.dead)
        now = self.now()
        for model in self.shops:
            model.recover(worker, now)
        self.world.recover(worker, now)
        self.dead.remove(worker)

    def lease_runs_out(self, worker: str) -> None:
        """A worker hangs for so long that others take over what it held."""
        if worker in self.hands:
            self.late[worker] = [
                (message, claimed, message.is_begun, message.answer) for message, claimed in self.hands.pop(worker)
            ]
            now = self.now()
            self.shops[self.place_of[worker]].recover(worker, now)
            self.world.lease_runs_out(worker, now)

    def wakes_up(self, worker: str) -> None:
        """It goes on where it was; nothing of that counts any more, and nothing more is begun."""
        late = self.late.pop(worker, [])
        for message, claimed, is_begun, answer in late:
            if is_begun and not answer:
                self.world.answer(worker, claimed, "accepted")
                self.arrived[self.place_of[worker], message.key] += 1
            elif not is_begun:
                assert not self.world.begin(worker, claimed)
        ended = [(claimed, answer or "accepted") for _, claimed, is_begun, answer in late if is_begun]
        self.world.finish(worker, ended, self.now())
        self.world.give_back(worker, [claimed for _, claimed, is_begun, _ in late if not is_begun])

    # What must hold after each step.

    def nobody_is_released(self) -> None:
        """What was done just now lets nobody out of the line."""
        self.may_release = False

    @invariant()
    def tables_agree_with_the_model(self) -> None:
        self.is_sound = False
        before, self.facts = self.facts, self.world.facts()
        for earlier, facts in zip(before, self.facts, strict=True):
            assert self.may_release or len(earlier.releases) == len(facts.releases)
        self.may_release = True
        for index, (model, facts) in enumerate(zip(self.shops, self.facts, strict=True)):
            self.look_up_retries(model, facts)
            self.compare(model, facts)
            assert not list(model.broken())
            changed = [
                number for number, row in facts.subscriptions.items() if before[index].subscriptions.get(number) != row
            ]
            for number in changed[:1]:
                self.check_timeline(index, model.subscriptions[number - 1])
        self.nobody_is_told_twice()
        self.is_sound = True

    @staticmethod
    def look_up_retries(model: ShopModel, facts: Facts) -> None:
        """When a message is tried again is random within bounds."""
        for message in model.messages:
            if message.refused_at:
                message.due_at = facts.messages[message.key][2]
                usual = min(RETRY_MOST_SECONDS, RETRY_FIRST_SECONDS * 2 ** (message.attempts - 1))
                waits = (message.due_at - message.refused_at).total_seconds()
                assert usual * (1 - RETRY_JITTER) - 1 <= waits <= usual * (1 + RETRY_JITTER) + 1
                message.refused_at = None

    @staticmethod
    def compare(model: ShopModel, facts: Facts) -> None:
        people = {number: (*row[:3], *row[4:6]) for number, row in facts.subscriptions.items()}
        assert people == {
            each.number: (each.person, each.variant.name, each.state, each.place, each.bought)
            for each in model.subscriptions
        }
        assert {key: what_counts(*row) for key, row in facts.messages.items()} == {
            each.key: what_counts(each.state, each.reason, each.due_at, each.uncertain, each.attempts, each.worker)
            for each in model.messages
        }
        assert facts.releases == model.releases
        assert facts.open == {
            each.name: each.next_release_at for each in model.variants.values() if each.next_release_at
        }
        assert facts.quantities == {each.name: model.quantity(each) for each in model.variants.values()}
        ended = Counter(
            each.state for each in model.messages if each.kind == "restock" and each.state in {"sent", "skipped"}
        )
        assert facts.totals == ended

    def nobody_is_told_twice(self) -> None:
        for (shop, key), times in self.arrived.items():
            assert times == 1 or self.facts[shop].messages[key][3], "doubled, and not listed as uncertain"

    def check_timeline(self, shop: int, subscription: Subscription) -> None:
        told = self.world.timeline(shop, self.facts[shop].ids[subscription.number])
        assert told.state == subscription.state
        assert self.last_word(self.shops[shop], subscription) in told.next

    @staticmethod
    def last_word(model: ShopModel, subscription: Subscription) -> str:
        """What the answer to "what happens next" has to say."""
        mine = [each for each in model.messages if each.subscription is subscription and each.kind == "restock"]
        later = next((each for each in mine if each.state in {"pending", "claimed"}), None)
        is_told_more = subscription.state == "notified" and later and not subscription.left and not subscription.bought
        if model.is_paused and (subscription.state in ACTIVE or is_told_more):
            return "paused for the whole shop"
        if model.flow_state != "live" and (subscription.state in {"waiting", "released"} or is_told_more):
            return "while the flow is"
        return {
            "unconfirmed": "as soon as the address is confirmed",
            "waiting": "n line",
            "released": "handed over",
            "notified": f"Message {later.step} of the flow" if is_told_more else "Nothing more.",
            "undeliverable": "unless the merchant tries the message again",
        }.get(subscription.state, "Nothing more.")

    def teardown(self) -> None:
        for shop, model in enumerate(self.shops if self.is_sound else ()):
            for subscription in model.subscriptions:
                self.check_timeline(shop, subscription)
        for worker in {*self.hands, *self.dead}:  # the next example begins with empty hands
            self.world.recover(worker, self.now())


JOIN = rule(shop=shops, person=people, variant=variants, aloud=st.booleans())
CONFIRM = rule(shop=shops, which=some)
END = rule(
    shop=shops,
    person=people,
    how=st.sampled_from(("leave", "leave", "leave_all", "allow_again", "erase", "order", "order")),
    bought=st.sets(variants, min_size=1),
    minutes_ago=st.sampled_from((0, 0, 5, 100)),
)
STOCK_IN_ALL = rule(shop=shops, quantity=quantities)
NOTIFY_NOW = rule(shop=shops, variant=variants)
TIME_PASSES = rule(by=minutes, to_next=st.sampled_from((True, True, False)), is_swept=st.booleans())
MERCHANT_SETS = rule(shop=shops, change=merchants_changes)
DELIVER = rule(shop=shops, answers=st.lists(st.sampled_from(ANSWERS), max_size=3))


class LinesMachine(EngineMachine):
    """Who is let out of the line, when, and in which order; hand-overs go well, or not, but no worker dies."""

    @initialize(
        rules=st.tuples(st.sampled_from((1, 2)), st.sampled_from((1, 1, 2, "all")), st.sampled_from((1, 60))),
        joined=st.lists(st.tuples(people, variants), min_size=2, max_size=6),
        quantity=st.sampled_from((0, 1, 2)),
    )
    def open(self, rules: tuple[Any, ...], joined: list[tuple[str, str]], quantity: int | None) -> None:
        self.settings_change(0, dict(zip(WORDS, rules, strict=True)), False)
        for shop, (person, variant) in product((0, 1), joined):
            self.join(shop, person, variant, False)
        self.stock_in_all(0, quantity)

    join = JOIN(EngineMachine.join)
    confirm = CONFIRM(EngineMachine.confirm)
    end = END(EngineMachine.end)
    stock_by_location = rule(shop=shops, levels=st.dictionaries(st.sampled_from(("A", "B")), quantities, min_size=1))(
        EngineMachine.stock_by_location
    )
    stock_in_all = STOCK_IN_ALL(EngineMachine.stock_in_all)
    stock_comes_late = rule(
        shop=shops, location=st.sampled_from(("A", "B", None)), quantity=quantities, late=st.integers(1, 4)
    )(EngineMachine.stock_comes_late)
    stock_comes_twice = rule(which=some)(EngineMachine.stock_comes_twice)
    stock_without_a_time = rule(shop=shops, location=st.sampled_from(("A", None)), quantity=quantities)(
        EngineMachine.stock_without_a_time
    )
    notify_now = NOTIFY_NOW(EngineMachine.notify_now)
    time_passes = TIME_PASSES(EngineMachine.time_passes)
    merchant_sets = MERCHANT_SETS(EngineMachine.merchant_sets)
    deliver = DELIVER(EngineMachine.deliver)


class HandOverMachine(EngineMachine):
    """What becomes of those who were let out: flows, refusals, workers that die, and people who change their minds."""

    @initialize(
        asks=st.booleans(),
        messages=flow_messages,
        joined=st.lists(st.tuples(people, variants), min_size=2, max_size=6),
    )
    def open(self, asks: bool, messages: Messages, joined: list[tuple[str, str]]) -> None:
        self.flow_changes(0, "live", messages)
        for shop, (person, variant) in product((0, 1), joined):
            self.join(shop, person, variant, False)
        self.stock_in_all(0, 5)
        self.stock_without_a_time(0, None, 5)
        self.settings_change(0, {}, asks)

    join = JOIN(EngineMachine.join)
    confirm = CONFIRM(EngineMachine.confirm)
    end = END(EngineMachine.end)
    stock_in_all = STOCK_IN_ALL(EngineMachine.stock_in_all)
    notify_now = NOTIFY_NOW(EngineMachine.notify_now)
    time_passes = TIME_PASSES(EngineMachine.time_passes)
    merchant_sets = MERCHANT_SETS(EngineMachine.merchant_sets)
    claim = rule(shop=shops, worker=st.sampled_from(WORKERS), limit=st.sampled_from((1, 2, 50)))(EngineMachine.claim)
    begin = rule(worker=st.sampled_from(WORKERS))(EngineMachine.begin)
    answer = rule(worker=st.sampled_from(WORKERS), answer=st.sampled_from(ANSWERS), arrives=st.booleans())(
        EngineMachine.answer
    )
    finish = rule(worker=st.sampled_from(WORKERS))(EngineMachine.finish)
    deliver = DELIVER(EngineMachine.deliver)
    goes_well = rule(shop=shops)(EngineMachine.goes_well)
    die = precondition(lambda self: self.hands)(
        rule(worker=st.sampled_from(WORKERS), arrives=st.booleans())(EngineMachine.die)
    )
    lease_runs_out = precondition(lambda self: self.hands)(
        rule(worker=st.sampled_from(WORKERS))(EngineMachine.lease_runs_out)
    )
    wakes_up = precondition(lambda self: self.late)(rule(worker=st.sampled_from(WORKERS))(EngineMachine.wakes_up))
    recover = precondition(lambda self: self.dead)(rule()(EngineMachine.recover))
    try_again = precondition(EngineMachine.dead_messages)(rule(shop=shops, which=some)(EngineMachine.try_again))


@pytest.fixture
def world(engine: Engine) -> Iterator[World]:
    world = World(engine, WORKERS)
    yield world
    world.close()


@pytest.mark.timeout(900 if EXAMPLES <= 1000 else 0)
@pytest.mark.parametrize("machine", [LinesMachine, HandOverMachine])
@pytest.mark.parametrize("share", range(SHARES))
def test_engine_does_what_the_model_does(world: World, machine: type[EngineMachine], share: int) -> None:
    run_state_machine_as_test(
        lambda: machine(world),
        settings=settings(
            max_examples=max(1, EXAMPLES // SHARES // 2),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[phase for phase in Phase if phase is not Phase.explain],
        ),
    )
