"""Handing over: every message once, in order, whatever the mail server or the worker does."""

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from integrations.errors import UnreachableError
from plugin.domain import outbox, overview
from plugin.domain.delivery import Courier, Turn
from plugin.domain.leaving import leave, suppress
from plugin.domain.recorder import Ended
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, autocommit, join, load, messages, set_stock, states
from tests.processes import wait_for
from tests.sink import MailSink

PEOPLE = [f"p{number:02}@x.example" for number in range(12)]


def deliver(runtime: Runtime, shop: ShopKeys, worker: str = "w") -> Turn:
    return runtime.courier(worker).deliver(shop.id, seconds=30)


def restocked(engine: Engine, shop: ShopKeys, *people: str) -> None:
    join(engine, shop, *people)
    set_stock(engine, shop, 100)


def attempts(engine: Engine) -> list[str]:
    with engine.connect() as database:
        return list(
            database.execute(text("SELECT outcome FROM delivery_attempt ORDER BY message_id, number")).scalars()
        )


def make_due(engine: Engine) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE message SET due_at = now() - interval '1 second' WHERE state = 'pending'"))


def test_everyone_gets_one_mail_in_the_order_of_the_line(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, *PEOPLE)

    assert not deliver(runtime, shop)

    assert sink.recipients == PEOPLE
    assert sink.connections == 1
    assert set(states(engine, shop).values()) == {"notified"}
    assert attempts(engine) == ["accepted"] * len(PEOPLE)
    assert not deliver(runtime, shop)
    assert sink.recipients == PEOPLE


