"""Shops on no known platform: a feed tells the catalog, our own API tells changes of stock."""

from html import escape

from integrations.base import PlatformAdapter
from integrations.platforms.custom.feeds import FeedReading
from integrations.platforms.custom.feeds.source import fetch_feed
from integrations.types import CatalogBookmark, SnippetInstallation


class CustomAdapter(PlatformAdapter):
    """A shop with a catalog feed (`ShopConnection.feed`: web address or path of a file)."""

    def read_catalog(self, bookmark: CatalogBookmark | None = None) -> FeedReading:
        """Fetch the feed and start to read it; always the whole catalog.

        Args:
            bookmark: of the last reading of the same feed. Leave it out when the feed's address has changed.

        Raises:
            IntegrationError: the feed cannot be reached. Whether it can be read shows while iterating.
        """
        return FeedReading(fetch_feed(self.http, self.connection.feed, bookmark or CatalogBookmark()))

    def install_snippet(self, script_url: str) -> SnippetInstallation:
        """What to paste: the script once per page, the element where the button goes. Makes no call."""
        script = f'<script src="{escape(script_url)}" async></script>'
        element = '<stockbell-notify product-id="PRODUCT_ID" variant-id="VARIANT_ID"></stockbell-notify>'
        return SnippetInstallation(installed=False, instructions=f"{script}\n{element}")
