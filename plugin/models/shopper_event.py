"""What shoppers looked at, put into the cart and began to buy, partitioned by month (`plugin.partitions`)."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from plugin.db import metadata
from plugin.models.columns import moment, monthly_id, unchecked_shop_id, words

# Each partition has a unique index on (shop_id, event_id). An event lies in the month in which it happened, so that the
# same one told again, however late, meets itself.
shopper_event = Table(
    "shopper_event",
    metadata,
    monthly_id("shopper_event_id_seq"),
    unchecked_shop_id(),
    words("event_id"),  # made by who tells of it
    words("type"),
    words("visitor_id"),  # of one browser, by chance; says nothing about the person
    words("product_id"),
    words("variant_id", nullable=True),  # where it is known
    Column("quantity", Integer),
    moment("occurred_at", nullable=False),
    CheckConstraint("type IN ('viewed', 'added_to_cart', 'started_checkout')", name="type"),
    postgresql_partition_by="RANGE (id)",
)
Index("shopper_event_product_idx", shopper_event.c.shop_id, shopper_event.c.product_id, shopper_event.c.occurred_at)
