"""`stockbell up --demo`: a demo shop that goes through the same doors as a real one.

Its storefront and feed are served by a process of their own (tests/platforms/custom), which knows nothing of
Stockbell but the snippet that a merchant would paste. `--demo shopify` runs a simulated Shopify instead, with one shop
that has not opened the app yet.
"""

import json
import secrets
import socket
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from sqlalchemy import text

from plugin.domain import catalog, merchants, shops
from plugin.runtime import Runtime
from plugin.settings import Settings, owner_only

FEED_SECONDS = 2
SHOP_NAME = "Hearth & Harbour"
SOLD_OUT_PAGE = "/products/harbour-mug"
MERCHANT_EMAIL = "demo@shop.example"


@dataclass(frozen=True)
class Demo:
    """The demo shop of this installation."""

    shop_id: int
    public_key: str
    api_key: str
    port: int
    merchant_email: str
    merchant_password: str
    stockbell: str = ""

    @property
    def storefront(self) -> str:
        """The shop's own address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def sold_out_page(self) -> str:
        """A storefront page with a sold-out variant."""
        return self.storefront + SOLD_OUT_PAGE

    @property
    def command(self) -> Sequence[str]:
        """How the shop's own server is started."""
        key = f"--public-key={self.public_key}"  # one word, as the key may begin with "-"
        words = ["--port", str(self.port), "--stockbell", self.stockbell, key]
        return [sys.executable, "-m", "tests.platforms.custom", *words]

    @property
    def pages(self) -> Sequence[tuple[str, str]]:
        """What to look at."""
        return [("Demo storefront", self.sold_out_page)]

    @property
    def hints(self) -> Sequence[str]:
        """What to know at the merchant page."""
        return [f"sign in as {self.merchant_email} with the password {self.merchant_password}"]

    def is_ready(self, runtime: Runtime) -> bool:
        """Whether its feed has been read, so that the button on its pages knows what it asks for."""
        with runtime.engine.connect() as database:
            return any(sync["state"] in {"done", "unchanged"} for sync in catalog.last_syncs(database, self.shop_id))

    @classmethod
    def prepare(cls, runtime: Runtime) -> "Demo":
        """The demo shop, made at the first start and found again later."""
        settings = runtime.settings
        path = settings.home / "demo.json"
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        port = _free_port(kept.get("port", settings.port + 1))
        storefront = f"http://127.0.0.1:{port}"
        with runtime.engine.begin() as database:
            if not kept or shops.by_id(database, kept["shop_id"]) is None:
                new = shops.create_shop(
                    database, platform="custom", name=SHOP_NAME, domain=storefront, allow_loopback=True
                )
                kept = {**asdict(new), "merchant_password": secrets.token_urlsafe(9)}
                merchants.add_merchant(
                    database, email=MERCHANT_EMAIL, password=kept["merchant_password"], shop_id=new.shop_id
                )
                # One step less to try out; switch it on in the merchant page to see the confirmation mail.
                shops.change_settings(database, new.shop_id, {"double_opt_in": False, "currency": "EUR"})
            changes = {"feed": f"{storefront}/feed.json", "feed_interval_seconds": FEED_SECONDS}
            shops.change_settings(database, kept["shop_id"], changes)
            moved = text("UPDATE shop SET domain = :domain WHERE id = :id")
            database.execute(moved, {"domain": storefront, "id": kept["shop_id"]})
        demo = cls(
            shop_id=kept["shop_id"],
            public_key=kept["public_key"],
            api_key=kept["api_key"],
            port=port,
            merchant_email=MERCHANT_EMAIL,
            merchant_password=kept["merchant_password"],
            stockbell=settings.public_url,
        )
        _write_privately(path, json.dumps(asdict(demo)))
        return demo


SHOPIFY_SHOP = "hearth-harbour.myshopify.com"
SHOPIFY_APP = "stockbell-demo"


@dataclass(frozen=True)
class ShopifyDemo:
    """A simulated Shopify, with one shop in which the app is installed."""

    port: int
    client_secret: str
    home: Path
    stockbell: str

    @property
    def origin(self) -> str:
        """Of Shopify, and of the shop's pages."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def command(self) -> Sequence[str]:
        """How it is started."""
        words = ["--port", str(self.port), "--stockbell", self.stockbell, "--client-id", SHOPIFY_APP]
        files = ["--client-secret-file", str(self.home / "secret"), "--home", str(self.home / "shopify.json")]
        return [sys.executable, "-m", "tests.platforms.shopify", *words, *files]

    @property
    def pages(self) -> Sequence[tuple[str, str]]:
        """What to look at, in this order."""
        admin = f"{self.origin}/{SHOPIFY_SHOP}/admin"
        return [
            ("Shop's admin", admin),
            ("Stockbell in it", f"{admin}/apps/{SHOPIFY_APP}"),
            ("Demo storefront", self.origin + SOLD_OUT_PAGE),
        ]

    @property
    def hints(self) -> Sequence[str]:
        """What to know at the merchant page."""
        return ["is not needed: open Stockbell in the shop's admin first, which takes the shop in"]

    def is_ready(self, _runtime: Runtime) -> bool:
        """Whether it answers."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @classmethod
    def prepare(cls, settings: Settings) -> "ShopifyDemo":
        """Choose a port and a secret, or find those of the last time."""
        home = settings.home / "demo-shopify"
        home.mkdir(parents=True, exist_ok=True)
        path = home / "demo.json"
        kept = json.loads(path.read_text("utf-8")) if path.exists() else {}
        port = _free_port(kept.get("port", settings.port + 2))
        secret = kept.get("client_secret") or f"shpss_{secrets.token_hex(32)}"
        _write_privately(path, json.dumps({"port": port, "client_secret": secret}))
        _write_privately(home / "secret", secret)
        return cls(port, secret, home, settings.public_url)

    def settings(self, settings: Settings) -> Settings:
        """The settings of an installation that is registered there."""
        return replace(
            settings,
            shopify_client_id=SHOPIFY_APP,
            shopify_client_secret=self.client_secret,
            shopify_simulator=self.origin,
        )


def _write_privately(path: Path, content: str) -> None:
    with open(path, "w", encoding="utf-8", opener=owner_only) as file:
        file.write(content)


def _free_port(wanted: int) -> int:
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise OSError("no port is free")
