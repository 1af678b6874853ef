"""The tables, one file per subject. Engine and services write SQL on them; there are no entity objects."""

from plugin.models.catalog import catalog_sync, feed_schedule, inventory_level, variant
from plugin.models.restock import delivery_attempt, message, release, restock
from plugin.models.shop import membership, merchant, shop
from plugin.models.subscription import subscription, suppression

__all__ = [
    "catalog_sync",
    "delivery_attempt",
    "feed_schedule",
    "inventory_level",
    "membership",
    "merchant",
    "message",
    "release",
    "restock",
    "shop",
    "subscription",
    "suppression",
    "variant",
]
