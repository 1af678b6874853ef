"""The values that cross the border between the application and the platforms.

Ids are the platform's own, always text (they exceed 2^53, which JavaScript numbers cannot hold).
Times are aware UTC datetimes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple


class CatalogVariant(NamedTuple):
    """One sellable variant as a platform's catalog tells it. A tuple, because a feed holds a million of them."""

    variant_id: str
    product_id: str
    """The variant's own id where the platform does not group variants."""
    product_title: str
    variant_title: str
    """The chosen options ("M / red"); empty where the title already says it."""
    url: str
    """The page where this very variant can be bought; https (http for loopback in development)."""
    image_url: str
    """Empty when there is no picture."""
    price: str
    """Decimal text in major units ("19.99"), empty when unknown."""
    currency: str
    """ISO 4217 code, empty when the feed does not say."""
    collections: tuple[str, ...]
    """Collections, categories or tags, as the platform names them."""
    available: int | None
    """Units that can be bought now, over all locations; may be negative; None is unlimited (not tracked, or
    sold when out of stock)."""
    stock_known: bool
    """False when the source says nothing about stock: `available` then means nothing."""


class InventoryLevel(NamedTuple):
    """Stock of one variant at one location."""

    variant_id: str
    location_id: str | None
    """None: the total, from a source that does not tell locations apart."""
    available: int | None
    updated_at: datetime | None
    """The platform's own time of the change; None when it does not tell."""


SOLD_ANYWAY = "*"
"""A location with unlimited stock, so to speak: the variant is sold when out of stock. The shop says if that counts."""


class Order(NamedTuple):
    """What someone bought, as far as alerts need to know."""

    order_id: str
    """The platform's own; an order that is told again is the same order."""
    email: str
    """Empty when unknown."""
    phone: str
    """E.164, empty when unknown."""
    ordered_at: datetime
    variant_ids: tuple[str, ...]
    """What was bought; each once, whatever the quantity."""


@dataclass(slots=True)
class RowProblem:
    """The first row that had a problem of one kind, and how many had it."""

    count: int
    first_row: int
    """1-based number of the row (item) in the feed."""
    first_id: str
    message: str
    """A sentence for the merchant that names the field and the remedy."""


@dataclass(slots=True)
class CatalogReport:
    """What a reading of the catalog met: counts, and one example of each kind of problem."""

    rows: int = 0
    """Rows seen, the skipped ones included."""
    skipped: int = 0
    problems: dict[str, RowProblem] = field(default_factory=dict)
    """By a short stable code, e.g. "duplicate_id"."""

    def add(self, code: str, message: str, *, row: int, row_id: str = "", skipped: bool = False) -> None:
        """Count one problem; the first of its kind is kept as the example."""
        self.skipped += skipped
        known = self.problems.get(code)
        if known:
            known.count += 1
        else:
            self.problems[code] = RowProblem(1, row, row_id, message)

    def counts(self) -> Counter[str]:
        """Problem code -> number of rows."""
        return Counter({code: problem.count for code, problem in self.problems.items()})


@dataclass(frozen=True, slots=True)
class CatalogBookmark:
    """What a source told about the version that was read last, to ask "anything newer?" next time."""

    etag: str = ""
    last_modified: str = ""
    digest: str = ""
    """SHA-256 (hex) of the bytes as they were sent."""


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a platform asks about, or wants to be forgotten."""

    email: str = ""
    phone: str = ""
    """E.164."""


class HintKind(Enum):
    """What a webhook hints at. Stock is not believed where it can be read anew; an order is."""

    INVENTORY = "inventory"
    CATALOG = "catalog"
    PRODUCTS = "products"
    SHOP = "shop"
    """Its name, addresses, locations, or what it lets the application do."""
    ORDERS = "orders"
    UNINSTALLED = "uninstalled"
    DATA_REQUEST = "data_request"
    """A person wants to know what is kept about them."""
    ERASE_PERSON = "erase_person"
    ERASE_SHOP = "erase_shop"


DUTIES = frozenset({HintKind.DATA_REQUEST, HintKind.ERASE_PERSON, HintKind.ERASE_SHOP})
"""What the law asks for, also after the shop has removed the application."""


@dataclass(frozen=True, slots=True)
class WebhookHint:
    """Something may have changed on the platform."""

    kind: HintKind
    variant_ids: tuple[str, ...] = ()
    """The variants to read anew; nothing here nor in `item_ids`: not told, read what someone waits for."""
    item_ids: tuple[str, ...] = ()
    """The same, by the platform's own ids of what lies in its stock (`read_inventory_of_items`)."""
    product_ids: tuple[str, ...] = ()
    """The products to read anew."""
    occurred_at: datetime | None = None
    levels: tuple[InventoryLevel, ...] = ()
    """Stock as the webhook itself tells it, for platforms whose stock cannot be read anew."""
    orders: tuple[Order, ...] = ()
    person: Person | None = None
    request_id: str = ""
    """The platform's own number of a data request."""


@dataclass(frozen=True, slots=True)
class AccessTokens:
    """What lets us ask a platform about one shop; stored together or not at all."""

    access_token: str = field(repr=False)
    expires_at: datetime | None = None
    """None: never."""
    refresh_token: str = field(default="", repr=False)
    """Empty: the access token cannot be renewed."""
    scopes: frozenset[str] = frozenset()

    def are_fresh(self, now: datetime) -> bool:
        """Whether the access token lasts a while: what is asked with it takes its time."""
        return self.expires_at is None or now + EARLY < self.expires_at


EARLY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Location:
    """A place where a shop keeps stock."""

    location_id: str
    name: str
    sells_online: bool
    """Whether the platform sells from there in the online shop; stock of other places is never told."""


@dataclass(frozen=True, slots=True)
class ShopFacts:
    """A shop as its platform describes it."""

    name: str
    domains: tuple[str, ...]
    """Origins of its pages; the first one is what customers see."""
    currency: str
    scopes: frozenset[str]
    """What it lets the application do."""
    locations: tuple[Location, ...]


def no_access() -> str:
    """For platforms that need no token, and before there is one."""
    return ""


@dataclass(frozen=True, slots=True)
class ShopConnection:
    """What an adapter needs to reach one shop."""

    shop_id: str
    domain: str
    """Origin of the storefront, e.g. "https://shop.example"."""
    feed: str = ""
    """Custom catalogs: address (https) or path of the feed file."""
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Secrets of the application and of the shop by name; never logged."""
    platform_shop_id: str = ""
    """How the platform knows the shop."""
    access_token: Callable[[], str] = field(default=no_access, repr=False)
    """Gives a token that is good now, renewed if need be; raises IntegrationError."""
    somebody_waits: bool = False
    """A person looks at the page: what has to be asked again later is an error."""


@dataclass(frozen=True, slots=True)
class SnippetInstallation:
    """How the storefront snippet got, or gets, into the shop's pages."""

    installed: bool
    """Whether the platform's own API has put it there."""
    instructions: str = ""
    """HTML to paste where the platform has no such API."""
