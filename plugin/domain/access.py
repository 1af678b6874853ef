"""The tokens with which a platform lets us ask about a shop: kept sealed, renewed by one at a time, never lost."""

import json
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy import Connection, Engine, text

from integrations.errors import AuthError
from integrations.types import AccessTokens
from plugin.vault import Vault, VaultError

log = structlog.get_logger(__name__)

PURPOSE = "access_token"
Renew = Callable[[str, datetime], AccessTokens]
"""Refresh token and moment -> the next pair."""


def keep(database: Connection, vault: Vault, shop_id: int, tokens: AccessTokens, now: datetime) -> None:
    """Write down a pair in place of the one before."""
    pair = json.dumps([tokens.access_token, tokens.refresh_token]).encode()
    database.execute(
        text(
            "INSERT INTO access_token (shop_id, sealed, expires_at, scopes, granted_at)"
            " VALUES (:shop, :sealed, :expires_at, :scopes, :now) ON CONFLICT (shop_id) DO UPDATE"
            " SET sealed = excluded.sealed, expires_at = excluded.expires_at, scopes = excluded.scopes,"
            " granted_at = excluded.granted_at, refused_at = NULL"
        ),
        {
            "shop": shop_id,
            "sealed": vault.seal(pair, PURPOSE, shop_id),
            "expires_at": tokens.expires_at,
            "scopes": sorted(tokens.scopes),
            "now": now,
        },
    )


def token(engine: Engine, vault: Vault, shop_id: int, renew: Renew, clock: Callable[[], datetime]) -> str:
    """A token that is good now.

    What cannot be opened or renewed any more is marked, and asked for anew when the merchant opens the application.

    Raises:
        AuthError: there is none, or it cannot be renewed any more.
        IntegrationError: the platform does not answer.
    """
    try:
        return _token(engine, vault, shop_id, renew, clock)
    except AuthError as error:
        if error.reason != "no_access":
            with engine.begin() as database:
                database.execute(_REFUSED, {"shop": shop_id, "now": clock()})
        raise


def _token(engine: Engine, vault: Vault, shop_id: int, renew: Renew, clock: Callable[[], datetime]) -> str:
    """The same.

    Whoever renews one holds its row, so others wait and take the new one. The platform answers before the row is
    written; if this process dies in between, the old refresh token is still good, as platforms accept it until the
    new one is first used.
    """
    with engine.connect() as database:
        pair = _read(database, vault, shop_id)
    if pair.are_fresh(clock()):
        return pair.access_token
    with engine.begin() as database:
        pair = _read(database, vault, shop_id, is_to_change=True)
        if pair.are_fresh(clock()):  # somebody else was faster
            return pair.access_token
        pair = renew(pair.refresh_token, clock())
        keep(database, vault, shop_id, pair, clock())
    return pair.access_token


def _read(database: Connection, vault: Vault, shop_id: int, *, is_to_change: bool = False) -> AccessTokens:
    query = _PAIR_TO_CHANGE if is_to_change else _PAIR
    row = database.execute(query, {"shop": shop_id}).first()
    if row is None or row.refused_at:
        raise AuthError("The shop gives no access: open Stockbell in the shop's admin.", reason="no_access")
    try:
        access, refresh = json.loads(vault.open(bytes(row.sealed), PURPOSE, shop_id))
    except VaultError as error:
        log.warning("access_token_sealed", shop_id=shop_id)
        raise AuthError(str(error), reason="sealed") from error
    return AccessTokens(access, row.expires_at, refresh, frozenset(row.scopes))


_PAIR = text("SELECT sealed, expires_at, scopes, refused_at FROM access_token WHERE shop_id = :shop")
_PAIR_TO_CHANGE = text(f"{_PAIR.text} FOR UPDATE")
_REFUSED = text("UPDATE access_token SET refused_at = coalesce(refused_at, :now) WHERE shop_id = :shop")


def doubt(database: Connection, shop_id: int, since: datetime, now: datetime) -> None:
    """The platform did not take the shop's token: it is renewed before it is used again, which shows why.

    Args:
        database: a transaction.
        shop_id: the shop.
        since: when whoever was refused had begun; a pair that was written since then is not meant.
        now: the moment.
    """
    query = "UPDATE access_token SET expires_at = :now WHERE shop_id = :shop AND granted_at < :since"
    database.execute(text(query), {"shop": shop_id, "since": since, "now": now})


def is_granted(database: Connection, shop_id: int, scopes: frozenset[str]) -> bool:
    """Whether there are tokens that the platform takes, for at least these scopes."""
    query = "SELECT scopes @> :scopes FROM access_token WHERE shop_id = :shop AND refused_at IS NULL"
    return bool(database.execute(text(query), {"shop": shop_id, "scopes": sorted(scopes)}).scalar())


def note_scopes(database: Connection, shop_id: int, scopes: frozenset[str]) -> None:
    """Write down what the shop lets us do now."""
    query = "UPDATE access_token SET scopes = :scopes WHERE shop_id = :shop"
    database.execute(text(query), {"shop": shop_id, "scopes": sorted(scopes)})
