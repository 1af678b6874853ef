"""What a shop at Shopify sells, and how much of it there is, from its webhooks to Stockbell's database."""

import json
import subprocess
import sys
import time

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from plugin import jobs, queues, scheduler
from plugin.domain import catalog, catalog_schedule
from plugin.jobs import connect
from plugin.runtime import now
from tests import processes
from tests.shopify_world import CLIENT_ID, SECRET, World, deliver, signed_headers


@pytest.fixture
def ready(installed: World) -> World:
    """Its catalog is read."""
    installed.settle()
    return installed


def tell(world: World, client: FlaskClient, topic: str, body: object) -> None:
    """A webhook comes, and is handled."""
    assert deliver(client, topic, json.dumps(body).encode()).status_code == 202
    world.work()


def join(world: World, client: FlaskClient, variant_id: str) -> dict[str, object]:
    path = f"/api/v1/storefront/{world.known().public_key}/subscriptions"
    answer = client.post(path, json={"variant_id": variant_id, "email": "ann@example.com"})
    assert answer.status_code == 202
    found: dict[str, object] = answer.json
    return found


def test_a_new_product_comes_with_its_stock(ready: World, client: FlaskClient) -> None:
    product = ready.fern.catalog.add_product("Bowl", [{"title": "Small", "levels": {ready.warehouse: 4}}])

    tell(ready, client, "products/create", {"id": product.id})

    assert ready.available(str(product.variant_ids[0])) == 4


def test_what_a_product_no_longer_holds_is_gone_and_nobody_is_told(ready: World, client: FlaskClient) -> None:
    blue, _ = ready.variants
    join(ready, client, blue)
    product_id = next(iter(ready.fern.catalog.products))
    ready.fern.delete_variant(blue)

    tell(ready, client, "products/update", {"id": product_id})

    gone = ready.query("SELECT variant_id FROM variant WHERE removed_at IS NOT NULL")
    assert gone == [(blue,)]
    assert ready.query("SELECT state FROM subscription") == [("waiting",)]
    assert ready.query("SELECT count(*) FROM message") == [(0,)]
    ready.fern.delete_product(product_id)
    tell(ready, client, "products/delete", {"id": product_id})
    assert len(ready.query("SELECT variant_id FROM variant WHERE removed_at IS NOT NULL")) == 2


@pytest.mark.parametrize("why", ["draft", "unpublished"])
def test_what_cannot_be_bought_online_is_not_in_stock(ready: World, client: FlaskClient, why: str) -> None:
    blue = ready.variants[0]
    product_id = next(iter(ready.fern.catalog.products))
    ready.change_stock(client, blue, 5)
    assert ready.available(blue) == 5

    if why == "draft":
        ready.fern.set_status(product_id, "DRAFT")
    else:
        ready.fern.set_published(product_id, published=False)
    tell(ready, client, "products/update", {"id": product_id})
    assert ready.available(blue) == 0
    join(ready, client, blue)

    if why == "draft":
        ready.fern.set_status(product_id, "ACTIVE")
    else:
        ready.fern.set_published(product_id, published=True)
    tell(ready, client, "products/update", {"id": product_id})
    assert ready.available(blue) == 5
    assert ready.query("SELECT state FROM message") == [("sent",)]


def test_a_location_that_stops_selling_online_counts_no_longer(ready: World, client: FlaskClient) -> None:
    blue = ready.variants[0]
    join(ready, client, blue)
    jobs.reconcile(ready.known().id)
    ready.fern.catalog.levels[ready.fern.variant(blue).item_id][ready.warehouse] = 0
    other = ready.fern.catalog.add_location("Annex")
    ready.fern.connect_level(blue, other.id, 0)
    ready.fern.set_fulfills_online_orders(other.id, fulfills=False)

    tell(ready, client, "locations/update", {"id": other.id})

    known = {row.name: row.sells_online for row in ready.query("SELECT * FROM location")}
    assert known == {"Warehouse": True, "Long Lane": False, "Annex": False}
    assert ready.available(blue) == 0


def test_a_variant_sold_when_out_of_stock_counts_as_the_merchant_chooses(ready: World, client: FlaskClient) -> None:
    blue, shop = ready.variants[0], ready.known()
    ready.fern.set_policy(blue, "CONTINUE")
    tell(ready, client, "variants/out_of_stock", {"id": int(blue)})
    assert ready.available(blue) is None
    form = {"minimum_inventory": "1", "notify": "all", "places": "all", "oversold": "alert"}

    answer = client.post(f"/shopify/shops/{shop.id}/settings", data=form, headers=ready.bearer())
    assert answer.status_code == 200
    ready.work()

    assert ready.available(blue) == 0
    assert join(ready, client, blue)["in_stock"] is False
    assert ready.fern.metafields["stockbell", "oversold"]["value"] == "alert"
    ready.change_stock(client, blue, 2)
    ready.work()
    assert ready.query("SELECT state FROM message") == [("sent",)]


