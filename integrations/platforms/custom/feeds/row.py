"""What the readers of all formats hand on: the values of one product, in a fixed order."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

# Text, or what JSON has (numbers, lists, nested things), or None.
Row = Sequence[Any]

FIELDS = (
    "id",
    "product_id",
    "title",
    "variant_title",
    "link",
    "image_link",
    "price",
    "sale_price",
    "currency",
    "categories",
    "product_type",
    "inventory_quantity",
    "availability",
)
# Other names for the same.
FIELD_ALIASES = {
    "item_group_id": "product_id",
    "quantity": "inventory_quantity",
    "inventory": "inventory_quantity",
    "sell_on_google_quantity": "inventory_quantity",
    "quantity_to_sell_on_facebook": "inventory_quantity",
}


def field_name(name: str) -> str:
    """The field that a column or key stands for; any other name is only tidied up."""
    tidy = name.strip().lower().removeprefix("g:").replace(" ", "_")
    return FIELD_ALIASES.get(tidy, tidy)


def row_picker(names: Sequence[str]) -> Callable[[Sequence[Any]], Row]:
    """Picks a row out of values that stand under these names.

    Args:
        names: as the feed spells them; of several for one field the first counts.

    Returns:
        Function of the values followed by one more, which fields without a name get.
    """
    fields = [field_name(name) for name in names]
    return itemgetter(*(fields.index(field) if field in fields else len(fields) for field in FIELDS))
