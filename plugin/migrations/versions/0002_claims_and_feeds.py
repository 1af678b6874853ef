"""Claims and feeds"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("message", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("variant", sa.Column("total_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("variant", sa.Column("feed_stock", sa.Text(), nullable=True))
    op.execute(
        "UPDATE variant SET total_at = stock_at WHERE stock_at IS NOT NULL AND NOT EXISTS ("
        " SELECT FROM inventory_level AS level"
        "  WHERE level.shop_id = variant.shop_id AND level.variant_id = variant.variant_id)"
    )
    # As if the feed had said what is known: otherwise the next reading would undo what was pushed.
    op.execute(
        "UPDATE variant SET feed_stock = coalesce(available::text, 'unlimited') FROM shop"
        " WHERE shop.id = shop_id AND feed <> '' AND removed_at IS NULL"
    )


def downgrade() -> None:
    op.drop_column("variant", "feed_stock")
    op.drop_column("variant", "total_at")
    op.drop_column("message", "claimed_at")
