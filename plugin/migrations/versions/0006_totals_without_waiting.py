"""Totals without waiting"""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("message_total_idx", "message_total", ["shop_id", "state"])
    op.drop_constraint("message_total_pkey", "message_total")


def downgrade() -> None:
    op.execute(
        "WITH taken AS (DELETE FROM message_total RETURNING *) INSERT INTO message_total (shop_id, state, messages)"
        " SELECT shop_id, state, sum(messages) FROM taken GROUP BY shop_id, state"
    )
    op.create_primary_key("message_total_pkey", "message_total", ["shop_id", "state"])
    op.drop_index("message_total_idx")
