"""Catalogs from a feed or from our own API."""
