"""Restocks, their releases, and the outbox of messages.

Messages and what became of them are partitioned by month (`plugin.partitions`).
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    text,
)

from plugin.db import metadata
from plugin.models.columns import FILLFACTOR, identity, moment, monthly_id, unchecked_shop_id, words

restock = Table(
    "restock",
    metadata,
    identity(),
    unchecked_shop_id(),
    words("variant_id"),
    words("cause"),  # stock, notify_now
    moment("opened_at", nullable=False),
    moment("next_release_at"),
    moment("closed_at"),
    words("close_reason", default=""),  # everyone_told, not_sellable, nobody_waits, flow_not_live
    CheckConstraint("(closed_at IS NULL) = (next_release_at IS NOT NULL)", name="open_has_due_time"),
)
Index(
    "restock_open_key",
    restock.c.shop_id,
    restock.c.variant_id,
    unique=True,
    postgresql_where=text("closed_at IS NULL"),
)
Index("restock_due_idx", restock.c.next_release_at, postgresql_where=text("closed_at IS NULL"))
Index("restock_history_idx", restock.c.shop_id, restock.c.variant_id, restock.c.id)

release = Table(
    "release",
    metadata,
    identity(),
    unchecked_shop_id(),
    Column("restock_id", BigInteger, ForeignKey("restock.id", ondelete="CASCADE"), nullable=False, index=True),
    words("variant_id"),
    moment("released_at", nullable=False),
    Column("quantity", BigInteger),
    Column("minimum_inventory", Integer, nullable=False),
    Column("customers_per_unit", Integer),
    Column("wait_minutes", Integer, nullable=False),
    Column("people", Integer, nullable=False),
    words("cause", nullable=True),  # stock, due, notify_now; NULL where only the restock tells it
)

# Each partition has a unique index on (subscription_id, release_id, channel, step), NULLs not distinct. It holds over
# all of them, as the messages of a release lie in one month: whoever adds one in a later transaction numbers it by
# monthly_id('message_id_seq', <id of the release's first message>).
message = Table(
    "message",
    metadata,
    monthly_id("message_id_seq"),
    unchecked_shop_id(),
    Column("subscription_id", BigInteger, ForeignKey("subscription.id", ondelete="CASCADE"), nullable=False),
    Column("release_id", BigInteger, ForeignKey("release.id", ondelete="CASCADE")),
    words("kind"),  # restock, confirmation
    words("channel", default="email"),
    Column("step", SmallInteger, nullable=False, server_default=text("1")),
    # pending -> claimed -> sent | skipped | dead | pending again
    words("state", default="pending"),
    words("reason", default=""),
    moment("due_at", nullable=False),
    words("claimed_by", nullable=True),
    moment("claimed_at"),
    moment("lease_until"),
    Column("attempts", SmallInteger, nullable=False, server_default=text("0")),
    moment("created_at", nullable=False),
    moment("finished_at"),
    # Some attempt ended without anybody knowing how; delivery_attempt tells which.
    Column("uncertain", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint("state IN ('pending', 'claimed', 'sent', 'skipped', 'dead')", name="state"),
    postgresql_partition_by="RANGE (id)",
)
Index(
    "message_pending_idx",
    message.c.shop_id,
    message.c.due_at,
    message.c.id,
    postgresql_where=text("state = 'pending'"),
)
Index("message_claimed_idx", message.c.lease_until, postgresql_where=text("state = 'claimed'"))
Index("message_dead_idx", message.c.shop_id, message.c.id, postgresql_where=text("state = 'dead'"))

Index("message_uncertain_idx", message.c.shop_id, message.c.id, postgresql_where=text("uncertain"))

# Two writes for each mail: no foreign key, which would lock the message each time, and no index on what changes, so
# that the second write stays on its page.
delivery_attempt = Table(
    "delivery_attempt",
    metadata,
    Column("message_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", SmallInteger, primary_key=True, autoincrement=False),
    moment("begun_at", nullable=False),
    moment("ended_at"),
    words("outcome", nullable=True),  # accepted, temporary, permanent, uncertain; NULL while in hand
    words("detail", default=""),
    postgresql_partition_by="RANGE (message_id)",
)

# Restock messages that came to an end, all time: counting them would follow the history, and old ones are dropped. Each
# batch adds a row, for which nobody waits; now and then they are added up (`plugin.domain.overview.add_up`).
message_total = Table(
    "message_total",
    metadata,
    unchecked_shop_id(),
    words("state"),  # sent, skipped
    Column("messages", BigInteger, nullable=False),
    postgresql_with=FILLFACTOR,
)
Index("message_total_idx", message_total.c.shop_id, message_total.c.state)
