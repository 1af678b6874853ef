"""Shops install the application on their platform, change what it may do, remove it, and install it again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from integrations.types import AccessTokens, Location, ShopFacts
from plugin import models  # noqa: F401 (the tables)
from plugin.db import metadata
from plugin.domain import access, outbox, shops
from plugin.domain.errors import FieldError
from plugin.domain.shops import Shop, normalized_origin
from plugin.vault import Vault

INSTALL_LOCK = 7_365_010
CATALOG_SECONDS = 24 * 3600
"""The whole catalog is read so often; between, webhooks tell what changes."""
ERASE_MINUTES = 15
CLOCKS_DIFFER = timedelta(seconds=10)
"""So far a platform's clock may be behind ours."""


def install(  # noqa: PLR0913 (what an installation is made of)
    database: Connection,
    *,
    platform: str,
    platform_shop_id: str,
    facts: ShopFacts,
    tokens: AccessTokens,
    vault: Vault,
    now: datetime,
    allow_loopback: bool = False,
) -> int:
    """Take a shop in, or back, with its tokens, as one; returns its number.

    A shop that comes back finds everything as it was: its key, its settings, its lines. Installing twice is
    installing once.
    """
    lock = text("SELECT pg_advisory_xact_lock(:lock, hashtext(:shop))")
    database.execute(lock, {"lock": INSTALL_LOCK, "shop": f"{platform} {platform_shop_id}"})
    known = database.execute(_NEWEST, {"platform": platform, "id": platform_shop_id}).first()
    origins = usable_origins(facts.domains, allow_loopback=allow_loopback)
    if known is None:
        shop_id = shops.create_shop(
            database,
            platform=platform,
            name=facts.name,
            domain=origins[0],
            other_domains=origins[1:],
            platform_shop_id=platform_shop_id,
            allow_loopback=allow_loopback,
        ).shop_id
    else:
        shop_id = int(known.id)
    database.execute(_INSTALL, {"shop": shop_id, "now": now, "seconds": CATALOG_SECONDS})
    note_facts(database, shop_id, facts, allow_loopback=allow_loopback)
    access.keep(database, vault, shop_id, tokens, now)
    database.execute(_READ_CATALOG, {"shop": shop_id, "now": now})
    return shop_id


_NEWEST = text(
    "SELECT id, uninstalled_at FROM shop WHERE platform = :platform AND platform_shop_id = :id"
    " ORDER BY uninstalled_at DESC NULLS FIRST LIMIT 1 FOR UPDATE"  # one that is being erased is waited for
)
_INSTALL = text(
    "UPDATE shop SET"
    " returned_at = CASE WHEN uninstalled_at IS NULL THEN returned_at ELSE CAST(:now AS timestamptz) END,"
    " uninstalled_at = NULL, installed_at = :now, feed_interval_seconds = :seconds WHERE id = :shop"
)
_READ_CATALOG = text(
    "INSERT INTO feed_schedule (shop_id, due_at) VALUES (:shop, :now)"
    " ON CONFLICT (shop_id) DO UPDATE SET due_at = excluded.due_at"
)


def look_at_lines_again(database: Connection, shop_id: int, now: datetime) -> None:
    """Once, when the catalog of a shop that is back has been read: who waits for what can be bought now is told.

    Stock may have come back while the shop was away, and a restock that was going on was cut off. Each line gets a
    restock whose release is due now; by the rules it closes again where nothing can be bought.
    """
    back = text("UPDATE shop SET returned_at = NULL WHERE id = :shop AND returned_at IS NOT NULL RETURNING 1")
    if database.execute(back, {"shop": shop_id}).first() is None:
        return
    database.execute(
        text(
            "INSERT INTO restock (shop_id, variant_id, cause, opened_at, next_release_at)"
            " SELECT DISTINCT shop_id, variant_id, 'stock', CAST(:now AS timestamptz), CAST(:now AS timestamptz)"
            " FROM subscription WHERE shop_id = :shop AND state = 'waiting' ON CONFLICT DO NOTHING"
        ),
        {"shop": shop_id, "now": now},
    )


def note_facts(database: Connection, shop_id: int, facts: ShopFacts, *, allow_loopback: bool = False) -> None:
    """Write down a shop's name, addresses, currency, scopes and locations as the platform tells them."""
    origins = usable_origins(facts.domains, allow_loopback=allow_loopback)
    database.execute(
        text(
            "UPDATE shop SET name = :name, domain = :domain, currency = :currency,"
            # What the merchant has added stays.
            " other_domains = (SELECT coalesce(array_agg(DISTINCT each), '{}')"
            "   FROM unnest(other_domains || CAST(:others AS text[])) AS each WHERE each <> :domain)"
            " WHERE id = :shop"
        ),
        {
            "shop": shop_id,
            "name": " ".join(facts.name.split()) or origins[0],
            "domain": origins[0],
            "others": origins[1:],
            "currency": facts.currency,
        },
    )
    access.note_scopes(database, shop_id, facts.scopes)
    database.execute(text("DELETE FROM location WHERE shop_id = :shop"), {"shop": shop_id})
    rows = [
        {"shop": shop_id, "id": each.location_id, "name": each.name, "online": each.sells_online}
        for each in facts.locations
    ]
    if rows:
        query = "INSERT INTO location (shop_id, location_id, name, sells_online) VALUES (:shop, :id, :name, :online)"
        database.execute(text(query), rows)


