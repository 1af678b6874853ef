"""The engine in the database: what a stock change, a release and a hand-over do to lines and messages."""

import threading
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from integrations.types import SOLD_ANYWAY, InventoryLevel
from plugin.domain import restocks, shops, stock, subscriptions
from plugin.runtime import now
from tests.factories import START, ShopKeys, autocommit, change, join, load, make_shop, messages, set_stock, states

HOUR = timedelta(hours=1)


def release_due(engine: Engine, keys: ShopKeys, at: object) -> list[int]:
    with engine.begin() as database:
        return [each.people for each in restocks.release_due(database, load(engine, keys), at)[1]]  # type: ignore[arg-type]


def notify_now(engine: Engine, keys: ShopKeys, variant_id: str = "v1", at: object = None) -> int:
    with engine.begin() as database:
        done = restocks.notify_now(database, load(engine, keys), variant_id, at or now())  # type: ignore[arg-type]
    return done.people if done else 0


def told(engine: Engine, keys: ShopKeys) -> list[str]:
    return [email for email, _, _ in messages(engine, keys)]


def test_scenario_22_a_restock_releases_everyone_once(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example", "b@x.example")

    outcome = set_stock(engine, shop, 5)

    assert [each.people for each in outcome.released] == [2]
    assert told(engine, shop) == ["a@x.example", "b@x.example"]
    assert set(states(engine, shop).values()) == {"released"}


def test_a_line_that_takes_longer_than_statements_may_is_let_out_all_the_same(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example", "b@x.example")

    with engine.connect() as other, engine.begin() as database:
        other.execute(text("LOCK TABLE message IN SHARE MODE"))  # writing the messages waits for its end
        end = threading.Timer(0.5, other.rollback)
        end.start()
        database.execute(text("SET LOCAL statement_timeout = '200ms'"))
        stock.apply_levels(database, load(engine, shop), [InventoryLevel("v1", None, 1, None)], now())
        end.join()

    assert set(states(engine, shop).values()) == {"released"}


def test_scenario_23_stock_that_is_still_zero_releases_nobody(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")

    outcome = set_stock(engine, shop, 0)

    assert (outcome.changed, outcome.released, told(engine, shop)) == (0, [], [])


def test_scenario_24_more_stock_of_what_is_sellable_releases_nobody(engine: Engine, shop: ShopKeys) -> None:
    set_stock(engine, shop, 5)
    join(engine, shop, "a@x.example")

    assert set_stock(engine, shop, 8).released == []
    assert states(engine, shop) == {"a@x.example": "waiting"}


def test_scenario_25_nobody_is_told_below_the_minimum(engine: Engine) -> None:
    shop = make_shop(engine, minimum_inventory=5)
    join(engine, shop, "a@x.example")

    assert set_stock(engine, shop, 2).released == []
    assert len(set_stock(engine, shop, 6).released) == 1


def test_scenario_33_and_34_the_oldest_are_told_and_the_rest_keep_their_place(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    join(engine, shop, "late@x.example", at=START + HOUR)
    join(engine, shop, "early@x.example", at=START)
    join(engine, shop, "later@x.example", at=START + 2 * HOUR)

    set_stock(engine, shop, 2, at=START + 3 * HOUR)

    assert told(engine, shop) == ["early@x.example", "late@x.example"]
    assert states(engine, shop)["later@x.example"] == "waiting"


def test_the_example_from_the_field_is_told_hour_by_hour(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=5, wait_minutes=60)
    join(engine, shop, *(f"p{number:03}@x.example" for number in range(150)), at=START)

    set_stock(engine, shop, 20, at=START + HOUR)
    set_stock(engine, shop, 4, at=START + 1.5 * HOUR)
    assert release_due(engine, shop, START + 1.9 * HOUR) == []
    assert release_due(engine, shop, START + 2 * HOUR) == [20]
    set_stock(engine, shop, 0, at=START + 2.5 * HOUR)
    assert release_due(engine, shop, START + 3 * HOUR) == []

    assert told(engine, shop) == [f"p{number:03}@x.example" for number in range(120)]
    with engine.connect() as database:
        row = database.execute(text("SELECT close_reason, next_release_at FROM restock")).one()
    assert tuple(row) == ("not_sellable", None)


def test_scenario_32_flapping_stock_releases_once_until_the_wait_is_over(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    join(engine, shop, *(f"p{number}@x.example" for number in range(5)), at=START)

    for minute, available in enumerate((1, 0, 1, 0, 1)):
        set_stock(engine, shop, available, at=START + timedelta(minutes=minute))

    assert told(engine, shop) == ["p0@x.example"]


def test_scenario_41_a_second_restock_is_not_opened_while_one_is_open(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1)
    join(engine, shop, "a@x.example", "b@x.example")
    for available in (1, 0, 1):
        set_stock(engine, shop, available)

    with engine.connect() as database:
        assert database.execute(text("SELECT count(*) FROM restock")).scalar_one() == 1


def test_a_due_release_comes_before_the_stock_change_of_its_moment(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    join(engine, shop, *(f"p{number}@x.example" for number in range(5)), at=START)
    set_stock(engine, shop, 1, at=START + HOUR)

    set_stock(engine, shop, 3, at=START + 2 * HOUR)

    assert told(engine, shop) == ["p0@x.example", "p1@x.example"]


def test_who_joins_after_a_release_was_due_is_not_in_it(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=5, wait_minutes=60)
    join(engine, shop, "a@x.example", at=START)
    set_stock(engine, shop, 1, at=START)
    join(engine, shop, "b@x.example", at=START + HOUR)

    assert release_due(engine, shop, START + HOUR) == []
    assert states(engine, shop)["b@x.example"] == "waiting"


def test_changing_settings_releases_nobody_and_the_next_rise_is_no_restock(engine: Engine) -> None:
    shop = make_shop(engine, minimum_inventory=10)
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 5)

    change(engine, shop, minimum_inventory=5)

    assert set_stock(engine, shop, 6).released == []
    assert notify_now(engine, shop) == 1


def test_notify_now_tells_nobody_when_it_is_sold_out_or_nobody_waits(engine: Engine, shop: ShopKeys) -> None:
    set_stock(engine, shop, 1)
    assert notify_now(engine, shop) == 0
    set_stock(engine, shop, 0)
    join(engine, shop, "a@x.example")
    assert notify_now(engine, shop) == 0
    assert notify_now(engine, shop, "unknown") == 0


def test_scenario_45_a_restock_never_tells_the_people_of_another_shop(engine: Engine, shop: ShopKeys) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    join(engine, shop, "a@x.example")
    join(engine, other, "b@x.example")

    set_stock(engine, other, 3)

    assert (told(engine, shop), told(engine, other)) == ([], ["b@x.example"])


def test_scenario_14_who_was_told_may_join_again_at_the_end(engine: Engine) -> None:
    shop = make_shop(engine, customers_per_unit=1)
    join(engine, shop, "a@x.example", at=START)
    set_stock(engine, shop, 1, at=START + HOUR)
    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET state = 'notified'"))
    join(engine, shop, "b@x.example", at=START + 1.1 * HOUR)
    join(engine, shop, "a@x.example", at=START + 1.2 * HOUR)

    assert release_due(engine, shop, START + 2 * HOUR) == [1]
    assert told(engine, shop) == ["a@x.example", "b@x.example"]


def apply(engine: Engine, keys: ShopKeys, *levels: InventoryLevel) -> stock.StockOutcome:
    with engine.begin() as database:
        return stock.apply_levels(database, load(engine, keys), levels, START + 10 * HOUR)


def available(engine: Engine, variant_id: str = "v1") -> int | None:
    with engine.connect() as database:
        query = text("SELECT available FROM variant WHERE variant_id = :id")
        found: int | None = database.execute(query, {"id": variant_id}).scalar_one()
    return found


def test_an_older_update_is_ignored_and_an_unknown_variant_is_named(engine: Engine, shop: ShopKeys) -> None:
    apply(engine, shop, InventoryLevel("v1", None, 7, START + HOUR))

    outcome = apply(engine, shop, InventoryLevel("v1", None, 3, START), InventoryLevel("nope", None, 1, None))

    assert (outcome.ignored, outcome.unknown, available(engine)) == (1, ["nope"], 7)


def test_the_newest_of_several_updates_in_one_call_wins(engine: Engine, shop: ShopKeys) -> None:
    apply(
        engine,
        shop,
        InventoryLevel("v1", None, 5, START + 2 * HOUR),
        InventoryLevel("v1", None, 9, START + HOUR),
    )

    assert available(engine) == 5


@pytest.mark.parametrize(
    ("locations", "expected"), [(None, 9), (["shop"], 2), (["web", "shop"], 9), (["elsewhere"], 0), ([], 0)]
)
def test_only_the_locations_that_count_are_summed(
    engine: Engine, shop: ShopKeys, locations: list[str] | None, expected: int
) -> None:
    change(engine, shop, locations=locations)

    apply(engine, shop, InventoryLevel("v1", "web", 7, None), InventoryLevel("v1", "shop", 2, None))

    assert available(engine) == expected


def test_scenario_26_a_location_that_does_not_count_causes_no_restock(engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, locations=["web"])
    join(engine, shop, "a@x.example")

    assert apply(engine, shop, InventoryLevel("v1", "till", 7, None)).released == []
    assert len(apply(engine, shop, InventoryLevel("v1", "web", 1, None)).released) == 1


def test_moving_stock_between_counted_locations_is_no_restock(engine: Engine, shop: ShopKeys) -> None:
    apply(engine, shop, InventoryLevel("v1", "a", 4, None), InventoryLevel("v1", "b", 0, None))
    join(engine, shop, "a@x.example")

    outcome = apply(engine, shop, InventoryLevel("v1", "a", 0, None), InventoryLevel("v1", "b", 4, None))

    assert (outcome.changed, outcome.released) == (0, [])


def test_choosing_other_locations_works_out_stock_anew_and_tells_nobody(engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, locations=["web"])
    apply(engine, shop, InventoryLevel("v1", "till", 7, None))
    join(engine, shop, "a@x.example")

    change(engine, shop, locations=["web", "till"])
    with engine.begin() as database:
        stock.what_counts_changed(database, load(engine, shop))

    assert (available(engine), told(engine, shop)) == (7, [])


def test_what_is_sold_when_out_of_stock_counts_as_unlimited_unless_the_shop_goes_by_the_quantity(
    engine: Engine, shop: ShopKeys
) -> None:
    join(engine, shop, "a@x.example")
    levels = InventoryLevel("v1", SOLD_ANYWAY, None, None), InventoryLevel("v1", "web", 0, None)

    change(engine, shop, oversold="alert")
    assert apply(engine, shop, *levels).released == []
    assert available(engine) == 0
    apply(engine, shop, InventoryLevel("v1", "web", 3, None))
    assert (available(engine), told(engine, shop)) == (3, ["a@x.example"])


@pytest.mark.parametrize(("before", "after", "units"), [("hide", "alert", -2), ("alert", "hide", None)])
def test_deciding_otherwise_about_what_is_sold_anyway_tells_nobody(
    engine: Engine, shop: ShopKeys, before: str, after: str, units: int | None
) -> None:
    change(engine, shop, oversold=before, locations=["web"])
    apply(engine, shop, InventoryLevel("v1", SOLD_ANYWAY, None, None), InventoryLevel("v1", "web", -2, None))
    join(engine, shop, "a@x.example")

    change(engine, shop, oversold=after)
    with engine.begin() as database:
        stock.what_counts_changed(database, load(engine, shop))

    assert (available(engine), told(engine, shop)) == (units, [])


def test_a_total_beside_levels_of_the_same_time_replaces_whatever_was_known(engine: Engine, shop: ShopKeys) -> None:
    """A location that is told no longer must not count any more."""
    earlier, later = START, START + timedelta(minutes=1)
    apply(engine, shop, InventoryLevel("v1", "web", 2, earlier), InventoryLevel("v1", "gone", 5, earlier))
    apply(engine, shop, InventoryLevel("v1", None, 0, later), InventoryLevel("v1", "web", 3, later))
    assert available(engine) == 3

    apply(engine, shop, InventoryLevel("v1", None, None, later + timedelta(minutes=1)))
    assert available(engine) is None
    last = later + timedelta(minutes=2)
    apply(engine, shop, InventoryLevel("v1", None, 0, last), InventoryLevel("v1", "web", 1, last))
    assert available(engine) == 1


def test_stock_that_arrives_while_locations_change_is_summed_by_the_new_ones(engine: Engine, shop: ShopKeys) -> None:
    join(engine, shop, "a@x.example")
    with engine.begin() as database:
        shops.change_settings(database, shop.id, {"locations": ["web"]})
        stock.what_counts_changed(database, load(engine, shop))
        push = threading.Thread(target=apply, args=(engine, shop, InventoryLevel("v1", "till", 7, None)))
        push.start()
        push.join(0.3)  # it waits until the change is there
    push.join(10)

    assert (available(engine), told(engine, shop)) == (0, [])


LEVELS = st.lists(
    st.tuples(st.sampled_from([None, "a", "b"]), st.one_of(st.none(), st.integers(-2, 9))), min_size=1, max_size=5
)


@given(levels=LEVELS, data=st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_stock_ends_the_same_in_whatever_order_its_changes_come(
    engine: Engine, levels: list[tuple[str | None, int | None]], data: st.DataObject
) -> None:
    timed = [
        InventoryLevel("v1", location, quantity, START + timedelta(minutes=minute))
        for minute, (location, quantity) in enumerate(levels)
    ]
    ends = set()
    for order in (timed, data.draw(st.permutations(timed)), timed[::-1]):
        keys = make_shop(engine)
        for level in order:
            apply(engine, keys, level)
            apply(engine, keys, level)  # a platform repeats itself
        with engine.connect() as database:
            query = text("SELECT available, stock_at FROM variant WHERE shop_id = :shop")
            ends.add(tuple(database.execute(query, {"shop": keys.id}).one()))

    assert len(ends) == 1


def test_a_level_older_than_the_total_is_ignored(engine: Engine, shop: ShopKeys) -> None:
    apply(engine, shop, InventoryLevel("v1", None, 0, START + HOUR))

    outcome = apply(engine, shop, InventoryLevel("v1", "a", 7, START))

    assert (outcome.ignored, available(engine)) == (1, 0)


def test_unlimited_at_one_counted_location_is_unlimited(engine: Engine, shop: ShopKeys) -> None:
    apply(engine, shop, InventoryLevel("v1", "a", None, None), InventoryLevel("v1", "b", 3, None))

    assert available(engine) is None


def test_a_total_replaces_what_was_known_by_location(engine: Engine, shop: ShopKeys) -> None:
    apply(engine, shop, InventoryLevel("v1", "a", 4, None))
    apply(engine, shop, InventoryLevel("v1", None, 1, None))
    apply(engine, shop, InventoryLevel("v1", "b", 2, None))

    assert available(engine) == 2


def test_who_was_never_asked_for_confirmation_is_asked_the_next_time(engine: Engine) -> None:
    shop = make_shop(engine, double_opt_in=True)
    wish = subscriptions.Request("v1", "a@x.example")
    for may_ask, due in ((False, False), (True, True)):
        with autocommit(engine) as database:
            joined = subscriptions.join(database, load(engine, shop), wish, now(), may_ask_confirmation=may_ask)
        assert joined.message_due is due


def test_who_was_asked_for_confirmation_is_in_line_once_the_shop_asks_no_more(engine: Engine) -> None:
    shop = make_shop(engine, double_opt_in=True)
    join(engine, shop, "a@x.example")
    change(engine, shop, double_opt_in=False)

    join(engine, shop, "a@x.example")

    assert states(engine, shop) == {"a@x.example": "waiting"}


def test_a_shop_that_changed_meanwhile_is_noticed_and_nothing_is_written(engine: Engine, shop: ShopKeys) -> None:
    known = load(engine, shop)
    change(engine, shop, double_opt_in=True)

    with pytest.raises(subscriptions.ShopChangedError), autocommit(engine) as database:
        subscriptions.join(database, known, subscriptions.Request("v1", "a@x.example"), now())
    assert states(engine, shop) == {}


def test_stock_of_a_removed_variant_is_unknown(engine: Engine, shop: ShopKeys) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE variant SET removed_at = now()"))

    assert set_stock(engine, shop, 5).unknown == ["v1"]
