"""The tables, one file per subject. Engine and services write SQL on them; there are no entity objects."""

from plugin.models.catalog import catalog_sync, feed_schedule, inventory_level, variant
from plugin.models.installation import access_token, data_request, location
from plugin.models.restock import delivery_attempt, message, message_total, release, restock
from plugin.models.settings import flow, setting_change, setting_override
from plugin.models.shop import membership, merchant, shop
from plugin.models.shopper_event import shopper_event
from plugin.models.subscription import subscription, suppression
from plugin.models.webhook import webhook

__all__ = [
    "access_token",
    "catalog_sync",
    "data_request",
    "delivery_attempt",
    "feed_schedule",
    "flow",
    "inventory_level",
    "location",
    "membership",
    "merchant",
    "message",
    "message_total",
    "release",
    "restock",
    "setting_change",
    "setting_override",
    "shop",
    "shopper_event",
    "subscription",
    "suppression",
    "variant",
    "webhook",
]
