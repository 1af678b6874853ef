"""What a feed says about stock, as units: a number, None for unlimited, or nothing at all.

Source: availability words of Google, Meta and schema.org feeds (checked 2026-11-22); "in store only" cannot
be bought online.
"""

import math
import re
from decimal import Decimal
from enum import Enum

QUANTITY_MAX = 2**31 - 1
QUANTITY_MIN = -(2**31)

_NUMBER = re.compile(r"[+-]?[0-9]{1,4000}(\.[0-9]{0,4000})?")

_UNLIMITED = (
    "in stock", "available", "online only", "limited availability", "limited", "low stock",
    "preorder", "pre sale", "backorder", "on backorder", "available for order", "made to order",
)  # fmt: skip
_GONE = (
    "out of stock", "sold out", "reserved", "disabled", "in store only", "discontinued",
    "mark as sold", "mark as expired",
)  # fmt: skip
_UNITS_OF_WORD: dict[str, int | None] = {
    **{word.replace(" ", ""): None for word in _UNLIMITED},
    **{word.replace(" ", ""): 0 for word in _GONE},
}


class Unclear(Enum):
    """A stock field that does not tell the stock."""

    UNKNOWN = "unknown"


UNKNOWN = Unclear.UNKNOWN


def units_of_availability(word: str) -> int | Unclear | None:
    """0 when the word says that it cannot be bought, None when it can, UNKNOWN when it says nothing.

    Args:
        word: in any spelling: "in_stock", "In Stock", "https://schema.org/InStock".
    """
    name = word.rpartition("/")[2].lower()
    return _UNITS_OF_WORD.get(name.replace("_", "").replace(" ", "").replace("-", ""), UNKNOWN)


def units_of_quantity(text: str) -> int | Unclear:
    """Whole units, rounded down ("2.7" is 2) and clipped to 32 bits; UNKNOWN when it is no plain number."""
    if not _NUMBER.fullmatch(text):
        return UNKNOWN
    return min(max(math.floor(Decimal(text)), QUANTITY_MIN), QUANTITY_MAX)
