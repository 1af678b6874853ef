"""Settings for parts of the catalog: the narrowest wins, and a change never sends anything."""

import random
import threading

import pytest
from sqlalchemy import Engine, text

from plugin.domain import catalog, overrides, restocks, settings_history
from plugin.domain.errors import FieldError
from plugin.domain.overrides import Override
from plugin.domain.rules import RestockSettings
from plugin.runtime import now
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, variant


def put(engine: Engine, shop: ShopKeys, scope: str, target: str, **settings: object) -> None:
    with engine.begin() as database:
        overrides.put(database, load(engine, shop), Override(scope, target, settings), "test")


def remove(engine: Engine, shop: ShopKeys, scope: str, target: str) -> bool:
    with engine.begin() as database:
        return overrides.remove(database, load(engine, shop), scope, target, "test")


def rules(engine: Engine, shop: ShopKeys, variant_id: str = "v1") -> RestockSettings:
    with engine.connect() as database:
        found = overrides.effective(database, load(engine, shop), variant_id)
    assert found
    return found.rules


@pytest.fixture
def shirts(engine: Engine) -> ShopKeys:
    """Two variants of a shirt that stands in two collections, and a hat."""
    shop = make_shop(engine, variants=())
    shirt = {"product_id": "shirt", "collections": ("summer", "sale")}
    rows = [variant("v1", **shirt), variant("v2", **shirt), variant("v3", product_id="hat", collections=("summer",))]
    catalog.put_variants(engine, load(engine, shop), rows, now)
    return shop


def test_the_narrowest_wins_setting_by_setting(engine: Engine, shirts: ShopKeys) -> None:
    change(engine, shirts, minimum_inventory=2, customers_per_unit=7, wait_minutes=5)
    put(engine, shirts, "collection", "summer", minimum_inventory=3, wait_minutes=30)
    put(engine, shirts, "product", "shirt", minimum_inventory=4, customers_per_unit="all")
    put(engine, shirts, "variant", "v1", minimum_inventory=5)

    assert rules(engine, shirts, "v1") == RestockSettings(5, "all", 30)
    assert rules(engine, shirts, "v2") == RestockSettings(4, "all", 30)
    assert rules(engine, shirts, "v3") == RestockSettings(3, 7, 30)
    with engine.connect() as database:
        found = overrides.effective(database, load(engine, shirts), "v1")
    assert found
    assert found.sources == {
        "minimum_inventory": "variant v1",
        "customers_per_unit": "product shirt",
        "wait_minutes": "collection summer",
    }


def test_of_two_collections_the_first_by_name_counts(engine: Engine, shirts: ShopKeys) -> None:
    put(engine, shirts, "collection", "summer", minimum_inventory=3, wait_minutes=30)
    put(engine, shirts, "collection", "sale", minimum_inventory=9)

    assert rules(engine, shirts) == RestockSettings(9, "all", 30)


def test_what_is_taken_back_falls_to_the_next_wider(engine: Engine, shirts: ShopKeys) -> None:
    put(engine, shirts, "collection", "summer", minimum_inventory=3)
    put(engine, shirts, "variant", "v1", minimum_inventory=5)

    assert remove(engine, shirts, "variant", "v1")
    assert rules(engine, shirts).minimum_inventory == 3
    assert remove(engine, shirts, "collection", "summer")
    assert rules(engine, shirts).minimum_inventory == 1
    assert not remove(engine, shirts, "collection", "summer")


def test_an_override_holds_for_variants_that_come_or_move_later(engine: Engine, shirts: ShopKeys) -> None:
    put(engine, shirts, "collection", "summer", minimum_inventory=3)

    catalog.put_variants(
        engine,
        load(engine, shirts),
        [variant("v9", collections=("summer",)), variant("v1", product_id="shirt", collections=())],
        now,
    )

    assert rules(engine, shirts, "v9").minimum_inventory == 3
    assert rules(engine, shirts, "v1").minimum_inventory == 1


