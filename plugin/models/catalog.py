"""What the shop sells and how much of it there is."""

from sqlalchemy import BigInteger, Column, Index, Integer, Numeric, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT

from plugin.db import metadata
from plugin.models.columns import FILLFACTOR, identity, moment, shop_id, unchecked_shop_id, words

variant = Table(
    "variant",
    metadata,
    unchecked_shop_id(primary_key=True),
    words("variant_id", primary_key=True),
    words("product_id"),
    words("product_title"),
    words("variant_title", default=""),
    words("url", default=""),
    words("image_url", default=""),
    Column("price", Numeric),
    words("currency", default=""),
    Column("collections", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    Column("overrides", JSONB),  # what the shop's overrides come to here; NULL is nothing
    # Units over the locations that count; NULL is unlimited. The sum of inventory_level where there are rows.
    Column("available", BigInteger, server_default=text("0")),
    moment("stock_at"),  # the newest of the platform's own times of that quantity
    moment("total_at"),  # the platform's own time of the newest total; levels by location that are older are in it
    words("feed_stock", nullable=True),  # what the feed said last: units, "unlimited", or nothing yet
    moment("absent_since"),  # missing from the newest full catalog; a second time removes it
    moment("removed_at"),
    moment("updated_at", default_now=True),
    postgresql_with=FILLFACTOR,
)
Index("variant_absent_idx", variant.c.shop_id, postgresql_where=text("absent_since IS NOT NULL"))

inventory_level = Table(
    "inventory_level",
    metadata,
    unchecked_shop_id(primary_key=True),
    words("variant_id", primary_key=True),
    words("location_id", primary_key=True),
    Column("available", BigInteger),
    moment("updated_at"),
    postgresql_with=FILLFACTOR,
)

# Beside the shop, whose row would otherwise change at every reading.
# Every shop with a feed has a row.
feed_schedule = Table("feed_schedule", metadata, shop_id(primary_key=True), moment("due_at", nullable=False))
Index("feed_schedule_due_idx", feed_schedule.c.due_at)

catalog_sync = Table(
    "catalog_sync",
    metadata,
    identity(),
    shop_id(),
    moment("started_at", default_now=True),
    moment("finished_at"),
    words("state", default="running"),  # running, preparing (by the platform), done, unchanged, failed
    words("error", default=""),
    Column("rows", Integer, nullable=False, server_default=text("0")),
    Column("written", Integer, nullable=False, server_default=text("0")),
    Column("skipped", Integer, nullable=False, server_default=text("0")),
    Column("absent", Integer, nullable=False, server_default=text("0")),
    Column("removed", Integer, nullable=False, server_default=text("0")),
    Column("restocks", Integer, nullable=False, server_default=text("0")),
    Column("problems", JSONB, nullable=False, server_default=text("'[]'")),
    words("feed", default=""),  # the address that was read
    words("etag", default=""),
    words("last_modified", default=""),
    words("digest", default=""),
)
Index("catalog_sync_newest_idx", catalog_sync.c.shop_id, catalog_sync.c.id.desc())
