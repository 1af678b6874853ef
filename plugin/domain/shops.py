"""Shops: creating them, finding them, their settings."""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, text

from plugin.domain import flows, settings_history
from plugin.domain.errors import FieldError
from plugin.domain.flows import Flow
from plugin.domain.rules import RestockSettings
from plugin.domain.settings_history import Change

RULES_LOCK = 7_365_005
LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}


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
    platform_shop_id: str = ""
    """How the platform knows it; its public key where there is none."""
    oversold: str = "hide"
    """What is sold when out of stock: "hide" takes it for unlimited, "alert" goes by what is really there."""
    welcome_hidden: bool = False
    """The merchant does not want to see the first steps any more."""
    flow: Flow = flows.USUAL
    """What is sent when a variant is back."""
    other_domains: tuple[str, ...] = ()
    """Where else its pages are: other countries, the platform's own address."""
    uninstalled_at: datetime | None = None
    """Since when the application is removed; it is kept for the grace time."""
    paused_at: datetime | None = None
    """Since when nothing is sent for this shop, by its own wish."""
    messages_per_minute: int | None = None
    widget_accent: str = ""
    """Colour of the button, "#rrggbb"; empty: the widget's own."""
    widget_radius: int | None = None
    """Of the corners, in pixels."""
    widget_fields: tuple[str, ...] = ()
    """What the form asks for besides the address: some of `WIDGET_FIELDS`."""
    widget_texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """The shop's own wording, by language and name of the text."""
    widget_events: bool = False
    """Whether the shop's pages tell what consenting visitors look at."""

    @property
    def origins(self) -> frozenset[str]:
        """Origins of the storefront's pages: each of its domains, with and without "www."."""
        found = set()
        for domain in (self.domain, *self.other_domains):
            scheme, _, host = domain.partition("://")
            twin = host.removeprefix("www.") if host.startswith("www.") else f"www.{host}"
            found |= {domain, f"{scheme}://{twin}"}
        return frozenset(found)

    @property
    def is_gone(self) -> bool:
        """Whether it has removed the application."""
        return self.uninstalled_at is not None

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for this shop at present."""
        return self.paused_at is not None

    def rules_with(self, overrides: Mapping[str, Any] | None) -> RestockSettings:
        """The rules for a variant.

        Args:
            overrides: what stands in `variant.overrides`.
        """
        return replace(self.rules, **overrides) if overrides else self.rules

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


def create_shop(  # noqa: PLR0913 (what a shop is made of)
    database: Connection,
    *,
    platform: str,
    name: str,
    domain: str,
    other_domains: Sequence[str] = (),
    feed: str = "",
    platform_shop_id: str = "",
    allow_loopback: bool = False,
) -> NewShop:
    """Make a shop; without an id of the platform's own it is known by its public key.

    Raises:
        FieldError: the name is empty or the domain is not an origin.
    """
    if not name.strip() or not name.isprintable():
        raise FieldError("name", "must not be empty, nor hold control characters")
    origin = normalized_origin(domain, allow_loopback=allow_loopback)
    others = _other_origins(other_domains, allow_loopback=allow_loopback)
    new = NewShop(0, secrets.token_urlsafe(16), secrets.token_urlsafe(32))
    shop_id = database.execute(
        text(
            "INSERT INTO shop (platform, name, domain, other_domains, public_key, platform_shop_id, api_key_hash, feed)"
            " VALUES (:platform, :name, :domain, :other_domains, :public_key, :platform_shop_id, :api_key_hash, :feed)"
            " RETURNING id"
        ),
        {
            "platform": platform,
            "name": name.strip(),
            "domain": origin,
            "other_domains": others,
            "public_key": new.public_key,
            "platform_shop_id": platform_shop_id or new.public_key,
            "api_key_hash": _hashed(new.api_key),
            "feed": feed,
        },
    ).scalar_one()
    _read_feed_now(database, shop_id)
    return NewShop(shop_id, new.public_key, new.api_key)


def normalized_origin(domain: str, *, allow_loopback: bool) -> str:
    """Scheme, host and port of a storefront's address.

    Raises:
        FieldError: it is not https (or, in development, http on loopback).
    """
    try:
        parts = urlsplit(domain.strip())
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        parts, host, port = urlsplit(""), "", None
    if not host or parts.scheme not in {"https", "http"} or parts.username or parts.path not in {"", "/"}:
        raise FieldError("domain", "must look like https://shop.example")
    if parts.scheme == "http" and not (allow_loopback and host in LOOPBACK_HOSTS):
        words = "must begin with https:// (http is only for loopback, with STOCKBELL_ALLOW_LOOPBACK=1)"
        raise FieldError("domain", words)
    shown = f"[{host}]" if ":" in host else host
    usual = port in {None, {"https": 443, "http": 80}[parts.scheme]}  # browsers leave the usual port out
    return f"{parts.scheme}://{shown}" + ("" if usual else f":{port}")


def _other_origins(domains: Sequence[str], *, allow_loopback: bool) -> list[str]:
    """Each once.

    Raises:
        FieldError: one of them is no origin.
    """
    try:
        return list(dict.fromkeys(normalized_origin(each, allow_loopback=allow_loopback) for each in domains))
    except FieldError as error:
        raise FieldError("other_domains", f"each {error.message}") from error


def by_id(database: Connection, shop_id: int) -> Shop | None:
    """The shop with this number, or None; an uninstalled one is not found."""
    return _find(database, "id", shop_id)


def with_gone(database: Connection, shop_id: int) -> Shop | None:
    """The shop with this number, also one that has removed the application, or None."""
    row = database.execute(text(f"{_SELECT} WHERE shop.id = :id"), {"id": shop_id}).mappings().first()
    return _shop(row) if row else None


def by_public_key(database: Connection, public_key: str) -> Shop | None:
    """The shop with this public key, or None."""
    return _find(database, "public_key", public_key)


def by_platform(database: Connection, platform: str, platform_shop_id: str) -> Shop | None:
    """The shop that a platform knows by this id, or None."""
    query = f"{_SELECT} WHERE platform = :platform AND platform_shop_id = :id AND uninstalled_at IS NULL"
    row = database.execute(text(query), {"platform": platform, "id": platform_shop_id}).mappings().first()
    return _shop(row) if row else None


def on_platforms(database: Connection, platforms: Sequence[str]) -> list[int]:
    """The shops on these platforms."""
    query = text("SELECT id FROM shop WHERE platform = ANY (:platforms) AND uninstalled_at IS NULL ORDER BY id")
    return list(database.execute(query, {"platforms": list(platforms)}).scalars())


def webhook_secret(secret_key: str, shop: Shop) -> str:
    """What signs a shop's own webhooks, `whsec_...`: made from the installation's secret key and stored nowhere."""
    content = b"stockbell webhook\0%d\0" % shop.id + shop.public_key.encode()
    return "whsec_" + base64.b64encode(hmac.digest(secret_key.encode(), content, hashlib.sha256)).decode()


def by_api_key(database: Connection, api_key: str) -> Shop | None:
    """The shop whose API key this is, or None."""
    return _find(database, "api_key_hash", _hashed(api_key))


def hide_welcome(database: Connection, shop_id: int) -> None:
    """The merchant does not want to see the first steps any more."""
    database.execute(text("UPDATE shop SET welcome_hidden = true WHERE id = :id"), {"id": shop_id})


def of_merchant(database: Connection, merchant_id: int) -> list[Shop]:
    """The shops that a merchant may see, oldest first."""
    rows = database.execute(
        text(
            f"{_SELECT} JOIN membership ON membership.shop_id = shop.id"
            " WHERE merchant_id = :merchant AND uninstalled_at IS NULL ORDER BY shop.id"
        ),
        {"merchant": merchant_id},
    )
    return [_shop(row) for row in rows.mappings()]


def change_settings(
    database: Connection,
    shop_id: int,
    changes: Mapping[str, Any],
    by: str = "command line",
    now: datetime | None = None,
    *,
    allow_loopback: bool = False,
) -> None:
    """Write checked settings and keep what they were; releases nothing (rule 4).

    Args:
        database: a transaction.
        shop_id: the shop.
        changes: any of the names in `SETTINGS`; customers_per_unit is "all" or a number.
        by: who changes them, for the history.
        now: the moment; the present one when absent.
        allow_loopback: whether the storefront may be on this machine, without TLS.

    Raises:
        FieldError: a name is unknown, a rule's number is below 1, or an address is no origin.
    """
    unknown = set(changes) - SETTINGS
    if unknown:
        raise FieldError(min(unknown), "unknown setting")
    values = dict(changes)
    checked_rules({name: values[name] for name in RULE_SETTINGS & set(values)})
    row = database.execute(text(f"{_SELECT} WHERE shop.id = :id FOR NO KEY UPDATE OF shop"), {"id": shop_id})
    shop = _shop(row.mappings().one())
    before = settings_of(shop)
    if values.get("domain", shop.domain) != shop.domain:
        values["domain"] = normalized_origin(values["domain"], allow_loopback=allow_loopback)
    if "other_domains" in values:
        others, given = list(shop.other_domains), list(values["other_domains"])
        values["other_domains"] = others if given == others else _other_origins(given, allow_loopback=allow_loopback)
    kept = [Change(name, _plain(before[name]), _plain(values[name])) for name in sorted(values)]
    settings_history.add(database, shop_id, kept, by)
    if "paused" in values and values.pop("paused") != before["paused"]:
        _pause_or_go_on(database, shop, now or datetime.now(UTC))
    if values.get("customers_per_unit") == "all":
        values["customers_per_unit"] = None
    if "widget_texts" in values:
        values["widget_texts"] = json.dumps(values["widget_texts"])
    if values:
        columns = ", ".join(f"{name} = :{name}" for name in values)  # only names from SETTINGS
        database.execute(text(f"UPDATE shop SET {columns} WHERE id = :id"), {**values, "id": shop_id})  # noqa: S608
    if any(values.get(name, before[name]) != before[name] for name in ("feed", "feed_interval_seconds")):
        _read_feed_now(database, shop_id)


def _pause_or_go_on(database: Connection, shop: Shop, now: datetime) -> None:
    """Begin the shop's pause, or end it: what is due later is put off by as long as it was: no two releases meet."""
    paused_at = None if shop.paused else now
    database.execute(text("UPDATE shop SET paused_at = :at WHERE id = :id"), {"at": paused_at, "id": shop.id})
    if shop.paused:
        database.execute(
            text(
                "UPDATE restock SET next_release_at = next_release_at + (CAST(:now AS timestamptz)"
                " - greatest(opened_at, CAST(:paused_at AS timestamptz)))"
                " WHERE shop_id = :id AND closed_at IS NULL AND next_release_at IS NOT NULL"
            ),
            {"id": shop.id, "paused_at": shop.paused_at, "now": now},
        )


