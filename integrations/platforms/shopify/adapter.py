"""A shop on Shopify, through its GraphQL Admin API."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from integrations.base import Capabilities, CatalogReading, PlatformAdapter
from integrations.errors import PayloadError, RejectedError, SignatureError
from integrations.platforms.shopify import catalog, documents, stock, tokens, webhooks
from integrations.platforms.shopify.app import ShopifyApp, checked_domain, legacy_id
from integrations.platforms.shopify.graphql import AT_ONCE, MOST_TRIES, TOO_DEAR, AdminAPI
from integrations.types import (
    AccessTokens,
    CatalogBookmark,
    CatalogVariant,
    InventoryLevel,
    Location,
    ShopFacts,
    SnippetInstallation,
    WebhookHint,
)

STOCK_BATCH = 25
"""Variants in one request; fewer when Shopify finds it too dear."""
LEVELS_AT_ONCE = 10
METAFIELDS = "stockbell"
PROXY_PATH = "/apps/stockbell"
"""Where the shop's own pages reach us, as shopify.app.toml says."""
Ask = Callable[[Sequence[str]], list[dict[str, Any]]]


class ShopifyAdapter(PlatformAdapter):
    """A shop that has installed the app. Its credentials are the fields of `ShopifyApp`."""

    capabilities = Capabilities(
        locations=True, catalog=True, inventory_reads=True, webhooks=True, installation=True, snippet_api=True
    )
    webhook_headers = (webhooks.TOPIC, webhooks.SHOP, webhooks.TRIGGERED_AT)

    @property
    def app(self) -> ShopifyApp:
        """Who we are there."""
        return ShopifyApp(**self.connection.credentials)

    @property
    def api(self) -> AdminAPI:
        """The shop's API, with a token that is good now.

        Raises:
            IntegrationError: there is none.
        """
        connection = self.connection
        most_tries = AT_ONCE if connection.somebody_waits else MOST_TRIES
        shop, token = connection.platform_shop_id, connection.access_token()
        return AdminAPI(self.http, self.app, shop, token, most_tries=most_tries)

    def read_catalog(self, bookmark: CatalogBookmark | None = None) -> CatalogReading:
        """The file that Shopify has prepared; asks for it first, and the caller asks again.

        Raises:
            NotReadyError: it is being prepared.
            IntegrationError: Shopify could not, or does not answer.
        """
        return catalog.BulkReading(self.http, catalog.newest_file(self.api, bookmark, datetime.now(UTC)))

    def read_products(self, product_ids: Sequence[str]) -> Iterator[CatalogVariant]:
        """All variants of these products."""
        api = self.api
        for product_id in product_ids:
            yield from catalog.product_variants(api, product_id)

    def read_inventory(self, variant_ids: Sequence[str]) -> Iterator[InventoryLevel]:
        """Their stock in the online shop."""
        api = self.api
        for node in _in_batches(variant_ids, self._asking(api, documents.STOCK_OF_VARIANTS, "ProductVariant")):
            yield from _levels(api, node["inventoryItem"], [node])

    def read_inventory_of_items(self, item_ids: Sequence[str]) -> Iterator[InventoryLevel]:
        """The stock of the variants that are made of these stock items."""
        api = self.api
        for node in _in_batches(item_ids, self._asking(api, documents.STOCK_OF_ITEMS, "InventoryItem")):
            yield from _levels(api, node, node["variants"]["nodes"])

    def _asking(self, api: AdminAPI, document: str, kind: str) -> Ask:
        def ask(ids: Sequence[str]) -> list[dict[str, Any]]:
            asked = {"ids": [f"gid://shopify/{kind}/{each}" for each in ids], "levels": LEVELS_AT_ONCE}
            return [node for node in api.execute(document, asked)["nodes"] if node]

        return ask

    def read_shop(self) -> ShopFacts:
        """Name, addresses, currency, scopes and locations."""
        api = self.api
        told = api.execute(documents.SHOP)
        shop = told["shop"]
        scopes = frozenset(each["handle"] for each in told["currentAppInstallation"]["accessScopes"])
        locations = tuple(
            Location(legacy_id(node["id"]), node["name"], bool(node["isActive"] and node["fulfillsOnlineOrders"]))
            for node in _pages(lambda after: api.execute(documents.LOCATIONS, {"after": after})["locations"])
        )
        domains = dict.fromkeys([shop["primaryDomain"]["url"], f"https://{shop['myshopifyDomain']}"])
        return ShopFacts(shop["name"], tuple(domains), shop["currencyCode"], scopes, locations)

    def renew(self, refresh_token: str, now: datetime) -> AccessTokens:
        """The next pair of tokens."""
        return tokens.refresh(self.http, self.app, self.connection.platform_shop_id, refresh_token, now)

    @classmethod
    def is_duty(cls, headers: Mapping[str, str]) -> bool:
        """Whether it is one of the three compliance topics."""
        return headers.get(webhooks.TOPIC, "").lower() in webhooks.DUTIES

    @classmethod
    def webhook_shop(cls, headers: Mapping[str, str], _body: bytes) -> str:
        """The shop's domain, from the header `x-shopify-shop-domain`.

        Raises:
            PayloadError: the header is missing, or none of Shopify's.
        """
        try:
            return checked_domain(headers.get(webhooks.SHOP, ""))
        except SignatureError as error:
            raise PayloadError(f"The header {webhooks.SHOP} must name a shop of Shopify's.") from error

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """Check the signature; returns the header `x-shopify-webhook-id`, the same for each repetition.

        Raises:
            SignatureError: it is not right.
        """
        self.app.check_webhook(headers.get(webhooks.SIGNATURE, ""), body)
        topic = headers.get(webhooks.TOPIC, "")
        return headers.get(webhooks.DELIVERY) or hashlib.sha256(topic.encode() + b"\n" + body).hexdigest()

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[WebhookHint]:
        """What it hints at."""
        return webhooks.parse(headers, body)

    def register_webhooks(self, address: str) -> None:
        """Ask for what is missing, and no longer for what went to another address of ours."""
        api = self.api
        there = list(_pages(lambda after: api.execute(documents.WEBHOOKS, {"after": after})["webhookSubscriptions"]))
        granted = api.execute(documents.SHOP)["currentAppInstallation"]["accessScopes"]
        scopes = {"", *(each["handle"] for each in granted)}
        wanted = {webhooks.enum_of(name): name for name, topic in webhooks.TOPICS.items() if topic.scope in scopes}
        for each in there:
            if each["topic"] not in wanted or each["uri"] != address:
                api.execute(documents.DELETE_WEBHOOK, {"id": each["id"]})
        refusals = []
        for topic in sorted(wanted.keys() - {each["topic"] for each in there if each["uri"] == address}):
            webhook: dict[str, Any] = {"uri": address, "format": "JSON"}
            if wanted[topic] == "orders/create":
                webhook["includeFields"] = webhooks.ORDER_FIELDS
            try:
                api.execute(documents.CREATE_WEBHOOK, {"topic": topic, "webhook": webhook})
            except RejectedError as error:  # one that is refused must not keep us from the others
                refusals.append(error)
        if refusals:
            raise refusals[0]

    def install_snippet(self, host: str, public_key: str, *, oversold: str = "hide") -> SnippetInstallation:
        """Tell the theme app extension which shop it is in; the merchant switches it on in the theme editor."""
        api = self.api
        owner = api.execute(documents.SHOP)["currentAppInstallation"]["id"]
        values = {"public_key": public_key, "host": host, "proxy": PROXY_PATH, "oversold": oversold}
        text = {"ownerId": owner, "namespace": METAFIELDS, "type": "single_line_text_field"}
        fields = [{**text, "key": key, "value": value} for key, value in values.items()]
        api.execute(documents.SET_METAFIELDS, {"metafields": fields})
        return SnippetInstallation(installed=True)


