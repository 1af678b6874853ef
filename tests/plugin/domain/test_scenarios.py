"""What other systems test, and what their users filed as faults: restock detection and release.

The numbers are those of a collection of 51 scenarios from 24 systems; the rest of it is tested beside what it is about.
"""

import pytest
from sqlalchemy import Engine, text

from integrations.types import InventoryLevel
from plugin.domain import catalog, outbox, stock
from plugin.domain.catalog import CatalogSync
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, states, variant
from tests.sink import MailSink

PEOPLE = [f"p{number:03}@x.example" for number in range(700)]


def deliver(runtime: Runtime, shop: ShopKeys, worker: str = "w") -> None:
    runtime.courier(worker).deliver(shop.id, seconds=60)


def levels(engine: Engine, shop: ShopKeys, *given: InventoryLevel) -> int:
    with engine.begin() as database:
        return len(stock.apply_levels(database, load(engine, shop), given, now()).released)


# Restock detection.


def test_scenario_27_units_that_cover_what_was_owed_are_a_restock(engine: Engine, shop: ShopKeys) -> None:
    """All units were allocated to open orders, so the quantity was below zero (Saleor #11637)."""
    set_stock(engine, shop, -4)
    join(engine, shop, "a@x.example")

    assert set_stock(engine, shop, -1).released == []
    assert set_stock(engine, shop, 0).released == []
    assert len(set_stock(engine, shop, 3).released) == 1


@pytest.mark.parametrize("way", ["pushed level", "pushed variant", "feed"])
def test_scenario_28_a_change_counts_whichever_way_it_comes(
    runtime: Runtime, engine: Engine, tmp_path: object, way: str
) -> None:
    """No alert when stock was changed by API or import (WooCommerce #31664)."""
    shop = make_shop(engine)
    join(engine, shop, "a@x.example")
    if way == "pushed level":
        assert levels(engine, shop, InventoryLevel("v1", None, 5, None)) == 1
    elif way == "pushed variant":
        taken = catalog.put_variants(engine, load(engine, shop), [variant("v1", available=5)], now)
        assert len(taken.released) == 1
    else:
        feed = f"{tmp_path}/feed.csv"
        with open(feed, "w", encoding="utf-8") as file:  # noqa: PTH123
            file.write("id,title,link,quantity\nv1,Shirt,https://shop.example/v1,5\n")
        change(engine, shop, feed=feed)
        found = load(engine, shop)
        assert CatalogSync(engine, found, now).run(runtime.adapter(found)).people == 1
    assert states(engine, shop) == {"a@x.example": "released"}


def test_scenario_29_stock_that_a_platform_holds_for_a_product_is_told_for_each_variant(engine: Engine) -> None:
    """Stockbell keeps stock by variant; a product's total reaches those who wait for any of its variants."""
    shop = make_shop(engine, variants=("v1", "v2", "other"))
    for variant_id in ("v1", "v2", "other"):
        join(engine, shop, f"{variant_id}@x.example", variant_id=variant_id)

    levels(engine, shop, InventoryLevel("v1", None, 5, None), InventoryLevel("v2", None, 5, None))

    assert states(engine, shop) == {
        "v1@x.example": "released",
        "v2@x.example": "released",
        "other@x.example": "waiting",
    }


def test_scenario_30_what_is_no_longer_sold_tells_nobody_and_keeps_the_line(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 5)
    with engine.begin() as database:
        database.execute(text("UPDATE variant SET removed_at = now()"))
    deliver(runtime, shop)
    outcome = set_stock(engine, shop, 9)

    assert (sink.delivered, outcome.released, outcome.unknown) == ([], [], ["v1"])
    assert states(engine, shop) == {"a@x.example": "waiting"}

    catalog.put_variants(engine, load(engine, shop), [variant("v1", available=0)], now)
    assert len(set_stock(engine, shop, 9).released) == 1


def test_moving_stock_between_counted_locations_is_no_restock(engine: Engine, shop: ShopKeys) -> None:
    levels(engine, shop, InventoryLevel("v1", "a", 5, None), InventoryLevel("v1", "b", 0, None))
    join(engine, shop, "a@x.example")

    assert levels(engine, shop, InventoryLevel("v1", "a", 0, None), InventoryLevel("v1", "b", 5, None)) == 0
    assert states(engine, shop) == {"a@x.example": "waiting"}


