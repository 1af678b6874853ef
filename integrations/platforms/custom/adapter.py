"""Shops on no known platform: a feed tells the catalog, our own API and signed webhooks tell changes of stock."""

import time
from collections.abc import Mapping, Sequence
from html import escape

from integrations import standard_webhooks
from integrations.base import Capabilities, PlatformAdapter
from integrations.errors import PayloadError
from integrations.platforms.custom import webhooks
from integrations.platforms.custom.feeds import FeedReading
from integrations.platforms.custom.feeds.source import fetch_feed
from integrations.types import CatalogBookmark, HintKind, SnippetInstallation, WebhookHint


class CustomAdapter(PlatformAdapter):
    """A shop with a catalog feed (`ShopConnection.feed`: web address or path of a file).

    The credential `webhook_secret` holds the secret of its webhooks, or several with spaces between them.
    """

    capabilities = Capabilities(webhooks=True)
    webhook_headers = (webhooks.SENT_AT_HEADER,)

    def read_catalog(self, bookmark: CatalogBookmark | None = None) -> FeedReading:
        """Fetch the feed and start to read it; always the whole catalog.

        Args:
            bookmark: of the last reading of the same feed. Leave it out when the feed's address has changed.

        Raises:
            IntegrationError: the feed cannot be reached. Whether it can be read shows while iterating.
        """
        return FeedReading(fetch_feed(self.http, self.connection.feed, bookmark or CatalogBookmark()))

    @classmethod
    def webhook_shop(cls, headers: Mapping[str, str], _body: bytes) -> str:
        """The shop's public key, from the header `stockbell-shop`.

        Raises:
            PayloadError: the header is missing.
        """
        public_key = headers.get(webhooks.SHOP_HEADER, "")
        if not public_key:
            raise PayloadError(f"The header {webhooks.SHOP_HEADER} must hold the shop's public key.")
        return public_key

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Check the signature by the Standard Webhooks specification; returns the header `webhook-id`.

        Raises:
            SignatureError: it is not right, or the webhook was sent more than 5 minutes ago.
        """
        secrets = self.connection.credentials.get("webhook_secret", "").split()
        return standard_webhooks.verify(headers, body, secrets, time.time())

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[WebhookHint]:
        """New stock, an order, or a feed that has changed.

        Raises:
            PayloadError: it is not as docs/custom-shops.md says.
        """
        hint = webhooks.parse(headers, body)
        has_nothing_to_read = hint.kind is HintKind.CATALOG and not self.connection.feed
        return [] if has_nothing_to_read else [hint]

    def register_webhooks(self, address: str) -> None:
        """Nothing: the shop's own programs send webhooks, and know where to."""

    def install_snippet(self, host: str, public_key: str, *, oversold: str = "hide") -> SnippetInstallation:  # noqa: ARG002
        """What to paste: the script once per page, the element where the button goes. Makes no call."""
        script = f'<script src="{escape(host)}/s/{escape(public_key)}.js" async></script>'
        element = '<stockbell-notify product-id="PRODUCT_ID" variant-id="VARIANT_ID"></stockbell-notify>'
        return SnippetInstallation(installed=False, instructions=f"{script}\n{element}")
