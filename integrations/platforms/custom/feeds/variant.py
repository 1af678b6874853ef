"""From one row of any feed to one variant: what is kept, what is mended, what is skipped and why.

This runs a million times per feed, so values that repeat (prices, categories, availability) are remembered.
"""

from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

from integrations.platforms.custom.feeds.price import parse_currency, parse_price
from integrations.platforms.custom.feeds.row import Row
from integrations.platforms.custom.feeds.stock import (
    UNKNOWN,
    units_of_availability,
    units_of_quantity,
)
from integrations.platforms.custom.feeds.text import clean_id, clean_text, clean_url, plain
from integrations.types import CatalogReport, CatalogVariant

CATEGORIES_MAX = 50
CATEGORY_MAX_CHARS = 255
REMEMBERED_MAX = 20_000


_T = TypeVar("_T")


class _Problem(NamedTuple):
    message: str
    skipped: bool


_PROBLEMS = {
    "missing_id": _Problem("A product has no id. Give each one its own `id`.", skipped=True),
    "bad_id": _Problem(
        "An `id` is longer than 255 characters, holds control characters, or is a number with a fraction or "
        "an exponent. Write it as plain text.",
        skipped=True,
    ),
    "bad_link": _Problem(
        "A `link` is missing, longer than 2048 characters, or does not begin with https:// or http://.",
        skipped=True,
    ),
    "bad_image": _Problem("An `image_link` is not a web address; the picture is left out.", skipped=False),
    "bad_product_id": _Problem(
        "A `product_id` or `item_group_id` cannot be an id; the variant stands alone.", skipped=False
    ),
    "bad_price": _Problem('A price cannot be read. Write it like "19.99 USD".', skipped=False),
    "bad_quantity": _Problem("An `inventory_quantity` is not a number, so the stock is not known.", skipped=False),
    "no_stock": _Problem(
        "A product has neither `inventory_quantity` nor a known `availability`, so its stock is not known.",
        skipped=False,
    ),
}


class VariantBuilder:
    """Makes variants of rows and counts what was wrong with them."""

    def __init__(self, report: CatalogReport) -> None:
        """Count into `report`."""
        self._report = report
        self._prices: dict[Any, _Price] = {}
        self._stocks: dict[Any, _Stock] = {}
        self._categories: dict[Any, tuple[str, ...]] = {}

    def build(self, row: Row) -> CatalogVariant | None:
        """The variant of a row (values in the order of `FIELDS`), or None when it has to be skipped."""
        self._report.rows += 1
        (
            row_id, product_id, title, variant_title, link, image_link, price, sale_price, currency,
            categories, product_type, quantity, availability,
        ) = row  # fmt: skip
        variant_id = clean_id(row_id)
        if not variant_id:
            self._report_id(row_id)
            return None
        url = clean_url(link)
        if not url:
            self._problem("bad_link", variant_id)
            return None
        amount, code = self._price(price, sale_price, currency, variant_id)
        available, stock_known = self._stock(quantity, availability, variant_id)
        return tuple.__new__(
            CatalogVariant,
            (
                variant_id,
                self._product_id(product_id, variant_id) if product_id else variant_id,
                clean_text(title) or variant_id,
                clean_text(variant_title) if variant_title else "",
                url,
                self._image_url(image_link, variant_id) if image_link else "",
                amount,
                code,
                self._collections(categories, product_type),
                available,
                stock_known,
            ),
        )

    def _problem(self, code: str, row_id: str) -> None:
        message, skipped = _PROBLEMS[code]
        self._report.add(code, message, row=self._report.rows, row_id=row_id, skipped=skipped)

    def _report_id(self, value: object) -> None:
        shown = clean_text(value, 80)
        self._problem("bad_id" if shown or value else "missing_id", shown)

    def _product_id(self, value: object, variant_id: str) -> str:
        product_id = clean_id(value)
        if not product_id:
            self._problem("bad_product_id", variant_id)
        return product_id or variant_id

    def _image_url(self, value: object, variant_id: str) -> str:
        image_url = clean_url(value)
        if not image_url:
            self._problem("bad_image", variant_id)
        return image_url

    def _price(self, price: object, sale_price: object, currency: object, variant_id: str) -> tuple[str, str]:
        # The types are part of the key because True == 1.
        key = (price, price.__class__, sale_price, sale_price.__class__, currency)
        try:
            found = self._prices.get(key)
        except TypeError:  # A list has no key.
            found = None
        if found is None:
            found = _remember(self._prices, key, _read_price(price, sale_price, currency))
        if found.unclear:
            self._problem("bad_price", variant_id)
        return found.amount, found.currency

    def _stock(self, quantity: object, word: object, variant_id: str) -> tuple[int | None, bool]:
        key = (quantity, quantity.__class__, word)
        try:
            found = self._stocks.get(key)
        except TypeError:
            found = None
        if found is None:
            found = _remember(self._stocks, key, _read_stock(quantity, word))
        if found.problem:
            self._problem(found.problem, variant_id)
        return found.available, not found.problem

    def _collections(self, categories: object, product_type: object) -> tuple[str, ...]:
        if not (categories or product_type):
            return ()
        key = (
            _hashable(categories) if categories.__class__ is list else categories,
            _hashable(product_type) if product_type.__class__ is list else product_type,
        )
        try:
            found = self._categories.get(key)
        except TypeError:
            found = None
        if found is None:
            found = _remember(self._categories, key, _read_collections(categories, product_type))
        return found


