"""The rules of restocking as pure functions: no clock, no database, no network.

Production and `stockbell simulate` call these same functions.
Quantities are whole units; None is unlimited (not tracked, or sold when out of stock).
"""

from dataclasses import dataclass
from typing import Literal

Quantity = int | None


@dataclass(frozen=True, slots=True)
class RestockSettings:
    """The three settings that decide who is told when.

    Raises:
        ValueError: a number below 1.
    """

    minimum_inventory: int = 1
    customers_per_unit: int | Literal["all"] = "all"
    wait_minutes: int = 60

    def __post_init__(self) -> None:
        """Refuse what no rule covers."""
        for name in ("minimum_inventory", "customers_per_unit", "wait_minutes"):
            value = getattr(self, name)
            if value == "all" and name == "customers_per_unit":
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")


@dataclass(frozen=True, slots=True)
class Release:
    """A batch of subscribers to be let out of the line, oldest first."""

    limit: int | None
    """How many at most; None lets everyone out."""
    next_release_after_minutes: int | None
    """When the restock releases again; None closes it."""


def is_sellable(quantity: Quantity, settings: RestockSettings) -> bool:
    """Whether a variant with this quantity counts as available."""
    return quantity is None or quantity >= settings.minimum_inventory


def release_now(quantity: Quantity, settings: RestockSettings) -> Release:
    """The release that a sellable variant makes with this quantity (rule 2)."""
    if quantity is None or settings.customers_per_unit == "all":
        return Release(limit=None, next_release_after_minutes=None)
    return Release(limit=settings.customers_per_unit * quantity, next_release_after_minutes=settings.wait_minutes)


def on_stock_change(
    before: Quantity, after: Quantity, settings: RestockSettings, *, restock_open: bool, someone_waits: bool
) -> Release | None:
    """What a change of stock does (rule 1): opens a restock that releases at once, or nothing."""
    becomes_sellable = not is_sellable(before, settings) and is_sellable(after, settings)
    if becomes_sellable and not restock_open and someone_waits:
        return release_now(after, settings)
    return None


def on_release_due(quantity: Quantity, settings: RestockSettings, *, someone_waits: bool) -> Release | None:
    """What an open restock does when its release is due (rule 3): release again, or None: it closes."""
    if is_sellable(quantity, settings) and someone_waits:
        return release_now(quantity, settings)
    return None


def on_notify_now(quantity: Quantity, settings: RestockSettings, *, someone_waits: bool) -> Release | None:
    """What the merchant's "notify now" does (rule 5): release, or nothing."""
    return on_release_due(quantity, settings, someone_waits=someone_waits)
