"""Send rates: shared by all workers, of shops and of the provider."""

import threading
import time
from dataclasses import replace

from sqlalchemy import Engine

from plugin import queues
from plugin.pace import RedisPace
from plugin.runtime import Runtime
from tests.factories import ShopKeys, change, join, load, make_shop, set_stock
from tests.sink import MailSink

DEAD = "redis://127.0.0.1:1/0"


def test_without_a_rate_everything_goes_and_nobody_is_asked(engine: Engine, shop: ShopKeys, runtime: Runtime) -> None:
    pace = RedisPace(queues.connect(DEAD))

    assert pace.take(load(engine, shop), 250) == 250
    pace.give_back(load(engine, shop), 9)


def test_a_shop_gets_a_second_of_its_rate_and_then_what_time_brings(
    engine: Engine, shop: ShopKeys, runtime: Runtime
) -> None:
    change(engine, shop, messages_per_minute=600)
    pace, mine = RedisPace(runtime.redis), load(engine, shop)

    started = time.monotonic()
    assert pace.take(mine, 250) == 10
    passed = time.monotonic() - started
    assert pace.take(mine, 250) <= 1 + passed * 10
    pace.give_back(mine, 4)
    assert pace.take(mine, 4) == 4

    time.sleep(0.35)
    assert 3 <= pace.take(mine, 250) <= 1 + (time.monotonic() - started) * 10


def test_a_slow_shop_gets_one_at_a_time(engine: Engine, shop: ShopKeys, runtime: Runtime) -> None:
    change(engine, shop, messages_per_minute=1)
    pace, mine = RedisPace(runtime.redis), load(engine, shop)

    assert [pace.take(mine, 5) for _ in range(3)] == [1, 0, 0]


def test_the_provider_is_shared_by_all_shops_and_workers(engine: Engine, shop: ShopKeys, runtime: Runtime) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    pace = RedisPace(runtime.redis, provider_per_second=50)
    taken: list[int] = []

    def take(keys: ShopKeys) -> None:
        mine = load(engine, keys)
        taken.extend(pace.take(mine, 3) for _ in range(10))

    started = time.monotonic()
    threads = [threading.Thread(target=take, args=(keys,)) for keys in (shop, other) * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 50 <= sum(taken) <= 51 + (time.monotonic() - started) * 50


def test_the_narrower_of_two_rates_counts_and_takes_nothing_more_from_the_other(
    engine: Engine, shop: ShopKeys, runtime: Runtime
) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    change(engine, shop, messages_per_minute=60)
    pace = RedisPace(runtime.redis, provider_per_second=10)

    assert pace.take(load(engine, shop), 250) == 1
    assert pace.take(load(engine, other), 250) == 9


def test_while_redis_is_away_nothing_that_is_limited_goes(engine: Engine, shop: ShopKeys) -> None:
    change(engine, shop, messages_per_minute=60)

    assert RedisPace(queues.connect(DEAD)).take(load(engine, shop), 250) == 0


def test_mails_go_no_faster_than_the_rate_and_none_is_forgotten(
    runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink
) -> None:
    change(engine, shop, messages_per_minute=20 * 60)
    join(engine, shop, *(f"p{number:02}@x.example" for number in range(50)))
    set_stock(engine, shop, 1)

    started = time.monotonic()
    assert not runtime.courier("w").deliver(shop.id, seconds=30)
    took = time.monotonic() - started

    assert len(set(sink.recipients)) == len(sink.recipients) == 50
    assert took > 1.4  # 20 at once, then 20 a second


def test_what_did_not_go_is_not_counted(runtime: Runtime, engine: Engine, shop: ShopKeys, sink: MailSink) -> None:
    change(engine, shop, messages_per_minute=60)
    join(engine, shop, "a@x.example")
    set_stock(engine, shop, 5)
    sink.answer = lambda command: "drop" if command.startswith("MAIL") else None
    runtime.courier("w").deliver(shop.id, seconds=0.1)
    assert sink.delivered == []

    assert RedisPace(runtime.redis).take(load(engine, shop), 1) == 1


def test_the_pace_of_a_worker_is_that_of_the_settings(runtime: Runtime) -> None:
    slow = Runtime(replace(runtime.settings, smtp_messages_per_second=7))

    assert slow.courier("w").pace == RedisPace(slow.redis, provider_per_second=7)
    slow.close()
