"""Webhook intake: `POST /webhooks/custom`, signed, against a bare Flask route with one INSERT, behind the same server.

Each webhook has an id of its own and tells the stock of a variant that nobody waits for. All are made and signed
before the clock starts; a worker runs beside the server, as in production, and works them off.
"""

import base64
import hashlib
import hmac
import json
import multiprocessing
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from sqlalchemy import text

from bench import common
from plugin.domain import shops
from plugin.domain.shops import NewShop
from plugin.runtime import Runtime

CLIENTS = 4
REQUESTS = 300
ROUNDS = 3
VARIANTS = 100
SHOP_HEADER = "Stockbell-Shop"
FLOOR = "bare Flask route, one INSERT in a transaction"
QUICK_FLOOR = "bare Flask route, one INSERT, the driver's autocommit"
INTAKE = "webhook, signed, written to the inbox"
AGAIN = "the same webhook once more"

Requests = Sequence[bytes]


def main() -> None:
    """Measure in turn, several rounds; rates are medians of rounds, p50 and p99 of all requests in them."""
    common.title(f"Webhook intake: {CLIENTS} clients, {CLIENTS * REQUESTS:,} webhooks a round")
    with common.installation(port=common.free_port(), smtp_url="smtp://127.0.0.1:9") as runtime:
        shop = _shop(runtime)
        secret = _secret(runtime, shop.shop_id)
        environment = common.environment(runtime.settings)
        bare_port, port = common.free_port(), runtime.settings.port
        with (
            common.process("-m", "plugin.cli", "web", env=environment),
            common.process("-m", "plugin.cli", "worker", env=environment),
            common.process("-m", "bench.bare_flask", str(bare_port), env=environment),
        ):
            for each in (port, bare_port):
                common.wait_for_port(each)
            rounds: dict[str, list[tuple[float, list[float]]]] = {}

            def measure(name: str, port: int, make: Callable[[int], bytes]) -> None:
                rounds.setdefault(name, []).append(_round(port, make))

            for number in range(ROUNDS + 1):
                webhook = _Webhooks(shop.public_key, secret, number)
                measure(FLOOR, bare_port, lambda each: _plain("/transaction", each))
                measure(QUICK_FLOOR, bare_port, lambda each: _plain("/autocommit", each))
                measure(INTAKE, port, webhook)
                measure(AGAIN, port, webhook)
    common.table(["", "requests/s", "ratio", "p50", "p99"], [_row(name, rounds) for name in rounds])


def _row(name: str, rounds: dict[str, list[tuple[float, list[float]]]]) -> list[str]:
    """Of all rounds but the first, which warms up."""
    found = rounds[name][1:]
    ratios = [rate / floor for (rate, _), (floor, _) in zip(found, rounds[FLOOR][1:], strict=True)]
    seconds = sorted(each for _, answers in found for each in answers)
    shown = [f"{1000 * seconds[int(len(seconds) * part)]:.1f} ms" for part in (0.5, 0.99)]
    return [name, f"{_median([rate for rate, _ in found]):,.0f}", f"{_median(ratios):.2f}", *shown]


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def _shop(runtime: Runtime) -> NewShop:
    with runtime.engine.begin() as database:
        new = shops.create_shop(database, platform="custom", name="Bench", domain="https://shop.example")
        database.execute(
            text(
                "INSERT INTO variant (shop_id, variant_id, product_id, product_title)"
                " SELECT 1, 'v' || n, 'p', 'Shirt' FROM generate_series(1, :variants) AS n"
            ),
            {"variants": VARIANTS},
        )
        database.execute(
            text("CREATE TABLE bare (id bigserial PRIMARY KEY, variant_id text, email text, at timestamptz)")
        )
    return new


def _secret(runtime: Runtime, shop_id: int) -> bytes:
    """The key that the shop signs with, as the command tells it."""
    command = [sys.executable, "-m", "plugin.cli", "shop", "webhook-secret", "--shop", str(shop_id)]
    environment = common.environment(runtime.settings)
    told = subprocess.run(command, cwd=common.ROOT, env=environment, check=True, capture_output=True, text=True).stdout
    return base64.b64decode(told.strip().removeprefix("whsec_"))


class _Webhooks:
    """Webhooks of one round, by number; the same number is the same webhook."""

    def __init__(self, public_key: str, secret: bytes, number: int) -> None:
        self.public_key = public_key
        self.secret = secret
        self.round = number

    def __call__(self, number: int) -> bytes:
        level = {"variant_id": f"v{1 + number % VARIANTS}", "available": self.round + number}
        body = json.dumps({"type": "inventory.updated", "data": {"levels": [level]}})
        name, at = f"msg_{self.round}_{number}", str(int(time.time()))
        signature = hmac.digest(self.secret, f"{name}.{at}.{body}".encode(), hashlib.sha256)
        headers = {
            "webhook-id": name,
            "webhook-timestamp": at,
            "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
            SHOP_HEADER: self.public_key,
        }
        return _request("/webhooks/custom", body, headers)


def _plain(path: str, number: int) -> bytes:
    body = json.dumps({"variant_id": f"v{number % VARIANTS}", "email": f"n{number}@example.com"})
    return _request(path, body, {})


def _request(path: str, body: str, headers: dict[str, str]) -> bytes:
    named = {"Host": "x", "Content-Type": "application/json", "Content-Length": str(len(body.encode())), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n{body}".encode()


def _round(port: int, make: Callable[[int], bytes]) -> tuple[float, list[float]]:
    """Requests a second with all clients at once, on connections that stay open, and the seconds of each."""
    work = [(port, [make(client * REQUESTS + number) for number in range(REQUESTS)]) for client in range(CLIENTS)]
    with multiprocessing.get_context("fork").Pool(CLIENTS) as pool:
        pool.map(time.sleep, [0.01] * CLIENTS)
        started = time.perf_counter()
        found = pool.starmap(_client, work, chunksize=1)
        return CLIENTS * REQUESTS / (time.perf_counter() - started), [each for seconds in found for each in seconds]


def _client(port: int, requests: Requests) -> list[float]:
    seconds = []
    with socket.create_connection(("127.0.0.1", port)) as connection, connection.makefile("rb") as answers:
        for request in requests:
            started = time.perf_counter()
            connection.sendall(request)
            common.read_answer(answers)
            seconds.append(time.perf_counter() - started)
    return seconds
