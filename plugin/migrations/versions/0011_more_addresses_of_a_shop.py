"""More addresses of a shop"""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("ALTER TABLE shop ADD COLUMN other_domains text[] DEFAULT '{}' NOT NULL")


def downgrade() -> None:
    op.drop_column("shop", "other_domains")
