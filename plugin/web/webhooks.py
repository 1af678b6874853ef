"""Where platforms and custom shops' own programs send webhooks: written down first, answered then, handled later."""

from collections.abc import Mapping
from typing import Any

from flask import current_app, request
from flask.views import MethodView
from sqlalchemy.exc import DBAPIError

from integrations import PLATFORMS, platform_adapter
from integrations.base import PlatformAdapter
from integrations.errors import NotSupportedError, PayloadError, SignatureError
from plugin.domain import inbox, installations, shops
from plugin.domain.shops import Shop
from plugin.runtime import now
from plugin.settings import SettingsError
from plugin.web.errors import APIError
from plugin.web.parts import Blueprint, autocommit, runtime
from plugin.web.schemas import ErrorSchema, WebhookAcceptedSchema

MOST_BODY_BYTES = 1024 * 1024
MOST_REMEMBERED_SHOPS = 10_000

blueprint = Blueprint("webhooks", __name__, description="Called by platforms, and by custom shops' own programs")

_HEADERS = {
    "stockbell-shop": "The shop's public key",
    "webhook-id": "The same for each repetition of a delivery",
    "webhook-timestamp": "When it was sent, in seconds since 1970; at most 5 minutes ago",
    "webhook-signature": "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; several with spaces between them",
}
_DOCUMENTED: dict[str, Any] = {
    "parameters": [
        {"in": "header", "name": name, "required": False, "schema": {"type": "string"}, "description": words}
        for name, words in _HEADERS.items()
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "description": "As the platform sends it; for custom shops:",
                    "properties": {
                        "type": {"type": "string", "enum": ["inventory.updated", "order.created", "catalog.updated"]},
                        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened"},
                        "data": {"type": "object"},
                    },
                }
            }
        },
    },
}


@blueprint.route("/webhooks/<platform>")
class Webhooks(MethodView):
    """The inbox."""

    @blueprint.response(202, WebhookAcceptedSchema)
    @blueprint.alt_response(400, schema=ErrorSchema, description="It does not say which shop it is for")
    @blueprint.alt_response(401, schema=ErrorSchema, description="The signature is not right, or too old")
    @blueprint.alt_response(404, schema=ErrorSchema, description="Unknown platform or shop")
    @blueprint.alt_response(413, schema=ErrorSchema, description="Larger than 1 MB")
    @blueprint.alt_response(503, schema=ErrorSchema, description="Nothing was written: send it again")
    @blueprint.doc(**_DOCUMENTED)
    def post(self, platform: str) -> dict[str, str]:
        """Take a webhook of a platform, or (platform `custom`) of a shop's own program.

        It is accepted once it is safely written down, and handled right after. A repetition is accepted and does
        nothing. The headers are those of custom shops, by the Standard Webhooks specification; platforms have others.
        """
        if platform not in PLATFORMS:
            raise APIError(404, "There is no such platform.", code="unknown_platform")
        adapter = platform_adapter(platform)
        request.max_content_length = MOST_BODY_BYTES
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.get_data(cache=False)
        needed = {name: headers[name] for name in adapter.webhook_headers if name in headers}
        if adapter.capabilities.installation:
            return _take_from_platform(platform, headers, needed, body)
        platform_shop_id = _shop_id(adapter, headers, body)
        shop = _shop(platform, platform_shop_id)
        if shop is None:
            raise _unknown_shop()
        delivery_id = _verify(runtime().adapter(shop), headers, body)
        if not _receive(shop.id, delivery_id, needed, body):
            _remembered().pop((platform, platform_shop_id), None)
            raise _unknown_shop()
        runtime().doorbell.handle_webhooks(shop.id)
        return {"status": "accepted"}


def _take_from_platform(
    platform: str, headers: Mapping[str, str], needed: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """Take a webhook that is signed for the application, not for a shop.

    The platform is not to repeat what is about a shop that has gone: it is accepted, and only what the law asks for
    is done.
    """
    try:
        adapter = runtime().app_adapter(platform)
    except SettingsError as error:
        raise APIError(404, "Stockbell is not registered at this platform.", code="unknown_platform") from error
    delivery_id = _verify(adapter, headers, body)  # before anything else is looked at
    platform_shop_id = _shop_id(type(adapter), headers, body)
    is_duty = adapter.is_duty(headers)
    shop = _shop(platform, platform_shop_id)
    shop_id = shop.id if shop else None
    if is_duty and shop_id is None:
        with autocommit() as database:
            shop_id = installations.gone(database, platform, platform_shop_id)
    if shop_id is not None:
        if _receive(shop_id, delivery_id, needed, body, is_duty=is_duty):
            runtime().doorbell.ask_platform(shop_id)
        else:
            _remembered().pop((platform, platform_shop_id), None)
            if shop and _shop(platform, platform_shop_id):  # it has installed the application again
                return _take_from_platform(platform, headers, needed, body)
    return {"status": "accepted"}


def _shop_id(adapter: type[PlatformAdapter], headers: Mapping[str, str], body: bytes) -> str:
    """The platform's own id of the shop.

    Raises:
        APIError: 404, the platform sends no webhooks; 400, this one does not say.
    """
    try:
        return adapter.webhook_shop(headers, body)
    except NotSupportedError as error:
        raise APIError(404, str(error), code="no_webhooks") from error
    except PayloadError as error:
        raise APIError(400, str(error)) from error


def _verify(adapter: PlatformAdapter, headers: Mapping[str, str], body: bytes) -> str:
    """The delivery id.

    Raises:
        APIError: 401.
    """
    try:
        return adapter.verify_webhook(headers, body)
    except SignatureError as error:
        raise APIError(401, str(error), code=error.reason) from error


def _remembered() -> dict[tuple[str, str], Shop]:
    """Shops as this process has read them; whether one is still there is found out when the webhook is written."""
    shops_: dict[tuple[str, str], Shop] = current_app.extensions.setdefault("stockbell.webhook_shops", {})
    return shops_


def _shop(platform: str, platform_shop_id: str) -> Shop | None:
    """The shop, or None."""
    remembered = _remembered()
    shop = remembered.get((platform, platform_shop_id))
    if shop is None:
        with autocommit() as database:
            shop = shops.by_platform(database, platform, platform_shop_id)
        if shop is None:
            return None
        if len(remembered) >= MOST_REMEMBERED_SHOPS:
            remembered.clear()
        remembered[platform, platform_shop_id] = shop
    return shop


def _unknown_shop() -> APIError:
    return APIError(404, "There is no such shop here.", code="unknown_shop")


def _receive(shop_id: int, delivery_id: str, headers: Mapping[str, str], body: bytes, *, is_duty: bool = False) -> bool:
    try:
        return _try_receive(shop_id, delivery_id, headers, body, is_duty=is_duty)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    # The database was restarted since the connection was last used. Twice is once: the delivery id is the same.
    return _try_receive(shop_id, delivery_id, headers, body, is_duty=is_duty)


def _try_receive(shop_id: int, delivery_id: str, headers: Mapping[str, str], body: bytes, *, is_duty: bool) -> bool:
    with autocommit() as database:
        return inbox.receive(database, shop_id, delivery_id, headers, body, now(), is_duty=is_duty)
