"""The Flask application and the restock engine."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["create_app"]


def create_app(*arguments: Any, **options: Any) -> "Flask":
    """The Flask application; see `plugin.application.create_app`."""
    # Imported when asked for: "stockbell simulate" and the engine need no web framework.
    from plugin.application import create_app as make  # noqa: PLC0415

    return make(*arguments, **options)