def _levels(api: AdminAPI, item: Mapping[str, Any], variants: Sequence[Mapping[str, Any]]) -> Iterator[InventoryLevel]:
    """The stock of the variants that are made of one item."""
    nodes = list(item["inventoryLevels"]["nodes"])
    page = item["inventoryLevels"]["pageInfo"]
    while page["hasNextPage"]:
        asked = {"item": item["id"], "after": page["endCursor"]}
        more = api.execute(documents.MORE_LEVELS, asked)["inventoryItem"]
        if more is None:
            return  # gone in this very moment
        nodes += more["inventoryLevels"]["nodes"]
        page = more["inventoryLevels"]["pageInfo"]
    for variant in variants:
        yield from stock.levels(variant, item, nodes)


def _in_batches(ids: Sequence[str], ask: Ask) -> Iterator[dict[str, Any]]:
    """Ask for many things, fewer at a time when Shopify finds that too dear."""
    start, size = 0, STOCK_BATCH
    while start < len(ids):
        batch = ids[start : start + size]
        try:
            found = ask(batch)
        except RejectedError as error:
            if error.reason != TOO_DEAR or len(batch) == 1:
                raise
            size = len(batch) // 2
            continue
        start += size
        yield from found


def _pages(ask: Callable[[str | None], Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """The nodes of a list, page by page."""
    after = None
    while True:
        page = ask(after)
        yield from page["nodes"]
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]
