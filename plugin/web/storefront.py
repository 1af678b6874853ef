"""What shoppers' browsers call, from the shop's own pages only."""

from typing import Any

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView
from sqlalchemy import Connection, text

from plugin.domain import shops, subscriptions
from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop
from plugin.domain.subscriptions import Joined, Request, ShopChangedError, UnknownVariantError
from plugin.runtime import now
from plugin.web import limits
from plugin.web.errors import APIError
from plugin.web.parts import Blueprint, runtime
from plugin.web.schemas import (
    ErrorSchema,
    SubscriptionAcceptedSchema,
    SubscriptionRequestSchema,
    VariantStateSchema,
)

STATE_SECONDS = 10
MOST_BODY_BYTES = 16 * 1024
PREFLIGHT_SECONDS = 24 * 3600
MOST_REMEMBERED_SHOPS = 10_000

blueprint = Blueprint(
    "storefront",
    __name__,
    url_prefix="/api/v1/storefront/<key:public_key>",
    description="Called by the widget from the shop's own pages",
)


def sign_up(database: Connection, shop: Shop, data: dict[str, Any]) -> Joined:
    """Put a shopper into the line: the one way for the widget and the hosted form.

    Raises:
        APIError: 429, or 404 for a variant that the shop does not sell.
    """
    may_ask = limits.check_sign_up(shop, data["email"])
    wish = Request(
        variant_id=data["variant_id"],
        email=data["email"],
        locale=data["locale"] or "",
        page_url=data["page_url"] or "",
        marketing_consent=data["marketing_consent"],
    )
    try:
        joined = subscriptions.join(database, shop, wish, now(), may_ask_confirmation=may_ask)
    except UnknownVariantError:
        message = "This shop does not sell this variant."
        raise APIError(404, message, code="unknown_variant", fields={"variant_id": [message]}) from None
    if joined.message_due:
        limits.count_confirmation(data["email"])
        runtime().doorbell.deliver(shop.id)
    return joined


def autocommit() -> Connection:
    """A connection on which each statement is its own transaction."""
    return runtime().quick_engine.connect()


def _remembered_shop(public_key: str) -> Shop:
    """A shop as this process knows it; `subscriptions.join` finds out when that is no longer true."""
    known: dict[str, Shop] = current_app.extensions.setdefault("stockbell.shops", {})
    shop = known.get(public_key)
    if shop is None:
        if len(known) >= MOST_REMEMBERED_SHOPS:
            known.clear()
        shop = known[public_key] = _read_shop(public_key)
    return shop


def _forget_shop(shop: Shop) -> None:
    current_app.extensions.get("stockbell.shops", {}).pop(shop.public_key, None)


def _read_shop(public_key: str) -> Shop:
    with autocommit() as database:
        shop = shops.by_public_key(database, public_key)
    if shop is None:
        raise APIError(404, "There is no shop with this key.", code="unknown_shop")
    return shop


@blueprint.before_request
def find_shop() -> ResponseReturnValue | None:
    """Find the shop, and let only its own pages in."""
    public_key = (request.view_args or {}).pop("public_key", "")
    g.shop = _remembered_shop(public_key) if request.method == "POST" else _read_shop(public_key)
    request.max_content_length = MOST_BODY_BYTES
    if _is_foreign(g.shop):  # perhaps the shop has moved since it was remembered
        _forget_shop(g.shop)
        g.shop = _read_shop(public_key)
    _check_origin(g.shop)
    return Response(status=204) if request.method == "OPTIONS" else None


def _is_foreign(shop: Shop) -> bool:
    origin = request.headers.get("Origin")
    return bool(origin) and origin not in shop.origins and origin != runtime().settings.public_url


def _check_origin(shop: Shop) -> None:
    if _is_foreign(shop):
        raise APIError(403, "This shop's pages are elsewhere.", code="foreign_origin")


@blueprint.after_request
def allow_own_pages(response: Response) -> Response:
    """CORS: the shop's own origins, no credentials."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    shop: Shop | None = g.get("shop")
    if origin and shop and origin in shop.origins:
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = "Retry-After"
        if request.method == "OPTIONS":
            response.headers["Access-Control-Allow-Methods"] = "GET, POST"
            response.headers["Access-Control-Allow-Headers"] = "Content-Type"
            response.headers["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
    return response


@blueprint.route("/subscriptions")
class Subscriptions(MethodView):
    """Requests to be told."""

    @blueprint.arguments(SubscriptionRequestSchema())
    @blueprint.response(202, SubscriptionAcceptedSchema)
    @blueprint.alt_response(403, schema=ErrorSchema, description="Called from a page that is not the shop's")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown shop or variant")
    @blueprint.alt_response(429, schema=ErrorSchema, description="Too many; see Retry-After")
    def post(self, data: dict[str, Any]) -> dict[str, Any]:
        """Tell me when this variant can be bought again.

        The answer is the same for a new, a known and a suppressed address.
        """
        if data["website"]:  # a robot is told what people are told
            return _accepted(in_stock=False)
        try:
            with autocommit() as database:
                return _accepted(in_stock=sign_up(database, g.shop, data).in_stock)
        except ShopChangedError:
            _forget_shop(g.shop)
            g.shop = _remembered_shop(g.shop.public_key)
            _check_origin(g.shop)
            with autocommit() as database:
                return _accepted(in_stock=sign_up(database, g.shop, data).in_stock)


def _accepted(*, in_stock: bool) -> dict[str, Any]:
    return {"status": "accepted", "confirmation_required": g.shop.double_opt_in, "in_stock": in_stock}


@blueprint.route("/variants/<id:variant_id>")
class VariantState(MethodView):
    """A variant, as the widget sees it."""

    @blueprint.response(200, VariantStateSchema)
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown shop or variant")
    def get(self, variant_id: str) -> ResponseReturnValue:
        """Whether a variant can be bought, and how many wait."""
        shop: Shop = g.shop
        with autocommit() as database:
            row = database.execute(_STATE, {"shop": shop.id, "variant": variant_id}).first()
        if row is None:
            raise APIError(404, "This shop does not sell this variant.", code="unknown_variant")
        available = is_sellable(row.available, shop.rules)
        body = {"variant_id": variant_id, "available": available, "waiting": row.waiting}
        return body, {"Cache-Control": f"public, max-age={STATE_SECONDS}"}


_STATE = text(
    """
    SELECT available, (SELECT count(*) FROM subscription
                        WHERE subscription.shop_id = :shop AND subscription.variant_id = variant.variant_id
                          AND state = 'waiting') AS waiting
      FROM variant WHERE shop_id = :shop AND variant_id = :variant AND removed_at IS NULL
    """
)
