"""The app as it is registered at Shopify, for views."""

from flask import request

from integrations.errors import SignatureError
from integrations.platforms.shopify.app import ShopifyApp, checked_domain
from plugin.web.errors import APIError
from plugin.web.parts import runtime

PLATFORM = "shopify"


def shopify_app() -> ShopifyApp:
    """Who we are to Shopify."""
    return ShopifyApp(**runtime().app_credentials(PLATFORM))


def shop_in_query() -> str:
    """The shop that the address names; unproven.

    Raises:
        APIError: 400, it is none of Shopify's.
    """
    try:
        return checked_domain(request.args.get("shop", ""))
    except SignatureError as error:
        raise APIError(400, str(error)) from error
