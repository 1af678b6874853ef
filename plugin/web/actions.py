"""What a merchant does by program or by page: each once, for both."""

from collections.abc import Mapping, Sequence
from typing import Any

from integrations import platform_adapter
from plugin.domain import flows, installations, outbox, overrides, restocks, shops, stock
from plugin.domain.errors import FieldError
from plugin.domain.flows import Flow
from plugin.domain.overrides import Override
from plugin.domain.restocks import Released
from plugin.domain.shops import Shop
from plugin.runtime import now
from plugin.web.errors import APIError
from plugin.web.parts import runtime
from plugin.web.schemas import MOST_NUMBER


def ring(shop: Shop, released: Sequence[Released]) -> int:
    """Wake workers for what was released; returns how many people are told."""
    people = sum(each.people for each in released)
    if people:
        runtime().doorbell.deliver(shop.id, people)
    return people


def change_settings(shop: Shop, changes: dict[str, Any], by: str) -> Shop:
    """Write settings, with what follows from them; returns the shop as it is now.

    Args:
        shop: the shop.
        changes: some settings by name.
        by: who changes them, for the history.

    Raises:
        APIError: 422 naming the field.
    """
    can = platform_adapter(shop.platform).capabilities
    try:
        with runtime().engine.begin() as database:
            if can.locations and changes.get("locations"):
                installations.check_locations(database, shop, changes["locations"])
            allow_loopback = runtime().settings.allow_loopback
            shops.change_settings(database, shop.id, changes, by, allow_loopback=allow_loopback)
            changed = shops.by_id(database, shop.id)
            assert changed
            if {"locations", "oversold"} & changes.keys():
                stock.what_counts_changed(database, changed)
    except FieldError as error:
        raise APIError(422, fields={error.field: [error.message]}) from error
    if shop.oversold != changed.oversold and can.snippet_api:
        runtime().doorbell.connect(shop.id)  # the shop's pages are to know
    if shop.paused and not changed.paused:
        runtime().doorbell.deliver(shop.id)
    return changed


def put_override(shop: Shop, override: Override, by: str) -> None:
    """Set settings for a part of the catalog.

    Raises:
        APIError: 422 naming the field.
    """
    try:
        with runtime().engine.begin() as database:
            overrides.put(database, shop, override, by)
    except FieldError as error:
        raise APIError(422, fields={error.field: [error.message]}) from error


def put_flow(shop: Shop, state: str, messages: Sequence[Mapping[str, Any]], by: str) -> Flow:
    """Set what is sent when a variant is back.

    Raises:
        APIError: 422 naming the field.
    """
    try:
        flow = flows.checked(state, messages, channels=CHANNELS)
    except FieldError as error:
        raise APIError(422, fields={error.field: [error.message]}) from error
    with runtime().engine.begin() as database:
        flows.put(database, shop.id, flow, by)
    if flow.is_live and not shop.flow.is_live:  # what was held back may go now
        runtime().doorbell.deliver(shop.id)
    return flow


CHANNELS = ("email",)
"""What this installation can send by."""


def try_again(shop: Shop, message_id: int) -> bool:
    """Drive a message that was given up once more; False when the shop has no such message."""
    if message_id > MOST_NUMBER:
        return False
    with runtime().engine.begin() as database:
        found = outbox.try_again(database, shop.id, message_id, now())
    if found:
        runtime().doorbell.deliver(shop.id)
    return found


def notify_now(shop: Shop, variant_id: str) -> int:
    """Release by the merchant's wish; returns how many people are told.

    Raises:
        APIError: 404 for a variant that the shop does not sell; 409 while the flow is not live or sending is paused.
    """
    with runtime().engine.begin() as database:
        if restocks.lock_variant(database, shop, variant_id) is None:
            raise APIError(404, "This shop does not sell this variant.", code="unknown_variant")
        if not shop.flow.is_live:
            raise APIError(409, "Nobody is told while the flow is not live: set it live first.", code="flow_not_live")
        if shop.paused:
            raise APIError(409, "Nobody is told while sending is paused: end the pause first.", code="paused")
        released = restocks.notify_now(database, shop, variant_id, now())
    return ring(shop, [released] if released else [])