def test_a_restock_goes_by_the_rules_of_its_variant(engine: Engine, shirts: ShopKeys) -> None:
    people = [f"p{number}@x.example" for number in range(6)]
    for variant_id in ("v1", "v2"):
        join(engine, shirts, *people, variant_id=variant_id)
    put(engine, shirts, "variant", "v1", minimum_inventory=3, customers_per_unit=1)

    assert set_stock(engine, shirts, 2).released == []
    assert [each.people for each in set_stock(engine, shirts, 4).released] == [4]
    assert [each.people for each in set_stock(engine, shirts, 2, variant_id="v2").released] == [6]
    with engine.connect() as database:
        kept = database.execute(text("SELECT minimum_inventory, customers_per_unit FROM release ORDER BY id")).all()
    assert [tuple(row) for row in kept] == [(3, 1), (1, None)]


def test_changing_an_override_sends_nothing_and_the_next_rise_is_no_restock(engine: Engine, shirts: ShopKeys) -> None:
    put(engine, shirts, "variant", "v1", minimum_inventory=10)
    join(engine, shirts, "a@x.example")
    set_stock(engine, shirts, 5)

    put(engine, shirts, "variant", "v1", minimum_inventory=5)

    assert messages(engine, shirts) == []
    assert set_stock(engine, shirts, 6).released == []
    with engine.begin() as database:
        assert restocks.notify_now(database, load(engine, shirts), "v1", now())


def test_an_override_of_one_shop_is_none_of_another(engine: Engine, shirts: ShopKeys) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")

    put(engine, shirts, "variant", "v1", minimum_inventory=5)

    assert rules(engine, other).minimum_inventory == 1


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({}, "settings"),
        ({"minimum_inventory": 0}, "minimum_inventory"),
        ({"customers_per_unit": "some"}, "customers_per_unit"),
        ({"double_opt_in": True}, "double_opt_in"),
    ],
)
def test_what_no_rule_covers_is_refused(
    engine: Engine, shirts: ShopKeys, settings: dict[str, object], field: str
) -> None:
    with pytest.raises(FieldError) as caught:
        put(engine, shirts, "variant", "v1", **settings)

    assert caught.value.field == field
    assert rules(engine, shirts) == RestockSettings()


def test_every_change_is_kept_with_who_made_it(engine: Engine, shirts: ShopKeys) -> None:
    change(engine, shirts, minimum_inventory=2, sender_name="Fern")
    put(engine, shirts, "product", "shirt", wait_minutes=5)
    put(engine, shirts, "product", "shirt", wait_minutes=5, minimum_inventory=2)
    remove(engine, shirts, "product", "shirt")

    with engine.connect() as database:
        kept = settings_history.page(database, shirts.id, before=None, limit=6)
        older = settings_history.page(database, shirts.id, before=kept[-1]["id"], limit=6)
    assert [(row["changed_by"], row["part"], row["name"], row["before"], row["after"]) for row in kept] == [
        ("test", "product shirt", "wait_minutes", 5, None),
        ("test", "product shirt", "minimum_inventory", 2, None),
        ("test", "product shirt", "minimum_inventory", None, 2),
        ("test", "product shirt", "wait_minutes", None, 5),
        ("command line", "shop", "sender_name", "", "Fern"),
        ("command line", "shop", "minimum_inventory", 1, 2),
    ]
    assert [row["name"] for row in older] == ["double_opt_in"]  # as the shop was made


def test_overrides_and_catalog_at_the_same_time_end_at_the_same_rules(engine: Engine) -> None:
    shop = make_shop(engine, variants=())
    ids = [f"v{number}" for number in range(30)]
    failures: list[Exception] = []

    def sync(chance: random.Random) -> None:
        rows = [variant(each, collections=("summer",)) for each in chance.sample(ids, 20)]
        catalog.put_variants(engine, load(engine, shop), rows, now)

    def override(chance: random.Random) -> None:
        put(engine, shop, "collection", "summer", minimum_inventory=chance.randint(1, 50))
        put(engine, shop, "variant", chance.choice(ids), wait_minutes=chance.randint(1, 50))

    def repeat(what: object, seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(8):
                what(chance)  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 (told below)
            failures.append(error)

    threads = [threading.Thread(target=repeat, args=(what, seed)) for seed, what in enumerate([sync, override] * 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    with engine.connect() as database:
        given = {(each.scope, each.target): each.settings for each in overrides.all_of(database, shop.id)}
        rows = database.execute(text("SELECT variant_id, overrides FROM variant")).all()
    assert rows
    for row in rows:
        assert row.overrides == {**given["collection", "summer"], **given.get(("variant", row.variant_id), {})}
