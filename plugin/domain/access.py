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

    Whoever renews one holds its row, so others wait and take the new one. The platform answers before the row is
    written; if this process dies in between, the old refresh token is still good, as platforms accept it until the
    new one is first used.

    Raises:
        AuthError: there is none, or it cannot be renewed any more: the merchant has to open the application.
        IntegrationError: the platform does not answer.
    """
    with engine.connect() as database:
        pair = _read(database, vault, shop_id)
    if pair.are_fresh(clock()):
        return pair.access_token
    refused: AuthError | None = None
    with engine.begin() as database:
        pair = _read(database, vault, shop_id, lock=" FOR UPDATE")
        if pair.are_fresh(clock()):  # somebody else was faster
            return pair.access_token
        try:
            pair = renew(pair.refresh_token, clock())
        except AuthError as error:
            _mark_refused(database, shop_id, clock())
            refused = error
        else:
            keep(database, vault, shop_id, pair, clock())
    if refused:
        raise refused
    return pair.access_token


def _read(database: Connection, vault: Vault, shop_id: int, lock: str = "") -> AccessTokens:
    query = f"SELECT sealed, expires_at, scopes, refused_at FROM access_token WHERE shop_id = :shop{lock}"  # noqa: S608
    row = database.execute(text(query), {"shop": shop_id}).first()
    if row is None or row.refused_at:
        raise AuthError("The shop gives no access: open Stockbell in the shop's admin.", reason="no_access")
    try:
        access, refresh = json.loads(vault.open(bytes(row.sealed), PURPOSE, shop_id))
    except VaultError as error:
        log.warning("access_token_sealed", shop_id=shop_id)
        raise AuthError(str(error), reason="sealed") from error
    return AccessTokens(access, row.expires_at, refresh, frozenset(row.scopes))


def is_granted(database: Connection, shop_id: int, scopes: frozenset[str]) -> bool:
    """Whether there are tokens that the platform takes, for at least these scopes."""
    query = "SELECT scopes @> :scopes FROM access_token WHERE shop_id = :shop AND refused_at IS NULL"
    return bool(database.execute(text(query), {"shop": shop_id, "scopes": sorted(scopes)}).scalar())


def note_scopes(database: Connection, shop_id: int, scopes: frozenset[str]) -> None:
    """Write down what the shop lets us do now."""
    query = "UPDATE access_token SET scopes = :scopes WHERE shop_id = :shop"
    database.execute(text(query), {"shop": shop_id, "scopes": sorted(scopes)})


def note_refusal(engine: Engine, shop_id: int, now: datetime) -> None:
    """The platform takes the shop's token no longer."""
    with engine.begin() as database:
        _mark_refused(database, shop_id, now)


def _mark_refused(database: Connection, shop_id: int, now: datetime) -> None:
    query = "UPDATE access_token SET refused_at = coalesce(refused_at, :now) WHERE shop_id = :shop"
    database.execute(text(query), {"shop": shop_id, "now": now})
