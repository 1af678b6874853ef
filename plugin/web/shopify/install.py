"""Installation: a shop lets the app in, and the app takes the shop in.

Shops that install by Shopify itself arrive in `embedded.py`, with a session token. The way here is the
authorization-code grant, for apps that are installed by a link:
https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant
"""

import hmac
import secrets
import time

import structlog
from flask import Blueprint, Flask, redirect, request, session
from flask.typing import ResponseReturnValue

from integrations import platform_adapter
from integrations.errors import IntegrationError, SignatureError
from integrations.platforms.shopify import tokens
from integrations.platforms.shopify.app import NEEDED
from integrations.types import AccessTokens, ShopConnection
from plugin.domain import installations
from plugin.domain.errors import FieldError
from plugin.runtime import now
from plugin.web.errors import APIError
from plugin.web.parts import runtime
from plugin.web.shopify.app import PLATFORM, shop_in_query, shopify_app

log = structlog.get_logger(__name__)

STATE = "shopify_state"
blueprint = Blueprint("shopify_install", __name__, url_prefix="/install/shopify")


def init_app(app: Flask) -> None:
    """Add the way in."""
    app.register_blueprint(blueprint)


@blueprint.get("/")
def begin() -> ResponseReturnValue:
    """Send the merchant to Shopify, to grant what the app needs."""
    shop = shop_in_query()
    app = shopify_app()
    if "hmac" in request.args:
        _check_query()
    session[STATE] = state = secrets.token_urlsafe(24)
    return redirect(app.permission_url(shop, _callback_address(), state))


@blueprint.get("/callback")
def callback() -> ResponseReturnValue:
    """The merchant comes back: take the shop in, and lead to the app's page in its admin."""
    shop = _check_query()
    state = session.pop(STATE, "")
    if not state or not hmac.compare_digest(state.encode(), request.args.get("state", "").encode()):
        raise APIError(401, "This installation was not begun in this browser. Open the app in the shop's admin again.")
    app = shopify_app()
    try:
        granted = tokens.from_code(runtime().http, app, shop, request.args.get("code", ""), now())
    except IntegrationError as error:
        raise not_taken_in(shop, error) from error
    take_in(shop, granted)
    return redirect(app.address(shop, f"/admin/apps/{app.client_id}"))


def take_in(shop: str, granted: AccessTokens) -> int:
    """Write down a shop that lets the app in, and begin to read it; returns its number.

    Args:
        shop: a checked domain.
        granted: its tokens.

    Raises:
        APIError: 403, something was not granted; 502, Shopify does not answer.
    """
    missing = set(NEEDED) - granted.scopes
    if missing:
        words = f"The app needs these permissions, too: {', '.join(sorted(missing))}."
        raise APIError(
            403, f"{words} Open it in the shop's admin again and agree; if nobody asks you, install it anew."
        )
    connection = ShopConnection(
        "",
        "",
        credentials=runtime().app_credentials(PLATFORM),
        platform_shop_id=shop,
        access_token=lambda: granted.access_token,
        somebody_waits=True,
    )
    try:
        facts = platform_adapter(PLATFORM)(connection, runtime().http).read_shop()
        with runtime().engine.begin() as database:
            shop_id = installations.install(
                database,
                platform=PLATFORM,
                platform_shop_id=shop,
                facts=facts,
                tokens=granted,
                vault=runtime().vault,
                now=now(),
                allow_loopback=runtime().settings.allow_loopback,
            )
    except (IntegrationError, FieldError) as error:
        raise not_taken_in(shop, error) from error
    log.info("installed", shop_id=shop_id)
    runtime().doorbell.connect(shop_id)
    runtime().doorbell.sync_catalog(shop_id)
    return shop_id


def not_taken_in(shop: str, error: Exception) -> APIError:
    """What a merchant reads when Shopify does not do its part."""
    reason = getattr(error, "reason", "unusable")
    log.warning("not_installed", platform_shop_id=shop, reason=reason)
    return APIError(502, f"Shopify does not let us in yet: {error} Load this page again in a moment.")


def _check_query() -> str:
    """The shop that Shopify vouches for.

    Raises:
        APIError: 401.
    """
    try:
        return shopify_app().check_query(request.query_string.decode("latin-1"), time.time())
    except SignatureError as error:
        raise APIError(401, str(error), code=error.reason) from error


def _callback_address() -> str:
    return f"{runtime().settings.public_url}/install/shopify/callback"
