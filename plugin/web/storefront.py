"""What shoppers' browsers call, from the shop's own pages only."""

from typing import Any, cast

from flask import Response, current_app, g, request
from flask.typing import ResponseReturnValue
from flask.views import MethodView

from plugin.domain import shopper_events, shops, variants
from plugin.domain.rules import is_sellable
from plugin.domain.shopper_events import ShopperEvent
from plugin.domain.shops import Shop
from plugin.runtime import now
from plugin.web import limits
from plugin.web.errors import APIError
from plugin.web.joining import sign_up
from plugin.web.parts import Blueprint, autocommit, runtime
from plugin.web.schemas import (
    ErrorSchema,
    ShopperEventsAcceptedSchema,
    ShopperEventsSchema,
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


@blueprint.before_request
def find_shop() -> ResponseReturnValue | None:
    """Find the shop, and let only its own pages in."""
    public_key = (request.view_args or {}).pop("public_key", "")
    request.max_content_length = MOST_BODY_BYTES
    g.shop = _shop(public_key, fresh=request.method != "POST")
    vouched_for = g.get("vouched_for")
    if vouched_for and vouched_for != (g.shop.platform, g.shop.platform_shop_id):
        raise APIError(404, "There is no shop with this key.", code="unknown_shop")
    if _is_foreign(g.shop):  # perhaps it has moved since it was read
        _read_shop_again()
    return Response(status=204) if request.method == "OPTIONS" else None


def _shop(public_key: str, *, fresh: bool = False) -> Shop:
    """A shop as this process remembers it, or as it is; `subscriptions.join` finds out when it has changed since.

    Raises:
        APIError: 404.
    """
    remembered: dict[str, Shop] = current_app.extensions.setdefault("stockbell.shops", {})
    shop = None if fresh else remembered.get(public_key)
    if shop is None:
        with autocommit() as database:
            shop = shops.by_public_key(database, public_key)
        if shop is None:
            raise APIError(404, "There is no shop with this key.", code="unknown_shop")
        if len(remembered) >= MOST_REMEMBERED_SHOPS:
            remembered.clear()
        remembered[public_key] = shop
    return shop


def _read_shop_again() -> Shop:
    """The request's shop as it is now.

    Raises:
        APIError: 404, it is gone; 403, its pages are elsewhere.
    """
    g.shop = _shop(g.shop.public_key, fresh=True)
    if _is_foreign(g.shop):
        raise APIError(403, "This shop's pages are elsewhere.", code="foreign_origin")
    return cast(Shop, g.shop)


def _is_foreign(shop: Shop) -> bool:
    if "vouched_for" in g:  # its platform says that the request comes from its pages
        return False
    origin = request.headers.get("Origin")
    return bool(origin) and origin not in shop.origins and origin != runtime().settings.public_url


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
        return _accepted(in_stock=sign_up(g.shop, data, _read_shop_again).in_stock)


def _accepted(*, in_stock: bool) -> dict[str, Any]:
    return {"status": "accepted", "confirmation_required": g.shop.double_opt_in, "in_stock": in_stock}


@blueprint.route("/events")
class Events(MethodView):
    """What visitors look at."""

    @blueprint.arguments(ShopperEventsSchema())
    @blueprint.response(202, ShopperEventsAcceptedSchema)
    @blueprint.alt_response(403, schema=ErrorSchema, description="Not the shop's page, or the shop wants no events")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown shop")
    @blueprint.alt_response(429, schema=ErrorSchema, description="Too many; see Retry-After")
    def post(self, data: dict[str, Any]) -> dict[str, str]:
        """Tell what a visitor looked at, put into the cart or began to buy.

        Only with the visitor's consent. Each event counts once, however often it is told.
        """
        shop = _read_shop_again()
        if not shop.widget_events:
            raise APIError(403, "This shop does not want events: its setting widget_events is off.", code="events_off")
        limits.check_events(shop)
        events: list[ShopperEvent] = data["events"]
        with runtime().engine.begin() as database:
            shopper_events.record(database, shop.id, data["visitor_id"], events, now())
        return {"status": "accepted"}


@blueprint.route("/variants/<id:variant_id>")
class VariantState(MethodView):
    """A variant, as the widget sees it."""

    @blueprint.response(200, VariantStateSchema)
    @blueprint.alt_response(403, schema=ErrorSchema, description="Called from a page that is not the shop's")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown shop or variant")
    def get(self, variant_id: str) -> ResponseReturnValue:
        """Whether a variant can be bought, and how many wait."""
        shop: Shop = g.shop
        with autocommit() as database:
            found = variants.state(database, shop.id, variant_id)
        if found is None:
            raise APIError(404, "This shop does not sell this variant.", code="unknown_variant")
        available = is_sellable(found["available"], shop.rules_with(found["overrides"]))
        body = {"variant_id": variant_id, "available": available, "waiting": found["waiting"]}
        return body, {"Cache-Control": f"public, max-age={STATE_SECONDS}"}
