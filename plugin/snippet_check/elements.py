"""The buttons of a page: are they there, and does Stockbell know their variants and think the same of the stock?"""

import re
from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection, RowMapping

from plugin.domain import variants
from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop
from plugin.snippet_check.finding import Finding, named, short
from plugin.snippet_check.page import Page, Tag
from plugin.snippet_check.scripts import Loader, is_javascript

BUTTONS = "Buttons"
VARIANTS = "Variants"
ELEMENT = "stockbell-notify"
CATALOG = "Is the shop's catalog read (stockbell catalog sync), and are the ids those of the feed?"
BY_SCRIPT = "Open the page with #stockbell-check, as told below."


def findings(page: Page, every: list[Loader], shop: Shop, database: Connection) -> Iterator[Finding]:
    """Whether there are buttons, and what of their variants."""
    elements = [tag for tag in page.tags if tag.name == ELEMENT]
    triggers = [tag.get("data-stockbell-open") for tag in page.tags if "data-stockbell-open" in tag.attributes]
    if not elements and not triggers:
        yield _none(page, every)
        return
    counts = ((len(elements), "<stockbell-notify>"), (len(triggers), "data-stockbell-open"))
    there = " and ".join(f"{count:,} {what}" for count, what in counts if count)
    yield Finding(BUTTONS, ok=True, finding=f"On the page: {there}.")
    yield from _selectors(elements)
    yield from _variants(elements, [each for each in triggers if each], shop, database)


def _selectors(elements: Iterable[Tag]) -> Iterator[Finding]:
    for tag in elements:
        for name in ("variant-field", "replaces"):
            if not _is_whole(tag.get(name)):
                finding = f"A button's {name} is no CSS selector: {short(tag.get(name))}."
                yield Finding(BUTTONS, ok=False, finding=finding, remedy="Mend it; until then the button stays hidden.")


def _is_whole(selector: str) -> bool:
    """Whether all that a selector opens is closed again; whatever else browsers refuse, only they can tell."""
    outside = re.sub(r"\\.|\"[^\"]*\"|'[^']*'", "", selector)
    while (less := re.sub(r"\[[^][()]*\]|\([^][()]*\)", "", outside)) != outside:
        outside = less
    return not re.search(r"[][()'\"]", outside)


def _none(page: Page, every: list[Loader]) -> Finding:
    finding = "There is no <stockbell-notify> on the page as the server sends it."
    remedy = "Put it where the button shall be."
    loaders = [each.tag for each in every if each.good]
    others = [tag for tag in page.tags if tag.name == "script" and is_javascript(tag) and tag not in loaders]
    if others or any(each.address.path.endswith("/klaviyo.js") for each in every):
        remedy = f"{remedy} If a script puts it there: {BY_SCRIPT[0].lower()}{BY_SCRIPT[1:]}"
        return Finding(BUTTONS, ok=None, finding=finding, remedy=remedy)
    return Finding(BUTTONS, ok=False, finding=finding, remedy=remedy)


def _variants(elements: list[Tag], triggers: list[str], shop: Shop, database: Connection) -> Iterator[Finding]:
    ids = {each for tag in elements for each in [tag.get("variant-id"), *_sold_out(tag)] if each} | set(triggers)
    products = {tag.get("product-id") for tag in elements if _is_list(tag) and tag.get("product-id")}
    if not ids and not products:
        yield _no_variant()
        return
    known = {row["variant_id"]: row for row in variants.named(database, shop.id, ids, products)}
    unknown = [each for each in sorted(ids) if each not in known]
    if unknown:
        finding = f"Stockbell does not know {named(unknown)}."
        yield Finding(VARIANTS, ok=False, finding=finding, remedy=CATALOG)
    elif not known:
        finding = f"Stockbell knows no variant of the product {named(sorted(products))}."
        yield Finding(VARIANTS, ok=False, finding=finding, remedy=CATALOG)
    else:
        states = (f"{each} ({_state(known[each], shop)})" for each in sorted(ids or known))
        yield Finding(VARIANTS, ok=True, finding=f"Stockbell knows {named(states)}.")
    yield from _stock(elements, known, shop)
    if any(not tag.get("variant-id") and not _is_list(tag) for tag in elements):
        yield _no_variant()


def _state(row: RowMapping, shop: Shop) -> str:
    return "in stock" if is_sellable(row["available"], shop.rules_with(row["overrides"])) else "sold out"


def _no_variant() -> Finding:
    finding = "A button names no variant on the page as the server sends it: it follows what visitors choose."
    return Finding(VARIANTS, ok=None, finding=finding, remedy=f"{BY_SCRIPT} Or set variant-id or sold-out.")


def _stock(elements: Iterable[Tag], known: Mapping[str, RowMapping], shop: Shop) -> Iterator[Finding]:
    """Where page and Stockbell differ."""
    hidden: list[str] = []
    early: list[str] = []
    for variant_id, available in _said(elements, known):
        row = known[variant_id]
        units, rules = row["available"], shop.rules_with(row["overrides"])
        # Below the minimum inventory a shop may sell what Stockbell does not call back in stock: both are right.
        if available and units is not None and units <= 0:
            hidden.append(variant_id)
        elif not available and is_sellable(units, rules):
            early.append(variant_id)
    remedy = "The page may come from a cache, or Stockbell may not have the newest stock (stockbell catalog sync)."
    if hidden:
        finding = (
            f"The page says that {named(hidden)} can be bought, so the button is hidden; to Stockbell it is sold out."
        )
        yield Finding("Stock", ok=False, finding=finding, remedy=remedy)
    if early:
        finding = f"The page says that {named(early)} is sold out; to Stockbell it is in stock."
        yield Finding("Stock", ok=False, finding=finding, remedy=remedy)


def _said(elements: Iterable[Tag], known: Mapping[str, RowMapping]) -> Iterator[tuple[str, bool]]:
    """What the page says of each variant that Stockbell knows: whether it can be bought."""
    for tag in elements:
        word, variant_id, sold_out = tag.get("available"), tag.get("variant-id"), set(_sold_out(tag))
        if word in {"true", "false"}:
            if variant_id in known:
                yield variant_id, word == "true"
        elif "sold-out" in tag.attributes:
            product_id = tag.get("product-id")
            # Without a variant of its own the button is about each of its product.
            own = [key for key, row in known.items() if product_id and row["product_id"] == product_id]
            for each in [variant_id] if variant_id else {*own, *sold_out}:
                if each in known:
                    yield each, each not in sold_out


def _is_list(tag: Tag) -> bool:
    """Whether the page says of each variant of a product whether it is sold out."""
    return "sold-out" in tag.attributes and not tag.get("variant-id") and tag.get("available") not in {"true", "false"}


def _sold_out(tag: Tag) -> list[str]:
    return tag.get("sold-out").split()
