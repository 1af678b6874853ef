"""A feed of a million variants: time and peak memory of a sync, against COPY of the same rows into the same table."""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from bench import common
from plugin.domain import catalog, shops
from plugin.runtime import Runtime, now

VARIANTS = 1_000_000
FORMATS = ("json", "csv", "xml")
COPY_BYTES = 1 << 20


def main() -> None:
    """Measure each format: first sync, the same bytes again, and other bytes with 1,000 changes."""
    common.title(f"Feed of {VARIANTS:,} variants")
    rows = []
    with tempfile.TemporaryDirectory(prefix="stockbell-feed-") as folder, common.installation() as runtime:
        for form in FORMATS:
            feed = Path(folder) / f"feed.{form}"
            _write_feed(feed, form, changed=False)
            shop_id = _shop(runtime, str(feed))
            first, memory = _sync(runtime, shop_id)
            floor = _copy_floor(runtime, shop_id)
            again, _ = _sync(runtime, shop_id)
            _write_feed(feed, form, changed=True)
            changed, _ = _sync(runtime, shop_id)
            size = feed.stat().st_size / 1e6
            rows.append(
                [
                    f"{form}, {size:,.0f} MB",
                    f"{floor:.1f} s",
                    f"{first:.1f} s",
                    f"{first / floor:.2f}",
                    f"{memory:.0f} MB",
                    f"{again:.2f} s ({first / again:.0f} times faster)",
                    f"{changed:.1f} s",
                ]
            )
            feed.unlink()
            with runtime.engine.begin() as database:
                database.execute(text("TRUNCATE shop, variant, subscription, restock RESTART IDENTITY CASCADE"))
    head = ["feed", "COPY", "first sync", "ratio", "peak memory", "same feed again", "1,000 changes"]
    common.table(head, rows)


def _shop(runtime: Runtime, feed: str) -> int:
    with runtime.engine.begin() as database:
        return shops.create_shop(
            database, platform="custom", name="Bench", domain="https://shop.example", feed=feed
        ).shop_id


def _sync(runtime: Runtime, shop_id: int) -> tuple[float, float]:
    """Seconds and peak memory in MB of a sync in a process of its own."""
    command = [sys.executable, "-m", "bench.feed", "sync", str(shop_id)]
    done = subprocess.run(
        command, cwd=common.ROOT, env=common.environment(runtime.settings), check=True, capture_output=True
    )
    seconds, memory = done.stdout.split()[-2:]
    return float(seconds), float(memory)


def _sync_here(shop_id: int) -> None:
    """In the child: sync and print seconds and peak memory."""
    import os  # noqa: PLC0415

    from plugin.settings import Settings  # noqa: PLC0415

    runtime = Runtime(Settings.from_environment())
    started = time.perf_counter()
    result = catalog.sync_shop(runtime.engine, shop_id, runtime.adapter, now)
    assert result.state in {"done", "unchanged"}, result
    print(time.perf_counter() - started, common.peak_memory_mb(os.getpid()))


def _copy_floor(runtime: Runtime, shop_id: int) -> float:
    """Seconds to COPY the rows that the sync wrote into a table of the same make."""
    with runtime.engine.connect() as connection:
        cursor = connection.connection.driver_connection.cursor()  # type: ignore[union-attr]
        cursor.execute("CREATE TABLE floor (LIKE variant INCLUDING ALL)")
        with tempfile.TemporaryFile() as file:
            with cursor.copy(f"COPY (SELECT * FROM variant WHERE shop_id = {shop_id}) TO STDOUT") as copy:
                for data in copy:
                    file.write(data)
            connection.commit()
            file.seek(0)
            started = time.perf_counter()
            with cursor.copy("COPY floor FROM STDIN") as copy:
                while data := file.read(COPY_BYTES):
                    copy.write(data)
            connection.commit()
            seconds = time.perf_counter() - started
        cursor.execute("DROP TABLE floor")
        connection.commit()
    return seconds


def _items(*, changed: bool) -> Iterator[dict[str, object]]:
    chance = random.Random(7)
    for number in range(VARIANTS):
        quantity = chance.choice((0, 0, 1, 3, 20, 150))
        if changed and number % (VARIANTS // 1000) == 0:
            quantity += 1
        product = number // 4
        yield {
            "id": f"SKU-{number:07d}",
            "title": f"Product {product} in a plain colour",
            "link": f"https://shop.example/products/product-{product}?variant={number}",
            "description": "A short description of the product, as feeds have them.",
            "image_link": f"https://cdn.shop.example/pictures/{product}.jpg",
            "price": 10 + number % 90,
            "categories": ["apparel", "new"],
            "inventory_quantity": quantity,
            "inventory_policy": 1,
        }


def _write_feed(path: Path, form: str, *, changed: bool) -> None:
    with path.open("w", encoding="utf-8") as file:
        items = _items(changed=changed)
        if form == "json":
            file.write("[")
            for number, item in enumerate(items):
                file.write((",\n" if number else "\n") + json.dumps(item))
            file.write("\n]")
        elif form == "xml":
            file.write("<?xml version='1.0' encoding='utf-8'?>\n<Products>\n")
            for item in items:
                item["categories"] = "apparel,new"
                file.write("<Product>" + "".join(f"<{name}>{value}</{name}>" for name, value in item.items()))
                file.write("</Product>\n")
            file.write("</Products>")
        else:
            file.write("id,title,link,description,image_link,price,categories,inventory_quantity,inventory_policy\n")
            for item in items:
                item["categories"] = '"apparel,new"'
                item["description"] = '"A short description of the product, as feeds have them."'
                file.write(",".join(map(str, item.values())) + "\n")


if __name__ == "__main__":
    _sync_here(int(sys.argv[2]))
