"""Flows: one to three messages, what ends them, and what holds them back."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from integrations.channels.base import Channel, ChannelConnection, Envelope, SendResult
from integrations.types import Order
from plugin.domain import flows, installations, leaving, outbox, overview, purchases, restocks, shops, timeline
from plugin.domain.delivery import Courier
from plugin.domain.errors import FieldError
from plugin.domain.flows import Flow, FlowMessage
from plugin.domain.recorder import Recorder
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, states
from tests.sink import MailSink

DAY = 24 * 60
PERSON = "ann@x.example"
TWO = Flow("live", (FlowMessage(), FlowMessage(after_minutes=DAY)))
THREE = Flow("live", (*TWO.messages, FlowMessage(after_minutes=2 * DAY)))


def set_flow(engine: Engine, shop: ShopKeys, flow: Flow) -> None:
    with engine.begin() as database:
        flows.put(database, shop.id, flow, "test")


def deliver(runtime: Runtime, shop: ShopKeys) -> None:
    assert not runtime.courier("w").deliver(shop.id, seconds=30)


def later(engine: Engine, minutes: float) -> None:
    """Let time pass, for what is planned and what was sent."""
    wait = timedelta(minutes=minutes)
    with engine.begin() as database:
        database.execute(
            text("UPDATE message SET due_at = due_at - :wait, finished_at = finished_at - :wait"), {"wait": wait}
        )
        database.execute(text("UPDATE subscription SET created_at = created_at - :wait"), {"wait": wait})


def order(engine: Engine, shop: ShopKeys, *variant_ids: str, at: datetime | None = None, person: str = PERSON) -> int:
    made = Order("1001", person, "", at or now(), variant_ids or ("v1",))
    with engine.begin() as database:
        return purchases.record(database, load(engine, shop), [made], now())


def steps(engine: Engine) -> list[tuple[int, str, str]]:
    with engine.connect() as database:
        rows = database.execute(text("SELECT step, state, reason FROM message WHERE kind = 'restock' ORDER BY id"))
        return [tuple(row) for row in rows]  # type: ignore[misc]


def told(engine: Engine, shop: ShopKeys, runtime: Runtime) -> None:
    """Ann waits, it is back, and she has the first message."""
    join(engine, shop, PERSON)
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    assert steps(engine)[0] == (1, "sent", "")


def test_later_messages_follow_each_a_while_after_the_one_before(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    set_flow(engine, shop, THREE)
    told(engine, shop, runtime)

    deliver(runtime, shop)
    assert len(sink.delivered) == 1
    later(engine, DAY + 1)
    deliver(runtime, shop)
    later(engine, DAY + 1)
    deliver(runtime, shop)
    assert len(sink.delivered) == 2
    later(engine, DAY + 1)
    deliver(runtime, shop)
    later(engine, 9 * DAY)
    deliver(runtime, shop)

    assert sink.recipients == [PERSON] * 3
    assert steps(engine) == [(step, "sent", "") for step in (1, 2, 3)]
    mails = [mail.message for mail in sink.delivered]
    subjects = [mail["Subject"] for mail in mails]
    assert "is back" in subjects[0]
    assert all("still in stock" in subject for subject in subjects[1:])
    assert len({mail["Message-ID"] for mail in mails}) == 3


@pytest.mark.parametrize("reason", ["sold_out", "bought", "unsubscribed", "suppressed", "asked_again"])
def test_a_later_message_goes_only_if_it_is_still_wanted_and_true(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, reason: str
) -> None:
    set_flow(engine, shop, TWO)
    told(engine, shop, runtime)
    with engine.connect() as database:
        number = database.execute(text("SELECT id FROM subscription")).scalar_one()

    match reason:
        case "sold_out":
            set_stock(engine, shop, 0)
        case "bought":
            assert order(engine, shop) == 0  # no line was left: she has been told
        case "unsubscribed" | "suppressed":
            with engine.begin() as database:
                if reason == "suppressed":
                    leaving.suppress(database, shop.id, PERSON, now())
                else:
                    leaving.leave(database, shop.id, number, now())
        case "asked_again":
            set_stock(engine, shop, 0)
            join(engine, shop, PERSON)
            change(engine, shop, minimum_inventory=1)
            with engine.begin() as database:
                database.execute(text("UPDATE variant SET available = 5"))
    later(engine, DAY + 1)
    deliver(runtime, shop)

    assert len(sink.delivered) == 1
    expected = "unsubscribed" if reason == "suppressed" else reason
    assert steps(engine)[1] == (2, "skipped", expected)


def test_who_leaves_or_buys_before_the_second_message_is_even_planned_gets_none(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    set_flow(engine, shop, TWO)
    join(engine, shop, PERSON, "bob@x.example")
    set_stock(engine, shop, 5)
    with engine.begin() as database:
        claimed = outbox.claim(database, load(engine, shop), "w", now(), limit=9)
        leaver = claimed[1].subscription_id
    with Recorder(runtime.database_url, "w") as recorder:  # both are on their way
        for message in claimed:
            recorder.step(begins=(message.id, message.attempt))
        recorder.drain()
    order(engine, shop)
    with engine.begin() as database:
        leaving.leave(database, shop.id, leaver, now())
        outbox.finish(database, "w", [(message.id, outbox.Outcome("accepted")) for message in claimed], now())

    later(engine, DAY + 1)
    deliver(runtime, shop)

    assert sink.delivered == []
    assert steps(engine) == [(1, "sent", "")] * 2 + [(2, "skipped", "bought"), (2, "skipped", "unsubscribed")]


def test_a_flow_that_is_shorter_now_plans_no_more(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    set_flow(engine, shop, THREE)
    told(engine, shop, runtime)
    set_flow(engine, shop, TWO)
    later(engine, DAY + 1)
    deliver(runtime, shop)

    assert [step for step, _, _ in steps(engine)] == [1, 2]


@pytest.mark.parametrize("state", ["draft", "paused"])
def test_a_flow_that_is_not_live_collects_people_and_tells_nobody(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, state: str
) -> None:
    set_flow(engine, shop, Flow(state))
    join(engine, shop, PERSON)
    set_stock(engine, shop, 5)
    deliver(runtime, shop)

    assert states(engine, shop) == {PERSON: "waiting"}
    with engine.begin() as database:
        assert restocks.notify_now(database, load(engine, shop), "v1", now()) is None
        found = overview.waiting(database, load(engine, shop))
        assert (found.waiting, found.notifiable) == (1, 0)

    set_flow(engine, shop, Flow("live"))  # a change of settings tells nobody by itself
    deliver(runtime, shop)
    assert messages(engine, shop) == []
    set_stock(engine, shop, 0)
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    assert sink.recipients == [PERSON]


def test_pausing_the_flow_holds_back_what_was_let_out_and_closes_the_restock(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60, double_opt_in=False)
    join(engine, shop, PERSON, "bob@x.example")
    set_stock(engine, shop, 1)
    set_flow(engine, shop, Flow("paused"))

    deliver(runtime, shop)
    with engine.begin() as database:
        assert outbox.shops_with_work(database, now()) == []
        assert restocks.release_due(database, load(engine, shop), now() + timedelta(hours=2))[1] == []
        closed = database.execute(text("SELECT close_reason FROM restock")).scalar_one()

    assert (sink.delivered, closed) == ([], "flow_not_live")
    assert states(engine, shop) == {PERSON: "released", "bob@x.example": "waiting"}
    set_flow(engine, shop, Flow("live"))
    deliver(runtime, shop)
    assert sink.recipients == [PERSON]


def test_confirmations_go_while_the_flow_is_paused_but_not_while_the_shop_is(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, double_opt_in=True)
    set_flow(engine, shop, Flow("paused"))
    join(engine, shop, PERSON)
    deliver(runtime, shop)
    assert len(sink.delivered) == 1

    change(engine, shop, paused=True)
    since = load(engine, shop).paused_at
    change(engine, shop, paused=True)
    join(engine, shop, "bob@x.example")
    deliver(runtime, shop)
    assert (len(sink.delivered), load(engine, shop).paused_at) == (1, since)
    with engine.connect() as database:
        assert outbox.shops_with_work(database, now()) == []

    change(engine, shop, paused=False)
    deliver(runtime, shop)
    assert len(sink.delivered) == 2


def test_a_message_that_was_held_back_for_days_is_still_tried_again_and_again(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    join(engine, shop, PERSON)
    set_stock(engine, shop, 5)
    with engine.begin() as database:
        database.execute(text("UPDATE message SET created_at = now() - interval '9 days'"))
    with engine.begin() as database:
        (message,) = outbox.claim(database, load(engine, shop), "w", now(), limit=1)
        outbox.finish(database, "w", [(message.id, outbox.Outcome("temporary", "451 later"))], now())

    assert messages(engine, shop) == [(PERSON, "pending", "451 later")]


def lately(hours: int | None) -> Flow:
    return Flow("live", (FlowMessage(smart_sending_hours=hours),))


def test_smart_sending_is_off_unless_asked_for(runtime: Runtime, engine: Engine, sink: MailSink) -> None:
    shop = make_shop(engine, variants=("v1", "v2"))
    for variant_id in ("v1", "v2"):
        join(engine, shop, PERSON, variant_id=variant_id)
        set_stock(engine, shop, 1, variant_id=variant_id)
        deliver(runtime, shop)

    assert len(sink.delivered) == 2


@pytest.mark.parametrize("together", [True, False])
def test_smart_sending_leaves_out_who_had_a_message_and_keeps_the_place(
    runtime: Runtime, engine: Engine, sink: MailSink, *, together: bool
) -> None:
    shop = make_shop(engine, variants=("v1", "v2"))
    set_flow(engine, shop, lately(4))
    for variant_id in ("v1", "v2"):
        join(engine, shop, PERSON, variant_id=variant_id)
        set_stock(engine, shop, 1, variant_id=variant_id)
        if not together:
            deliver(runtime, shop)
    deliver(runtime, shop)

    assert len(sink.delivered) == 1
    assert [(state, reason) for _, state, reason in steps(engine)] == [("sent", ""), ("skipped", "smart_sending")]
    with engine.connect() as database:
        kept = database.execute(text("SELECT state, reason FROM subscription WHERE variant_id = 'v2'")).one()
    assert tuple(kept) == ("waiting", "smart_sending")

    later(engine, 4 * 60 + 1)
    set_stock(engine, shop, 0, variant_id="v2")
    set_stock(engine, shop, 1, variant_id="v2")
    deliver(runtime, shop)
    assert len(sink.delivered) == 2


def test_smart_sending_leaves_nothing_out_for_a_message_that_is_not_sent_itself(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, variants=("v1", "v2"))
    set_flow(engine, shop, lately(4))
    for variant_id in ("v1", "v2"):
        join(engine, shop, PERSON, variant_id=variant_id)
        set_stock(engine, shop, 1, variant_id=variant_id)
    set_stock(engine, shop, 0, variant_id="v1")
    deliver(runtime, shop)

    assert [(state, reason) for _, state, reason in steps(engine)] == [("skipped", "sold_out_again"), ("sent", "")]


def test_smart_sending_looks_at_every_message_of_the_same_batch(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, variants=("v1", "v2"))
    set_flow(engine, shop, Flow("live", (FlowMessage(), FlowMessage(after_minutes=60, smart_sending_hours=4))))
    told(engine, shop, runtime)
    later(engine, 300)
    join(engine, shop, PERSON, variant_id="v2")
    set_stock(engine, shop, 1, variant_id="v2")
    with engine.begin() as database:  # the other variant's message, which nothing holds up, goes first
        database.execute(text("UPDATE message SET due_at = due_at - interval '1 day' WHERE step = 1"))
    deliver(runtime, shop)

    assert steps(engine)[1:] == [(2, "skipped", "smart_sending"), (1, "sent", ""), (2, "pending", "")]


def test_a_reminder_is_not_left_out_because_of_the_message_it_reminds_of(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    set_flow(engine, shop, Flow("live", (FlowMessage(), FlowMessage(after_minutes=60, smart_sending_hours=48))))
    told(engine, shop, runtime)
    later(engine, 61)
    deliver(runtime, shop)

    assert len(sink.delivered) == 2


def test_a_reminder_left_out_by_smart_sending_is_followed_by_the_next(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, variants=("v1", "v2"))
    careful = FlowMessage(after_minutes=60, smart_sending_hours=4)
    set_flow(engine, shop, Flow("live", (FlowMessage(), careful, FlowMessage(after_minutes=300))))
    told(engine, shop, runtime)
    later(engine, 61)
    join(engine, shop, PERSON, variant_id="v2")
    set_stock(engine, shop, 1, variant_id="v2")
    with engine.begin() as database:  # the other variant's message goes first
        database.execute(text("UPDATE message SET due_at = due_at - interval '1 day' WHERE step = 1"))
    deliver(runtime, shop)

    assert (2, "skipped", "smart_sending") in steps(engine)
    with engine.connect() as database:
        query = (
            "SELECT step FROM message JOIN subscription ON subscription.id = subscription_id WHERE variant_id = 'v1'"
        )
        assert list(database.execute(text(query + " ORDER BY step")).scalars()) == [1, 2, 3]


def test_who_is_left_out_by_smart_sending_lets_those_behind_go_first(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine, variants=("v1", "v2"), customers_per_unit=1, wait_minutes=60)
    set_flow(engine, shop, lately(24))
    join(engine, shop, "a@x.example", "b@x.example", variant_id="v2")
    set_stock(engine, shop, 2, variant_id="v2")
    deliver(runtime, shop)
    join(engine, shop, "a@x.example", "b@x.example", "c@x.example", "d@x.example", "e@x.example")
    set_stock(engine, shop, 2)
    deliver(runtime, shop)
    assert sink.recipients == ["a@x.example", "b@x.example"]

    at = now()
    for hour in (1, 2, 3):
        with engine.begin() as database:
            restocks.release_due(database, load(engine, shop), at + timedelta(hours=hour))
            database.execute(text("UPDATE message SET due_at = now() WHERE state = 'pending'"))
        deliver(runtime, shop)

    assert sink.recipients[2:] == ["c@x.example", "d@x.example", "e@x.example"]
    assert states(engine, shop)["a@x.example"] == "waiting"
    with engine.connect() as database:
        reason = database.execute(text("SELECT close_reason FROM restock ORDER BY id DESC LIMIT 1")).scalar_one()
    assert reason == "nobody_waits"


def test_a_restock_that_the_flow_holds_back_is_recorded(engine: Engine, shop: ShopKeys) -> None:
    set_flow(engine, shop, Flow("draft"))
    join(engine, shop, PERSON)
    set_stock(engine, shop, 5)

    with engine.connect() as database:
        (found,) = timeline.of_variant(database, shop.id, "v1")
    assert (found["close_reason"], found["releases"]) == ("flow_not_live", [])


@pytest.mark.parametrize("how", ["left", "bought"])
def test_what_was_given_up_is_not_sent_to_who_left_or_bought_since(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, how: str
) -> None:
    sink.answer = lambda command: "550 5.1.1 no such user" if command.startswith("RCPT") else None
    join(engine, shop, PERSON)
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    with engine.begin() as database:
        row = database.execute(text("SELECT id, subscription_id FROM message WHERE state = 'dead'")).one()
        if how == "left":
            leaving.leave(database, shop.id, row.subscription_id, now())
    if how == "bought":
        order(engine, shop)
    sink.answer = lambda _command: None
    with engine.begin() as database:
        assert outbox.try_again(database, shop.id, row.id, now())
    deliver(runtime, shop)

    assert sink.delivered == []


@pytest.mark.parametrize("how", ["left", "bought", "suppressed"])
def test_who_ended_what_was_given_up_and_asks_again_is_told(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, how: str
) -> None:
    sink.answer = lambda command: "550 5.1.1 no such user" if command.startswith("RCPT") else None
    join(engine, shop, PERSON)
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    sink.answer = lambda _command: None
    if how == "bought":
        assert order(engine, shop) == 1
    with engine.begin() as database:
        row = database.execute(text("SELECT id, subscription_id FROM message WHERE state = 'dead'")).one()
        if how == "left":
            leaving.leave(database, shop.id, row.subscription_id, now())
        if how == "suppressed":
            leaving.suppress(database, shop.id, PERSON, now())
            leaving.allow_again(database, shop.id, PERSON)
        assert outbox.try_again(database, shop.id, row.id, now())
    join(engine, shop, PERSON)
    deliver(runtime, shop)
    assert sink.delivered == []
    assert states(engine, shop) == {PERSON: "waiting"}

    set_stock(engine, shop, 0)
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    assert sink.recipients == [PERSON]


def test_who_was_suppressed_while_joining_is_in_no_line_for_ever(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    join(engine, shop, PERSON)
    with engine.begin() as database:  # as if the two had not seen each other
        query = (
            "INSERT INTO suppression (shop_id, channel, address, reason) VALUES (:shop, 'email', :who, 'unsubscribed')"
        )
        database.execute(text(query), {"shop": shop.id, "who": PERSON})
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    assert (sink.delivered, states(engine, shop)) == ([], {PERSON: "unsubscribed"})

    with engine.begin() as database:
        leaving.allow_again(database, shop.id, PERSON)
    join(engine, shop, PERSON)
    assert states(engine, shop) == {PERSON: "waiting"}


def test_nothing_is_left_open_of_a_shop_that_was_uninstalled(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1)
    join(engine, shop, PERSON, "bob@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        installations.remove(database, shop.id, now())

    with engine.connect() as database:
        assert messages(engine, shop) == [(PERSON, "skipped", "uninstalled")]
        assert database.execute(text("SELECT count(*) FROM restock WHERE closed_at IS NULL")).scalar_one() == 0


# The person who bought.


@pytest.mark.parametrize("state", ["unconfirmed", "waiting", "released"])
def test_an_order_ends_the_request_with_that_reason(
    runtime: Runtime, engine: Engine, sink: MailSink, state: str
) -> None:
    shop = make_shop(engine, double_opt_in=state == "unconfirmed")
    join(engine, shop, PERSON, "bob@x.example")
    if state == "released":
        set_stock(engine, shop, 5)

    assert order(engine, shop, person="Ann@X.example") == 1
    assert order(engine, shop) == 0
    deliver(runtime, shop)

    assert states(engine, shop)[PERSON] == "bought"
    assert PERSON not in sink.recipients
    assert states(engine, shop)["bob@x.example"] != "bought"
    with engine.connect() as database:
        assert database.execute(text("SELECT reason FROM subscription WHERE state = 'bought'")).scalar_one() == "order"


def test_an_order_from_before_the_request_ends_nothing(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, PERSON)

    assert order(engine, shop, at=now() - timedelta(minutes=5)) == 0
    assert states(engine, shop) == {PERSON: "waiting"}


def test_an_order_of_something_else_or_in_another_shop_ends_nothing(engine: Engine, shop: ShopKeys) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    join(engine, shop, PERSON)

    assert order(engine, shop, "v2", "v3") == 0
    assert order(engine, other) == 0
    assert states(engine, shop) == {PERSON: "waiting"}


def test_who_bought_may_ask_again(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, PERSON)
    order(engine, shop)
    join(engine, shop, PERSON)

    assert states(engine, shop) == {PERSON: "waiting"}


# Being forgotten.


def test_an_erased_person_leaves_no_address_and_gets_nothing(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    set_flow(engine, shop, TWO)
    told(engine, shop, runtime)
    set_stock(engine, shop, 0)
    join(engine, shop, PERSON)
    with engine.begin() as database:
        leaving.suppress(database, shop.id, "bob@x.example", now())
        assert leaving.erase(database, shop.id, PERSON.upper(), now()) == 2
        assert leaving.erase(database, shop.id, PERSON, now()) == 0
    set_stock(engine, shop, 5)
    later(engine, DAY + 1)
    deliver(runtime, shop)

    assert len(sink.delivered) == 1
    with engine.connect() as database:
        tables = ("subscription", "message", "suppression", "delivery_attempt")
        everything = [str(row) for name in tables for row in database.execute(text(f"SELECT * FROM {name}"))]
    assert not [row for row in everything if "ann@" in row.lower()]
    assert any("bob@" in row for row in everything)


# Another channel than mail.


class Texts(Channel, ChannelConnection):
    """A provider of text messages that answers what it is told to."""

    def __init__(self) -> None:
        self.outcome = "accepted"
        self.taken: list[str] = []

    def connect(self) -> ChannelConnection:
        return self

    def send(self, envelope: Envelope, following: Envelope | None = None) -> SendResult:
        self.taken.append(envelope.recipient)
        return SendResult(self.outcome)  # type: ignore[arg-type]

    def close(self) -> None:
        pass


@pytest.fixture
def texts() -> Texts:
    return Texts()


@pytest.fixture
def deliver_texts(runtime: Runtime, engine: Engine, texts: Texts) -> Callable[[ShopKeys], object]:
    """Hands over what is to go as text message."""
    courier = Courier(
        engine=engine,
        worker="w",
        channel=texts,
        fill=lambda _shop, _messages: lambda message: Envelope("", str(message.subscription_id), b""),
        open_recorder=lambda: Recorder(runtime.database_url, "w"),
        channel_name="sms",
    )
    return lambda shop: courier.deliver(shop.id, seconds=30)


def with_text(engine: Engine, shop: ShopKeys) -> None:
    """Mail, then a text message an hour later, then a mail."""
    flow = (FlowMessage(), FlowMessage("sms", 60), FlowMessage("email", 60))
    set_flow(engine, shop, Flow("live", flow))


def give_phone(engine: Engine) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET phone = '+4915112345678'"))


def test_each_channel_gets_its_own_messages(
    runtime: Runtime,
    engine: Engine,
    shop: ShopKeys,
    sink: MailSink,
    texts: Texts,
    deliver_texts: Callable[[ShopKeys], object],
) -> None:
    with_text(engine, shop)
    told(engine, shop, runtime)
    give_phone(engine)
    deliver_texts(shop)
    assert texts.taken == []
    later(engine, 61)
    deliver(runtime, shop)
    deliver_texts(shop)
    later(engine, 61)
    deliver(runtime, shop)

    assert (len(texts.taken), len(sink.delivered)) == (1, 2)


def test_who_gave_no_number_gets_the_message_after_it(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, deliver_texts: Callable[[ShopKeys], object]
) -> None:
    with_text(engine, shop)
    told(engine, shop, runtime)
    later(engine, 61)
    deliver_texts(shop)
    later(engine, 61)
    deliver(runtime, shop)

    assert steps(engine) == [(1, "sent", ""), (2, "skipped", "no_address"), (3, "sent", "")]


@pytest.mark.parametrize("how", ["no answer", "worker killed"])
def test_an_uncertain_text_message_is_listed_and_not_sent_again_blindly(
    runtime: Runtime,
    engine: Engine,
    shop: ShopKeys,
    sink: MailSink,
    texts: Texts,
    deliver_texts: Callable[[ShopKeys], object],
    how: str,
) -> None:
    with_text(engine, shop)
    told(engine, shop, runtime)
    give_phone(engine)
    later(engine, 61)
    if how == "no answer":
        texts.outcome = "uncertain"
        deliver_texts(shop)
    else:
        with engine.begin() as database:
            (message,) = outbox.claim(database, load(engine, shop), "dead", now(), limit=1, channel="sms")
        with Recorder(runtime.database_url, "dead") as recorder:
            recorder.step(begins=(message.id, message.attempt))
            recorder.drain()
        with engine.begin() as database:
            outbox.recover(database, now(), worker="dead")
    taken = len(texts.taken)

    later(engine, 9 * DAY)
    deliver_texts(shop)

    assert len(texts.taken) == taken
    assert steps(engine)[1][:2] == (2, "dead")
    with engine.begin() as database:
        (listed,) = overview.uncertain(database, shop.id)
        assert (listed["channel"], listed["state"]) == ("sms", "dead")
        assert outbox.try_again(database, shop.id, listed["id"], now())  # by the merchant's own wish
    texts.outcome = "accepted"
    deliver_texts(shop)
    assert len(texts.taken) == taken + 1


# Values.


@pytest.mark.parametrize(
    ("state", "given", "field"),
    [
        ("on", [{}], "state"),
        ("live", [], "messages"),
        ("live", [{}] * 4, "messages"),
        ("live", [{"channel": "sms"}], "messages.0.channel"),
        ("live", [{"after_minutes": 5}], "messages.0.after_minutes"),
        ("live", [{}, {"after_minutes": 0}], "messages.1.after_minutes"),
    ],
)
def test_an_impossible_flow_is_refused(state: str, given: list[dict[str, object]], field: str) -> None:
    with pytest.raises(FieldError) as caught:
        flows.checked(state, given, channels=["email"])

    assert caught.value.field == field


def test_a_paused_shop_lets_out_the_first_only_and_goes_on_where_it_stopped(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    for number in range(6):
        join(engine, shop, f"p{number}@x.example")
    change(engine, shop, paused=True)
    set_stock(engine, shop, 2)

    with engine.begin() as database:
        held = load(engine, shop)
        assert restocks.release_due(database, held, now() + timedelta(hours=8)) == (0, [])
        assert restocks.notify_now(database, held, "v1", now()) is None
        assert overview.waiting(database, held).notifiable == 0
        shops.change_settings(database, shop.id, {"paused": False}, now=now() + timedelta(hours=8))
        due_at = database.execute(text("SELECT next_release_at FROM restock")).scalar_one()

    assert due_at > now() + timedelta(hours=8)
    assert sorted(states(engine, shop).values()) == ["released"] * 2 + ["waiting"] * 4


def test_smart_sending_sees_what_another_worker_is_claiming_at_the_same_time(engine: Engine) -> None:
    shop = make_shop(engine, variants=["v1", "v2"])
    set_flow(engine, shop, Flow("live", (FlowMessage(smart_sending_hours=4),)))
    for variant in ("v1", "v2"):
        join(engine, shop, PERSON, variant_id=variant)
        set_stock(engine, shop, 1, variant_id=variant)
    found = load(engine, shop)
    claimed: list[outbox.ClaimedMessage] = []

    def second() -> None:
        with engine.begin() as database:
            claimed.extend(outbox.claim(database, found, "w2", now(), limit=1))

    other = threading.Thread(target=second)
    with engine.begin() as database:
        claimed += outbox.claim(database, found, "w1", now(), limit=1)
        other.start()
        other.join(0.3)  # it waits for the first
    other.join()

    assert [message.variant_id for message in claimed] == ["v1"]


def test_messages_of_a_step_that_the_flow_no_longer_has_are_not_sent(
    runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    set_flow(engine, shop, TWO)
    join(engine, shop, PERSON)
    set_stock(engine, shop, 3)
    deliver(runtime, shop)
    set_flow(engine, shop, Flow())
    with engine.begin() as database:
        database.execute(text("UPDATE message SET due_at = now() WHERE state = 'pending'"))
    deliver(runtime, shop)

    with engine.connect() as database:
        rows = database.execute(text("SELECT step, state, reason FROM message ORDER BY step")).all()
    assert [tuple(row) for row in rows] == [(1, "sent", ""), (2, "skipped", "not_in_flow")]
    assert states(engine, shop) == {PERSON: "notified"}
