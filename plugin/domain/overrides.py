"""Settings for a part of the catalog: per collection (or tag), product or variant; the narrowest wins.

What the overrides of a shop come to for one variant stands in `variant.overrides`, so that whoever has the variant's
row has its rules. It is worked out anew here, when an override or what it applies to changes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from plugin.domain import settings_history
from plugin.domain.errors import FieldError
from plugin.domain.rules import RestockSettings
from plugin.domain.settings_history import Change
from plugin.domain.shops import Shop, checked_rules, lock_rules

SCOPES = ("collection", "product", "variant")
"""From wide to narrow."""


@dataclass(frozen=True, slots=True)
class Override:
    """Settings that differ from the shop's for a part of its catalog."""

    scope: str
    """One of `SCOPES`."""
    target: str
    """The collection's or tag's name, or the id of the product or variant."""
    settings: Mapping[str, Any]
    """Some of the rules by name; customers_per_unit is "all" or a number."""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EffectiveRules:
    """The rules that hold for one variant, and from where each comes."""

    rules: RestockSettings
    sources: Mapping[str, str]
    """By setting: "shop", or scope and target, as in "product shirt"."""


def all_of(database: Connection, shop_id: int) -> list[Override]:
    """The overrides of a shop, widest scope first."""
    query = text(
        "SELECT scope, target, settings, changed_at FROM setting_override WHERE shop_id = :shop"
        " ORDER BY array_position(ARRAY['collection', 'product', 'variant'], scope), target"
    )
    return [Override(**row) for row in database.execute(query, {"shop": shop_id}).mappings()]


def put(database: Connection, shop: Shop, override: Override, by: str) -> None:
    """Set or replace an override; releases nothing (rule 4).

    Args:
        database: a transaction.
        shop: the shop.
        override: what is to hold.
        by: who changes it.

    Raises:
        FieldError: a setting has no such value.
    """
    if not override.settings:
        raise FieldError("settings", "must hold at least one setting; delete the override to take it back")
    checked_rules(override.settings)
    _change(database, shop, override, by)


def remove(database: Connection, shop: Shop, scope: str, target: str, by: str) -> bool:
    """Take an override back; False when there was none. Releases nothing (rule 4)."""
    return _change(database, shop, Override(scope, target, {}), by)


def _change(database: Connection, shop: Shop, override: Override, by: str) -> bool:
    lock_rules(database, shop.id)
    key = {"shop": shop.id, "scope": override.scope, "target": override.target}
    where = "shop_id = :shop AND scope = :scope AND target = :target"
    before = database.execute(text(f"SELECT settings FROM setting_override WHERE {where}"), key).scalar()  # noqa: S608
    if override.settings:
        database.execute(_PUT, {**key, "settings": json.dumps(dict(override.settings))})
    else:
        database.execute(text(f"DELETE FROM setting_override WHERE {where}"), key)  # noqa: S608
    names = {*(before or {}), *override.settings}
    part = f"{override.scope} {override.target}"
    changes = [Change(name, (before or {}).get(name), override.settings.get(name), part) for name in sorted(names)]
    settings_history.add(database, shop.id, changes, by)
    _work_out(database, shop.id, f"variant.{_APPLIES[override.scope]}", {"target": override.target})
    return before is not None


_PUT = text(
    "INSERT INTO setting_override (shop_id, scope, target, settings)"
    " VALUES (:shop, :scope, :target, CAST(:settings AS jsonb))"
    " ON CONFLICT (shop_id, scope, target)"
    " DO UPDATE SET settings = excluded.settings, changed_at = now()"
)
_APPLIES = {
    "collection": "collections @> ARRAY[CAST(:target AS text)]",
    "product": "product_id = :target",
    "variant": "variant_id = :target",
}


def apply_to_catalog(database: Connection, shop_id: int, condition: str) -> None:
    """Work out the overrides of variants that are new or have moved.

    Args:
        database: the transaction that wrote them, which took `shops.share_rules` before.
        shop_id: the shop.
        condition: SQL of the caller's that says which rows of `variant`.
    """
    some = text(
        "SELECT EXISTS (SELECT FROM setting_override WHERE shop_id = :shop)"
        " OR EXISTS (SELECT FROM variant WHERE shop_id = :shop AND overrides IS NOT NULL)"
    )
    if database.execute(some, {"shop": shop_id}).scalar_one():
        _work_out(database, shop_id, condition, {})


def _work_out(database: Connection, shop_id: int, condition: str, values: Mapping[str, Any]) -> None:
    database.execute(text(_WORK_OUT.format(condition=condition)), {"shop": shop_id, **values})


# Locked in the order of ids, like everywhere where several variants are locked. What comes later in the aggregate
# replaces what came before: the narrower, and of several collections the first by name.
_WORK_OUT = """
    WITH touched AS (
        SELECT variant_id, product_id, collections FROM variant
         WHERE shop_id = :shop AND {condition} ORDER BY variant_id FOR NO KEY UPDATE
    ), worked_out AS (
        SELECT variant_id, (
                   SELECT jsonb_object_agg(setting.key, setting.value ORDER BY narrowness, target DESC) FROM (
                       SELECT 1 AS narrowness, target, settings FROM setting_override
                        WHERE shop_id = :shop AND scope = 'collection' AND target = ANY (touched.collections)
                       UNION ALL
                       SELECT 2, target, settings FROM setting_override
                        WHERE shop_id = :shop AND scope = 'product' AND target = touched.product_id
                       UNION ALL
                       SELECT 3, target, settings FROM setting_override
                        WHERE shop_id = :shop AND scope = 'variant' AND target = touched.variant_id
                   ) AS found CROSS JOIN jsonb_each(settings) AS setting) AS overrides
          FROM touched
    )
    UPDATE variant SET overrides = worked_out.overrides FROM worked_out
     WHERE shop_id = :shop AND variant.variant_id = worked_out.variant_id
       AND variant.overrides IS DISTINCT FROM worked_out.overrides
"""


def effective(database: Connection, shop: Shop, variant_id: str) -> EffectiveRules | None:
    """The rules of one variant, and where each comes from; None when the shop does not sell it."""
    row = database.execute(
        text(
            "SELECT product_id, collections, overrides FROM variant"
            " WHERE shop_id = :shop AND variant_id = :variant AND removed_at IS NULL"
        ),
        {"shop": shop.id, "variant": variant_id},
    ).first()
    if row is None:
        return None
    targets = {"collection": row.collections, "product": [row.product_id], "variant": [variant_id]}
    ours = [each for each in all_of(database, shop.id) if each.target in targets[each.scope]]
    rules = shop.rules_with(row.overrides)
    return EffectiveRules(rules, {name: _source(ours, name) for name in RestockSettings.__slots__})


def _source(overrides: Sequence[Override], name: str) -> str:
    """The narrowest that says something; of several collections the first by name."""
    having = [each for each in overrides if name in each.settings]
    if not having:
        return "shop"
    winner = min(having, key=lambda each: (-SCOPES.index(each.scope), each.target))
    return f"{winner.scope} {winner.target}"
