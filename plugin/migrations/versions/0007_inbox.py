"""The inbox of webhooks"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # Shops on no platform are known there by their public key. Code that runs still makes shops without it.
    op.execute("ALTER TABLE shop ADD COLUMN platform_shop_id text")
    op.execute("UPDATE shop SET platform_shop_id = public_key WHERE platform = 'custom'")
    op.create_unique_constraint("shop_platform_platform_shop_id_key", "shop", ["platform", "platform_shop_id"])
    op.execute("CREATE SEQUENCE webhook_id_seq MAXVALUE 68719476735 CYCLE")
    op.execute(
        """
        CREATE TABLE webhook (
            id bigint DEFAULT monthly_id('webhook_id_seq') NOT NULL,
            shop_id bigint NOT NULL,
            delivery_id text NOT NULL,
            headers jsonb NOT NULL,
            body bytea NOT NULL,
            received_at timestamptz NOT NULL,
            state text DEFAULT 'pending' NOT NULL,
            error text DEFAULT '' NOT NULL,
            attempts smallint DEFAULT 0 NOT NULL,
            due_at timestamptz NOT NULL,
            claimed_by text,
            lease_until timestamptz,
            finished_at timestamptz,
            CONSTRAINT webhook_pkey PRIMARY KEY (id),
            CONSTRAINT webhook_state_check CHECK (state IN ('pending', 'claimed', 'done', 'failed'))
        ) PARTITION BY RANGE (id)
        """
    )
    op.execute("ALTER SEQUENCE webhook_id_seq OWNED BY webhook.id")
    op.execute("CREATE INDEX webhook_pending_idx ON webhook (shop_id, due_at, id) WHERE state = 'pending'")
    op.execute("CREATE INDEX webhook_claimed_idx ON webhook (shop_id, id) WHERE state = 'claimed'")
    op.execute("CREATE INDEX webhook_failed_idx ON webhook (shop_id, id) WHERE state = 'failed'")
    op.execute("CREATE TABLE webhook_default PARTITION OF webhook DEFAULT WITH (fillfactor = 80)")
    op.execute("CREATE UNIQUE INDEX webhook_default_once_key ON webhook_default (shop_id, delivery_id)")


def downgrade() -> None:
    op.drop_table("webhook")
    op.drop_column("shop", "platform_shop_id")
