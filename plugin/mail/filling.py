"""Fills the mails of a batch: the product's facts are read once, the mail is prepared once."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlalchemy import Engine, text

from integrations.channels.base import Envelope
from plugin.domain.delivery import Fill
from plugin.domain.outbox import ClaimedMessage
from plugin.domain.shops import Shop
from plugin.mail.compose import Composer, Item
from plugin.mail.mime import PreparedMail


def batch_filler(engine: Engine, composer: Composer) -> Fill:
    """A function for `Courier.fill`."""

    def fill(shop: Shop, messages: Sequence[ClaimedMessage]) -> Callable[[ClaimedMessage], Envelope]:
        items = _items(engine, shop, {message.variant_id for message in messages})
        prepared: dict[tuple[str, str, str], PreparedMail] = {}
        now = datetime.now(UTC)

        def write(message: ClaimedMessage) -> Envelope:
            kind = "reminder" if message.kind == "restock" and message.step > 1 else message.kind
            key = (kind, message.variant_id, message.locale)
            if key not in prepared:
                prepared[key] = composer.prepare(kind, message.locale, shop, items[message.variant_id], now)
            return composer.fill(prepared[key], shop, message)

        return write

    return fill


def _items(engine: Engine, shop: Shop, variant_ids: set[str]) -> dict[str, Item]:
    with engine.connect() as database:
        rows = database.execute(
            text(
                "SELECT variant_id, product_title, variant_title, url, image_url, price, currency FROM variant"
                " WHERE shop_id = :shop AND variant_id = ANY (:variants)"
            ),
            {"shop": shop.id, "variants": sorted(variant_ids)},
        )
        return {row.variant_id: Item(*row[1:]) for row in rows}
