"""The main job with real processes, one of which is killed in the middle."""

import contextlib
import json
import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.domain import shops
from plugin.runtime import Runtime
from tests.factories import ShopKeys, join, make_shop, set_stock, states
from tests.processes import run_stockbell, stockbell, wait_for
from tests.sink import MailSink

pytestmark = pytest.mark.slow


def write_feed(path: Path, quantity: int) -> None:
    """A feed as its owner writes it: Klaviyo's fields, an id beyond 2^53."""
    item = {
        "id": 9007199254740993,
        "title": "Classic T-Shirt",
        "link": "https://gear.example/products/t-shirt",
        "description": "Standard issue.",
        "price": 10,
        "image_link": "https://gear.example/t-shirt.png",
        "categories": ["apparel"],
        "inventory_quantity": quantity,
        "inventory_policy": 1,
    }
    path.write_text(json.dumps([item]), encoding="utf-8")


def test_scenario_39_a_worker_killed_in_the_middle_sends_every_mail_once(
    runtime: Runtime, engine: Engine, client: FlaskClient, sink: MailSink, tmp_path: Path
) -> None:
    feed = tmp_path / "feed.json"
    write_feed(feed, 0)
    made = run_stockbell(runtime.settings, "shop", "create", "--name", "Gear", "--domain", "https://gear.example")
    keys = json.loads(made.stdout)
    assert set(keys) == {"shop_id", "public_key", "api_key"}
    sync = ("catalog", "sync", "--shop", keys["shop_id"])
    assert json.loads(run_stockbell(runtime.settings, *sync, "--feed", str(feed)).stdout)["written"] == 1
    with engine.begin() as database:
        shops.change_settings(database, int(keys["shop_id"]), {"double_opt_in": False})
    people = [f"p{number}@x.example" for number in range(3)]
    for person in people:
        body = {"variant_id": "9007199254740993", "email": person}
        answer = client.post(f"/api/v1/storefront/{keys['public_key']}/subscriptions", json=body)
        assert answer.status_code == 202

    hold = {"on": True}

    def slow(command: str) -> None:
        while command == "." and len(sink.delivered) == 1 and hold["on"]:
            time.sleep(0.05)

    sink.answer = slow
    with stockbell(runtime.settings, "worker", "--name", "w1") as worker:
        write_feed(feed, 20)
        run_stockbell(runtime.settings, *sync)
        sink.wait_for(1)
        wait_for(lambda: "p1" in _begun(engine), "the hand-over to p1")
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    hold["on"] = False
    with stockbell(runtime.settings, "worker", "--name", "w1"):
        sink.wait_for(3)
        wait_for(lambda: set(_states(engine).values()) == {"notified"}, "everyone is notified")

    # A server that knows Message-IDs keeps one of each; one that does not gets the one that was under way twice.
    mails = {(mail.recipient, mail.message["Message-ID"]) for mail in sink.delivered}
    assert sorted(recipient for recipient, _ in mails) == people
    counts = Counter(sink.recipients)
    assert (counts["p0@x.example"], counts["p2@x.example"]) == (1, 1)
    assert counts["p1@x.example"] <= 2
    assert "Classic T-Shirt" in sink.delivered[0].message["Subject"]


def _begun(engine: Engine) -> str:
    query = text(
        "SELECT string_agg(email, ' ') FROM delivery_attempt JOIN message ON message.id = message_id"
        " JOIN subscription ON subscription.id = subscription_id"
    )
    with engine.connect() as database:
        return database.execute(query).scalar_one() or ""


def _states(engine: Engine) -> dict[str, str]:
    with engine.connect() as database:
        rows = database.execute(text("SELECT email, state FROM subscription"))
        return {row.email: row.state for row in rows}


def test_an_emptied_redis_costs_a_moment_and_no_mail(runtime: Runtime, engine: Engine, sink: MailSink) -> None:
    shop = make_shop(engine)
    join(engine, shop, *(f"p{number}@x.example" for number in range(40)))
    set_stock(engine, shop, 5)  # and nobody rings

    with stockbell(runtime.settings, "worker"), stockbell(runtime.settings, "scheduler"):
        sink.wait_for(40)
        runtime.redis.flushdb()
        other = make_shop(engine)
        join(engine, other, "late@x.example")
        set_stock(engine, other, 5)
        sink.wait_for(41, seconds=60)
        wait_for(lambda: set(states(engine, shop).values()) == {"notified"}, "everyone is notified")

    assert len(set(sink.recipients)) == len(sink.recipients) == 41


def test_a_redis_emptied_in_the_middle_of_a_restock_costs_no_mail(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    people = [f"p{number}@x.example" for number in range(600)]
    join(engine, shop, *people)
    set_stock(engine, shop, 5)
    runtime.doorbell.deliver(shop.id, len(people))

    with contextlib.ExitStack() as stack:
        for words in (["worker"], ["worker"], ["scheduler"]):
            stack.enter_context(stockbell(runtime.settings, *words))
        for mails in (100, 400):
            sink.wait_for(mails, seconds=60)
            runtime.redis.flushdb()
        sink.wait_for(len(people), seconds=60)
        wait_for(lambda: set(states(engine, shop).values()) == {"notified"}, "everyone is notified")

    assert sorted(sink.recipients) == sorted(people)


def test_a_due_release_is_carried_out_by_itself(runtime: Runtime, engine: Engine, sink: MailSink) -> None:
    shop = make_shop(engine, customers_per_unit=1, wait_minutes=60)
    join(engine, shop, "a@x.example", "b@x.example")
    set_stock(engine, shop, 1)
    with engine.begin() as database:
        database.execute(text("UPDATE restock SET next_release_at = now()"))

    with stockbell(runtime.settings, "worker"), stockbell(runtime.settings, "scheduler"):
        sink.wait_for(2)

    assert sink.recipients == ["a@x.example", "b@x.example"]


def test_a_worker_that_is_told_to_stop_finishes_what_it_has_begun(
    runtime: Runtime, engine: Engine, sink: MailSink
) -> None:
    shop = make_shop(engine)
    people = [f"p{number:03}@x.example" for number in range(300)]
    join(engine, shop, *people)

    with stockbell(runtime.settings, "worker") as worker:
        set_stock(engine, shop, 5)
        runtime.doorbell.deliver(shop.id)
        sink.wait_for(10)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(20) == 0
    with stockbell(runtime.settings, "worker"), stockbell(runtime.settings, "scheduler"):
        sink.wait_for(300, seconds=60)

    assert sink.recipients == people