def test_a_server_without_pipelining_is_served_too(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.pipelining = False
    restocked(engine, shop, *PEOPLE)

    deliver(runtime, shop)

    assert sink.recipients == PEOPLE


def test_a_far_server_gets_several_connections(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer_seconds = 0.05
    restocked(engine, shop, *PEOPLE)

    deliver(runtime, shop)

    assert sorted(sink.recipients) == PEOPLE
    assert sink.connections == runtime.settings.smtp_connections


def test_scenario_31_sold_out_again_sends_nothing_and_keeps_the_place(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "a@x.example")
    set_stock(engine, shop, 0)

    deliver(runtime, shop)

    assert sink.delivered == []
    assert messages(engine, shop) == [("a@x.example", "skipped", "sold_out_again")]
    assert states(engine, shop) == {"a@x.example": "waiting"}
    set_stock(engine, shop, 1)
    deliver(runtime, shop)
    assert sink.recipients == ["a@x.example"]


def test_scenario_42_who_leaves_between_release_and_hand_over_gets_nothing(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "a@x.example", "b@x.example", "c@x.example")
    with engine.begin() as database:
        leave(database, shop.id, 1, now())
        suppress(database, shop.id, "B@x.example", now())

    deliver(runtime, shop)

    assert sink.recipients == ["c@x.example"]


def test_suppression_is_looked_up_inside_the_claim(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "a@x.example")
    with engine.begin() as database:
        query = (
            "INSERT INTO suppression (shop_id, channel, address, reason) VALUES (:s, 'email', 'a@x.example', 'bounced')"
        )
        database.execute(text(query), {"s": shop.id})

    deliver(runtime, shop)

    assert sink.delivered == []
    assert messages(engine, shop) == [("a@x.example", "skipped", "suppressed")]


def test_scenario_38_a_refused_address_is_a_dead_letter_and_the_others_are_served(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer = lambda command: "550 no such user b@x.example" if "b@x" in command else None
    restocked(engine, shop, "a@x.example", "b@x.example", "c@x.example")

    deliver(runtime, shop)

    assert sink.recipients == ["a@x.example", "c@x.example"]
    assert ("b@x.example", "dead", "550 no such user <address>") in messages(engine, shop)
    assert states(engine, shop)["b@x.example"] == "undeliverable"


def test_a_dead_letter_can_be_driven_once_more(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer = lambda command: "550 no" if command.startswith("RCPT") else None
    restocked(engine, shop, "a@x.example")
    deliver(runtime, shop)
    sink.answer = lambda _command: None

    with engine.begin() as database:
        message_id = database.execute(text("SELECT id FROM message")).scalar_one()
        assert outbox.try_again(database, shop.id, message_id, now())
        assert not outbox.try_again(database, shop.id, 1, now())
    deliver(runtime, shop)

    assert sink.recipients == ["a@x.example"]
    assert states(engine, shop) == {"a@x.example": "notified"}


def test_a_temporary_refusal_is_tried_again_later_and_given_up_at_last(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer = lambda command: "451 later" if command == "." else None
    restocked(engine, shop, "a@x.example")

    waits = []
    for _ in range(10):
        deliver(runtime, shop)
        with engine.connect() as database:
            waits.append(database.execute(text("SELECT due_at - now() FROM message")).scalar_one())
        assert not deliver(runtime, shop)  # not due yet
        make_due(engine)

    assert attempts(engine) == ["temporary"] * 10
    assert timedelta(seconds=23) < waits[0] < timedelta(seconds=37)
    assert timedelta(seconds=46) < waits[1] < timedelta(seconds=73)
    assert timedelta(minutes=47) < waits[-1] < timedelta(minutes=73)
    with engine.begin() as database:
        database.execute(text("UPDATE message SET attempts = 53"))
    deliver(runtime, shop)
    assert messages(engine, shop) == [("a@x.example", "dead", "451 later")]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("MAIL", "550 bad sender"),
        ("RCPT", "554 relaying denied"),
        ("RCPT", "550 5.7.1 blocked by policy"),
        (".", "550 5.4.5 daily quota exceeded"),
        (".", "554 5.7.9 message not accepted"),
    ],
)
def test_a_refusal_that_is_our_own_fault_gives_nobody_up(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, command: str, reply: str
) -> None:
    sink.answer = lambda said: reply if said.startswith(command) else None
    restocked(engine, shop, "a@x.example")

    for _ in range(12):
        deliver(runtime, shop)
        make_due(engine)

    assert messages(engine, shop) == [("a@x.example", "pending", reply)]
    assert states(engine, shop) == {"a@x.example": "released"}


def test_a_server_that_ends_each_connection_after_some_mails_is_served_without_a_pause(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    def few(command: str) -> str | None:
        mine = [mail for mail in sink.delivered if mail.connection == sink.connections]
        return "drop" if command.startswith("MAIL") and len(mine) >= 3 else None

    sink.answer = few
    restocked(engine, shop, *PEOPLE)

    assert not deliver(runtime, shop)

    assert sink.recipients == PEOPLE
    assert attempts(engine) == ["accepted"] * len(PEOPLE)


def test_a_message_that_cannot_be_written_holds_up_nobody_else(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "a@x.example", "b@x.example", "c@x.example")
    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET email = 'bü\n@x.example' WHERE email = 'b@x.example'"))

    deliver(runtime, shop)

    assert sink.recipients == ["a@x.example", "c@x.example"]
    assert [state for _, state, _ in messages(engine, shop)] == ["sent", "dead", "sent"]


def test_a_message_in_the_hands_of_a_worker_is_withdrawn_when_it_has_not_been_begun(
    runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    restocked(engine, shop, "a@x.example")
    (claimed,) = claim(engine, shop, "w")
    with engine.begin() as database:
        leave(database, shop.id, claimed.subscription_id, now())

    with runtime.courier("w").open_recorder() as recorder:
        recorder.step(begins=(claimed.id, claimed.attempt))
        assert not recorder.wait_begun(claimed.id)


def test_who_leaves_while_the_message_before_is_sent_gets_nothing_and_the_next_are_served(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, *PEOPLE)

    def leave_meanwhile(command: str) -> None:
        if command == "." and len(sink.delivered) == 2:
            with engine.begin() as database:
                suppress(database, shop.id, PEOPLE[5], now())

    sink.answer = leave_meanwhile

    deliver(runtime, shop)

    assert sink.recipients == [person for person in PEOPLE if person != PEOPLE[5]]
    assert states(engine, shop)[PEOPLE[5]] == "unsubscribed"


def test_who_leaves_after_the_hand_over_is_still_recorded_as_told(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, *PEOPLE[:3])

    def leave_meanwhile(command: str) -> None:
        if command == "." and len(sink.delivered) == 1:
            wait_for(lambda: attempts(engine)[:1] == ["accepted"], "the record of the first")
            with engine.begin() as database:
                suppress(database, shop.id, PEOPLE[0], now())

    sink.answer = leave_meanwhile

    deliver(runtime, shop)

    assert messages(engine, shop)[0][:2] == (PEOPLE[0], "sent")


def test_an_answer_that_is_none_is_uncertain_and_the_message_is_sent_again(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "a@x.example")
    sink.answer = lambda command: "xyz garbled" if command == "." and not sink.delivered else None
    deliver(runtime, shop)
    assert attempts(engine) == ["uncertain"]

    sink.answer = lambda _command: None
    make_due(engine)
    deliver(runtime, shop)

    assert sink.recipients == ["a@x.example"]


def test_what_was_claimed_before_the_database_crashed_is_uncertain_and_listed(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "a@x.example")
    claim(engine, shop, "dead")
    with engine.begin() as database:
        database.execute(text("UPDATE message SET claimed_at = '2001-01-01'"))
        outbox.recover(database, now(), worker="dead")
        assert [row["email"] for row in overview.uncertain(database, shop.id)] == ["a@x.example"]

    deliver(runtime, shop)
    assert sink.recipients == ["a@x.example"]


def test_a_server_that_is_away_costs_no_attempt(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer = lambda command: "421 closed" if command.upper().startswith(("EHLO", "HELO")) else None
    restocked(engine, shop, "a@x.example")

    with pytest.raises(UnreachableError):
        deliver(runtime, shop)

    with engine.connect() as database:
        row = database.execute(text("SELECT state, attempts, due_at > now() FROM message")).one()
    assert tuple(row) == ("pending", 0, True)
    sink.answer = lambda _command: None
    make_due(engine)
    deliver(runtime, shop)
    assert sink.recipients == ["a@x.example"]


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_connection_that_breaks_before_the_mail_loses_and_doubles_nobody(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, pipelining: bool
) -> None:
    sink.pipelining = pipelining
    sink.answer = lambda command: "drop" if "p05" in command and sink.connections == 1 else None
    restocked(engine, shop, *PEOPLE)

    deliver(runtime, shop)
    make_due(engine)
    deliver(runtime, shop)

    assert sorted(sink.recipients) == PEOPLE


def test_a_connection_that_breaks_after_the_mail_is_uncertain_and_sent_again_with_the_same_id(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer = lambda command: "drop-after" if command == "." and len(sink.delivered) == 2 else None
    restocked(engine, shop, "a@x.example", "b@x.example", "c@x.example", "d@x.example")

    deliver(runtime, shop)
    sink.answer = lambda _command: None
    make_due(engine)
    deliver(runtime, shop)

    assert sorted(sink.recipients) == [
        "a@x.example",
        "b@x.example",
        "c@x.example",
        "c@x.example",
        "d@x.example",
    ]
    twice = {mail.message["Message-ID"] for mail in sink.delivered if mail.recipient == "c@x.example"}
    assert len(twice) == 1
    assert attempts(engine).count("uncertain") == 1


def test_scenario_40_racing_workers_send_each_message_once(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    people = [f"p{number:03}@x.example" for number in range(600)]
    restocked(engine, shop, *people)

    def work(name: str) -> None:
        Courier(
            engine=engine,
            worker=name,
            channel=runtime.courier(name).channel,
            fill=runtime.courier(name).fill,
            open_recorder=runtime.courier(name).open_recorder,
        ).deliver(shop.id, seconds=60)

    threads = [threading.Thread(target=work, args=(f"w{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(sink.recipients) == people


def claim(engine: Engine, shop: ShopKeys, worker: str, limit: int = 100) -> list[outbox.ClaimedMessage]:
    with engine.begin() as database:
        return outbox.claim(database, load(engine, shop), worker, now(), limit=limit)


def test_what_a_dead_worker_held_is_recovered_from_the_record_of_its_attempts(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    restocked(engine, shop, "done@x.example", "begun@x.example", "claimed@x.example")
    done, begun, _ = claim(engine, shop, "dead")
    with runtime.courier("dead").open_recorder() as recorder:
        for message in (done, begun):
            recorder.step(begins=(message.id, message.attempt))
            assert recorder.wait_begun(message.id)
        recorder.step(ended=Ended(done.id, done.attempt, "accepted", ""))
        recorder.drain()

    with engine.begin() as database:
        assert outbox.recover(database, now()) == []  # its lease has not run out
        assert outbox.recover(database, now(), worker="dead") == [shop.id]
    deliver(runtime, shop)

    assert sorted(sink.recipients) == ["begun@x.example", "claimed@x.example"]
    assert set(states(engine, shop).values()) == {"notified"}
    with engine.connect() as database:
        uncertain = database.execute(text("SELECT message_id FROM delivery_attempt WHERE outcome = 'uncertain'"))
        assert list(uncertain.scalars()) == [begun.id]


def test_a_lease_that_ran_out_is_taken_back_and_its_late_holder_may_not_send(
    runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    restocked(engine, shop, "a@x.example")
    (late,) = claim(engine, shop, "late")
    with engine.begin() as database:
        database.execute(text("UPDATE message SET lease_until = now() - interval '1 second'"))
        outbox.recover(database, now())
    (again,) = claim(engine, shop, "other")

    with runtime.courier("late").open_recorder() as recorder:
        recorder.step(begins=(late.id, late.attempt))
        assert not recorder.wait_begun(late.id)
    with runtime.courier("other").open_recorder() as recorder:
        recorder.step(begins=(again.id, again.attempt))
        assert recorder.wait_begun(again.id)


def test_a_slow_server_keeps_its_worker_in_possession(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugin.domain.outbox.LEASE", timedelta(seconds=0.6))
    monkeypatch.setattr("plugin.domain.delivery.LEASE_RENEWAL_SECONDS", 0.1)

    def think(command: str) -> str | None:
        if command == ".":
            time.sleep(1.5)
        return None

    sink.answer = think
    restocked(engine, shop, "a@x.example")
    worker = threading.Thread(target=deliver, args=(runtime, shop))
    worker.start()
    time.sleep(1.2)

    with engine.begin() as database:
        assert outbox.recover(database, now()) == []
    worker.join()
    assert sink.recipients == ["a@x.example"]


def test_a_person_put_back_while_stock_returns_is_not_forgotten(engine: Engine, shop: ShopKeys) -> None:
    """The claim that puts people back and the stock change that would tell them wait for each other."""
    for _ in range(10):
        join(engine, shop, "a@x.example")
        set_stock(engine, shop, 5)
        set_stock(engine, shop, 0)
        barrier = threading.Barrier(2)

        def put_back(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            claim(engine, shop, "w")

        def restock(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            set_stock(engine, shop, 5)

        threads = [threading.Thread(target=put_back), threading.Thread(target=restock)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with engine.begin() as database:
            waiting = database.execute(text("SELECT count(*) FROM subscription WHERE state = 'waiting'")).scalar_one()
            assert waiting == 0, "someone waits although the variant is sellable"
            database.execute(text("UPDATE subscription SET state = 'notified'"))
            database.execute(text("UPDATE message SET state = 'sent'"))
            database.execute(text("UPDATE variant SET available = 0"))


def test_someone_who_joins_while_stock_returns_is_told_or_sees_the_stock(engine: Engine, shop: ShopKeys) -> None:
    from plugin.domain import subscriptions  # noqa: PLC0415

    for number in range(15):
        barrier = threading.Barrier(2)
        answers: list[bool] = []

        def sign_up(number: int = number, barrier: threading.Barrier = barrier, answers: list[bool] = answers) -> None:
            barrier.wait()
            with autocommit(engine) as database:
                wish = subscriptions.Request("v1", f"p{number}@x.example")
                answers.append(subscriptions.join(database, load(engine, shop), wish, now()).in_stock)

        def restock(barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            set_stock(engine, shop, 5)

        threads = [threading.Thread(target=sign_up), threading.Thread(target=restock)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        released = states(engine, shop)[f"p{number}@x.example"] == "released"
        assert released or answers == [True]
        set_stock(engine, shop, 0)
