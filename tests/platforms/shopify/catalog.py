"""What a simulated shop sells, and how much of it lies where."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import count
from typing import Any, NamedTuple

PRODUCT_IDS = 8_500_000_000_001
VARIANT_IDS = 2**53 + 1
ITEM_IDS = 2**53 + 50_000_000_001
LOCATION_IDS = 70_000_000_001
IDS_PER_SHOP = 10_000_000


@dataclass(slots=True)
class Location:
    """A place where stock lies."""

    id: int
    name: str
    is_active: bool = True
    fulfills_online_orders: bool = True


@dataclass(slots=True)
class Variant:
    """What is bought, and counted as its inventory item."""

    id: int
    product_id: int
    item_id: int
    title: str = "Default Title"
    price: str = "10.00"
    policy: str = "DENY"
    """Or CONTINUE: sold on without stock."""
    tracked: bool = True


@dataclass(slots=True)
class Product:
    """A page of the shop."""

    id: int
    title: str
    handle: str
    status: str = "ACTIVE"
    """Or DRAFT, or ARCHIVED."""
    published: bool = True
    tags: tuple[str, ...] = ()
    image: str = ""
    """An address, or a path at the storefront."""
    description: str = ""
    variant_ids: list[int] = field(default_factory=list)


class Item(NamedTuple):
    """A variant as the inventory sees it."""

    variant: Variant


class Level(NamedTuple):
    """How much of an item one place has."""

    item_id: int
    location_id: int
    available: int


class Catalog:
    """Goods, places and stock. Ids are as big as Shopify's, some too big for a double, and none is given twice."""

    def __init__(self, number: int = 0) -> None:
        """Empty.

        Args:
            number: of the shop, so that no two have the same ids.
        """
        self.products: dict[int, Product] = {}
        self.variants: dict[int, Variant] = {}
        self.items: dict[int, int] = {}
        """The variant of each inventory item."""
        self.locations: dict[int, Location] = {}
        self.levels: dict[int, dict[int, int]] = {}
        """By item and location: what is available. A place that is not connected is not there."""
        first = number * IDS_PER_SHOP
        self._product_ids = count(PRODUCT_IDS + first)
        self._variant_ids = count(VARIANT_IDS + first)
        self._item_ids = count(ITEM_IDS + first)
        self._location_ids = count(LOCATION_IDS + first)

    def add_location(self, name: str, *, fulfills_online_orders: bool = True) -> Location:
        """A place more."""
        place = Location(next(self._location_ids), name, fulfills_online_orders=fulfills_online_orders)
        self.locations[place.id] = place
        return place

    def add_product(
        self, title: str, variants: Sequence[Mapping[str, Any]] = ({},), *, handle: str = "", **facts: Any
    ) -> Product:
        """A product with its variants.

        Args:
            title: of the product.
            variants: for each some of title, price, policy, tracked, and `levels`: {location id: available}; without
                it there are 0 everywhere.
            handle: of its page; by default made of the title.
            facts: status, published, tags, image, description.
        """
        handle = handle or "-".join("".join(each if each.isalnum() else " " for each in title.lower()).split())
        product = Product(next(self._product_ids), title, handle, **facts)
        self.products[product.id] = product
        for each in variants:
            self.add_variant(product, **each)
        return product

    def add_variant(self, product: Product, levels: Mapping[int, int] | None = None, **facts: Any) -> Variant:
        """A variant more."""
        variant = Variant(next(self._variant_ids), product.id, next(self._item_ids), **facts)
        self.variants[variant.id] = variant
        self.items[variant.item_id] = variant.id
        self.levels[variant.item_id] = dict.fromkeys(self.locations, 0) if levels is None else dict(levels)
        product.variant_ids.append(variant.id)
        return variant

    def fill(self, products: int, variants_each: int, locations: int = 1, available: int = 5) -> None:
        """Many products at once; in every third variant nothing is left."""
        while len(self.locations) < locations:
            self.add_location(f"Place {len(self.locations) + 1}")
        places = list(self.locations)
        for number in range(products):
            stock = [0 if (number + each) % 3 == 0 else available for each in range(variants_each)]
            variants = [
                {"title": f"Size {place}", "levels": dict.fromkeys(places, each)} for place, each in enumerate(stock, 1)
            ]
            self.add_product(f"Thing {number + 1}", variants)

    def remove_variant(self, variant: Variant) -> None:
        """It is gone, with its stock."""
        del self.variants[variant.id]
        del self.items[variant.item_id]
        del self.levels[variant.item_id]
        self.products[variant.product_id].variant_ids.remove(variant.id)

    def variants_of(self, product: Product) -> list[Variant]:
        """In their order."""
        return [self.variants[each] for each in list(product.variant_ids) if each in self.variants]

    def levels_of(self, item_id: int) -> list[Level]:
        """What each connected place has of an item."""
        return [Level(item_id, place, number) for place, number in list(self.levels.get(item_id, {}).items())]

    def total(self, variant: Variant) -> int:
        """What all places have together: what `inventory_quantity` says."""
        return sum(self.levels.get(variant.item_id, {}).values())

    def sellable(self, variant: Variant) -> int:
        """What the places that the online shop sells from have."""
        places = self.locations
        return sum(
            number
            for place, number in list(self.levels.get(variant.item_id, {}).items())
            if place in places and places[place].is_active and places[place].fulfills_online_orders
        )

    def is_available(self, variant: Variant) -> bool:
        """Whether the online shop sells it, as Liquid's `variant.available` says."""
        return not variant.tracked or variant.policy == "CONTINUE" or self.sellable(variant) > 0

    def by_handle(self, handle: str) -> Product | None:
        """The product of a page."""
        return next((each for each in self.products.values() if each.handle == handle), None)

    def dump(self) -> dict[str, Any]:
        """All of it, for a JSON file."""
        return {
            "locations": [asdict(each) for each in self.locations.values()],
            "products": [asdict(each) for each in self.products.values()],
            "variants": [asdict(each) for each in self.variants.values()],
            "levels": [[item, place, number] for item, place, number in self._all_levels()],
        }

    def load(self, dumped: Mapping[str, Any]) -> None:
        """What `dump` gave, instead of all that is here."""
        self.locations = {each["id"]: Location(**each) for each in dumped["locations"]}
        self.products = {each["id"]: Product(**{**each, "tags": tuple(each["tags"])}) for each in dumped["products"]}
        self.variants = {each["id"]: Variant(**each) for each in dumped["variants"]}
        self.items = {each.item_id: each.id for each in self.variants.values()}
        self.levels = {item: {} for item in self.items}
        for item, place, number in dumped["levels"]:
            self.levels[item][place] = number
        self._product_ids = count(max(self.products, default=next(self._product_ids)) + 1)
        self._variant_ids = count(max(self.variants, default=next(self._variant_ids)) + 1)
        self._item_ids = count(max(self.items, default=next(self._item_ids)) + 1)
        self._location_ids = count(max(self.locations, default=next(self._location_ids)) + 1)

    def _all_levels(self) -> Iterator[Level]:
        for item in list(self.levels):
            yield from self.levels_of(item)
