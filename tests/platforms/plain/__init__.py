"""The plainest platform that can be asked for stock and sends webhooks without it, with its adapter."""

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Flask, jsonify, request

from integrations.base import Capabilities, CatalogReading, PlatformAdapter
from integrations.errors import PayloadError, SignatureError
from integrations.types import CatalogBookmark, HintKind, InventoryLevel, SnippetInstallation, WebhookHint
from tests.platforms.frame import Platform

TOKEN = "plain-token"


class PlainPlatform(Platform):
    """Two routes: stock of named variants, and where webhooks go."""

    shop = "plain-shop"

    def app(self) -> Flask:
        """The API."""
        app = super().app()

        @app.get("/stock")
        def stock() -> Any:
            wanted = request.args["ids"].split(",")
            known = {each: self.stock[each] for each in wanted if each in self.stock}
            return jsonify({each: [level.available, level.updated_at.isoformat()] for each, level in known.items()})

        @app.put("/webhooks")
        def register() -> Any:
            address = request.get_json()["address"]
            if address not in self.addresses:
                self.addresses.append(address)
            return jsonify({})

        return app

    def webhook(self, variant_id: str) -> tuple[dict[str, str], bytes]:
        """It says which variant, and not how many are left."""
        headers = {"Plain-Shop": self.shop, "Plain-Token": TOKEN, "Plain-Id": secrets.token_hex(8)}
        return {**headers, "Content-Type": "application/json"}, json.dumps({"variants": [variant_id]}).encode()


class PlainAdapter(PlatformAdapter):
    """A shop there; its domain is the platform's API."""

    capabilities = Capabilities(inventory_reads=True, webhooks=True)

    def read_catalog(self, bookmark: CatalogBookmark | None = None) -> CatalogReading:
        """There is none."""
        raise NotImplementedError

    def read_inventory(self, variant_ids: Sequence[str]) -> Iterator[InventoryLevel]:
        """By one call."""
        answer = self.http.request("GET", f"{self.connection.domain}/stock", params={"ids": ",".join(variant_ids)})
        for variant_id, (available, moment) in answer.json().items():
            yield InventoryLevel(variant_id, None, available, datetime.fromisoformat(moment))

    @classmethod
    def webhook_shop(cls, headers: Mapping[str, str], _body: bytes) -> str:
        """From a header."""
        return headers.get("plain-shop", "")

    def verify_webhook(self, headers: Mapping[str, str], body: bytes) -> str:
        """By a token."""
        if headers.get("plain-token") != TOKEN:
            raise SignatureError("The token is not right.")
        return headers["plain-id"]

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> Sequence[WebhookHint]:
        """Which variants to read, or that the shop is gone."""
        try:
            told = json.loads(body)
        except ValueError as error:
            raise PayloadError("The body is not JSON.") from error
        if told == "gone":
            return [WebhookHint(HintKind.UNINSTALLED)]
        return [WebhookHint(HintKind.INVENTORY, variant_ids=tuple(told["variants"]))]

    def register_webhooks(self, address: str) -> None:
        """By one call."""
        self.http.request("PUT", f"{self.connection.domain}/webhooks", json={"address": address})

    def install_snippet(self, host: str, public_key: str, *, oversold: str = "hide") -> SnippetInstallation:
        """Nowhere."""
        return SnippetInstallation(installed=False, instructions=f"{host} {public_key}")