class _Price(NamedTuple):
    amount: str
    currency: str
    unclear: bool


class _Stock(NamedTuple):
    available: int | None
    problem: str


def _read_price(price: object, sale_price: object, currency: object) -> _Price:
    """A sale price wins; a currency in the price wins over the column."""
    unclear = False
    for text in (_text(sale_price), _text(price)):
        if text is None:
            continue
        found = parse_price(text)
        if found:
            return _Price(found[0], found[1] or parse_currency(clean_text(currency)), unclear)
        unclear = True
    return _Price("", "", unclear)


def _read_stock(quantity: object, word: object) -> _Stock:
    """A quantity counts, unless the availability says that nothing can be bought."""
    units = units_of_availability(_text(word) or "")
    text = _text(quantity)
    if text is None:
        return _Stock(None, "no_stock") if units is UNKNOWN else _Stock(units, "")
    exact = units_of_quantity(text)
    if exact is UNKNOWN:
        return _Stock(None, "bad_quantity")
    return _Stock(0 if units == 0 else exact, "")


def _read_collections(categories: object, product_type: object) -> tuple[str, ...]:
    """Categories are a list or have commas between them; a product type may have commas in it."""
    if categories:
        values = categories.split(",") if isinstance(categories, str) else categories
    else:
        values = [product_type] if isinstance(product_type, str) else product_type
    if not isinstance(values, list):
        return ()
    names = [clean_text(value, CATEGORY_MAX_CHARS) for value in values[:CATEGORIES_MAX]]
    return tuple(dict.fromkeys(name for name in names if name))


def _text(value: object) -> str | None:
    """What a table would hold; None when there is nothing."""
    if value is None:
        return None
    # Something that is neither text nor number is not nothing: it is unclear.
    text = value.strip() if isinstance(value, str) else (plain(value) or "?")
    return text or None


def _hashable(names: Any) -> object:
    """A key for a list of names; for a list of anything else the list itself, which is no key."""
    try:
        "".join(names)  # Only a list of texts passes; True and 1 would be the same key.
    except TypeError:
        return names
    return tuple(names)


def _remember(remembered: dict[Any, _T], key: object, value: _T) -> _T:
    # Anything smarter than starting anew when full would cost more than it saves.
    if len(remembered) >= REMEMBERED_MAX:
        remembered.clear()
    with suppress(TypeError):
        remembered[key] = value
    return value