def test_a_shop_may_leave_its_tills_out(engine: Engine) -> None:
    shop = make_shop(engine, locations=["web"])
    join(engine, shop, "a@x.example")

    assert levels(engine, shop, InventoryLevel("v1", "till", 50, None)) == 0
    assert levels(engine, shop, InventoryLevel("v1", "web", 1, None)) == 1


def test_saving_again_without_a_change_alerts_nobody_again(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    """An alert on each save (PrestaShop #37061, WooCommerce #51405)."""
    join(engine, shop, "a@x.example")
    for available in (0, 0, 5, 5, 5, 7):
        set_stock(engine, shop, available)
        catalog.put_variants(engine, load(engine, shop), [variant("v1", available=available)], now)
    deliver(runtime, shop)

    assert sink.recipients == ["a@x.example"]


def test_one_person_waiting_for_two_variants_is_told_of_both(runtime: Runtime, engine: Engine, sink: MailSink) -> None:
    """One set of addresses shared by all variants of a run (Spree's stock_notify)."""
    shop = make_shop(engine, variants=("v1", "v2"))
    for variant_id in ("v1", "v2"):
        join(engine, shop, "a@x.example", variant_id=variant_id)
    levels(engine, shop, InventoryLevel("v1", None, 5, None), InventoryLevel("v2", None, 5, None))
    deliver(runtime, shop)

    assert sink.recipients == ["a@x.example"] * 2
    assert {"Size v1", "Size v2"} == {
        size for mail in sink.delivered for size in ("Size v1", "Size v2") if size in mail.message["Subject"]
    }


# Release.


def test_scenario_35_many_batches_follow_by_themselves_each_person_once(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    """Everybody beyond the first thousand was forgotten (a Vendure plugin)."""
    join(engine, shop, *PEOPLE)
    set_stock(engine, shop, 1)
    deliver(runtime, shop)

    assert sink.recipients == PEOPLE


def test_scenario_36_only_who_waits_gets_the_mail(runtime: Runtime, engine: Engine, sink: MailSink) -> None:
    shop = make_shop(engine)
    others = ["unconfirmed", "unsubscribed", "notified", "undeliverable", "bought"]
    join(engine, shop, *(f"{state}@x.example" for state in others), "waiting@x.example")
    with engine.begin() as database:
        query = "UPDATE subscription SET state = split_part(email, '@', 1)"
        database.execute(text(query))
    set_stock(engine, shop, 5)
    deliver(runtime, shop)

    assert sink.recipients == ["waiting@x.example"]


def test_scenario_37_and_40_the_same_restock_worked_on_again_sends_nothing_more(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    join(engine, shop, *PEOPLE[:5])
    set_stock(engine, shop, 5)
    for worker in ("a", "b", "a"):
        deliver(runtime, shop, worker)
        with engine.begin() as database:
            outbox.recover(database, now(), worker=worker)

    assert sink.recipients == PEOPLE[:5]


def test_what_was_paused_and_goes_on_is_sent_once_and_whole(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    """After a pause or a restart the rest was skipped, or sent again (listmonk #3022, #2070, #2313)."""
    join(engine, shop, *PEOPLE[:60])
    set_stock(engine, shop, 5)
    courier = runtime.courier("w")
    sink.answer_seconds = 0.005
    courier.others_wait = lambda _shop_id: len(sink.delivered) >= 10
    courier.deliver(shop.id, seconds=60)
    courier.close()
    assert 10 <= len(sink.delivered) < 60

    change(engine, shop, paused=True)
    deliver(runtime, shop, "b")
    told = len(sink.delivered)
    change(engine, shop, paused=False)
    deliver(runtime, shop, "c")

    assert told < 60
    assert sink.recipients == PEOPLE[:60]


def test_a_failing_address_of_many_is_tried_again_alone(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    """No retry of the part that failed (listmonk #2616); closed all the same (PrestaShop's ps_emailalerts)."""
    sink.answer = lambda command: "451 later" if "p003" in command else None
    join(engine, shop, *PEOPLE[:6])
    set_stock(engine, shop, 5)
    deliver(runtime, shop)
    assert ("p003@x.example", "pending", "451 later") in messages(engine, shop)

    sink.answer = lambda _command: None
    with engine.begin() as database:
        database.execute(text("UPDATE message SET due_at = now() WHERE state = 'pending'"))
    deliver(runtime, shop)

    assert sink.recipients == [*(each for each in PEOPLE[:6] if "003" not in each), "p003@x.example"]