def test_who_asks_for_what_seems_to_be_in_stock_has_it_looked_at_again(ready: World, client: FlaskClient) -> None:
    """The webhook that told of the sale was lost, and so would the one of the next restock be no change."""
    blue = ready.variants[0]
    ready.change_stock(client, blue, 5)
    ready.fern.catalog.levels[ready.fern.variant(blue).item_id][ready.warehouse] = 0

    assert join(ready, client, blue)["in_stock"] is True
    ready.work()
    assert ready.available(blue) == 0
    assert ready.query("SELECT count(*) FROM message") == [(0,)]
    ready.change_stock(client, blue, 3)
    ready.work()

    assert ready.query("SELECT state FROM message") == [("sent",)]


def test_subscriptions_that_shopify_dropped_are_asked_for_again(ready: World) -> None:
    jobs.connect(ready.known().id)
    before = {each.topic for each in ready.fern.webhooks.values()}
    assert len(before) > 10
    ready.fern.webhooks.clear()

    scheduler.reconnect(ready.runtime)
    ready.work()

    assert {each.topic for each in ready.fern.webhooks.values()} == before


def test_a_catalog_that_cannot_be_read_is_tried_again_and_says_why(ready: World, client: FlaskClient) -> None:
    ready.fern.bulk_fails_after = 0
    shop = ready.known()
    with ready.runtime.engine.begin() as database:
        catalog_schedule.make_due(database, shop.id, now())
    for _ in range(3):
        jobs.sync_catalog(shop.id)
        ready.shopify.settle()

    page = client.get("/shopify/", headers=ready.bearer()).text
    assert "Shopify could not export the catalog" in page
    assert ready.query("SELECT count(*) FROM variant WHERE removed_at IS NULL") == [(2,)]
    due = "SELECT due_at BETWEEN now() + interval '10 min' AND now() + interval '16 min' FROM feed_schedule"
    assert ready.query(due) == [(True,)]


def test_what_platforms_are_asked_stands_in_no_way_of_messages(ready: World, client: FlaskClient) -> None:
    shop = ready.known()
    body = b'{"id": 1}'
    assert client.post("/webhooks/shopify", data=body, headers=signed_headers("shop/update", body)).status_code == 202
    ready.runtime.doorbell.handle_webhooks(shop.id)  # as the sweep does, which does not know the platform

    standing = {name: [job.func_name for job in queues.queue(ready.runtime.redis, name).jobs] for name in queues.EVERY}
    assert standing[queues.PLATFORMS] == [queues.ASK_PLATFORM]
    ready.work()
    assert ready.query("SELECT state FROM webhook ORDER BY id DESC LIMIT 1") == [("done",)]


def test_connecting_a_shop_that_has_gone_does_nothing(ready: World, client: FlaskClient) -> None:
    shop_id = ready.known().id
    tell(ready, client, "app/uninstalled", {"id": 1})
    ready.shopify.requests.clear()

    connect(shop_id)
    jobs.reconcile(shop_id)
    jobs.sync_catalog(shop_id)

    assert ready.shopify.requests == []


def test_news_that_a_file_is_ready_which_was_read_already_asks_for_no_other(ready: World, client: FlaskClient) -> None:
    asked = len(ready.fern.operations)

    tell(ready, client, "bulk_operations/finish", {"admin_graphql_api_id": "gid://shopify/BulkOperation/1"})

    assert len(ready.fern.operations) == asked


def test_news_that_a_file_is_ready_has_it_read_at_once(world: World, client: FlaskClient) -> None:
    assert client.get("/shopify/", headers=world.bearer()).status_code == 200
    world.work()
    assert world.query("SELECT state FROM catalog_sync") == [("preparing",)]

    tell(world, client, "bulk_operations/finish", {"admin_graphql_api_id": "gid://shopify/BulkOperation/1"})

    assert world.query("SELECT count(*) FROM variant") == [(2,)]


def test_a_file_brings_nothing_back_that_is_gone_since_it_was_asked_for(ready: World, client: FlaskClient) -> None:
    blue = ready.variants[0]
    product_id = next(iter(ready.fern.catalog.products))
    join(ready, client, blue)
    ready.fern.catalog.levels[ready.fern.variant(blue).item_id][ready.warehouse] = 5
    shop_id = ready.known().id
    with ready.runtime.engine.begin() as database:
        catalog_schedule.make_due(database, shop_id, now())
    jobs.sync_catalog(shop_id)  # asks for the file, in which the variant has 5
    assert ready.shopify.settle()  # it is written
    ready.fern.delete_product(product_id)
    tell(ready, client, "products/delete", {"id": product_id})

    ready.settle()

    assert ready.query("SELECT count(*) FROM variant WHERE removed_at IS NULL") == [(0,)]
    assert ready.query("SELECT count(*) FROM message") == [(0,)]


