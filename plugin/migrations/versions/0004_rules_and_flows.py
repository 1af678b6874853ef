"""Rules and flows"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

STATES = "'unconfirmed', 'waiting', 'released', 'notified', 'undeliverable', 'unsubscribed'"


def upgrade() -> None:
    op.create_table(
        "setting_override",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["shop_id"], ["shop.id"], name=op.f("setting_override_shop_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("shop_id", "scope", "target", name=op.f("setting_override_pkey")),
    )
    op.create_table(
        "setting_change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_by", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("before", postgresql.JSONB(), nullable=True),
        sa.Column("after", postgresql.JSONB(), nullable=True),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("setting_change_shop_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("setting_change_pkey")),
    )
    op.create_index(
        "setting_change_newest_idx", "setting_change", ["shop_id", sa.literal_column("id DESC")], unique=False
    )
    op.create_table(
        "flow",
        sa.Column("shop_id", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("messages", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shop.id"], name=op.f("flow_shop_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("shop_id", "trigger", name=op.f("flow_pkey")),
    )
    op.add_column("shop", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("shop", sa.Column("messages_per_minute", sa.Integer(), nullable=True))
    op.create_check_constraint(op.f("shop_messages_per_minute_check"), "shop", "messages_per_minute >= 1")
    op.add_column("variant", sa.Column("overrides", postgresql.JSONB(), nullable=True))
    op.add_column("subscription", sa.Column("bought_at", sa.DateTime(timezone=True), nullable=True))
    op.drop_constraint(op.f("subscription_state_check"), "subscription")
    op.create_check_constraint(op.f("subscription_state_check"), "subscription", f"state IN ({STATES}, 'bought')")


def downgrade() -> None:
    op.execute("UPDATE subscription SET state = 'unsubscribed' WHERE state = 'bought'")
    op.drop_constraint(op.f("subscription_state_check"), "subscription")
    op.create_check_constraint(op.f("subscription_state_check"), "subscription", f"state IN ({STATES})")
    op.drop_column("subscription", "bought_at")
    op.drop_column("variant", "overrides")
    op.drop_constraint(op.f("shop_messages_per_minute_check"), "shop")
    op.drop_column("shop", "messages_per_minute")
    op.drop_column("shop", "paused_at")
    op.drop_table("flow")
    op.drop_table("setting_change")
    op.drop_table("setting_override")
