"""What comes from a shop's own pages through Shopify's app proxy: the storefront's API, at the shop's own address.

https://shopify.dev/docs/apps/build/online-store/app-proxies
"""

import time

from flask import Flask, g, request
from flask.typing import ResponseReturnValue

from integrations.errors import SignatureError
from plugin.web import storefront
from plugin.web.errors import APIError, answer
from plugin.web.parts import runtime
from plugin.web.shopify.app import PLATFORM, shopify_app

PREFIX = "/shopify/proxy"


def init_app(app: Flask) -> None:
    """Answer there what is answered at `/api/v1/storefront`, to nobody but Shopify."""
    blueprint = storefront.blueprint
    app.register_blueprint(blueprint, name="shopify_proxy", url_prefix=f"{PREFIX}{blueprint.url_prefix}")
    app.before_request(_only_shopify)


def _only_shopify() -> ResponseReturnValue | None:
    """Refuse what Shopify has not signed in the last moments; note for which shop it has."""
    if not request.path.startswith(f"{PREFIX}/"):
        return None
    try:
        shop = shopify_app().check_proxied(request.query_string.decode("latin-1"), time.time())
    except SignatureError as error:
        return answer(APIError(401, str(error), code=error.reason))
    g.vouched_for = (PLATFORM, shop)
    # The visitor's address stands before those of Shopify and of our own proxies.
    route = request.headers.get("X-Forwarded-For", "").replace(" ", "").split(",")
    hops = runtime().settings.trusted_proxies
    if route[0] and len(route) > hops:
        g.visitor_address = route[-1 - hops]
    return None