def _read_feed_now(database: Connection, shop_id: int) -> None:
    """Make a shop's feed due; a shop without one has no place in the schedule."""
    database.execute(text("DELETE FROM feed_schedule WHERE shop_id = :id"), {"id": shop_id})
    database.execute(
        text("INSERT INTO feed_schedule (shop_id, due_at) SELECT id, now() FROM shop WHERE id = :id AND feed <> ''"),
        {"id": shop_id},
    )


def checked_rules(values: Mapping[str, Any]) -> None:
    """Refuse what no rule covers.

    Raises:
        FieldError: a name that is none of a rule, or a number below 1.
    """
    for name, value in values.items():
        if name not in RULE_SETTINGS:
            raise FieldError(name, f"must be one of {', '.join(sorted(RULE_SETTINGS))}")
        try:
            RestockSettings(**{name: value})
        except ValueError as error:
            raise FieldError(name, str(error).removeprefix(f"{name} ")) from error


def settings_of(shop: Shop) -> dict[str, Any]:
    """All settings by name, as `change_settings` takes them."""
    rules = {name: getattr(shop.rules, name) for name in RULE_SETTINGS}
    return {**{name: getattr(shop, name) for name in SETTINGS - RULE_SETTINGS}, **rules}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def share_rules(database: Connection, shop_id: int) -> None:
    """Until this transaction ends, nobody changes which locations count, nor an override."""
    database.execute(
        text("SELECT pg_advisory_xact_lock_shared(:lock, CAST(:shop AS integer))"),
        {"lock": RULES_LOCK, "shop": shop_id},
    )


