"""Catalog syncs: only what changed is written, and a bad feed changes nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from plugin.domain import catalog
from plugin.domain.catalog import CatalogError, SyncResult
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, states, variant

Sync = Callable[..., SyncResult]


def item(number: int, quantity: Any = 0, **facts: Any) -> dict[str, Any]:
    return {
        "id": f"v{number}",
        "title": f"Product {number}",
        "link": f"https://shop.example/p/{number}",
        "description": "",
        "image_link": "https://shop.example/i.png",
        "price": 10,
        "inventory_quantity": quantity,
        **facts,
    }


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    return tmp_path / "feed.json"


@pytest.fixture
def shop(engine: Engine, feed: Path) -> ShopKeys:
    return make_shop(engine, variants=(), feed=str(feed))


@pytest.fixture
def sync(runtime: Runtime, shop: ShopKeys, feed: Path) -> Sync:
    def run(*items: dict[str, Any], accept_loss: bool = False) -> SyncResult:
        if items:
            feed.write_text(json.dumps(items), encoding="utf-8")
        return catalog.sync_shop(runtime.engine, shop.id, runtime.adapter, now, accept_loss=accept_loss)

    return run


def rows(engine: Engine) -> dict[str, tuple[Any, ...]]:
    with engine.connect() as database:
        found = database.execute(
            text("SELECT variant_id, available, absent_since IS NOT NULL, removed_at IS NOT NULL FROM variant")
        )
        return {row[0]: tuple(row[1:]) for row in found}


def row_versions(engine: Engine) -> dict[str, str]:
    with engine.connect() as database:
        return {row[0]: row[1] for row in database.execute(text("SELECT variant_id, xmin::text FROM variant"))}


def test_only_what_changed_is_written(engine: Engine, sync: Sync) -> None:
    assert sync(item(1), item(2, 3), item(3)).written == 3
    before = row_versions(engine)

    result = sync(item(1), item(2, 3), item(3, title="New name"))

    after = row_versions(engine)
    assert result.written == 1
    assert {name for name in after if after[name] != before[name]} == {"v3"}


def test_an_unchanged_feed_is_not_read_again(engine: Engine, sync: Sync) -> None:
    sync(item(1))

    result = sync()

    assert (result.state, result.written) == ("unchanged", 0)


def test_stock_in_the_feed_tells_who_waits(engine: Engine, shop: ShopKeys, sync: Sync) -> None:
    sync(item(1), item(2))
    join(engine, shop, "a@x.example", variant_id="v1")

    result = sync(item(1, 20), item(2))

    assert (result.restocks, result.people, result.stock_changes) == (1, 1, 1)
    assert messages(engine, shop) == [("a@x.example", "pending", "")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (json.dumps([item(1, 5), item(2, 5)])[:-40], "breaks off after product 1"),
        ("<html><body>Bad gateway</body></html>", "a web page, not a feed"),
        ("", "feed is empty"),
        ("[]", "has no products"),
        (json.dumps([item(1, 5, link="ftp://x")]), "1 products can be used"),
        (b'[{"id": "v1", "title": "\xff\xfe"}]', "Byte 25 of the feed"),
    ],
    ids=["cut off", "html", "empty", "no rows", "no usable row", "encoding"],
)
def test_a_broken_feed_leaves_the_last_good_catalog_and_says_why(
    engine: Engine, shop: ShopKeys, sync: Sync, feed: Path, content: str | bytes, words: str
) -> None:
    sync(item(1), item(2))
    join(engine, shop, "a@x.example", variant_id="v1")
    feed.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(CatalogError, match=words) as caught:
        sync()

    assert rows(engine) == {"v1": (0, False, False), "v2": (0, False, False)}
    assert messages(engine, shop) == []
    with engine.connect() as database:
        newest = catalog.last_syncs(database, shop.id)[0]
    assert (newest["state"], newest["error"]) == ("failed", str(caught.value))
    assert sync(item(1, 2), item(2)).people == 1  # and it recovers by itself


def test_a_feed_that_lost_too_many_variants_is_not_believed_until_told(engine: Engine, sync: Sync) -> None:
    everything = [item(number, 5) for number in range(20)]
    sync(*everything)

    with pytest.raises(CatalogError, match="no longer holds 5 of 20 variants"):
        sync(*everything[:15])
    assert all(row == (5, False, False) for row in rows(engine).values())

    assert sync(*everything[:15], accept_loss=True).absent == 5


def test_a_small_loss_is_believed_after_two_feeds(engine: Engine, shop: ShopKeys, sync: Sync) -> None:
    everything = [item(number, 5) for number in range(20)]
    sync(*everything)

    assert sync(*everything[1:]).absent == 1
    assert rows(engine)["v0"] == (5, True, False)
    assert sync(*everything[1:]).removed == 1
    assert rows(engine)["v0"] == (0, True, True)

    join(engine, shop, "a@x.example", variant_id="v1")
    assert sync(*everything).written == 1
    assert rows(engine)["v0"] == (5, False, False)


def test_a_variant_that_returns_with_stock_is_a_restock(engine: Engine, shop: ShopKeys, sync: Sync) -> None:
    everything = [item(number) for number in range(20)]
    sync(*everything)
    join(engine, shop, "a@x.example", variant_id="v0")
    sync(*everything[1:])
    sync(*everything[1:-1], item(19, 1))
    assert rows(engine)["v0"][2]

    assert sync(item(0, 4), *everything[1:-1], item(19, 1)).people == 1


def test_a_feed_that_says_what_it_said_before_does_not_undo_what_was_pushed(
    engine: Engine, shop: ShopKeys, sync: Sync
) -> None:
    sync(item(1, 5), item(2, 0))
    join(engine, shop, "a@x.example", variant_id="v1")
    set_stock(engine, shop, 0, variant_id="v1")

    sync(item(1, 5), item(2, 0, title="Another name"))
    assert (rows(engine)["v1"][0], messages(engine, shop)) == (0, [])

    sync(item(1, 4), item(2, 0))
    assert rows(engine)["v1"][0] == 4
    assert [address for address, *_ in messages(engine, shop)] == ["a@x.example"]


def test_the_first_row_of_a_doubled_id_counts(engine: Engine, sync: Sync) -> None:
    result = sync(item(1, 3), item(2), item(1, 9))

    assert rows(engine)["v1"][0] == 3
    assert [(each["code"], each["count"], each["first_id"]) for each in result.problems] == [("duplicate_id", 1, "v1")]


def test_absent_quantities_keep_what_is_known_and_negative_ones_are_not_sellable(
    engine: Engine, shop: ShopKeys, sync: Sync
) -> None:
    nothing = {"inventory_quantity": None}
    sync(item(1, 7), item(2, -4), item(3, **nothing) | nothing)
    join(engine, shop, "a@x.example", variant_id="v2")

    result = sync(item(1) | nothing, item(2, -1), item(3) | nothing)

    assert {name: row[0] for name, row in rows(engine).items()} == {"v1": 7, "v2": -1, "v3": 0}
    assert result.people == 0


def test_ids_beyond_2_53_are_kept_exactly(engine: Engine, sync: Sync) -> None:
    sync(item(1, id=9007199254740993), item(2, id=9007199254740992))

    assert set(rows(engine)) == {"9007199254740992", "9007199254740993"}


def test_two_syncs_of_one_shop_do_not_run_at_once(engine: Engine, shop: ShopKeys, sync: Sync) -> None:
    sync(item(1))
    with engine.connect() as other:
        other.execute(text("SELECT pg_advisory_lock(:lock, :shop)"), {"lock": catalog.SYNC_LOCK, "shop": shop.id})
        with pytest.raises(catalog.SyncRunningError):
            sync()
        other.execute(text("SELECT pg_advisory_unlock_all()"))
    assert sync().state == "unchanged"


def test_a_changed_address_is_read_whatever_the_old_one_was(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sync: Sync, tmp_path: Path
) -> None:
    sync(item(1))
    copy = tmp_path / "other.json"
    copy.write_text(json.dumps([item(1)]), encoding="utf-8")
    change(engine, shop, feed=str(copy))

    assert sync().state == "done"


def test_the_api_adds_and_changes_variants_and_leaves_the_others(engine: Engine, shop: ShopKeys, sync: Sync) -> None:
    sync(item(1, 2), item(2, 2))
    join(engine, shop, "a@x.example", variant_id="v1")
    set_stock(engine, shop, 0, variant_id="v1")

    taken = catalog.put_variants(engine, load(engine, shop), [variant("v1", available=5), variant("v9")], now)

    assert (taken.written, len(taken.released)) == (2, 1)
    assert set(rows(engine)) == {"v1", "v2", "v9"}
    assert states(engine, shop) == {"a@x.example": "released"}


@pytest.mark.parametrize(
    "odd", ["a\tb", "back\\slash", "new\nline", 'quo"te', "NUL-free \\N", "{brace}", "umläut", "🧦"]
)
def test_odd_text_survives_the_copy(engine: Engine, shop: ShopKeys, odd: str) -> None:
    catalog.put_variants(engine, load(engine, shop), [variant(odd, product_title=odd, collections=(odd, "b,c"))], now)

    with engine.connect() as database:
        row = database.execute(text("SELECT variant_id, product_title, collections FROM variant")).one()
    assert tuple(row) == (odd, odd, [odd, "b,c"])


def test_another_feed_is_kept_only_when_it_was_good(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sync: Sync, tmp_path: Path
) -> None:
    sync(item(1))
    good_feed = load(engine, shop).feed
    other = tmp_path / "other.json"
    other.write_text("[", encoding="utf-8")

    with pytest.raises(CatalogError):
        catalog.sync_shop(runtime.engine, shop.id, runtime.adapter, now, feed=str(other))
    assert load(engine, shop).feed == good_feed

    other.write_text(json.dumps([item(1)]), encoding="utf-8")
    catalog.sync_shop(runtime.engine, shop.id, runtime.adapter, now, feed=str(other))
    assert load(engine, shop).feed == str(other)
