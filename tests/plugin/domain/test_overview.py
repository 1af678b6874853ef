"""Totals on the merchant's page."""

from sqlalchemy import Engine, text

from plugin.domain import leaving, overview
from plugin.runtime import now
from tests.factories import ShopKeys, join, make_shop, set_stock


def counts(engine: Engine, shop: ShopKeys) -> dict[str, int]:
    with engine.connect() as database:
        return {state: number for state, number in overview.message_counts(database, shop.id).items() if number}


def test_totals_are_the_same_after_they_were_added_up(engine: Engine, shop: ShopKeys) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    for keys in (shop, other):
        join(engine, keys, "a@x.example", "b@x.example", "c@x.example")
        set_stock(engine, keys, 1)
    for email in ("a@x.example", "b@x.example"):
        with engine.begin() as database:
            leaving.suppress(database, shop.id, email, now())

    assert counts(engine, shop) == {"skipped": 2, "pending": 1}
    with engine.begin() as database:
        overview.add_up(database)
        assert database.execute(text("SELECT count(*) FROM message_total")).scalar_one() == 1

    assert counts(engine, shop) == {"skipped": 2, "pending": 1}
    assert counts(engine, other) == {"pending": 3}


def test_who_ends_messages_waits_for_nobody_who_ends_others(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)

    with engine.begin() as first, engine.begin() as second:
        second.execute(text("SET LOCAL lock_timeout = '2s'"))
        leaving.suppress(first, shop.id, "a@x.example", now())
        leaving.suppress(second, shop.id, "b@x.example", now())

    assert counts(engine, shop) == {"skipped": 2}