def lock_rules(database: Connection, shop_id: int) -> None:
    """Wait for everyone who shares the rules of this shop, and keep others out until this transaction ends."""
    database.execute(
        text("SELECT pg_advisory_xact_lock(:lock, CAST(:shop AS integer))"), {"lock": RULES_LOCK, "shop": shop_id}
    )


OVERSOLD = ("hide", "alert")
WIDGET_FIELDS = ("phone", "quantity", "marketing")
RULE_SETTINGS = {"minimum_inventory", "customers_per_unit", "wait_minutes"}
SETTINGS = RULE_SETTINGS | {
    "domain",
    "other_domains",
    "double_opt_in",
    "locations",
    "oversold",
    "messages_per_minute",
    "paused",
    "sender_name",
    "sender_email",
    "postal_address",
    "locale",
    "currency",
    "widget_accent",
    "widget_radius",
    "widget_fields",
    "widget_texts",
    "widget_events",
    "feed",
    "feed_interval_seconds",
    "feed_max_loss_percent",
}


def _hashed(api_key: str) -> bytes:
    return hashlib.sha256(api_key.encode()).digest()  # the key itself is 256 random bits: no salt needed


def _find(database: Connection, column: Literal["id", "public_key", "api_key_hash"], value: object) -> Shop | None:
    query = f"{_SELECT} WHERE shop.{column} = :value AND uninstalled_at IS NULL"
    row = database.execute(text(query), {"value": value}).mappings().first()
    return _shop(row) if row else None


_SELECT = """
    SELECT shop.*, shop.xmin::text AS version, flow.state AS flow_state, flow.messages AS flow_messages
      FROM shop LEFT JOIN flow ON flow.shop_id = shop.id AND trigger = 'back_in_stock'
"""


def _shop(row: RowMapping) -> Shop:
    rules = RestockSettings(
        minimum_inventory=row["minimum_inventory"],
        customers_per_unit=row["customers_per_unit"] or "all",
        wait_minutes=row["wait_minutes"],
    )
    locations = row["locations"]
    plain = set(Shop.__slots__) - {"rules", "locations", "other_domains", "widget_fields", "flow"}
    return Shop(
        **{name: row[name] for name in plain},
        rules=rules,
        locations=None if locations is None else tuple(locations),
        other_domains=tuple(row["other_domains"]),
        widget_fields=tuple(row["widget_fields"]),
        flow=flows.of_row(row["flow_state"], row["flow_messages"]),
    )
