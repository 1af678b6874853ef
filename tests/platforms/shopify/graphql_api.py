"""The GraphQL Admin API: who may ask, at what price, and the answers."""

import ipaddress
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from flask import request
from flask.typing import ResponseReturnValue
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    build_schema,
    execute_sync,
    get_named_type,
    parse,
    validate,
    visit,
)

from tests.platforms.shopify.payloads import gid
from tests.platforms.shopify.plans import SCOPES, BulkQueryError, plan_of
from tests.platforms.shopify.prices import paid, price
from tests.platforms.shopify.resolvers import FIELDS, found, kind_of, resolve
from tests.platforms.shopify.shops import SimulatedShop
from tests.platforms.shopify.webhooks import Subscription, is_permitted

if TYPE_CHECKING:
    from tests.platforms.shopify.servers import Shopify

VERSIONS = {"2025-10", "2026-01", "2026-04", "2026-07", "2026-10"}
MOST_COST = 1000
MOST_METAFIELDS = 25
BAD_TOKEN = "[API] Invalid API key or access token (unrecognized login or wrong password)"


@cache
def schema() -> GraphQLSchema:
    """The part of Shopify's schema that `trim.py` has kept."""
    return build_schema(Path(__file__).with_name("schema.graphql").read_text("utf-8"))


class AdminAPI:
    """The API of all shops."""

    def __init__(self, shopify: "Shopify") -> None:
        """At its address."""
        self.shopify = shopify
        shopify.app.add_url_rule(
            "/<domain>/admin/api/<version>/graphql.json", view_func=shopify.locked(self.answer), methods=["POST"]
        )

    def answer(self, domain: str, version: str) -> ResponseReturnValue:
        """To one request."""
        shop = self.shopify.shops.get(domain)
        if shop is None or version not in VERSIONS:
            return {"errors": "Not Found"}, 404
        if not self.shopify.oauth.is_good(shop, request.headers.get("X-Shopify-Access-Token", "")):
            return {"errors": BAD_TOKEN}, 401
        asked = request.get_json()
        try:
            document = parse(asked["query"])
        except GraphQLError as error:
            return {"errors": [{"message": error.message}]}
        mistakes = validate(schema(), document)
        if mistakes:
            return {
                "errors": [{"message": each.message, "extensions": {"code": "undefinedField"}} for each in mistakes]
            }
        variables = asked.get("variables") or {}
        cost = price(schema(), document, variables)
        refusal = self._refusal(shop, document, cost)
        if refusal:
            return refusal
        shop.available -= cost
        self.shopify.requests.append(
            {"shop": domain, "query": asked["query"], "variables": variables, "cost": cost, "version": version}
        )
        self.shopify.bulk.look(shop)
        with shop.lock:
            answer = execute_sync(
                schema(),
                document,
                context_value=(self, shop, version),
                variable_values=variables,
                field_resolver=_resolve,
                type_resolver=lambda value, *_: kind_of(value),
            )
        actual = min(cost, paid(answer.data))
        shop.available += cost - actual
        return _shown(answer, _cost(shop, cost, actual))

    def _refusal(self, shop: SimulatedShop, document: DocumentNode, cost: float) -> dict[str, Any] | None:
        if cost > MOST_COST:
            message = f"Query cost is {cost:g}, which exceeds the single query max cost limit ({MOST_COST})."
            return {"errors": [{"message": message, "extensions": {"code": "MAX_COST_EXCEEDED", "cost": cost}}]}
        now = self.shopify.now
        shop.available = min(shop.maximum, shop.available + (now - shop.told_at) * shop.restore_rate)
        shop.told_at = now
        if cost > shop.available:
            throttled = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [throttled], "extensions": _cost(shop, cost, None)}
        missing = ", ".join(sorted(needed_scopes(document) - shop.scopes))
        if missing:
            denied = {"message": f"Access denied. Required access: {missing}.", "extensions": {"code": "ACCESS_DENIED"}}
            return {"errors": [denied]}
        return None

    # Mutations

    def bulk_operation_run_query(self, shop: SimulatedShop, given: Mapping[str, Any], _: str) -> Any:
        """Begin a bulk operation."""
        try:
            plan = plan_of(schema(), given["query"])
        except BulkQueryError as error:
            return _mistakes("bulkOperation", str(error), "query", "INVALID")
        operation = self.shopify.bulk.begin(shop, given["query"], plan)
        if operation is None:
            message = "A bulk query operation for this app and shop is already in progress: only 5 may run at once."
            return _mistakes("bulkOperation", message, None, "OPERATION_IN_PROGRESS")
        return {"bulkOperation": operation, "userErrors": []}

    def webhook_subscription_create(self, shop: SimulatedShop, given: Mapping[str, Any], version: str) -> Any:
        """Subscribe."""
        wanted, topic = given["webhookSubscription"], given["topic"]
        uri = wanted.get("uri") or wanted.get("callbackUrl") or ""
        word = next((each for each in TOPICS if each.upper().replace("/", "_") == topic), "unknown")
        message = ""
        if not _is_address(uri):
            message = "Address is not allowed: it must be https."
        elif not is_permitted(word, shop.scopes):
            message = "You cannot create a webhook subscription with the specified topic"
        elif any((each.topic, each.uri) == (topic, uri) for each in shop.webhooks.values()):
            message = "Address for this topic has already been taken"
        elif wanted.get("filter"):
            message = "The simulator knows no filters"
        if message:
            return _mistakes("webhookSubscription", message, "webhookSubscription.callbackUrl")
        number = self.shopify.next_id()
        made = Subscription(number, topic, uri, tuple(wanted.get("includeFields") or ()), version)
        shop.webhooks[number] = made
        return {"webhookSubscription": made, "userErrors": []}

    def webhook_subscription_delete(self, shop: SimulatedShop, given: Mapping[str, Any], _: str) -> Any:
        """Subscribe no longer."""
        gone = found(shop, given["id"], "WebhookSubscription")
        if gone is None:
            return _mistakes("deletedWebhookSubscriptionId", "Webhook subscription does not exist", "id")
        del shop.webhooks[gone.id]
        return {"deletedWebhookSubscriptionId": given["id"], "userErrors": []}

    def metafields_set(self, shop: SimulatedShop, given: Mapping[str, Any], _: str) -> Any:
        """Write metafields of the app's installation, all or none."""
        fields = given["metafields"]
        if len(fields) > MOST_METAFIELDS:
            return _mistakes("metafields", "Exceeded the maximum metafields input limit of 25.", "metafields")
        for place, each in enumerate(fields):
            if each["ownerId"] != gid("AppInstallation", shop.shop_id):
                return _mistakes("metafields", "Owner is not the app's.", f"metafields.{place}", "APP_NOT_AUTHORIZED")
            if not each.get("type"):
                return _mistakes("metafields", "Type can't be blank", f"metafields.{place}.type", "BLANK")
            if not each["value"]:
                return _mistakes("metafields", "Value can't be blank.", f"metafields.{place}.value", "BLANK")
        for each in fields:
            written = {"type": each["type"], "value": each["value"]}
            shop.metafields[each.get("namespace") or "$app", each["key"]] = written
        return {"metafields": [{"id": gid("Metafield", self.shopify.next_id())} for _ in fields], "userErrors": []}


