"""What shoppers look at"""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("ALTER TABLE shop ADD COLUMN widget_events boolean DEFAULT false NOT NULL")
    op.execute("CREATE SEQUENCE shopper_event_id_seq MAXVALUE 68719476735 CYCLE")
    op.execute(
        """
        CREATE TABLE shopper_event (
            id bigint DEFAULT monthly_id('shopper_event_id_seq') NOT NULL,
            shop_id bigint NOT NULL,
            event_id text NOT NULL,
            type text NOT NULL,
            visitor_id text NOT NULL,
            product_id text NOT NULL,
            variant_id text,
            quantity integer,
            occurred_at timestamptz NOT NULL,
            CONSTRAINT shopper_event_pkey PRIMARY KEY (id),
            CONSTRAINT shopper_event_type_check CHECK (type IN ('viewed', 'added_to_cart', 'started_checkout'))
        ) PARTITION BY RANGE (id)
        """
    )
    op.execute("ALTER SEQUENCE shopper_event_id_seq OWNED BY shopper_event.id")
    op.execute("CREATE INDEX shopper_event_product_idx ON shopper_event (shop_id, product_id, occurred_at)")
    op.execute("CREATE TABLE shopper_event_default PARTITION OF shopper_event DEFAULT WITH (fillfactor = 80)")
    op.execute("CREATE UNIQUE INDEX shopper_event_default_once_key ON shopper_event_default (shop_id, event_id)")


def downgrade() -> None:
    op.drop_table("shopper_event")
    op.drop_column("shop", "widget_events")
