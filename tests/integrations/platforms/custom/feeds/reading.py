"""What the feed tests share: reading bytes, and writing one catalog in every format."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from integrations.platforms.custom.feeds import FeedReading
from integrations.platforms.custom.feeds.source import FetchedFeed
from integrations.types import CatalogBookmark, CatalogReport, CatalogVariant

Product = Mapping[str, str]


def open_reading(data: bytes | str) -> FeedReading:
    file = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return FeedReading(FetchedFeed(file, CatalogBookmark()))


def read_feed(data: bytes | str) -> tuple[list[CatalogVariant], CatalogReport]:
    with open_reading(data) as reading:
        return list(reading), reading.report


def read_item(**fields: Any) -> tuple[CatalogVariant | None, CatalogReport]:
    """One JSON product with an id and a link, and one that is always fine after it."""
    item = {"id": "a", "link": "https://shop.example/a", **fields}
    good = {"id": "good", "link": "https://shop.example/good", "inventory_quantity": 1}
    variants, report = read_feed(json.dumps([item, good]))
    assert variants[-1].variant_id == "good"
    return (variants[0] if len(variants) == 2 else None), report


def as_json(products: Sequence[Product]) -> str:
    return json.dumps(list(products))


def as_klaviyo_xml(products: Sequence[Product]) -> str:
    items = (f"<Product>{_tags(product, '')}</Product>" for product in products)
    return f'<?xml version="1.0"?>\n<Products>\n{"".join(items)}</Products>\n'


def as_rss(products: Sequence[Product]) -> str:
    items = (f"<item>{_tags(product, 'g:')}</item>\n" for product in products)
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:g="http://base.google.com/ns/1.0">'
        f"<channel><title>Shop</title><link>https://shop.example</link>{''.join(items)}</channel></rss>"
    )


def as_atom(products: Sequence[Product]) -> str:
    items = (f"<entry><id>tag:1</id>{_tags(product, 'x:')}</entry>\n" for product in products)
    return (
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:x="http://base.google.com/ns/1.0">'
        f"<title>Shop</title><id>tag:shop</id>{''.join(items)}</feed>"
    )


def as_csv(products: Sequence[Product], delimiter: str = ",") -> str:
    names = list(dict.fromkeys(name for product in products for name in product))
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(names)
    writer.writerows([product.get(name, "") for name in names] for product in products)
    return text.getvalue()


def as_tsv(products: Sequence[Product]) -> str:
    return as_csv(products, "\t")


FORMATS = {
    "json": as_json,
    "klaviyo xml": as_klaviyo_xml,
    "rss": as_rss,
    "atom": as_atom,
    "csv": as_csv,
    "tsv": as_tsv,
}


def _tags(product: Product, prefix: str) -> str:
    return "".join(f"<{prefix}{name}>{escape(value)}</{prefix}{name}>" for name, value in product.items())
