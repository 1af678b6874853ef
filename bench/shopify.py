"""The first sync of a Shopify shop with 100,000 variants in two places, from the file of a bulk operation.

Shopify is the simulator of the tests, in a process of its own. The floor is a loop that does nothing but `json.loads`
with each line of the same file.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bench import common
from integrations.http import HTTPClient
from integrations.platforms.shopify import tokens
from integrations.platforms.shopify.app import ShopifyApp
from integrations.types import ShopFacts
from plugin.domain import catalog, installations
from plugin.runtime import Runtime, now
from plugin.settings import Settings

SIZES = (20_000, 100_000)
VARIANTS_EACH = 4
LOCATIONS = 2
DOMAIN = "bench.myshopify.com"
CLIENT_ID = "bench"
SECRET = "shpss_" + "0123456789abcdef" * 4
PREPARED_SECONDS = 300.0


def main() -> None:
    """Measure a small shop and a large one, each with the floor right after it."""
    common.title(f"Shopify: first sync of {SIZES[-1]:,} variants in {LOCATIONS} places")
    rows = []
    for variants in SIZES:
        port = common.free_port()
        keys = {"shopify_client_id": CLIENT_ID, "shopify_client_secret": SECRET}
        origin = f"http://127.0.0.1:{port}"
        with _simulator(port, variants), common.installation(shopify_simulator=origin, **keys) as runtime:
            sync = _sync(runtime, _shop(runtime))
            told = httpx.get(f"{origin}/bench").json()
            floor = _floor(told["file"])
            size = Path(told["file"]).stat().st_size / 1e6
            rows.append(
                [
                    f"{variants:,}",
                    f"{size:,.0f} MB",
                    f"{floor:.2f} s",
                    f"{sync.seconds:.1f} s",
                    f"{sync.seconds / floor:.1f}",
                    f"{told['requests']}, {told['points']} points",
                    f"{sync.peak_mb - sync.before_mb:.0f} MB on top of {sync.before_mb:.0f}",
                ]
            )
    common.table(["variants", "file", "json.loads", "first sync", "ratio", "requests", "peak memory"], rows)


@dataclass
class Sync:
    """What one cost."""

    seconds: float
    """Of the sync that read the file; it was prepared before."""
    before_mb: float
    """The most that the process had until then."""
    peak_mb: float


@contextmanager
def _simulator(port: int, variants: int) -> Iterator[None]:
    with common.process("-m", "bench.shopify", "simulator", str(port), str(variants)):
        common.wait_for_port(port, 60)
        yield


def _simulate(port: int, variants: int) -> None:
    """In the child: be Shopify."""
    from tests.platforms.shopify import Shopify  # noqa: PLC0415 (the process that is measured has no simulator in it)

    shopify = Shopify(CLIENT_ID, SECRET, clock=time.time)
    shop = shopify.add_shop(DOMAIN)
    shop.catalog.fill(variants // VARIANTS_EACH, VARIANTS_EACH, LOCATIONS)

    def state() -> dict[str, Any]:
        done = next((each for each in shop.operations if each.status == "COMPLETED"), None)
        points = sum(each["cost"] for each in shopify.requests)
        return {"file": str(done.path) if done else "", "requests": len(shopify.requests), "points": points}

    shopify.app.add_url_rule("/bench", view_func=state)
    with shopify.serving(port):
        time.sleep(3600)


def _shop(runtime: Runtime) -> int:
    from tests.platforms.shopify import SCOPES, Shopify  # noqa: PLC0415

    app = ShopifyApp(**runtime.app_credentials("shopify"))
    token = Shopify(CLIENT_ID, SECRET, clock=time.time).session_token(DOMAIN)
    with HTTPClient(allow_loopback=True) as http, runtime.engine.begin() as database:
        return installations.install(
            database,
            platform="shopify",
            platform_shop_id=DOMAIN,
            facts=ShopFacts("Bench", (f"https://{DOMAIN}",), "EUR", SCOPES, ()),
            tokens=tokens.exchange(http, app, DOMAIN, token, now()),
            vault=runtime.vault,
            now=now(),
            allow_loopback=True,
        )


def _sync(runtime: Runtime, shop_id: int) -> Sync:
    settings = runtime.settings
    environment = {
        **common.environment(settings),
        "STOCKBELL_SHOPIFY_CLIENT_ID": CLIENT_ID,
        "STOCKBELL_SHOPIFY_CLIENT_SECRET": SECRET,
        "STOCKBELL_SHOPIFY_SIMULATOR": settings.shopify_simulator,
    }
    command = [sys.executable, "-m", "bench.shopify", "sync", str(shop_id)]
    done = subprocess.run(command, cwd=common.ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    seconds, before, peak = map(float, done.stdout.split()[-3:])
    return Sync(seconds, before, peak)


def _sync_here(shop_id: int) -> None:
    """In the child: have the file prepared, then sync, and print seconds, memory before and peak memory."""
    runtime = Runtime(Settings.from_environment())
    origin = runtime.settings.shopify_simulator
    try:
        catalog.sync_shop(runtime.engine, shop_id, runtime.adapter, now)
    except catalog.CatalogError as error:
        assert error.reason == "not_ready", error  # noqa: PT017
    deadline = time.monotonic() + PREPARED_SECONDS
    while not httpx.get(f"{origin}/bench", timeout=60).json()["file"]:
        assert time.monotonic() < deadline, "the simulator does not write the file"
        time.sleep(0.2)
    before = common.peak_memory_mb(os.getpid())
    started = time.perf_counter()
    result = catalog.sync_shop(runtime.engine, shop_id, runtime.adapter, now)
    seconds = time.perf_counter() - started
    assert result.state == "done", result
    print(seconds, before, common.peak_memory_mb(os.getpid()))


def _floor(file: str) -> float:
    started = time.perf_counter()
    with Path(file).open("rb") as lines:
        for line in lines:
            json.loads(line)
    return time.perf_counter() - started


if __name__ == "__main__":
    if sys.argv[1] == "simulator":
        _simulate(int(sys.argv[2]), int(sys.argv[3]))
    else:
        _sync_here(int(sys.argv[2]))
