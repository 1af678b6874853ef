"""Who looks at the merchant's pages: each blueprint has a door of its own, and the pages behind them are the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from flask import current_app, g, request
from flask.typing import ResponseReturnValue

from plugin.domain.shops import Shop


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in."""

    shops: Sequence[Shop]
    """What they may see."""
    name: str
    """For the history of settings."""
    is_embedded: bool = False
    """In a frame of their platform's admin: there is no cookie, and no address bar."""


Door = Callable[[], "Visitor | ResponseReturnValue"]
"""Lets in, or answers instead."""


def set_door(blueprint: str, door: Door) -> None:
    """Say who may see the pages under a blueprint's name."""
    _doors()[blueprint] = door


def enter() -> ResponseReturnValue | None:
    """Before each request: find out who it is."""
    found = _doors()[request.blueprint or ""]()
    if not isinstance(found, Visitor):
        return found
    g.visitor = found
    return None


def visitor() -> Visitor:
    """Who looks at this page."""
    return cast(Visitor, g.visitor)


def _doors() -> dict[str, Door]:
    return cast("dict[str, Door]", current_app.extensions.setdefault("stockbell.doors", {}))
