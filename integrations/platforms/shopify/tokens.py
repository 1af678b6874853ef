"""Access tokens: those of a shop are good for an hour, and come with one that renews them.

https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from integrations.errors import AuthError, PayloadError, ServerError
from integrations.http import HTTPClient, Response
from integrations.platforms.shopify.app import ShopifyApp
from integrations.platforms.shopify.graphql import answer_error
from integrations.types import AccessTokens

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 (a type of token)
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
MOST_SECONDS = 10.0
"""Somebody waits, and the shop's row is locked."""


def exchange(http: HTTPClient, app: ShopifyApp, shop: str, session_token: str, now: datetime) -> AccessTokens:
    """The shop's tokens, for the session token of a merchant who looks at our page in the admin.

    Raises:
        IntegrationError: Shopify refuses, or does not answer.
    """
    asked = {
        "grant_type": EXCHANGE,
        "subject_token": session_token,
        "subject_token_type": ID_TOKEN,
        "requested_token_type": OFFLINE,
    }
    return _ask(http, app, shop, asked, now)


def from_code(http: HTTPClient, app: ShopifyApp, shop: str, code: str, now: datetime) -> AccessTokens:
    """The shop's tokens, for the code that came with a merchant who has granted what the app needs.

    Raises:
        IntegrationError: Shopify refuses, or does not answer.
    """
    return _ask(http, app, shop, {"code": code}, now)


def refresh(http: HTTPClient, app: ShopifyApp, shop: str, refresh_token: str, now: datetime) -> AccessTokens:
    """The next pair. The one before stays good until the next is first used, so an answer that is lost costs nothing.

    Raises:
        AuthError: the app was taken away, or its secret changed.
        IntegrationError: Shopify does not answer.
    """
    return _ask(http, app, shop, {"grant_type": "refresh_token", "refresh_token": refresh_token}, now)


def _ask(http: HTTPClient, app: ShopifyApp, shop: str, asked: Mapping[str, str], now: datetime) -> AccessTokens:
    answer = http.request(
        "POST",
        app.address(shop, "/admin/oauth/access_token"),
        headers={"Accept": "application/json"},
        json={"client_id": app.client_id, "client_secret": app.client_secret, "expiring": "1", **asked},
        max_seconds=MOST_SECONDS,
        raise_for_status=False,
    )
    if answer.status in {400, 401, 403}:
        if not _is_oauths(answer):  # a firewall's, perhaps: it says nothing about the shop
            raise ServerError("Shopify's answer cannot be understood.")
        raise AuthError("Shopify gives no access to this shop: open the app in the shop's admin again.")
    if not 200 <= answer.status < 300:
        raise answer_error(answer)
    return _tokens(answer.json(), now)


def _is_oauths(answer: Response) -> bool:
    """Whether it is OAuth that refuses: it says why (RFC 6749, 5.2)."""
    try:
        told = answer.json()
    except PayloadError:
        return False
    return isinstance(told, dict) and isinstance(told.get("error"), str)


def _tokens(told: Any, now: datetime) -> AccessTokens:
    """Read an answer.

    Raises:
        PayloadError: it is none.
    """
    try:
        access, refresh_, scope, seconds = (
            told[name] for name in ("access_token", "refresh_token", "scope", "expires_in")
        )
        lasts = timedelta(seconds=float(seconds))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise PayloadError("Shopify's answer holds no tokens that expire.") from error
    if not all(isinstance(each, str) and each for each in (access, refresh_)) or not isinstance(scope, str):
        raise PayloadError("Shopify's answer holds no tokens that expire.")
    return AccessTokens(access, now + lasts, refresh_, frozenset(filter(None, scope.split(","))))
