"""Partitions by month

What there is becomes the first partition, without being copied: it takes what comes until this month ends.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# $ is where the partition's own name goes.
MESSAGE_ONCE = "CREATE UNIQUE INDEX $_once_key ON $ (subscription_id, release_id, channel, step) NULLS NOT DISTINCT"
MESSAGE_INDICES = {
    "message_pending_idx": "(shop_id, due_at, id) WHERE state = 'pending'",
    "message_claimed_idx": "(lease_until) WHERE state = 'claimed'",
    "message_dead_idx": "(shop_id, id) WHERE state = 'dead'",
    "message_uncertain_idx": "(shop_id, id) WHERE uncertain",
}
FOREIGN_KEYS = ("subscription", "release")
SEQUENCE = "CREATE SEQUENCE message_id_seq MAXVALUE 68719476735 CYCLE"  # 2^36 - 1


def upgrade() -> None:
    _make_functions()
    op.execute("LOCK TABLE message, delivery_attempt IN ACCESS EXCLUSIVE MODE")
    _count_finished()
    first = op.get_bind().execute(sa.text("SELECT coalesce(max(id), 0) + 1 FROM message")).scalar_one()
    end = op.get_bind().execute(sa.text("SELECT (month_of(now()) + 1) << 36")).scalar_one()
    op.execute("ALTER TABLE message ALTER COLUMN id DROP IDENTITY")
    op.execute(f"{SEQUENCE} START WITH {first} OWNED BY message.id")
    _set_aside("message", ["message_pkey", "message_once_key", *MESSAGE_INDICES])
    _make_message()
    op.execute("ALTER SEQUENCE message_id_seq OWNED BY message.id")
    _set_aside("delivery_attempt", ["delivery_attempt_pkey"])
    op.execute(
        "CREATE TABLE delivery_attempt (LIKE delivery_attempt_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS,"
        " CONSTRAINT delivery_attempt_pkey PRIMARY KEY (message_id, number)) PARTITION BY RANGE (message_id)"
    )
    for table in ("message", "delivery_attempt"):
        op.execute(f"ALTER TABLE {table} ATTACH PARTITION {table}_first FOR VALUES FROM (MINVALUE) TO ({end})")
        op.execute(f"CREATE TABLE {table}_default PARTITION OF {table} DEFAULT WITH (fillfactor = 80)")
    op.execute(MESSAGE_ONCE.replace("$", "message_default"))


def _make_functions() -> None:
    op.execute(
        """
        CREATE FUNCTION month_of(moment timestamptz) RETURNS bigint LANGUAGE sql STABLE RETURN
            extract(year FROM moment AT TIME ZONE 'UTC')::bigint * 12
            + extract(month FROM moment AT TIME ZONE 'UTC')::bigint - 1
        """
    )
    # Of the transaction's own month, so that what is written together lies together.
    op.execute(
        "CREATE FUNCTION monthly_id(sequence regclass) RETURNS bigint LANGUAGE sql VOLATILE"
        " RETURN (month_of(now()) << 36) | nextval(sequence)"
    )
    op.execute(
        "CREATE FUNCTION monthly_id(sequence regclass, beside bigint) RETURNS bigint LANGUAGE sql VOLATILE"
        " RETURN ((beside >> 36) << 36) | nextval(sequence)"
    )


def _count_finished() -> None:
    op.create_table(
        "message_total",
        sa.Column("shop_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("messages", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("shop_id", "state", name="message_total_pkey"),
        postgresql_with={"fillfactor": "80"},
    )
    op.execute(
        "INSERT INTO message_total (shop_id, state, messages) SELECT shop_id, state, count(*) FROM message"
        " WHERE kind = 'restock' AND state IN ('sent', 'skipped') GROUP BY shop_id, state"
    )


def _set_aside(table: str, indices: list[str]) -> None:
    op.execute(f"ALTER TABLE {table} RENAME TO {table}_first")
    for index in indices:
        op.execute(f"ALTER INDEX {index} RENAME TO {index.replace(table, f'{table}_first', 1)}")


def _make_message() -> None:
    op.execute(
        "CREATE TABLE message (LIKE message_first INCLUDING DEFAULTS INCLUDING CONSTRAINTS,"
        " CONSTRAINT message_pkey PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    )
    op.execute("ALTER TABLE message ALTER COLUMN id SET DEFAULT monthly_id('message_id_seq')")
    _index_message()


def _index_message() -> None:
    for table in FOREIGN_KEYS:
        op.create_foreign_key(f"message_{table}_id_fkey", "message", table, [f"{table}_id"], ["id"], ondelete="CASCADE")
    for name, what in MESSAGE_INDICES.items():
        op.execute(f"CREATE INDEX {name} ON message {what}")


def downgrade() -> None:
    op.execute("LOCK TABLE message, delivery_attempt IN ACCESS EXCLUSIVE MODE")
    op.execute("ALTER TABLE message ALTER COLUMN id DROP DEFAULT")
    for table in ("message", "delivery_attempt"):
        op.execute(
            f"CREATE TABLE {table}_whole (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (fillfactor = 80)"
        )
        op.execute(f"INSERT INTO {table}_whole SELECT * FROM {table}")  # noqa: S608
        op.execute(f"DROP TABLE {table}")
        op.execute(f"ALTER TABLE {table}_whole RENAME TO {table}")
    op.execute("ALTER TABLE delivery_attempt ADD CONSTRAINT delivery_attempt_pkey PRIMARY KEY (message_id, number)")
    op.execute("ALTER TABLE message ADD CONSTRAINT message_pkey PRIMARY KEY (id)")
    op.execute(
        "ALTER TABLE message ADD CONSTRAINT message_once_key"
        " UNIQUE NULLS NOT DISTINCT (subscription_id, release_id, channel, step)"
    )
    _index_message()
    first = op.get_bind().execute(sa.text("SELECT coalesce(max(id), 0) + 1 FROM message")).scalar_one()
    op.execute(f"ALTER TABLE message ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (START WITH {first})")
    op.drop_table("message_total")
    op.execute("DROP FUNCTION monthly_id(regclass), monthly_id(regclass, bigint), month_of(timestamptz)")
