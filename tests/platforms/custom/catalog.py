"""The demo shop's goods and their stock."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

CURRENCY = "EUR"
MAX_QUANTITY = 1_000_000

StockListener = Callable[[str, int], None]


class UnknownVariantError(LookupError):
    """The shop has no such variant."""


@dataclass(frozen=True, slots=True)
class Variant:
    variant_id: str
    title: str
    price: str


@dataclass(frozen=True, slots=True)
class Product:
    product_id: str
    handle: str
    title: str
    description: str
    category: str
    shape: str
    colours: tuple[str, str]
    """Background and figure of the picture."""
    variants: tuple[Variant, ...]


def _product(
    number: int, handle: str, title: str, description: str, look: tuple[str, ...], price: str, *options: str
) -> Product:
    category, shape, background, figure = look
    variants = tuple(Variant(f"{number}{place:02d}", option, price) for place, option in enumerate(options, 1))
    return Product(str(number), handle, title, description, category, shape, (background, figure), variants)


PRODUCTS = (
    _product(
        7101, "harbour-mug", "Harbour mug", "Stoneware with a matt glaze, thrown by hand. Holds 300 ml.",
        ("Ceramics", "mug", "#dfe7ea", "#2f5d73"), "24.00", "Sea blue", "Oat", "Moss green",
    ),
    _product(
        7102, "fisherman-sweater", "Fisherman sweater", "Undyed lambswool, knitted in one piece.",
        ("Clothing", "sweater", "#efe6da", "#8a5a3c"), "119.00", "S", "M", "L", "XL",
    ),
    _product(
        7103, "linen-throw", "Linen throw", "Stonewashed linen, 130 by 180 cm, softer with every wash.",
        ("Home", "throw", "#e9e4ef", "#6b5b95"), "89.00", "Lavender", "Sand",
    ),
    _product(
        7104, "oak-tray", "Oak tray", "Solid oak, finished with hard wax oil. One of a kind grain.",
        ("Home", "tray", "#f3ead9", "#a9742f"), "54.00", "Small", "Large",
    ),
    _product(
        7105, "wool-beanie", "Wool beanie", "Merino from Tasmania, ribbed, one size. Does not itch.",
        ("Clothing", "beanie", "#e3ece4", "#3f6f52"), "32.00", "Forest", "Rust", "Charcoal",
    ),
    _product(
        7106, "beeswax-candle", "Beeswax candle", "Poured from local beeswax, burns for about forty hours.",
        ("Home", "candle", "#fbf1d5", "#d89a1e"), "18.50", "Single", "Set of three",
    ),
)  # fmt: skip

# What is not named here has plenty.
_OPENING_STOCK = {
    "710101": 0, "710103": 4, "710201": 0, "710202": 0, "710203": 3, "710302": 0, "710402": 0, "710502": 0,
    "710602": 2,
}  # fmt: skip
_PLENTY = 12


class DemoShop:
    """A small shop: fixed products, stock in memory. Safe to use from several threads."""

    def __init__(self, listener: StockListener | None = None) -> None:
        """Open with a few variants sold out.

        Args:
            listener: told the variant and its new quantity after every change.
        """
        self.products = PRODUCTS
        self._by_handle = {product.handle: product for product in PRODUCTS}
        self._lock = threading.Lock()
        self._listener = listener
        self._quantities = {
            variant.variant_id: _OPENING_STOCK.get(variant.variant_id, _PLENTY)
            for product in PRODUCTS
            for variant in product.variants
        }

    def product(self, handle: str) -> Product | None:
        return self._by_handle.get(handle)

    def product_of(self, variant_id: str) -> Product:
        """The product of a variant.

        Raises:
            UnknownVariantError: there is none.
        """
        for product, variant in self.variants():
            if variant.variant_id == variant_id:
                return product
        raise UnknownVariantError(variant_id)

    def variants(self) -> Iterator[tuple[Product, Variant]]:
        return ((product, variant) for product in self.products for variant in product.variants)

    def quantity(self, variant_id: str) -> int:
        """Units in stock, 0 or more.

        Raises:
            UnknownVariantError: there is no such variant.
        """
        with self._lock:
            return self._known(variant_id)

    def set_quantity(self, variant_id: str, quantity: int) -> int:
        """Put this many on the shelf; returns the new quantity, at least 0.

        Raises:
            UnknownVariantError: there is no such variant.
        """
        return self._change(variant_id, lambda _: quantity)

    def add(self, variant_id: str, units: int) -> int:
        """Put units back, or take some (negative); returns the new quantity, at least 0.

        Raises:
            UnknownVariantError: there is no such variant.
        """
        return self._change(variant_id, lambda before: before + units)

    def _change(self, variant_id: str, change: Callable[[int], int]) -> int:
        with self._lock:
            quantity = min(max(change(self._known(variant_id)), 0), MAX_QUANTITY)
            self._quantities[variant_id] = quantity
        if self._listener:
            self._listener(variant_id, quantity)
        return quantity

    def _known(self, variant_id: str) -> int:
        try:
            return self._quantities[variant_id]
        except KeyError:
            raise UnknownVariantError(variant_id) from None
