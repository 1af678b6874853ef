"""Run the demo shop: python -m tests.platforms.custom --port 8001 --public-key KEY."""

import argparse
import json
import logging
import threading
import urllib.error
import urllib.request

from tests.platforms.custom import DemoShop, create_shop_app, serve
from tests.platforms.custom.catalog import StockListener

INVENTORY_TIMEOUT_SECONDS = 5


def main() -> None:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    options = _parser().parse_args()
    listener = _inventory_push(options.stockbell, options.api_key) if options.api_key else None
    app = create_shop_app(options.stockbell, options.public_key, DemoShop(listener))
    with serve(app, options.port) as origin:
        print(f"Demo shop: {origin}", flush=True)  # noqa: T201
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.platforms.custom", description=__doc__)
    parser.add_argument("--port", type=int, default=8001, help="port on 127.0.0.1 (0: any free one)")
    parser.add_argument("--stockbell", default="http://127.0.0.1:8000", help="address of Stockbell")
    parser.add_argument("--public-key", required=True, help="this shop's public key at Stockbell")
    parser.add_argument("--api-key", default="", help="tell Stockbell of every stock change at once")
    return parser


def _inventory_push(stockbell_url: str, api_key: str) -> StockListener:
    """Tells Stockbell's API what is in stock. The feed tells it again later: a failure is only mentioned."""

    def push(variant_id: str, quantity: int) -> None:
        body = json.dumps({"levels": [{"variant_id": variant_id, "available": quantity}]}).encode()
        headers = {"Authorization": f"Bearer {api_key}", "Content-Type": "application/json"}
        address = f"{stockbell_url.rstrip('/')}/api/v1/inventory"
        request = urllib.request.Request(address, data=body, headers=headers, method="PUT")
        try:
            urllib.request.urlopen(request, timeout=INVENTORY_TIMEOUT_SECONDS).close()
        except (urllib.error.URLError, TimeoutError) as error:
            print(f"Stockbell was not told about {variant_id}: {error}", flush=True)  # noqa: T201

    return push


if __name__ == "__main__":
    main()
