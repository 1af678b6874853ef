"""A simulated shop: its goods, who may ask for what, and what happens in it."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.platforms.shopify import payloads
from tests.platforms.shopify.catalog import Catalog, Location, Product, Variant

if TYPE_CHECKING:
    from tests.platforms.shopify.bulk import BulkOperation
    from tests.platforms.shopify.oauth import Pair
    from tests.platforms.shopify.webhooks import Subscription

SCOPES = frozenset({"read_inventory", "read_locations", "read_products", "write_app_proxy"})
Event = tuple[str, payloads.Payload]
Id = int | str

EXTENSIONS = (
    {
        "handle": "stockbell",
        "type": "theme_app_extension",
        "activations": [
            {
                "handle": "notify-button",
                "name": "Notify-me button",
                "target": "section",
                "status": "active",
                "activations": [{"target": "template--product", "themeId": "gid://shopify/OnlineStoreTheme/1"}],
            },
            {
                "handle": "embed",
                "name": "Notify-me buttons",
                "target": "body",
                "status": "available",
                "activations": [],
            },
        ],
    },
)
"""What App Bridge says of the theme app extension where only the block is placed."""


@dataclass
class SimulatedShop:
    """One shop. What changes it also sends the webhooks that Shopify would send; ids may be numbers or text."""

    domain: str
    name: str = ""
    currency: str = "EUR"
    scopes: frozenset[str] = SCOPES
    is_installed: bool = True
    """Whether the merchant has the app."""
    number: int = 0
    catalog: Catalog = field(default_factory=Catalog)

    maximum: float = 2000
    restore_rate: float = 100
    available: float = 2000
    """Points of the budget that are left."""
    told_at: float = 0

    pairs: "list[Pair]" = field(default_factory=list)
    webhooks: "dict[int, Subscription]" = field(default_factory=dict)
    """Subscriptions that the app has made."""
    metafields: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    """Of the app's installation, by namespace and key: type and value."""
    operations: "list[BulkOperation]" = field(default_factory=list)

    bulk_seconds: float = 0
    """How long a bulk operation takes; 0: it is done at the next look."""
    bulk_order: str = "grouped"
    """Or "scattered" (rows anywhere), or "children_first"."""
    bulk_fails_after: int | None = None
    """After so many rows bulk operations fail."""
    bulk_url_expired: bool = False
    """Results answer 403."""
    bulk_breaks_after_bytes: int | None = None
    """Where the connection ends while a result is read."""

    block_enabled: bool = True
    """Whether the merchant has put the app block into the theme."""
    embed_enabled: bool = False
    extensions: Sequence[dict[str, Any]] | None = EXTENSIONS
    """What App Bridge says; None: it fails."""

    origin: str = ""
    """Where its storefront is; by default at its domain."""
    clock: Callable[[], float] = lambda: 0.0
    send: "Callable[[SimulatedShop, Sequence[Event]], None]" = lambda *_: None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        """Named like its domain, unless it has a name."""
        self.name = self.name or self.domain.partition(".")[0].replace("-", " ").title()
        self.available = min(self.available, self.maximum)
        self._orders = count(1)

    @property
    def storefront(self) -> str:
        """The origin of its pages."""
        return self.origin or f"https://{self.domain}"

    @property
    def shop_id(self) -> int:
        """Its number at Shopify."""
        return 60_000_000_001 + self.number

    def page_of(self, product: Product) -> str | None:
        """Where shoppers see a product; None where they do not."""
        shown = product.published and product.status == "ACTIVE"
        return f"{self.storefront}/products/{product.handle}" if shown else None

    def image_of(self, product: Product) -> str | None:
        """The address of its picture."""
        return f"{self.storefront}{product.image}" if product.image.startswith("/") else product.image or None

    def variant(self, variant_id: Id) -> Variant:
        """One of its variants."""
        return self.catalog.variants[int(variant_id)]

    def product(self, product_id: Id) -> Product:
        """One of its products."""
        return self.catalog.products[int(product_id)]

    # What a merchant does

    def set_available(self, variant_id: Id, location_id: Id, available: int) -> None:
        """So many units are there now; a place that was not connected is."""
        with self.lock:
            variant = self.variant(variant_id)
            levels = self.catalog.levels[variant.item_id]
            place, before = int(location_id), self.catalog.total(variant)
            events: list[Event] = []
            if place not in levels:
                events.append(("inventory_levels/connect", self._level(variant, place, available)))
            levels[place] = available
            events.append(("inventory_levels/update", self._level(variant, place, available)))
            self._tell(events + self._crossing(variant, before))

    def connect_level(self, variant_id: Id, location_id: Id, available: int = 0) -> None:
        """The place keeps the item from now on."""
        with self.lock:
            variant = self.variant(variant_id)
            before = self.catalog.total(variant)
            self.catalog.levels[variant.item_id][int(location_id)] = available
            told = ("inventory_levels/connect", self._level(variant, int(location_id), available))
            self._tell([told, *self._crossing(variant, before)])

    def disconnect_level(self, variant_id: Id, location_id: Id) -> None:
        """The place keeps the item no longer."""
        with self.lock:
            variant = self.variant(variant_id)
            before = self.catalog.total(variant)
            del self.catalog.levels[variant.item_id][int(location_id)]
            told = {"inventory_item_id": variant.item_id, "location_id": int(location_id)}
            self._tell([("inventory_levels/disconnect", told), *self._crossing(variant, before)])

    def set_policy(self, variant_id: Id, policy: str) -> None:
        """DENY, or CONTINUE: sell on without stock."""
        variant = self.variant(variant_id)
        variant.policy = policy
        self._updated(self.product(variant.product_id))

    def set_tracked(self, variant_id: Id, *, tracked: bool) -> None:
        """Whether Shopify counts."""
        variant = self.variant(variant_id)
        variant.tracked = tracked
        item = ("inventory_items/update", payloads.item(variant, self.clock()))
        self._tell([item, *self._product_events(self.product(variant.product_id))])

    def set_status(self, product_id: Id, status: str) -> None:
        """ACTIVE, DRAFT or ARCHIVED."""
        self.product(product_id).status = status
        self._updated(self.product(product_id))

    def set_published(self, product_id: Id, *, published: bool) -> None:
        """Whether the online shop has it."""
        self.product(product_id).published = published
        self._updated(self.product(product_id))

    def set_title(self, product_id: Id, title: str) -> None:
        """It is called otherwise."""
        self.product(product_id).title = title
        self._updated(self.product(product_id))

    def add_product(self, title: str, variants: Sequence[dict[str, Any]] = ({},), **facts: Any) -> Product:
        """A product more; arguments as for `Catalog.add_product`."""
        with self.lock:
            product = self.catalog.add_product(title, variants, **facts)
        self._tell(self._product_events(product, "products/create"))
        return product

    def add_variant(self, product_id: Id, **facts: Any) -> Variant:
        """A variant more; arguments as for `Catalog.add_variant`."""
        product = self.product(product_id)
        variant = self.catalog.add_variant(product, **facts)
        self._updated(product)
        return variant

    def delete_product(self, product_id: Id) -> None:
        """It is gone, with its variants."""
        with self.lock:
            product = self.product(product_id)
            gone = self.catalog.variants_of(product)
            for each in gone:
                self.catalog.remove_variant(each)
            del self.catalog.products[product.id]
            self._tell([("products/delete", {"id": product.id}), *map(self._item_deleted, gone)])

    def delete_variant(self, variant_id: Id) -> None:
        """It is gone; its product stays."""
        with self.lock:
            variant = self.variant(variant_id)
            self.catalog.remove_variant(variant)
            product = self.product(variant.product_id)
            self._tell([self._item_deleted(variant), *self._product_events(product)])

    def add_location(self, name: str, *, fulfills_online_orders: bool = True) -> Location:
        """A place more."""
        place = self.catalog.add_location(name, fulfills_online_orders=fulfills_online_orders)
        self._place("locations/create", place)
        return place

    def set_fulfills_online_orders(self, location_id: Id, *, fulfills: bool) -> None:
        """Whether the online shop sells from there."""
        place = self.catalog.locations[int(location_id)]
        place.fulfills_online_orders = fulfills
        self._place("locations/update", place)

    def rename_location(self, location_id: Id, name: str) -> None:
        """It is called otherwise."""
        place = self.catalog.locations[int(location_id)]
        place.name = name
        self._place("locations/update", place)

    def deactivate_location(self, location_id: Id) -> None:
        """Nothing is sold from there any more."""
        place = self.catalog.locations[int(location_id)]
        place.is_active = False
        self._place("locations/deactivate", place)

    def activate_location(self, location_id: Id) -> None:
        """It is in use again."""
        place = self.catalog.locations[int(location_id)]
        place.is_active = True
        self._place("locations/activate", place)

    def delete_location(self, location_id: Id) -> None:
        """It is gone, with what lay there."""
        with self.lock:
            del self.catalog.locations[int(location_id)]
            for levels in self.catalog.levels.values():
                levels.pop(int(location_id), None)
            self._tell([("locations/delete", {"id": int(location_id)})])

    def place_order(self, variant_ids: Iterable[Id], email: str | None = None, **buyer: Any) -> payloads.Payload:
        """Somebody buys one of each; the stock is less by that. Returns the order as the webhook carries it."""
        with self.lock:
            bought = [self.variant(each) for each in variant_ids]
            order = payloads.order(next(self._orders), self.catalog, bought, {"email": email, **buyer}, self.clock())
            events: list[Event] = [("orders/create", order)]
            for each in bought:
                events += self._taken(each)
            self._tell(events)
            return order

    # What follows from it

    def _taken(self, variant: Variant) -> list[Event]:
        if not variant.tracked:
            return []
        levels, places = self.catalog.levels[variant.item_id], self.catalog.locations
        sources = [each for each in levels if places[each].is_active and places[each].fulfills_online_orders]
        if not sources:
            return []
        place = max(sources, key=lambda each: levels[each])
        before = self.catalog.total(variant)
        levels[place] -= 1
        update = ("inventory_levels/update", self._level(variant, place, levels[place]))
        return [update, *self._crossing(variant, before)]

    def _crossing(self, variant: Variant, before: int) -> list[Event]:
        after = self.catalog.total(variant)
        if (before > 0) == (after > 0):
            return []
        topic = "variants/in_stock" if after > 0 else "variants/out_of_stock"
        return [(topic, payloads.variant(self.catalog, variant, self.clock()))]

    def _level(self, variant: Variant, place: int, available: int) -> payloads.Payload:
        return payloads.level(variant.item_id, place, available, self.clock())

    def _item_deleted(self, variant: Variant) -> Event:
        facts = payloads.item(variant, self.clock())
        left_out = {"sku", "created_at", "updated_at", "requires_shipping", "cost", "tracked"}
        return "inventory_items/delete", {name: each for name, each in facts.items() if name not in left_out}

    def _product_events(self, product: Product, topic: str = "products/update") -> list[Event]:
        return [(topic, payloads.product(self.catalog, product, self.clock()))]

    def _updated(self, product: Product) -> None:
        self._tell(self._product_events(product))

    def _place(self, topic: str, place: Location) -> None:
        self._tell([(topic, payloads.location(place, self.clock()))])

    def _tell(self, events: Sequence[Event]) -> None:
        self.send(self, events)

    def facts(self) -> payloads.Payload:
        """The shop as webhooks show it."""
        return payloads.shop(self.shop_id, self.domain, self.name, self.currency)
