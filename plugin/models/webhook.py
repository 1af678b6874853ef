"""The inbox: webhooks of platforms, partitioned by month (`plugin.partitions`)."""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, SmallInteger, Table, text
from sqlalchemy.dialects.postgresql import JSONB

from plugin.db import metadata
from plugin.models.columns import moment, monthly_id, unchecked_shop_id, words

# Each partition has a unique index on (shop_id, delivery_id).
webhook = Table(
    "webhook",
    metadata,
    monthly_id("webhook_id_seq"),
    unchecked_shop_id(),
    words("delivery_id"),  # the platform's own
    Column("headers", JSONB, nullable=False),  # those that are needed to read the body
    Column("body", LargeBinary, nullable=False),  # as it came; empty once it is done, as it may hold personal data
    moment("received_at", nullable=False),
    # pending -> claimed -> done | failed | pending again
    words("state", default="pending"),
    words("error", default=""),  # why it failed, or has to be tried again
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    moment("due_at", nullable=False),
    words("claimed_by", nullable=True),
    moment("lease_until"),
    moment("finished_at"),
    CheckConstraint("state IN ('pending', 'claimed', 'done', 'failed')", name="state"),
    postgresql_partition_by="RANGE (id)",
)
Index(
    "webhook_pending_idx",
    webhook.c.shop_id,
    webhook.c.due_at,
    webhook.c.id,
    postgresql_where=text("state = 'pending'"),
)
Index("webhook_claimed_idx", webhook.c.shop_id, webhook.c.id, postgresql_where=text("state = 'claimed'"))
Index("webhook_failed_idx", webhook.c.shop_id, webhook.c.id, postgresql_where=text("state = 'failed'"))