def usable_origins(domains: Sequence[str], *, allow_loopback: bool) -> list[str]:
    """Those of a shop's addresses that pages can have, each once; at least one.

    Raises:
        FieldError: none can be used.
    """
    found: dict[str, None] = {}
    problem = FieldError("domain", "is missing")
    for domain in domains:
        try:
            found[normalized_origin(domain, allow_loopback=allow_loopback)] = None
        except FieldError as error:
            problem = error
    if not found:
        raise problem
    return list(found)


def locations(database: Connection, shop_id: int) -> list[Location]:
    """Where a shop keeps stock, by name."""
    query = "SELECT location_id, name, sells_online FROM location WHERE shop_id = :shop ORDER BY name, location_id"
    return [Location(*row) for row in database.execute(text(query), {"shop": shop_id})]


def check_locations(database: Connection, shop: Shop, wanted: Sequence[str]) -> None:
    """Refuse to count what does not sell online; what is chosen already may stay.

    Raises:
        FieldError: naming what cannot be chosen.
    """
    online = {each.location_id for each in locations(database, shop.id) if each.sells_online}
    wrong = sorted(set(wanted) - online - set(shop.locations or ()))
    if wrong:
        raise FieldError("locations", f"{', '.join(wrong)}: no location of this shop that sells online")


def gone(database: Connection, platform: str, platform_shop_id: str) -> int | None:
    """The number of a shop that has removed the application and is not erased yet."""
    query = "SELECT id FROM shop WHERE platform = :platform AND platform_shop_id = :id AND uninstalled_at IS NOT NULL"
    row = database.execute(
        text(f"{query} ORDER BY uninstalled_at DESC LIMIT 1"), {"platform": platform, "id": platform_shop_id}
    ).first()
    return int(row.id) if row else None


def renew(database: Connection, vault: Vault, shop_id: int, tokens: AccessTokens, now: datetime) -> None:
    """The shop lets the application in anew, as each time that it is opened: news of an uninstallation is old."""
    database.execute(text("UPDATE shop SET installed_at = :now WHERE id = :id"), {"id": shop_id, "now": now})
    access.keep(database, vault, shop_id, tokens, now)


def uninstall(database: Connection, shop_id: int, occurred_at: datetime | None, now: datetime) -> bool:
    """The shop has removed the application; False when it has installed it again since, and nothing happens."""
    query = text("SELECT FROM shop WHERE id = :id AND installed_at > CAST(:at AS timestamptz)")
    values = {"id": shop_id, "at": occurred_at + CLOCKS_DIFFER if occurred_at else None}
    if database.execute(query, values).first() is not None:
        return False
    remove(database, shop_id, now)
    return True


def remove(database: Connection, shop_id: int, now: datetime) -> None:
    """Nothing is sent for a shop any more, and nothing is left open; its lines are kept for the grace time."""
    values = {"id": shop_id, "now": now}
    database.execute(text("UPDATE shop SET uninstalled_at = :now WHERE id = :id"), values)
    database.execute(text("DELETE FROM access_token WHERE shop_id = :id"), values)
    outbox.withdraw_uninstalled(database, now)
    close = "UPDATE restock SET closed_at = :now, next_release_at = NULL, close_reason = 'uninstalled'"
    database.execute(text(f"{close} WHERE shop_id = :id AND closed_at IS NULL"), values)


def erase_shop(database: Connection, shop_id: int) -> None:
    """Forget a shop that has removed the application: no row of it stays. One that is installed is left alone."""
    query = text("SELECT FROM shop WHERE id = :id AND uninstalled_at IS NOT NULL FOR UPDATE")
    if database.execute(query, {"id": shop_id}).first() is None:
        return
    database.execute(text(f"SET LOCAL statement_timeout = '{ERASE_MINUTES}min'"))
    attempts = "DELETE FROM delivery_attempt USING message WHERE message_id = message.id AND message.shop_id = :id"
    database.execute(text(attempts), {"id": shop_id})
    for table in reversed(metadata.sorted_tables):
        if "shop_id" in table.c:
            database.execute(text(f"DELETE FROM {table.name} WHERE shop_id = :id"), {"id": shop_id})  # noqa: S608
    database.execute(text("DELETE FROM shop WHERE id = :id"), {"id": shop_id})
