"""Shops, their settings, and the people who run them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from plugin.db import metadata
from plugin.models.columns import identity, moment, shop_id, words

shop = Table(
    "shop",
    metadata,
    identity(),
    words("platform"),
    words("name"),
    words("domain"),  # origin of the storefront
    Column("other_domains", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),  # more origins of it
    words("public_key"),
    words("platform_shop_id", nullable=True),  # how the platform knows it; the public key where there is none
    Column("api_key_hash", LargeBinary, nullable=False),
    words("locale", default="en"),
    words("currency", default=""),
    moment("created_at", default_now=True),
    moment("installed_at", default_now=True),  # for the last time
    moment("uninstalled_at"),
    moment("returned_at"),  # installed again, and its catalog not read since
    Column("welcome_hidden", Boolean, nullable=False, server_default=text("false")),
    # The rules of restocking (plugin/domain/rules.py).
    Column("minimum_inventory", Integer, nullable=False, server_default=text("1")),
    Column("customers_per_unit", Integer),  # NULL is "all"
    Column("wait_minutes", Integer, nullable=False, server_default=text("60")),
    Column("locations", ARRAY(TEXT)),  # the ones that count; NULL is every one
    words("oversold", default="hide"),  # what is sold when out of stock: hide (unlimited), alert (on what is there)
    # How much is sent, and when.
    moment("paused_at"),  # nothing is handed over while it is set
    Column("messages_per_minute", Integer),  # NULL is as many as can be
    # How people are asked and written to.
    Column("double_opt_in", Boolean, nullable=False, server_default=text("true")),
    words("sender_name", default=""),
    words("sender_email", default=""),
    words("postal_address", default=""),
    # What shoppers see on the shop's pages.
    words("widget_accent", default=""),  # "#rrggbb"
    Column("widget_radius", SmallInteger),  # pixels
    Column("widget_fields", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    Column("widget_texts", JSONB, nullable=False, server_default=text("'{}'")),  # language -> name -> text
    Column("widget_events", Boolean, nullable=False, server_default=text("false")),
    # Custom catalogs.
    words("feed", default=""),
    Column("feed_interval_seconds", Integer, nullable=False, server_default=text("900")),
    Column("feed_max_loss_percent", Integer, nullable=False, server_default=text("20")),
    UniqueConstraint("public_key"),
    UniqueConstraint("api_key_hash"),
    CheckConstraint("minimum_inventory >= 1", name="minimum_inventory"),
    CheckConstraint("customers_per_unit >= 1", name="customers_per_unit"),
    CheckConstraint("wait_minutes >= 1", name="wait_minutes"),
    CheckConstraint("oversold IN ('hide', 'alert')", name="oversold"),
    CheckConstraint("messages_per_minute >= 1", name="messages_per_minute"),
    CheckConstraint("widget_radius BETWEEN 0 AND 40", name="widget_radius"),
    CheckConstraint("feed_interval_seconds >= 1", name="feed_interval"),
    CheckConstraint("feed_max_loss_percent BETWEEN 0 AND 100", name="feed_max_loss"),
)

Index(
    "shop_platform_id_key",
    shop.c.platform,
    shop.c.platform_shop_id,
    unique=True,
    postgresql_where=text("uninstalled_at IS NULL"),
)

merchant = Table(
    "merchant",
    metadata,
    identity(),
    words("email"),
    words("password_hash"),
    moment("created_at", default_now=True),
    UniqueConstraint("email"),
)

membership = Table(
    "membership",
    metadata,
    shop_id(primary_key=True),
    Column("merchant_id", BigInteger, ForeignKey("merchant.id", ondelete="CASCADE"), primary_key=True),
)
