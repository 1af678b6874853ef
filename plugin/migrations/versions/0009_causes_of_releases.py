"""Causes of releases"""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # What let these people out; NULL for releases of before, whose restock tells it.
    op.execute("ALTER TABLE release ADD COLUMN cause text")
    # A shop that comes back is another one with the same id on its platform.
    op.drop_constraint("shop_platform_platform_shop_id_key", "shop")
    op.execute(
        "CREATE UNIQUE INDEX shop_platform_id_key ON shop (platform, platform_shop_id) WHERE uninstalled_at IS NULL"
    )
    # Made by older code while the columns were new.
    op.execute("UPDATE shop SET platform_shop_id = public_key WHERE platform = 'custom' AND platform_shop_id IS NULL")


def downgrade() -> None:
    op.execute("DROP INDEX shop_platform_id_key")
    op.create_unique_constraint("shop_platform_platform_shop_id_key", "shop", ["platform", "platform_shop_id"])
    op.execute("ALTER TABLE release DROP COLUMN cause")
