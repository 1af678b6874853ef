"""Shopify's servers, imitated: they refuse, sign and slow down as the real ones do."""