def test_a_shop_without_products_is_no_failure(world: World, client: FlaskClient) -> None:
    world.fern.catalog.products.clear()
    world.fern.catalog.variants.clear()
    assert client.get("/shopify/", headers=world.bearer()).status_code == 200

    world.settle()

    assert world.query("SELECT state, rows FROM catalog_sync") == [("done", 0)]
    assert "Your catalog has been read." in client.get("/shopify/", headers=world.bearer()).text


def test_a_shop_that_takes_most_of_its_products_away_is_believed(ready: World) -> None:
    ready.fern.catalog.fill(10, 3, locations=1, available=1)
    sync(ready)
    assert ready.query("SELECT count(*) FROM variant WHERE removed_at IS NULL") == [(32,)]
    for product_id in list(ready.fern.catalog.products)[2:]:
        ready.fern.delete_product(product_id)  # and their webhooks are lost
    for _ in range(2):
        sync(ready)

    assert ready.query("SELECT count(*) FROM variant WHERE removed_at IS NULL") == [(len(ready.fern.catalog.variants),)]


def sync(world: World) -> None:
    """Read the whole catalog, from a new file."""
    with world.runtime.engine.begin() as database:
        catalog_schedule.make_due(database, world.known().id, now())
    world.settle()


def test_a_webhook_that_meets_a_token_that_is_not_taken_is_handled_once_there_is_another(
    ready: World, client: FlaskClient
) -> None:
    blue = ready.variants[0]
    for pair in ready.fern.pairs:
        pair.access_token = "shpat_changed"
    ready.change_stock(client, blue, 5)
    assert ready.query("SELECT state FROM webhook ORDER BY id DESC LIMIT 1") == [("pending",)]

    with ready.runtime.engine.begin() as database:
        database.execute(text("UPDATE webhook SET due_at = now() WHERE state = 'pending'"))
    jobs.ask_platform(ready.known().id)

    assert ready.available(blue) == 5


def test_a_variant_that_shopify_knows_no_longer_is_sold_out(ready: World, client: FlaskClient) -> None:
    """And the webhook that told so was lost."""
    blue = ready.variants[0]
    ready.change_stock(client, blue, 5)
    join(ready, client, blue)
    ready.fern.delete_variant(blue)

    jobs.reconcile(ready.known().id)

    assert ready.available(blue) == 0
    assert ready.query("SELECT count(*) FROM message") == [(0,)]


def test_a_part_of_a_catalog_is_taken_and_the_whole_is_read_soon(ready: World, client: FlaskClient) -> None:
    ready.fern.catalog.fill(10, 3, locations=1, available=1)
    ready.fern.bulk_fails_after = 20
    with ready.runtime.engine.begin() as database:
        catalog_schedule.make_due(database, ready.known().id, now())
    for _ in range(2):
        jobs.sync_catalog(ready.known().id)
        ready.shopify.settle()

    assert "Only a part of the catalog came." in client.get("/shopify/", headers=ready.bearer()).text
    due = "SELECT due_at < now() + interval '16 min' FROM feed_schedule"
    assert ready.query(due) == [(True,)]
    assert ready.query("SELECT count(*) > 2 FROM variant WHERE removed_at IS NULL AND absent_since IS NULL") == [
        (True,)
    ]


def test_the_command_to_read_the_catalog_waits_for_the_file_whoever_reads_it(ready: World) -> None:
    """A worker of the installation is often faster."""
    shop = ready.known()
    own = {"STOCKBELL_SHOPIFY_CLIENT_ID": CLIENT_ID, "STOCKBELL_SHOPIFY_CLIENT_SECRET": SECRET}
    environment = processes.environment(
        ready.runtime.settings,
        STOCKBELL_SHOPIFY_SIMULATOR=ready.shopify.origin,
        STOCKBELL_BASE_URL=ready.runtime.settings.public_url,
        **own,
    )
    command = [sys.executable, "-m", "plugin.cli", "catalog", "sync", "--shop", str(shop.id)]
    with subprocess.Popen(command, env=environment, cwd=processes.ROOT, stdout=subprocess.PIPE) as child:
        deadline = time.monotonic() + 60
        while child.poll() is None:
            assert time.monotonic() < deadline, "it waits for ever"
            ready.settle()
            time.sleep(0.2)
        assert child.stdout
        told = json.loads(child.stdout.read())

    assert (child.returncode, told["state"], told["rows"]) == (0, "done", 2)


def test_a_feed_is_not_for_a_shop_whose_platform_tells_the_catalog(ready: World) -> None:
    with pytest.raises(catalog.CatalogError, match="tells its catalog itself"):
        catalog.sync_shop(ready.runtime.engine, ready.known().id, ready.runtime.adapter, now, feed="https://x.example/")
