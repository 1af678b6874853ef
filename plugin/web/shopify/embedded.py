"""The merchant's pages in a frame of Shopify's admin.

No cookie can be counted on there, so each request proves by a session token whose admin it comes from: App Bridge adds
it to what our script fetches, and Shopify to the address of the first page. A page that is asked for without one is an
empty frame, whose script fetches the real one.
https://shopify.dev/docs/apps/build/authentication-authorization/session-tokens
"""

from flask import Flask, Response, g, render_template, request
from flask.typing import ResponseReturnValue

from integrations.errors import IntegrationError, SignatureError
from integrations.platforms.shopify import tokens
from integrations.platforms.shopify.app import NEEDED, Claims, checked_domain
from plugin.domain import access, installations, shops
from plugin.domain.shops import Shop
from plugin.runtime import now
from plugin.web.merchant import pages
from plugin.web.merchant.door import Visitor, set_door
from plugin.web.parts import runtime
from plugin.web.shopify.app import PLATFORM, shopify_app
from plugin.web.shopify.install import not_taken_in, take_in

PREFIX = "/shopify"
_OTHERS_MAY = "script-src 'self' {cdn}; style-src 'self' 'unsafe-inline' {cdn}; connect-src 'self' {shopify}"
_OTHERS = {"cdn": "https://cdn.shopify.com", "shopify": "https://*.shopify.com https://*.shopifysvc.com"}


def init_app(app: Flask) -> None:
    """Show the merchant's pages under `/shopify`, too."""
    app.register_blueprint(pages, name=PLATFORM, url_prefix=PREFIX)
    with app.app_context():
        set_door(PLATFORM, door)
    app.context_processor(_in_frame)
    app.after_request(_allow_frame)


def is_embedded() -> bool:
    """Whether this request is for a page in Shopify's admin, be it one that is not there."""
    path = request.path
    return path == PREFIX or (path.startswith(f"{PREFIX}/") and not path.startswith(f"{PREFIX}/proxy/"))


def door() -> Visitor | ResponseReturnValue:
    """Let in who has a session token; the shop is taken in when it is new, or has been away."""
    token = _token()
    if not token and request.method == "GET":
        return _empty()
    try:
        claims = shopify_app().claims(f"Bearer {token}")
    except SignatureError:
        return _empty()
    g.shopify_shop = claims.shop
    g.csrf_valid = True  # no foreign page can send such a header, so forms need no token of their own
    shop = _shop(claims, token)
    return Visitor([shop], f"Shopify user {claims.user_id}", is_embedded=True)


def _empty() -> ResponseReturnValue:
    """A page that fetches the real one; App Bridge repeats a fetch that came too late with a fresh token."""
    return render_template("shopify/empty.html"), 401, {"X-Shopify-Retry-Invalid-Session-Request": "1"}


def _token() -> str:
    header = request.headers.get("Authorization", "")
    if header.startswith("Bearer "):
        return header.removeprefix("Bearer ").strip()
    return request.args.get("id_token", "") if request.method == "GET" else ""


def _shop(claims: Claims, token: str) -> Shop:
    """The shop, after it was taken in where that is needed.

    Raises:
        APIError: Shopify does not let us in.
    """
    with runtime().engine.connect() as database:
        shop = shops.by_platform(database, PLATFORM, claims.shop)
        is_granted = shop is not None and access.is_granted(database, shop.id, frozenset(NEEDED))
    if shop and is_granted and "id_token" not in request.args:
        return shop
    try:
        granted = tokens.exchange(runtime().http, shopify_app(), claims.shop, token, now())
    except IntegrationError as error:
        if shop and is_granted and not error.permanent:  # it works without, for now
            return shop
        raise not_taken_in(claims.shop, error) from error
    if shop and is_granted and granted.scopes.issuperset(NEEDED):  # the app was opened: perhaps it was away meanwhile
        with runtime().engine.begin() as database:
            installations.renew(database, runtime().vault, shop.id, granted, now())
        runtime().doorbell.connect(shop.id)
        return shop
    shop_id = take_in(claims.shop, granted)
    with runtime().engine.connect() as database:
        found = shops.by_id(database, shop_id)
    assert found
    return found


def _in_frame() -> dict[str, object]:
    """What every page in the frame begins with, pages of errors among them."""
    if not is_embedded():
        return {}
    app = shopify_app()
    shop = g.get("shopify_shop")
    editor = app.address(shop, "/admin/themes/current/editor?template=product") if shop else ""
    return {"embedded": {"client_id": app.client_id, "bridge": app.bridge, "theme_editor": editor}}


def _allow_frame(response: Response) -> Response:
    """This shop's admin, and no other page, may hold it in a frame."""
    if not is_embedded():
        return response
    app = shopify_app()
    shop = g.get("shopify_shop") or _named_shop()
    frames = " ".join(app.frames(shop)) if shop else "'none'"
    allowed = {"cdn": _OTHERS["cdn"] if app.is_real else app.bridge, "shopify": _OTHERS["shopify"]}
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; {_OTHERS_MAY.format(**allowed)}; img-src 'self' https: data:; form-action 'self';"
        f" base-uri 'none'; object-src 'none'; frame-ancestors {frames}"
    )
    return response


def _named_shop() -> str:
    try:
        return checked_domain(request.args.get("shop", ""))
    except SignatureError:
        return ""
