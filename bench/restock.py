"""Restock to mail: 10,000 people wait for one variant; the whole pipeline against a bare smtplib loop.

The loop sends the very bytes that the pipeline sends, over one connection, to the same sink.
"""

import contextlib
import smtplib
import time
from datetime import UTC, datetime

from sqlalchemy import text

from bench import common
from integrations.types import CatalogVariant, InventoryLevel
from plugin.domain import catalog, shops, stock
from plugin.domain.shops import Shop
from plugin.runtime import Runtime, now

PEOPLE = 10_000
MANY = 3 * PEOPLE
"""For the memory of a worker, which must not grow with the line."""
ROUNDS = 3


def main() -> None:
    """Measure with one, two and four workers."""
    common.title(f"Restock to mail: {PEOPLE:,} subscribers of one variant")
    port = common.free_port()
    rows = []
    with (
        common.process("-m", "bench.sink", str(port)),
        common.installation(smtp_url=f"smtp://127.0.0.1:{port}") as runtime,
    ):
        common.wait_for_port(port)
        shop = _shop(runtime)
        floors = [_floor(runtime, shop, port)]
        for workers in (1, 2, 4):
            rates, ratios, memory = [], [], []
            for _ in range(ROUNDS):
                rate, grown = _pipeline(runtime, shop, port, workers)
                floors.append(_floor(runtime, shop, port))
                rates.append(rate)
                ratios.append(rate / ((floors[-2] + floors[-1]) / 2))  # the floors just before and after
                memory.append(grown)
            row = [f"{workers} worker{'s' * (workers > 1)}", f"{_median(rates):,.0f}", f"{_median(ratios):.2f}"]
            rows.append([*row, f"{max(memory):.0f} MB"])
        rate, memory_of_many = _pipeline(runtime, shop, port, 1, people=MANY)
        rows.append([f"1 worker, {MANY:,} subscribers", f"{rate:,.0f}", "", f"{memory_of_many:.0f} MB"])
        rows.insert(0, ["bare smtplib loop, 1 connection", f"{_median(floors):,.0f}", "1", ""])
    common.table(["", "mails/s", "ratio", "peak memory of a worker"], rows)


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _shop(runtime: Runtime) -> Shop:
    with runtime.engine.begin() as database:
        new = shops.create_shop(database, platform="custom", name="Bench", domain="https://shop.example")
    with runtime.engine.connect() as database:
        shop = shops.by_id(database, new.shop_id)
    assert shop
    item = CatalogVariant(
        variant_id="v1",
        product_id="p1",
        product_title="Linen shirt",
        variant_title="M / blue",
        url="https://shop.example/products/shirt?variant=v1",
        image_url="https://shop.example/shirt.png",
        price="19.90",
        currency="EUR",
        collections=(),
        available=0,
        stock_known=True,
    )
    catalog.put_variants(runtime.engine, shop, [item], now)
    return shop


def _fill_line(runtime: Runtime, people: int) -> None:
    with runtime.engine.begin() as database:
        database.execute(text("TRUNCATE subscription, restock CASCADE"))
        database.execute(text("UPDATE variant SET available = 0"))
        database.execute(
            text(
                "INSERT INTO subscription (shop_id, variant_id, email, email_key, state, joined_at, link_key)"
                " SELECT 1, 'v1', 'p' || n || '@example.com', 'p' || n || '@example.com', 'waiting', now(),"
                " decode(md5(n::text), 'hex') FROM generate_series(1, :people) AS n"
            ),
            {"people": people},
        )
        database.execute(text("ANALYZE subscription, message, variant"))


def _mails(port: int) -> int:
    with smtplib.SMTP("127.0.0.1", port) as sink:
        return int(sink.docmd("STAT")[1])


def _floor(runtime: Runtime, shop: Shop, port: int) -> float:
    contents = _contents(runtime, shop)
    started = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for sender, recipient, content in contents:
            server.sendmail(sender, [recipient], content)
    return len(contents) / (time.perf_counter() - started)


def _contents(runtime: Runtime, shop: Shop) -> list[tuple[str, str, bytes]]:
    """The mails as the pipeline makes them."""
    from plugin.domain.outbox import ClaimedMessage  # noqa: PLC0415

    claimed = [
        ClaimedMessage(
            id=number,
            attempt=1,
            kind="restock",
            release_id=1,
            subscription_id=number,
            variant_id="v1",
            email=f"p{number}@example.com",
            locale="",
            link_key=b"k" * 16,
            created_at=datetime.now(UTC),
        )
        for number in range(1, PEOPLE + 1)
    ]
    write = runtime.courier("bench").fill(shop, claimed)
    return [tuple(write(message)) for message in claimed]  # type: ignore[misc]


def _pipeline(runtime: Runtime, shop: Shop, port: int, workers: int, people: int = PEOPLE) -> tuple[float, float]:
    """Mails a second from the stock change to the last mail, and the peak memory of a worker in MB."""
    _fill_line(runtime, people)
    environment = common.environment(runtime.settings)
    with contextlib.ExitStack() as stack:
        children = [
            stack.enter_context(common.process("-m", "plugin.cli", "worker", env=environment)) for _ in range(workers)
        ]
        common.wait_for_workers(runtime, workers)
        before = _mails(port)
        started = time.perf_counter()
        with runtime.engine.begin() as database:
            levels = [InventoryLevel("v1", None, 100, None)]
            released = stock.apply_levels(database, shop, levels, now()).released
        runtime.doorbell.deliver(shop.id, released[0].people)
        while _mails(port) - before < people:
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        return people / seconds, max(common.peak_memory_mb(child.pid) for child in children)
