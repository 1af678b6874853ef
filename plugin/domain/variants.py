"""Variants, as the widget and pages for shoppers show them."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, RowMapping, text


def state(database: Connection, shop_id: int, variant_id: str) -> RowMapping | None:
    """Its `available` units (None: unlimited) and how many are `waiting`; None when the shop does not sell it."""
    return database.execute(_STATE, {"shop": shop_id, "variant": variant_id}).mappings().first()


_STATE = text(
    """
    SELECT available, overrides, (SELECT count(*) FROM subscription
                        WHERE subscription.shop_id = :shop AND subscription.variant_id = variant.variant_id
                          AND state = 'waiting') AS waiting
      FROM variant WHERE shop_id = :shop AND variant_id = :variant AND removed_at IS NULL
    """
)


def item(database: Connection, shop_id: int, variant_id: str) -> RowMapping | None:
    """Its titles, link, picture and units; None when the shop does not sell it."""
    return database.execute(_ITEM, {"shop": shop_id, "variant": variant_id}).mappings().first()


_ITEM = text(
    "SELECT variant_id, product_title, variant_title, url, image_url, available, overrides FROM variant"
    " WHERE shop_id = :shop AND variant_id = :variant AND removed_at IS NULL"
)


def named(
    database: Connection, shop_id: int, variant_ids: Collection[str], product_ids: Collection[str]
) -> Sequence[RowMapping]:
    """Id, product, units and overrides of those variants that the shop sells, and of all variants of those products."""
    values = {"shop": shop_id, "variants": list(variant_ids), "products": list(product_ids)}
    return database.execute(_NAMED, values).mappings().all()


_NAMED = text(
    "SELECT variant_id, product_id, available, overrides FROM variant WHERE shop_id = :shop AND removed_at IS NULL"
    " AND (variant_id = ANY(:variants) OR product_id = ANY(:products))"
)