MUTATIONS = {
    "bulkOperationRunQuery": AdminAPI.bulk_operation_run_query,
    "metafieldsSet": AdminAPI.metafields_set,
    "webhookSubscriptionCreate": AdminAPI.webhook_subscription_create,
    "webhookSubscriptionDelete": AdminAPI.webhook_subscription_delete,
}
TOPICS = (
    *("products/create", "products/update", "products/delete", "inventory_levels/update", "inventory_levels/connect"),
    *("inventory_levels/disconnect", "inventory_items/create", "inventory_items/update", "inventory_items/delete"),
    *("variants/in_stock", "variants/out_of_stock", "locations/create", "locations/update", "locations/activate"),
    *("locations/deactivate", "locations/delete", "orders/create", "app/uninstalled", "app/scopes_update"),
    *("bulk_operations/finish", "shop/update", "themes/publish", "orders/updated", "orders/paid", "checkouts/create"),
)
"""Those that can be subscribed to here."""


def needed_scopes(document: DocumentNode) -> set[str]:
    """What an app must be granted for a request."""
    needed: set[str] = set()

    class Seen(Visitor):
        def enter_field(self, *_: object) -> None:
            kind = info.get_type()
            name = get_named_type(kind).name if kind else ""
            needed.update({SCOPES[name]} if name in SCOPES else set())

    info = TypeInfo(schema())
    visit(document, TypeInfoVisitor(info, Seen()))
    return needed


def _resolve(source: Any, info: GraphQLResolveInfo[Any], **given: Any) -> Any:
    api, shop, version = info.context
    if info.parent_type.name == "Mutation":
        return MUTATIONS[info.field_name](api, shop, given, version)
    if isinstance(source, dict) and info.parent_type.name not in FIELDS:
        return source.get(info.field_name)
    return resolve(shop, info.parent_type.name, info.field_name, source, given)


def _mistakes(name: str, message: str, field: str | None, code: str | None = None) -> dict[str, Any]:
    told = {"message": message, "field": field.split(".") if field else None, "code": code}
    return {name: None, "userErrors": [told]}


def _is_address(uri: str) -> bool:
    try:
        address = urlsplit(uri)
        if address.scheme == "http":
            return address.hostname == "localhost" or ipaddress.ip_address(address.hostname or "").is_loopback
    except ValueError:
        return False
    return address.scheme == "https" and bool(address.hostname)


def _cost(shop: SimulatedShop, asked: float, actual: float | None) -> dict[str, Any]:
    status = {
        "maximumAvailable": shop.maximum,
        "currentlyAvailable": int(shop.available),
        "restoreRate": shop.restore_rate,
    }
    return {"cost": {"requestedQueryCost": asked, "actualQueryCost": actual, "throttleStatus": status}}


def _shown(answer: ExecutionResult, extensions: Mapping[str, Any]) -> ResponseReturnValue:
    shown: dict[str, Any] = {"data": answer.data, "extensions": extensions}
    if answer.errors:
        shown["errors"] = [
            {"message": each.message, "path": each.path, "extensions": each.extensions or {}} for each in answer.errors
        ]
    return shown
