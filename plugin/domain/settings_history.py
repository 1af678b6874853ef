"""Every change of a setting, with who made it and when."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, RowMapping, text


class Change(NamedTuple):
    """One setting, before and after; None where it was or is not set."""

    name: str
    before: Any
    after: Any
    part: str = "shop"
    """Of what: "shop", "flow back_in_stock", or scope and target of an override."""


def add(database: Connection, shop_id: int, changes: Iterable[Change], by: str) -> None:
    """Keep the changes that change something."""
    rows = [change for change in changes if change.before != change.after]
    if not rows:
        return
    query = text(
        "INSERT INTO setting_change (shop_id, changed_by, part, name, before, after)"
        " SELECT :shop, :by, part, name, before::jsonb, after::jsonb"
        "   FROM unnest(CAST(:parts AS text[]), CAST(:names AS text[]), CAST(:befores AS text[]),"
        "               CAST(:afters AS text[])) AS change (part, name, before, after)"
    )
    values = {
        "parts": [change.part for change in rows],
        "names": [change.name for change in rows],
        "befores": [json.dumps(change.before) for change in rows],
        "afters": [json.dumps(change.after) for change in rows],
    }
    database.execute(query, {"shop": shop_id, "by": by, **values})


def page(database: Connection, shop_id: int, *, before: int | None, limit: int) -> Sequence[RowMapping]:
    """Up to `limit` changes, newest first, older than the one with the number `before`."""
    query = text(
        "SELECT id, changed_at, changed_by, part, name, before, after FROM setting_change"
        " WHERE shop_id = :shop AND (CAST(:before AS bigint) IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit"
    )
    return database.execute(query, {"shop": shop_id, "before": before, "limit": limit}).mappings().all()
