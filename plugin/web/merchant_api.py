"""What merchants' programs call, with the shop's API key."""

from typing import Any

from flask import g, request
from flask.views import MethodView

from integrations.types import CatalogVariant, InventoryLevel
from plugin.domain import catalog, shops, stock, subscriptions, timeline
from plugin.domain.shops import Shop
from plugin.domain.timeline import Timeline
from plugin.runtime import now
from plugin.web.actions import change_settings, notify_now, ring
from plugin.web.errors import APIError
from plugin.web.parts import SECURED, Blueprint, runtime
from plugin.web.schemas import (
    MOST_NUMBER,
    CatalogResultSchema,
    CatalogSchema,
    ErrorSchema,
    InventoryResultSchema,
    InventorySchema,
    NotifiedSchema,
    RestockListSchema,
    SettingsSchema,
    SubscriptionListSchema,
    SubscriptionQuerySchema,
    TimelineSchema,
    is_web_address,
)

blueprint = Blueprint("merchant_api", __name__, url_prefix="/api/v1", description="Called by merchants' programs")


@blueprint.before_request
def find_shop() -> None:
    """Find the shop whose key this is."""
    scheme, _, api_key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and api_key:
        with runtime().engine.connect() as database:
            g.shop = shops.by_api_key(database, api_key.strip())
    if g.get("shop") is None:
        raise APIError(401, headers={"WWW-Authenticate": 'Bearer realm="stockbell"'})


@blueprint.route("/inventory")
class Inventory(MethodView):
    """Stock."""

    @blueprint.arguments(InventorySchema)
    @blueprint.response(200, InventoryResultSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def put(self, data: dict[str, list[InventoryLevel]]) -> dict[str, Any]:
        """Set stock, of up to 1,000 variants or locations at once.

        A level whose updated_at is older than what is known is ignored. Of several for the same variant and location
        without a time the last counts; a level without location is the total of all.
        """
        with runtime().engine.begin() as database:
            outcome = stock.apply_levels(database, g.shop, data["levels"], now())
        return {
            "changed": outcome.changed,
            "ignored": outcome.ignored,
            "unknown_ids": outcome.unknown,
            "notified": ring(g.shop, outcome.released),
        }


@blueprint.route("/catalog/variants")
class CatalogVariants(MethodView):
    """The catalog."""

    @blueprint.arguments(CatalogSchema)
    @blueprint.response(200, CatalogResultSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def put(self, data: dict[str, list[CatalogVariant]]) -> dict[str, Any]:
        """Add or change variants; those that are not named stay as they are.

        Of several with the same id the first counts.
        """
        taken = catalog.put_variants(runtime().engine, g.shop, data["variants"], now)
        return {
            "written": taken.written,
            "stock_changes": taken.stock_changes,
            "notified": ring(g.shop, taken.released),
        }


@blueprint.route("/subscriptions")
class Subscriptions(MethodView):
    """Who asked for what."""

    @blueprint.arguments(SubscriptionQuerySchema, location="query")
    @blueprint.response(200, SubscriptionListSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Subscriptions, oldest first, page by page."""
        with runtime().engine.connect() as database:
            found = [dict(row) for row in subscriptions.page(database, g.shop.id, **wanted)]
        full = len(found) == wanted["limit"]
        return {"subscriptions": found, "next": str(found[-1]["id"]) if full else None}


@blueprint.route("/subscriptions/<int:subscription_id>/timeline")
class SubscriptionTimeline(MethodView):
    """Why."""

    @blueprint.response(200, TimelineSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown subscription")
    @blueprint.doc(**SECURED)
    def get(self, subscription_id: int) -> Timeline:
        """What happened to a subscription, why, and what comes next."""
        story = None
        if subscription_id <= MOST_NUMBER:
            with runtime().engine.connect() as database:
                story = timeline.of_subscription(database, g.shop, subscription_id)
        if story is None:
            raise APIError(404, "This shop has no such subscription.", code="unknown_subscription")
        return story


@blueprint.route("/variants/<id:variant_id>/restocks")
class VariantRestocks(MethodView):
    """What came of stock changes."""

    @blueprint.response(200, RestockListSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self, variant_id: str) -> dict[str, Any]:
        """The newest restocks of a variant, which releases each had, and how many people were told."""
        with runtime().engine.connect() as database:
            return {"restocks": timeline.of_variant(database, g.shop.id, variant_id)}


@blueprint.route("/settings")
class Settings(MethodView):
    """The shop's settings."""

    @blueprint.response(200, SettingsSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self) -> dict[str, Any]:
        """All settings."""
        return settings_of(g.shop)

    @blueprint.arguments(SettingsSchema)
    @blueprint.response(200, SettingsSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def patch(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Change some settings; nothing is sent because of it."""
        feed = changes.get("feed", "")
        if feed and feed != g.shop.feed and not is_web_address(feed):
            # Which files of the machine are read is for who runs it to say, by the command.
            raise APIError(422, fields={"feed": ["Must be an address that begins with https://."]})
        return settings_of(change_settings(g.shop, changes))


def settings_of(shop: Shop) -> dict[str, Any]:
    """All settings by name."""
    rules = {name: getattr(shop.rules, name) for name in shops.RULE_SETTINGS}
    return {**{name: getattr(shop, name) for name in shops.SETTINGS - shops.RULE_SETTINGS}, **rules}


@blueprint.route("/variants/<id:variant_id>/notify-now")
class NotifyNow(MethodView):
    """The merchant's own decision."""

    @blueprint.response(200, NotifiedSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown variant")
    @blueprint.doc(**SECURED)
    def post(self, variant_id: str) -> dict[str, int]:
        """Let people out of the line now, as many as the rules let out; nobody when it cannot be bought."""
        return {"notified": notify_now(g.shop, variant_id)}
