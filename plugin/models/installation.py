"""What shops that install the application on their platform bring with them."""

from sqlalchemy import Boolean, Column, LargeBinary, Table, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT

from plugin.db import metadata
from plugin.models.columns import identity, moment, shop_id, words

access_token = Table(
    "access_token",
    metadata,
    shop_id(primary_key=True),
    Column("sealed", LargeBinary, nullable=False),  # access and refresh token together (`plugin.vault`)
    moment("expires_at"),  # of the access token; NULL is never
    Column("scopes", ARRAY(TEXT), nullable=False, server_default=text("'{}'")),
    moment("granted_at", nullable=False),
    moment("refused_at"),  # since when the platform does not take it any more
)

location = Table(
    "location",
    metadata,
    shop_id(primary_key=True),
    words("location_id", primary_key=True),
    words("name"),
    Column("sells_online", Boolean, nullable=False),
)

# Whom it is about is sealed; the file itself is made when the merchant fetches it.
data_request = Table(
    "data_request",
    metadata,
    identity(),
    shop_id(),
    words("request_id"),  # the platform's own
    Column("sealed", LargeBinary, nullable=False),
    moment("requested_at", nullable=False),
    UniqueConstraint("shop_id", "request_id", name="data_request_shop_id_request_id_key"),
)
