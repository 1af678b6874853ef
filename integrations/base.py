"""The port that every shop platform implements. An adapter can be written from this file alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import ClassVar, Self

from integrations.errors import NotSupportedError
from integrations.http import HTTPClient
from integrations.types import (
    AccessTokens,
    CatalogBookmark,
    CatalogReport,
    CatalogVariant,
    InventoryLevel,
    ShopConnection,
    ShopFacts,
    SnippetInstallation,
    WebhookHint,
)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a platform can do; the application asks here and never for the platform's name."""

    locations: bool = False
    """Stock is told per location."""
    catalog: bool = False
    """The platform itself tells the catalog; elsewhere the shop names a feed."""
    inventory_reads: bool = False
    """`read_inventory` works, so that stock of chosen variants can be read anew at any moment."""
    webhooks: bool = False
    installation: bool = False
    """The shop installs the application: there are tokens, `read_shop` works, and webhooks are signed for all shops
    alike."""
    snippet_api: bool = False
    """The snippet can be put into the storefront by an API call."""


class CatalogReading(ABC):
    """One pass over a shop's catalog. Use as a context manager, iterate once; flat memory whatever the size.

    `report` grows while iterating; `bookmark` is whole after the last variant.
    Iterating raises IntegrationError (PayloadError, UnreachableError ...) when the source breaks off: what was
    read until then must not be taken for the whole catalog.
    """

    unchanged: bool = False
    """The source says that nothing changed since the bookmark: there is nothing to iterate."""
    complete: bool = True
    """The whole catalog is told, so a variant that is missing may be gone."""
    as_of: datetime | None = None
    """Since when the catalog may have changed without showing it here; None: it is as new as it can be."""
    bookmark: CatalogBookmark
    report: CatalogReport

    @abstractmethod
    def __iter__(self) -> Iterator[CatalogVariant]:
        """Each variant once, in the source's order."""

    def levels(self) -> Iterator[InventoryLevel]:
        """Stock by location, where the source tells it so; once, after the variants. All of a variant in a row."""
        return iter(())

    @abstractmethod
    def close(self) -> None:
        """Free connections and files."""

    def __enter__(self) -> Self:
        """Use in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close, whatever happened."""
        self.close()


class PlatformAdapter(ABC):
    """One shop on one platform. Holds no state of its own; makes network calls only through `http`."""

    capabilities: ClassVar[Capabilities] = Capabilities()
    webhook_headers: ClassVar[tuple[str, ...]] = ()
    """The headers (lower case) of a webhook that `parse_webhook` needs; no others are kept."""

    def __init__(self, connection: ShopConnection, http: HTTPClient) -> None:
        """Keep the connection; nothing is opened yet."""
        self.connection = connection
        self.http = http

    @abstractmethod
    def read_catalog(self, bookmark: CatalogBookmark | None = None) -> CatalogReading:
        """Start to read the catalog: all of it, or what changed since `bookmark`.

        Raises:
            NotReadyError: the platform prepares it; ask again.
            IntegrationError: the source cannot be reached or is not a catalog.
        """

    def read_products(self, product_ids: Sequence[str]) -> Iterator[CatalogVariant]:
        """All variants of these products; none of a product that the platform no longer knows.

        Raises:
            NotSupportedError: the platform cannot.
            IntegrationError: it did not answer properly.
        """
        raise NotSupportedError("This platform does not tell single products.")

    def read_inventory(self, variant_ids: Sequence[str]) -> Iterator[InventoryLevel]:
        """Fresh stock of these variants: the total of each, and its levels by location where there are some.

        A variant that the platform no longer knows is left out.

        Raises:
            NotSupportedError: the platform cannot (`capabilities.inventory_reads`).
            IntegrationError: it did not answer properly.
        """
        raise NotSupportedError("This platform does not tell the stock of single variants.")

    def read_inventory_of_items(self, item_ids: Sequence[str]) -> Iterator[InventoryLevel]:
        """The same, by the platform's own ids of what lies in its stock, where its webhooks name those.

        Raises:
            NotSupportedError: the platform cannot.
            IntegrationError: it did not answer properly.
        """
        raise NotSupportedError("This platform has no stock items.")

    def read_shop(self) -> ShopFacts:
        """The shop as the platform describes it.

        Raises:
            NotSupportedError: the platform does not (`capabilities.installation`).
            IntegrationError: it did not answer properly.
        """
        raise NotSupportedError("This platform does not describe its shops.")

    def renew(self, refresh_token: str, now: datetime) -> AccessTokens:
        """The next pair of tokens.

        Raises:
            AuthError: the application was removed, or its secret changed.
            IntegrationError: the platform did not answer properly.
        """
        raise NotSupportedError("This platform's tokens are not renewed.")

    @classmethod
    def is_duty(cls, headers: Mapping[str, str]) -> bool:
        """Whether a webhook asks for what must be done also for a shop that has removed the application. Pure."""
        return False

    @classmethod
    def webhook_shop(cls, headers: Mapping[str, str], body: bytes) -> str:
        """The platform's own id of the shop that a webhook, not yet verified, says it is for. Pure.

        Args:
            headers: names in lower case.
            body: the raw bytes.

        Raises:
            NotSupportedError: the platform sends no webhooks.
            PayloadError: the webhook does not say.
        """
        raise NotSupportedError("This platform sends no webhooks.")

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Check that the platform sent this; returns its delivery id, the same for each repetition.

        Args:
            headers: names in lower case.
            body: the raw bytes.

        Raises:
            SignatureError: it did not, or it is too old.
        """
        raise NotSupportedError("This platform sends no webhooks.")

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[WebhookHint]:
        """What a verified webhook hints at, from its body and its `webhook_headers`. Pure: no network, no clock.

        Raises:
            PayloadError: the body has an unexpected shape.
        """
        raise NotSupportedError("This platform sends no webhooks.")

    def register_webhooks(self, address: str) -> None:
        """Make the platform send its webhooks to `address`; harmless when it does already.

        Raises:
            IntegrationError: it refused or did not answer.
        """

    @abstractmethod
    def install_snippet(self, host: str, public_key: str, *, oversold: str = "hide") -> SnippetInstallation:
        """Put the storefront script into the shop's pages, or say what to paste.

        Args:
            host: where Stockbell is, without a slash at the end.
            public_key: the shop's.
            oversold: "alert" to show the button for variants that are sold when out of stock.

        Raises:
            IntegrationError: the platform refused or did not answer.
        """
