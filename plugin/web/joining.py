"""A shopper joins the line: the one way for the widget and for the hosted form."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError

from integrations import platform_adapter
from plugin.domain import subscriptions
from plugin.domain.shops import Shop
from plugin.domain.subscriptions import Joined, Request, ShopChangedError, UnknownVariantError
from plugin.runtime import now
from plugin.web import limits
from plugin.web.errors import APIError
from plugin.web.parts import autocommit, runtime


def sign_up(shop: Shop, data: dict[str, Any], read_again: Callable[[], Shop]) -> Joined:
    """Put a shopper into the line.

    Args:
        shop: the shop, as it was when it was read.
        data: what `SubscriptionRequestSchema` loads.
        read_again: reads the shop once more, when it turns out to have changed since.

    Raises:
        APIError: 429, or 404 for a variant that the shop does not sell.
    """
    allowance = limits.check_sign_up(shop, data["email"])
    wish = Request(
        variant_id=data["variant_id"],
        email=data["email"],
        locale=data["locale"] or "",
        page_url=data["page_url"] or "",
        marketing_consent=data["marketing_consent"],
        phone=data["phone"] or "",
        quantity=data["quantity"],
    )
    asked = False
    try:
        try:
            joined = _join(shop, wish, may_ask=allowance.granted)
        except ShopChangedError:
            joined = _join(read_again(), wish, may_ask=allowance.granted)
        asked = joined.message_due
    finally:
        if not asked:
            allowance.take_back()
    if asked:
        runtime().doorbell.deliver(shop.id)
    if joined.in_stock and platform_adapter(shop.platform).capabilities.inventory_reads:
        # Nobody asks for what can be bought: the webhook that said otherwise may be lost, so it is looked at again.
        runtime().doorbell.reconcile(shop.id)
    return joined


def _join(shop: Shop, wish: Request, *, may_ask: bool) -> Joined:
    try:
        return _try_join(shop, wish, may_ask=may_ask)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
    # The database was restarted since the connection was last used. Joining twice is joining once: nobody is lost.
    return _try_join(shop, wish, may_ask=may_ask)


def _try_join(shop: Shop, wish: Request, *, may_ask: bool) -> Joined:
    try:
        with autocommit() as database:
            return subscriptions.join(database, shop, wish, now(), may_ask_confirmation=may_ask)
    except UnknownVariantError:
        message = "This shop does not sell this variant."
        raise APIError(404, message, code="unknown_variant", fields={"variant_id": [message]}) from None
