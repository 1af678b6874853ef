"""What grew with the number of shops: the schedule of feeds, and pages of subscriptions"""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("feed_schedule_due_idx", "feed_schedule", ["due_at"])
    op.execute(
        "INSERT INTO feed_schedule (shop_id, due_at) SELECT id, now() FROM shop WHERE feed <> '' ON CONFLICT DO NOTHING"
    )
    op.create_index("subscription_page_idx", "subscription", ["shop_id", "id"])


def downgrade() -> None:
    op.drop_index("subscription_page_idx")
    op.drop_index("feed_schedule_due_idx")
