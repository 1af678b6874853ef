"""Run the demo's Shopify: python -m tests.platforms.shopify --port 8002 --client-id ID --client-secret-file FILE."""

import argparse
import signal
import threading
from pathlib import Path

from tests.platforms.shopify.demo import DOMAIN, add_demo_shop, demo_shopify
from tests.platforms.shopify.home import restore, save

SAVE_SECONDS = 1


def main() -> None:
    """Serve until it is stopped."""
    options = _parser().parse_args()
    secret = options.client_secret_file.read_text("utf-8").strip()
    shopify = demo_shopify(options.client_id, secret, options.stockbell)
    home: Path | None = options.home
    if not (home and restore(shopify, home)):
        add_demo_shop(shopify)
    kept = ""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with shopify.serving(options.port):
        print(f"Shop: {shopify.origin}/", flush=True)  # noqa: T201
        print(f"Its admin: {shopify.origin}/{DOMAIN}/admin", flush=True)  # noqa: T201
        try:
            while not threading.Event().wait(SAVE_SECONDS):
                kept = save(shopify, home, kept) if home else ""
        except KeyboardInterrupt:
            return
        finally:
            if home:
                save(shopify, home, kept)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.platforms.shopify", description=__doc__)
    parser.add_argument("--port", type=int, default=8002, help="port on 127.0.0.1 (0: any free one)")
    parser.add_argument("--stockbell", default="http://127.0.0.1:8000", help="address of Stockbell")
    parser.add_argument("--client-id", required=True, help="of the app")
    parser.add_argument("--client-secret-file", type=Path, required=True, help="file that holds the app's secret")
    parser.add_argument("--home", type=Path, help="JSON file that keeps what happens")
    return parser


if __name__ == "__main__":
    main()
