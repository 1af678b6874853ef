"""Shops: creating them, finding them, their settings."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, text

from plugin.domain.rules import RestockSettings

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}


class ShopError(ValueError):
    """A shop cannot be made or changed like this; `field` says which value is wrong."""

    def __init__(self, field: str, message: str) -> None:
        """Keep both for a form or a JSON error."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop as the database has it at one moment."""

    id: int
    version: str
    """Another one after each change of the row; PostgreSQL's xmin."""
    platform: str
    name: str
    domain: str
    public_key: str
    locale: str
    currency: str
    rules: RestockSettings
    locations: tuple[str, ...] | None
    """Ids of the locations that count; None is every one."""
    double_opt_in: bool
    sender_name: str
    sender_email: str
    postal_address: str
    feed: str
    feed_interval_seconds: int
    feed_max_loss_percent: int

    @property
    def origins(self) -> frozenset[str]:
        """Origins of the storefront's pages: the domain, with and without "www."."""
        scheme, _, host = self.domain.partition("://")
        twin = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
        return frozenset({self.domain, f"{scheme}://{twin}"})

    @property
    def mail_from(self) -> tuple[str, str]:
        """Name and address that messages come from."""
        host = (urlsplit(self.domain).hostname or "localhost").removeprefix("www.")
        return self.sender_name or self.name, self.sender_email or f"alerts@{host}"


@dataclass(frozen=True, slots=True)
class NewShop:
    """A shop that was just made, with the key that is shown only this once."""

    shop_id: int
    public_key: str
    api_key: str


def create_shop(
    database: Connection,
    *,
    platform: str,
    name: str,
    domain: str,
    feed: str = "",
    allow_loopback: bool = False,
) -> NewShop:
    """Make a shop.

    Raises:
        ShopError: the name is empty or the domain is not an origin.
    """
    if not name.strip() or not name.isprintable():
        raise ShopError("name", "must not be empty, nor hold control characters")
    origin = normalized_origin(domain, allow_loopback=allow_loopback)
    new = NewShop(0, secrets.token_urlsafe(16), secrets.token_urlsafe(32))
    shop_id = database.execute(
        text(
            "INSERT INTO shop (platform, name, domain, public_key, api_key_hash, feed)"
            " VALUES (:platform, :name, :domain, :public_key, :api_key_hash, :feed) RETURNING id"
        ),
        {
            "platform": platform,
            "name": name.strip(),
            "domain": origin,
            "public_key": new.public_key,
            "api_key_hash": _hashed(new.api_key),
            "feed": feed,
        },
    ).scalar_one()
    return NewShop(shop_id, new.public_key, new.api_key)


def normalized_origin(domain: str, *, allow_loopback: bool) -> str:
    """Scheme, host and port of a storefront's address.

    Raises:
        ShopError: it is not https (or, in development, http on loopback).
    """
    try:
        parts = urlsplit(domain.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", None
    if not host or parts.scheme not in {"https", "http"} or parts.username or parts.path not in {"", "/"}:
        raise ShopError("domain", "must look like https://shop.example")
    if parts.scheme == "http" and not (allow_loopback and host in LOOPBACK_HOSTS):
        words = "must begin with https:// (http is only for loopback, with STOCKBELL_ALLOW_LOOPBACK=1)"
        raise ShopError("domain", words)
    shown = f"[{host}]" if ":" in host else host
    usual = port in {None, {"https": 443, "http": 80}[parts.scheme]}  # browsers leave the usual port out
    return f"{parts.scheme}://{shown}" + ("" if usual else f":{port}")


def by_id(database: Connection, shop_id: int) -> Shop | None:
    """The shop with this number, or None; an uninstalled one is not found."""
    return _find(database, "id", shop_id)


def by_public_key(database: Connection, public_key: str) -> Shop | None:
    """The shop with this public key, or None."""
    return _find(database, "public_key", public_key)


def by_api_key(database: Connection, api_key: str) -> Shop | None:
    """The shop whose API key this is, or None."""
    return _find(database, "api_key_hash", _hashed(api_key))


def of_merchant(database: Connection, merchant_id: int) -> list[Shop]:
    """The shops that a merchant may see, oldest first."""
    rows = database.execute(
        text(
            "SELECT shop.*, shop.xmin::text AS version FROM shop JOIN membership ON membership.shop_id = shop.id"
            " WHERE merchant_id = :merchant AND uninstalled_at IS NULL ORDER BY shop.id"
        ),
        {"merchant": merchant_id},
    )
    return [_shop(row) for row in rows.mappings()]


def change_settings(database: Connection, shop_id: int, changes: Mapping[str, Any]) -> None:
    """Write checked settings; releases nothing (rule 4).

    Args:
        database: a transaction.
        shop_id: the shop.
        changes: any of the names in `SETTINGS`; customers_per_unit is "all" or a number.

    Raises:
        ShopError: a name is unknown or a rule's number is below 1.
    """
    unknown = set(changes) - SETTINGS
    if unknown:
        raise ShopError(min(unknown), "unknown setting")
    values = dict(changes)
    for name in RULE_SETTINGS & set(values):
        try:
            RestockSettings(**{name: values[name]})
        except ValueError as error:
            raise ShopError(name, str(error).removeprefix(f"{name} ")) from error
    if values.get("customers_per_unit") == "all":
        values["customers_per_unit"] = None
    if "feed" in values or "feed_interval_seconds" in values:
        database.execute(text("DELETE FROM feed_schedule WHERE shop_id = :id"), {"id": shop_id})
    if values:
        columns = ", ".join(f"{name} = :{name}" for name in values)  # only names from SETTINGS
        database.execute(text(f"UPDATE shop SET {columns} WHERE id = :id"), {**values, "id": shop_id})  # noqa: S608


RULE_SETTINGS = {"minimum_inventory", "customers_per_unit", "wait_minutes"}
SETTINGS = RULE_SETTINGS | {
    "double_opt_in",
    "locations",
    "sender_name",
    "sender_email",
    "postal_address",
    "locale",
    "currency",
    "feed",
    "feed_interval_seconds",
    "feed_max_loss_percent",
}


def _hashed(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode()).digest()  # the key itself is 256 random bits: no salt needed


def _find(database: Connection, column: Literal["id", "public_key", "api_key_hash"], value: object) -> Shop | None:
    query = f"SELECT *, xmin::text AS version FROM shop WHERE {column} = :value AND uninstalled_at IS NULL"  # noqa: S608
    row = database.execute(text(query), {"value": value}).mappings().first()
    return _shop(row) if row else None


def _shop(row: RowMapping) -> Shop:
    rules = RestockSettings(
        minimum_inventory=row["minimum_inventory"],
        customers_per_unit=row["customers_per_unit"] or "all",
        wait_minutes=row["wait_minutes"],
    )
    locations = row["locations"]
    plain = set(Shop.__slots__) - {"rules", "locations"}
    return Shop(
        **{name: row[name] for name in plain},
        rules=rules,
        locations=None if locations is None else tuple(locations),
    )
