"""Plain functions that make what tests need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text

from integrations.types import CatalogVariant, InventoryLevel
from plugin.domain import catalog, shops, stock, subscriptions
from plugin.domain.shops import Shop
from plugin.domain.stock import StockOutcome
from plugin.domain.subscriptions import Request
from plugin.runtime import now

ORIGIN = "https://shop.example"
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class ShopKeys:
    """A shop and its keys."""

    id: int
    public_key: str
    api_key: str

    @property
    def authorization(self) -> dict[str, str]:
        """The header of merchants' programs."""
        return {"Authorization": f"Bearer {self.api_key}"}

    @property
    def sign_up_path(self) -> str:
        """Where shoppers' browsers post to."""
        return f"/api/v1/storefront/{self.public_key}/subscriptions"


def make_shop(
    engine: Engine,
    *,
    name: str = "Fern",
    domain: str = ORIGIN,
    variants: Sequence[str] = ("v1",),
    **settings: Any,
) -> ShopKeys:
    """A shop with sold-out variants and, unless told otherwise, without double opt-in."""
    with engine.begin() as database:
        new = shops.create_shop(database, platform="custom", name=name, domain=domain, allow_loopback=True)
        shops.change_settings(database, new.shop_id, {"double_opt_in": False, **settings})
    keys = ShopKeys(new.shop_id, new.public_key, new.api_key)
    if variants:
        catalog.put_variants(engine, load(engine, keys), [variant(each, available=0) for each in variants], now)
    return keys


def variant(variant_id: str, **facts: Any) -> CatalogVariant:
    """A catalog row."""
    usual: dict[str, Any] = {
        "product_id": f"p-{variant_id}",
        "product_title": "Linen shirt",
        "variant_title": f"Size {variant_id}",
        "url": f"{ORIGIN}/products/shirt?variant={variant_id}",
        "image_url": f"{ORIGIN}/shirt.png",
        "price": "19.90",
        "currency": "EUR",
        "collections": (),
        "available": 0,
        "stock_known": True,
    }
    return CatalogVariant(variant_id=variant_id, **{**usual, **facts})


def load(engine: Engine, keys: ShopKeys) -> Shop:
    """The shop as it is now."""
    with engine.connect() as database:
        found = shops.by_id(database, keys.id)
    assert found
    return found


def change(engine: Engine, keys: ShopKeys, **settings: Any) -> None:
    """Change settings."""
    with engine.begin() as database:
        shops.change_settings(database, keys.id, settings)


def autocommit(engine: Engine) -> Connection:
    """A connection on which each statement is its own transaction."""
    return engine.execution_options(isolation_level="AUTOCOMMIT").connect()


def join(engine: Engine, keys: ShopKeys, *emails: str, variant_id: str = "v1", at: datetime | None = None) -> None:
    """Sign people up, in this order."""
    moment = at or now()
    with autocommit(engine) as database:
        shop = shops.by_id(database, keys.id)
        assert shop
        for number, email in enumerate(emails):
            wish = Request(variant_id, email)
            subscriptions.join(database, shop, wish, moment + timedelta(microseconds=number))


def set_stock(
    engine: Engine,
    keys: ShopKeys,
    available: int | None,
    *,
    variant_id: str = "v1",
    at: datetime | None = None,
) -> StockOutcome:
    """Change a variant's stock."""
    with engine.begin() as database:
        shop = shops.by_id(database, keys.id)
        assert shop
        return stock.apply_levels(database, shop, [InventoryLevel(variant_id, None, available, None)], at or now())


def states(engine: Engine, keys: ShopKeys) -> dict[str, str]:
    """Address -> state of its newest subscription."""
    with engine.connect() as database:
        rows = database.execute(
            text("SELECT email, state FROM subscription WHERE shop_id = :shop ORDER BY id"), {"shop": keys.id}
        )
        return {row.email: row.state for row in rows}


def messages(engine: Engine, keys: ShopKeys) -> list[tuple[str, str, str]]:
    """(address, state, reason) of every message, in the order they were written."""
    with engine.connect() as database:
        rows = database.execute(
            text(
                "SELECT email, message.state, message.reason FROM message"
                " JOIN subscription ON subscription.id = subscription_id"
                " WHERE message.shop_id = :shop ORDER BY message.id"
            ),
            {"shop": keys.id},
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]
