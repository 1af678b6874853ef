"""Clocks that were set back put nothing off: no mail, no retry, no dead worker's messages, no release, no feed."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from plugin.domain import outbox
from plugin.domain.clock_steps import bring_forward, shorten_leases
from plugin.domain.outbox import Outcome
from plugin.runtime import now
from tests.factories import ShopKeys, join, load, make_shop, set_stock

HOUR = timedelta(hours=1)


def due(engine: Engine, query: str = "SELECT due_at FROM message") -> list[float]:
    """When things are due, in minutes from now."""
    with engine.connect() as database:
        return [round((moment - now()).total_seconds() / 60) for moment in database.execute(text(query)).scalars()]


def brought_forward(engine: Engine) -> None:
    with engine.begin() as database:
        bring_forward(database, now())


def test_what_was_to_be_sent_at_once_is_due_again(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1, at=now() + HOUR)
    assert due(engine) == [60]

    brought_forward(engine)

    assert due(engine) == [0]


def test_what_waits_for_a_retry_is_tried_again_at_once(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        [message] = outbox.claim(database, load(engine, shop), "w", now(), limit=1)
        outbox.finish(database, "w", [(message.id, Outcome("temporary"))], now() + HOUR)
        database.execute(text("UPDATE message SET claimed_at = claimed_at + interval '1 hour'"))
    assert due(engine) in ([60], [61])

    brought_forward(engine)

    assert due(engine) == [0]


def test_what_is_to_wait_waits(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        [message] = outbox.claim(database, load(engine, shop), "w", now(), limit=1)
        outbox.finish(database, "w", [(message.id, Outcome("temporary"))], now() + HOUR)
        database.execute(text("UPDATE message SET due_at = now() + interval '3 days' WHERE claimed_at IS NULL"))
    before = due(engine)

    brought_forward(engine)

    assert due(engine) == before


def test_the_next_release_is_no_further_away_than_the_shop_waits(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=30)
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1, at=now() + HOUR)
    when = "SELECT next_release_at FROM restock"
    assert due(engine, when) == [90]

    brought_forward(engine)
    brought_forward(engine)

    assert due(engine, when) == [30]


def test_a_release_that_is_due_in_an_hour_stays(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)

    brought_forward(engine)

    assert due(engine, "SELECT next_release_at FROM restock") == [60]


@pytest.mark.parametrize(("hours", "minutes"), [(2, 0), (0.2, 12)])
def test_a_feed_is_read_after_its_interval_at_the_latest(engine: Engine, hours: float, minutes: int) -> None:
    shop = make_shop(engine, feed="https://shop.example/feed.json")
    with engine.begin() as database:
        query = "UPDATE feed_schedule SET due_at = now() + make_interval(secs => :seconds) WHERE shop_id = :shop"
        database.execute(text(query), {"shop": shop.id, "seconds": hours * 3600})

    brought_forward(engine)

    assert due(engine, "SELECT due_at FROM feed_schedule") == [minutes]


def test_a_lease_of_before_the_clock_was_set_back_ends_as_early_as_any(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        outbox.claim(database, load(engine, shop), "dead", now(), limit=1)
        database.execute(text("UPDATE message SET lease_until = lease_until + interval '3 hours'"))

    with engine.begin() as database:
        shorten_leases(database)

    with engine.connect() as database:
        left = database.execute(text("SELECT lease_until - clock_timestamp() FROM message")).scalar_one()
    assert timedelta(0) < left <= outbox.LEASE


def test_what_was_claimed_in_the_future_may_have_been_begun_before_a_crash(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        first, _ = outbox.claim(database, load(engine, shop), "dead", now(), limit=2)
        later = text("UPDATE message SET claimed_at = now() + interval '1 hour' WHERE id = :id")
        database.execute(later, {"id": first.id})
        outbox.recover(database, now(), worker="dead")

    with engine.connect() as database:
        uncertain = database.execute(text("SELECT uncertain FROM message ORDER BY id")).scalars().all()
    assert uncertain == [True, False]
