"""What the widget shows and asks"""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE shop ADD COLUMN widget_accent text DEFAULT '' NOT NULL,
                         ADD COLUMN widget_radius smallint,
                         ADD COLUMN widget_fields text[] DEFAULT '{}' NOT NULL,
                         ADD COLUMN widget_texts jsonb DEFAULT '{}' NOT NULL,
                         ADD CONSTRAINT shop_widget_radius_check CHECK (widget_radius BETWEEN 0 AND 40)
        """
    )
    op.execute("ALTER TABLE subscription ADD COLUMN quantity integer")


def downgrade() -> None:
    op.execute("ALTER TABLE subscription DROP COLUMN quantity")
    op.execute(
        """
        ALTER TABLE shop DROP COLUMN widget_accent, DROP COLUMN widget_radius, DROP COLUMN widget_fields,
                         DROP COLUMN widget_texts
        """
    )
