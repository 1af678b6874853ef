"""Is the snippet on a page of the shop, and can it work there? What the server can see of it."""

from plugin.snippet_check.check import check_page, is_well
from plugin.snippet_check.finding import Finding

__all__ = ["Finding", "check_page", "is_well"]
