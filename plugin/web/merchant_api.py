"""What merchants' programs call, with the shop's API key."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flask import g, request
from flask.views import MethodView

from integrations.types import CatalogVariant, InventoryLevel, Order
from plugin.db import in_transaction
from plugin.domain import (
    catalog,
    leaving,
    overrides,
    overview,
    purchases,
    settings_history,
    shops,
    stock,
    subscriptions,
    timeline,
    variants,
)
from plugin.domain.overrides import EffectiveRules, Override
from plugin.domain.overview import Waiting
from plugin.domain.shops import Shop
from plugin.domain.timeline import Timeline
from plugin.runtime import now
from plugin.web.actions import change_settings, notify_now, put_flow, put_override, ring, try_again
from plugin.web.errors import APIError
from plugin.web.parts import SECURED, Blueprint, runtime
from plugin.web.schemas import (
    MOST_ID_CHARS,
    MOST_NUMBER,
    CatalogResultSchema,
    CatalogSchema,
    ChangedSettingsSchema,
    EffectiveRulesSchema,
    EffectSchema,
    ErasedSchema,
    ErrorSchema,
    EventsResultSchema,
    EventsSchema,
    FailedWebhookListSchema,
    FailedWebhookQuerySchema,
    FlowChangeSchema,
    FlowSchema,
    InventoryResultSchema,
    InventorySchema,
    MessageAgainSchema,
    MessageListSchema,
    MessageQuerySchema,
    NotifiedSchema,
    OverrideListSchema,
    PersonSchema,
    RestockListSchema,
    RulesSchema,
    SettingHistoryQuerySchema,
    SettingHistorySchema,
    SettingsSchema,
    SubscriptionListSchema,
    SubscriptionQuerySchema,
    TimelineSchema,
    WaitingSchema,
    is_web_address,
)

BY_PROGRAM = "a program, with the API key"
"""Who changes settings here, as the history says it."""

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
        shop, levels = g.shop, data["levels"]
        outcome = in_transaction(runtime().engine, lambda database: stock.apply_levels(database, shop, levels, now()))
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


@blueprint.route("/waiting")
class WaitingLines(MethodView):
    """The waiting lines."""

    @blueprint.response(200, WaitingSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self) -> Waiting:
        """Who waits for what, and whom "notify now" would tell, as after a change of settings."""
        with runtime().engine.connect() as database:
            return overview.waiting(database, g.shop)


@blueprint.route("/variants/<id:variant_id>/restocks")
class VariantRestocks(MethodView):
    """What came of stock changes."""

    @blueprint.response(200, RestockListSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown variant")
    @blueprint.doc(**SECURED)
    def get(self, variant_id: str) -> dict[str, Any]:
        """The newest restocks of a variant, which releases each had, and how many people were let out of the line."""
        with runtime().engine.connect() as database:
            if variants.state(database, g.shop.id, variant_id) is None:
                raise APIError(404, "This shop does not sell this variant.", code="unknown_variant")
            return {"restocks": timeline.of_variant(database, g.shop.id, variant_id)}


@blueprint.route("/settings")
class Settings(MethodView):
    """The shop's settings."""

    @blueprint.response(200, SettingsSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self) -> dict[str, Any]:
        """All settings."""
        return shops.settings_of(g.shop)

    @blueprint.arguments(SettingsSchema)
    @blueprint.response(200, ChangedSettingsSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def patch(self, changes: dict[str, Any]) -> dict[str, Any]:
        """Change some settings; nothing is sent because of it."""
        feed = changes.get("feed", "")
        if feed and feed != g.shop.feed and not is_web_address(feed):
            # Which files of the machine are read is for who runs it to say, by the command.
            raise APIError(422, fields={"feed": ["Must be an address that begins with https://."]})
        shop = change_settings(g.shop, changes, BY_PROGRAM)
        return {**shops.settings_of(shop), **_effect(shop)}


@blueprint.route("/settings/history")
class SettingHistory(MethodView):
    """Who changed what."""

    @blueprint.arguments(SettingHistoryQuerySchema, location="query")
    @blueprint.response(200, SettingHistorySchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Every change of settings, overrides and flows, with who made it and when, newest first."""
        with runtime().engine.connect() as database:
            changes = [dict(row) for row in settings_history.page(database, g.shop.id, **wanted)]
        full = len(changes) == wanted["limit"]
        return {"changes": changes, "next": str(changes[-1]["id"]) if full else None}


@blueprint.route("/settings/overrides")
class Overrides(MethodView):
    """Settings for parts of the catalog."""

    @blueprint.response(200, OverrideListSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self) -> dict[str, Any]:
        """All of them."""
        with runtime().engine.connect() as database:
            return {"overrides": overrides.all_of(database, g.shop.id)}


@blueprint.route("/settings/overrides/<scope>/<id:target>")
class OneOverride(MethodView):
    """Settings for one collection (or tag), product or variant."""

    @blueprint.arguments(RulesSchema)
    @blueprint.response(200, EffectSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown scope")
    @blueprint.doc(**SECURED)
    def put(self, settings: dict[str, Any], scope: str, target: str) -> dict[str, int]:
        """Set or replace them. What is not named is taken from the next wider scope; nothing is sent because of it."""
        _check(scope, target)
        put_override(g.shop, Override(scope, target, settings), BY_PROGRAM)
        return _effect(g.shop)

    @blueprint.response(200, EffectSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="There is no such override")
    @blueprint.doc(**SECURED)
    def delete(self, scope: str, target: str) -> dict[str, int]:
        """Take them back; nothing is sent because of it."""
        _check(scope, target)
        with runtime().engine.begin() as database:
            if not overrides.remove(database, g.shop, scope, target, BY_PROGRAM):
                raise APIError(404, "There is no such override.")
        return _effect(g.shop)


def _check(scope: str, target: str) -> None:
    if scope not in overrides.SCOPES:
        raise APIError(404, f"An override is for one of: {', '.join(overrides.SCOPES)} (tags count as collections).")
    if len(target) > MOST_ID_CHARS:
        raise APIError(422, fields={"target": [f"Must have at most {MOST_ID_CHARS} characters."]})


def _effect(shop: Shop) -> dict[str, int]:
    """Whom "notify now" would tell, as nothing else tells them now."""
    with runtime().engine.connect() as database:
        return {"notifiable": overview.waiting(database, shop).notifiable}


@blueprint.route("/variants/<id:variant_id>/settings")
class VariantSettings(MethodView):
    """What holds for one variant."""

    @blueprint.response(200, EffectiveRulesSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown variant")
    @blueprint.doc(**SECURED)
    def get(self, variant_id: str) -> EffectiveRules:
        """Its rules, and which of them come from an override."""
        with runtime().engine.connect() as database:
            found = overrides.effective(database, g.shop, variant_id)
        if found is None:
            raise APIError(404, "This shop does not sell this variant.", code="unknown_variant")
        return found


@blueprint.route("/flows/back-in-stock")
class BackInStockFlow(MethodView):
    """What is sent when a variant is back."""

    @blueprint.response(200, FlowSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self) -> dict[str, Any]:
        """The flow, and what it does at present."""
        return _flow(g.shop)

    @blueprint.arguments(FlowChangeSchema)
    @blueprint.response(200, FlowSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def put(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Replace the flow; nobody is let out of the line because of it."""
        flow = put_flow(g.shop, wanted["state"], wanted["messages"], BY_PROGRAM)
        return _flow(replace(g.shop, flow=flow))


def _flow(shop: Shop) -> dict[str, Any]:
    with runtime().engine.connect() as database:
        found = overview.waiting(database, shop)
    people = "1 person is" if found.waiting == 1 else f"{found.waiting:,} people are"
    if shop.paused:
        sentence = f"Sending is paused for the whole shop: {people} in line, and nobody is told until the pause ends."
    elif shop.flow.is_live:
        sentence = f"The flow is live: {people} in line, and told when what they wait for is back."
    else:
        state = "a draft" if shop.flow.state == "draft" else "paused"
        sentence = f"The flow is {state}: {people} in line and more are taken in, but nobody is told until it is live."
    return {
        "state": shop.flow.state,
        "messages": shop.flow.messages,
        "waiting": found.waiting,
        "notifiable": found.notifiable,
        "sentence": sentence,
    }


@blueprint.route("/events")
class Events(MethodView):
    """What people did."""

    @blueprint.arguments(EventsSchema)
    @blueprint.response(200, EventsResultSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def post(self, data: dict[str, list[Order]]) -> dict[str, int]:
        """Tell of orders: who bought what they had asked for is told nothing more about it.

        The same order may be told again, and orders may come late.
        """
        shop, orders = g.shop, data["events"]
        ended = in_transaction(runtime().engine, lambda database: purchases.record(database, shop, orders, now()))
        return {"accepted": len(data["events"]), "ended": ended}


@blueprint.route("/people/erase")
class Erasure(MethodView):
    """The right to be forgotten."""

    @blueprint.arguments(PersonSchema)
    @blueprint.response(200, ErasedSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def post(self, person: dict[str, str]) -> dict[str, int]:
        """Remove a person's address from every request, and send nothing more; cannot be taken back."""
        shop_id, email = g.shop.id, person["email"]
        return {
            "erased": in_transaction(runtime().engine, lambda database: leaving.erase(database, shop_id, email, now()))
        }


@blueprint.route("/messages")
class Messages(MethodView):
    """Messages that need a look."""

    @blueprint.arguments(MessageQuerySchema, location="query")
    @blueprint.response(200, MessageListSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Those that were given up, or hand-overs of which nobody knows how they ended, newest first."""
        find = overview.dead_letters if wanted["state"] == "dead" else overview.uncertain
        with runtime().engine.connect() as database:
            found = find(database, g.shop.id, before=wanted["before"])
        return {"messages": found, "next": _next(found)}


def _next(found: Sequence[Any]) -> str | None:
    return str(found[-1]["id"]) if len(found) == overview.MOST_MESSAGES else None


@blueprint.route("/webhooks")
class FailedWebhooks(MethodView):
    """Webhooks that need a look."""

    @blueprint.arguments(FailedWebhookQuerySchema, location="query")
    @blueprint.response(200, FailedWebhookListSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.doc(**SECURED)
    def get(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """Those that were accepted and could not be handled, with why, newest first."""
        with runtime().engine.connect() as database:
            found = overview.failed_webhooks(database, g.shop.id, before=wanted["before"])
        return {"webhooks": found, "next": _next(found)}


@blueprint.route("/messages/<int:message_id>/try-again")
class MessageAgain(MethodView):
    """The merchant's decision about a message that was given up."""

    @blueprint.response(200, MessageAgainSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="There is no such message that was given up")
    @blueprint.doc(**SECURED)
    def post(self, message_id: int) -> dict[str, str]:
        """Hand it over once more, if it is still wanted and can still be bought."""
        if not try_again(g.shop, message_id):
            raise APIError(404, "This shop has no such message that was given up.")
        return {"state": "pending"}


@blueprint.route("/variants/<id:variant_id>/notify-now")
class NotifyNow(MethodView):
    """The merchant's own decision."""

    @blueprint.response(200, NotifiedSchema)
    @blueprint.alt_response(401, schema=ErrorSchema, description="No valid API key")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown variant")
    @blueprint.alt_response(409, schema=ErrorSchema, description="The flow is not live, or sending is paused")
    @blueprint.doc(**SECURED)
    def post(self, variant_id: str) -> dict[str, int]:
        """Let people out of the line now, as many as the rules let out; nobody when it cannot be bought."""
        return {"notified": notify_now(g.shop, variant_id)}
