"""Shopify: how shops install the app, its pages in their admin, and what comes from their storefronts."""

from flask import Flask

from plugin.web.parts import runtime_of
from plugin.web.shopify import embedded, install, proxy


def init_app(app: Flask) -> None:
    """Add what belongs to Shopify, where the app is registered there."""
    if not runtime_of(app).settings.shopify_client_id:
        return
    install.init_app(app)
    embedded.init_app(app)
    proxy.init_app(app)
