"""Shopify: an app that a shop installs; GraphQL Admin API, webhooks, app proxy."""
