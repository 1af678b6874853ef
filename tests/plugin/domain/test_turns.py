"""Turns: a shop with much to send does not hold up the others, and gets on all the same."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from plugin.domain.delivery import CLAIM_BATCH_IN_COMPANY, Courier
from plugin.runtime import Runtime
from tests.factories import ShopKeys, join, make_shop, messages, set_stock
from tests.sink import MailSink

PEOPLE = [f"p{number:03}@x.example" for number in range(120)]


@pytest.fixture
def courier(runtime: Runtime, engine: Engine, shop: ShopKeys) -> Iterator[Courier]:
    """A worker's courier, with everybody to be told."""
    join(engine, shop, *PEOPLE)
    set_stock(engine, shop, 100)
    courier = runtime.courier("w")
    yield courier
    courier.close()


def turn(courier: Courier, shop: ShopKeys, others_wait: Callable[[], bool]) -> bool:
    courier.others_wait = lambda _shop_id: others_wait()
    return courier.deliver(shop.id, seconds=30)


def test_a_turn_ends_soon_after_others_have_come(
    courier: Courier, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    sink.answer_seconds = 0.005

    assert turn(courier, shop, lambda: len(sink.delivered) >= 20)

    assert 20 <= len(sink.delivered) < 90
    assert sink.recipients == PEOPLE[: len(sink.delivered)]
    found = messages(engine, shop)
    assert [state for _, state, _ in found] == ["sent"] * len(sink.delivered) + ["pending"] * (
        120 - len(sink.delivered)
    )
    with engine.connect() as database:
        query = text("SELECT count(*), max(attempts) FROM message WHERE state = 'pending'")
        assert tuple(database.execute(query).one())[1] == 0
        assert database.execute(text("SELECT count(*) FROM delivery_attempt")).scalar_one() == len(sink.delivered)


def test_in_company_a_turn_is_short_from_the_start_but_never_empty(
    courier: Courier, shop: ShopKeys, sink: MailSink
) -> None:
    turns = 0
    while turn(courier, shop, lambda: True):
        turns += 1
        assert turns < len(PEOPLE) + 2
        assert 0 < len(sink.delivered) <= turns * CLAIM_BATCH_IN_COMPANY

    assert sink.recipients == PEOPLE
    assert turns >= len(PEOPLE) / CLAIM_BATCH_IN_COMPANY


def test_alone_a_turn_goes_on_until_everybody_is_told(courier: Courier, shop: ShopKeys, sink: MailSink) -> None:
    assert not turn(courier, shop, lambda: False)

    assert sink.recipients == PEOPLE
    assert sink.connections == 1


def test_in_company_connections_are_kept_from_shop_to_shop(
    courier: Courier, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    join(engine, other, "o@x.example")
    set_stock(engine, other, 1)
    while turn(courier, shop, lambda: True):
        turn(courier, other, lambda: True)

    assert sorted(sink.recipients) == sorted([*PEOPLE, "o@x.example"])
    assert sink.connections == 1


def test_a_kept_connection_that_the_server_has_ended_loses_nobody(
    courier: Courier, engine: Engine, shop: ShopKeys, sink: MailSink, runtime: Runtime
) -> None:
    turn(courier, shop, lambda: True)
    sink.answer = lambda command: "drop" if sink.connections == 1 else None
    turn(courier, shop, lambda: True)
    with engine.begin() as database:
        database.execute(text("UPDATE message SET due_at = now() WHERE state = 'pending'"))

    assert not turn(courier, shop, lambda: False)
    assert sorted(sink.recipients) == sorted(PEOPLE)
    assert sink.connections == 2


def test_the_courier_of_a_worker_looks_at_the_queue_for_others_than_its_shop(runtime: Runtime, shop: ShopKeys) -> None:
    courier = runtime.courier("w")

    assert not courier.others_wait(shop.id)
    runtime.doorbell.deliver(shop.id, 9000)
    assert not courier.others_wait(shop.id)
    assert courier.others_wait(shop.id + 1)
    runtime.doorbell.deliver(shop.id * 10)
    assert courier.others_wait(shop.id)
    away = Runtime(replace(runtime.settings, redis_url="redis://127.0.0.1:1/0"))
    assert not away.courier("w").others_wait(shop.id)
    away.close()
