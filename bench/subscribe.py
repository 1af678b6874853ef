"""Subscriptions through HTTP, against a bare Flask route with one INSERT, behind the same server."""

import json
import multiprocessing
import socket
import time

from sqlalchemy import text

from bench import common
from plugin.domain import shops
from plugin.runtime import Runtime

CLIENTS = 4
REQUESTS = 1000
ROUNDS = 5
ORIGIN = "https://shop.example"
FLOOR = "bare Flask route, one INSERT in a transaction"
QUICK_FLOOR = "bare Flask route, one INSERT, the driver's autocommit"
SINGLE = "sign-up, single opt-in"
DOUBLE = "sign-up, double opt-in (a mail is queued)"


def main() -> None:
    """Measure in turn, several rounds, and print medians."""
    common.title(f"Subscriptions through HTTP: {CLIENTS} clients, {CLIENTS * REQUESTS:,} sign-ups a round")
    with common.installation(port=common.free_port()) as runtime:
        public_key = _shop(runtime)
        environment = common.environment(runtime.settings)
        bare_port = common.free_port()
        with (
            common.process("-m", "plugin.cli", "web", env=environment),
            common.process("-m", "bench.bare_flask", str(bare_port), env=environment),
        ):
            for port in (runtime.settings.port, bare_port):
                common.wait_for_port(port)
            path = f"/api/v1/storefront/{public_key}/subscriptions"
            rates: dict[str, list[float]] = {name: [] for name in (FLOOR, QUICK_FLOOR, SINGLE, DOUBLE)}
            for number in range(ROUNDS + 1):
                rates[FLOOR].append(_round(bare_port, "/transaction", f"t{number}"))
                rates[QUICK_FLOOR].append(_round(bare_port, "/autocommit", f"a{number}"))
                _set_opt_in(runtime, wanted=False)
                rates[SINGLE].append(_round(runtime.settings.port, path, f"s{number}"))
                _set_opt_in(runtime, wanted=True)
                rates[DOUBLE].append(_round(runtime.settings.port, path, f"d{number}"))
    rows = []
    for name, found in rates.items():
        ratios = (_ratio(found, rates[floor]) for floor in (FLOOR, QUICK_FLOOR))
        rows.append([name, f"{_median(found):,.0f}", *(f"{ratio:.2f}" for ratio in ratios)])
    common.table(["", "requests/s", "ratio", "ratio to autocommit"], rows)


def _shop(runtime: Runtime) -> str:
    with runtime.engine.begin() as database:
        new = shops.create_shop(database, platform="custom", name="Bench", domain=ORIGIN)
        database.execute(
            text(
                "INSERT INTO variant (shop_id, variant_id, product_id, product_title)"
                " SELECT 1, 'v' || n, 'p', 'Shirt' FROM generate_series(0, 99) AS n"
            )
        )
        database.execute(
            text("CREATE TABLE bare (id bigserial PRIMARY KEY, variant_id text, email text, at timestamptz)")
        )
    return new.public_key


def _median(rates: list[float]) -> float:
    """Of all rounds but the first, which warms up."""
    return sorted(rates[1:])[ROUNDS // 2]


def _ratio(rates: list[float], floor: list[float]) -> float:
    return _median([rate / base for rate, base in zip(rates, floor, strict=True)])


def _set_opt_in(runtime: Runtime, *, wanted: bool) -> None:
    with runtime.engine.begin() as database:
        shops.change_settings(database, 1, {"double_opt_in": wanted})


def _round(port: int, path: str, mark: str) -> float:
    """Requests a second with all clients at once, on connections that stay open."""
    with multiprocessing.get_context("fork").Pool(CLIENTS) as pool:
        pool.map(time.sleep, [0.01] * CLIENTS)
        started = time.perf_counter()
        pool.starmap(_client, [(port, path, f"{mark}c{number}") for number in range(CLIENTS)], chunksize=1)
        return CLIENTS * REQUESTS / (time.perf_counter() - started)


def _client(port: int, path: str, mark: str) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        for number in range(REQUESTS):
            body = json.dumps({"variant_id": f"v{number % 100}", "email": f"{mark}n{number}@example.com"}).encode()
            head = f"POST {path} HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\nContent-Type: application/json\r\n"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            common.read_answer(answers)
