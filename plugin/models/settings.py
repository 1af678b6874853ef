"""What a shop sets beside its own row: overrides, flows, and the history of all of it."""

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table
from sqlalchemy.dialects.postgresql import JSONB

from plugin.db import metadata
from plugin.models.columns import identity, moment, shop_id, words

setting_override = Table(
    "setting_override",
    metadata,
    shop_id(),
    words("scope"),  # collection, product, variant
    words("target"),
    Column("settings", JSONB, nullable=False),
    moment("changed_at", default_now=True),
    PrimaryKeyConstraint("shop_id", "scope", "target"),
)

flow = Table(
    "flow",
    metadata,
    shop_id(primary_key=True),
    words("trigger", primary_key=True),  # back_in_stock
    words("state"),  # draft, live, paused
    Column("messages", JSONB, nullable=False),  # in order: channel, after_minutes, smart_sending_hours
)

setting_change = Table(
    "setting_change",
    metadata,
    identity(),
    shop_id(),
    moment("changed_at", default_now=True),
    words("changed_by"),
    words("part"),  # shop, flow ..., or scope and target of an override
    words("name"),
    Column("before", JSONB),
    Column("after", JSONB),
)
Index("setting_change_newest_idx", setting_change.c.shop_id, setting_change.c.id.desc())
