"""Shops that install the application on their platform"""

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.execute("ALTER TABLE shop ADD COLUMN installed_at timestamptz DEFAULT now() NOT NULL")
    op.execute("UPDATE shop SET installed_at = created_at")
    op.execute("ALTER TABLE shop ADD COLUMN returned_at timestamptz")
    op.execute("ALTER TABLE shop ADD COLUMN welcome_hidden boolean DEFAULT false NOT NULL")
    op.execute("ALTER TABLE shop ADD COLUMN oversold text DEFAULT 'hide' NOT NULL")
    op.execute("ALTER TABLE shop ADD CONSTRAINT shop_oversold_check CHECK (oversold IN ('hide', 'alert'))")
    op.execute(
        """
        CREATE TABLE access_token (
            shop_id bigint NOT NULL,
            sealed bytea NOT NULL,
            expires_at timestamptz,
            scopes text[] DEFAULT '{}' NOT NULL,
            granted_at timestamptz NOT NULL,
            refused_at timestamptz,
            CONSTRAINT access_token_pkey PRIMARY KEY (shop_id),
            CONSTRAINT access_token_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES shop (id) ON DELETE CASCADE
        )
        """
    )
    op.execute(
        """
        CREATE TABLE location (
            shop_id bigint NOT NULL,
            location_id text NOT NULL,
            name text NOT NULL,
            sells_online boolean NOT NULL,
            CONSTRAINT location_pkey PRIMARY KEY (shop_id, location_id),
            CONSTRAINT location_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES shop (id) ON DELETE CASCADE
        )
        """
    )
    op.execute(
        """
        CREATE TABLE data_request (
            id bigint GENERATED ALWAYS AS IDENTITY,
            shop_id bigint NOT NULL,
            request_id text NOT NULL,
            sealed bytea NOT NULL,
            requested_at timestamptz NOT NULL,
            CONSTRAINT data_request_pkey PRIMARY KEY (id),
            CONSTRAINT data_request_shop_id_fkey FOREIGN KEY (shop_id) REFERENCES shop (id) ON DELETE CASCADE,
            CONSTRAINT data_request_shop_id_request_id_key UNIQUE (shop_id, request_id)
        )
        """
    )


def downgrade() -> None:
    op.drop_table("data_request")
    op.drop_table("location")
    op.drop_table("access_token")
    op.drop_column("shop", "oversold")
    op.drop_column("shop", "welcome_hidden")
    op.drop_column("shop", "returned_at")
    op.drop_column("shop", "installed_at")
