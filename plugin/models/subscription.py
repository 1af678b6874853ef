"""Who waits for what, and who must not be written to."""

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Integer, LargeBinary, Table, text

from plugin.db import metadata
from plugin.models.columns import FILLFACTOR, identity, moment, unchecked_shop_id, words

subscription = Table(
    "subscription",
    metadata,
    identity(),
    unchecked_shop_id(),
    words("variant_id"),
    words("email"),
    words("email_key"),  # lower case: one person, however the address is typed
    words("phone", nullable=True),
    Column("quantity", Integer),  # how many the person would like to buy
    words("locale", default=""),
    # unconfirmed -> waiting <-> released -> notified | undeliverable; who was not told may become unsubscribed, bought
    words("state"),
    words("reason", default=""),  # why it is in this state, where that is not obvious
    moment("state_at", default_now=True),
    moment("joined_at", nullable=False),  # the place in line
    moment("confirmed_at"),
    moment("created_at", default_now=True),
    moment("bought_at"),  # when the person ordered the variant, after asking for it
    words("page_url", default=""),
    Column("marketing_consent", Boolean, nullable=False, server_default=text("false")),
    Column("link_key", LargeBinary, nullable=False),  # what the links in messages to this person are made from
    CheckConstraint(
        "state IN ('unconfirmed', 'waiting', 'released', 'notified', 'undeliverable', 'unsubscribed', 'bought')",
        name="state",
    ),
    postgresql_with=FILLFACTOR,
)
Index(
    "subscription_active_key",
    subscription.c.shop_id,
    subscription.c.variant_id,
    subscription.c.email_key,
    unique=True,
    postgresql_where=text("state IN ('unconfirmed', 'waiting', 'released')"),
)
Index(
    "subscription_line_idx",
    subscription.c.shop_id,
    subscription.c.variant_id,
    subscription.c.joined_at,
    subscription.c.id,
    postgresql_where=text("state = 'waiting'"),
)
Index("subscription_email_idx", subscription.c.shop_id, subscription.c.email_key)
Index("subscription_page_idx", subscription.c.shop_id, subscription.c.id)

suppression = Table(
    "suppression",
    metadata,
    unchecked_shop_id(primary_key=True),
    words("channel", primary_key=True),
    words("address", primary_key=True),
    words("reason"),  # unsubscribed, bounced, complained
    moment("created_at", default_now=True),
)
