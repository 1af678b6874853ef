"""The shopper's side: joining the line and confirming; `plugin.domain.leaving` has the other end."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy import Connection, RowMapping, text

from plugin.db import PreparedStatement, one_transaction
from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop

CONFIRM_AGAIN_AFTER = timedelta(minutes=10)
"""How long a second request waits before the confirmation mail is sent once more."""


class UnknownVariantError(LookupError):
    """The shop does not sell this variant."""


class ShopChangedError(Exception):
    """The shop was changed since it was read: read it again."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a shopper asks for, already checked."""

    variant_id: str
    email: str
    locale: str = ""
    page_url: str = ""
    marketing_consent: bool = False
    phone: str = ""
    quantity: int | None = None
    """How many the person would like to buy."""


@dataclass(frozen=True, slots=True)
class Joined:
    """What joining did."""

    in_stock: bool
    """The variant can be bought right now."""
    message_due: bool
    """A confirmation mail waits in the outbox."""


class Confirmation(Enum):
    """What confirming did."""

    WAITING = "waiting"
    """In line now (or already)."""
    IN_STOCK = "in_stock"
    """In line now, and the variant is back already: the page says so."""
    ENDED = "ended"
    """The request was withdrawn or answered before."""


def join(
    database: Connection, shop: Shop, request: Request, now: datetime, *, may_ask_confirmation: bool = True
) -> Joined:
    """Put someone into the line, or leave them where they are (rule 6).

    The variant's row is held in share mode, so that a restock either sees this person waiting or is seen here as
    stock: nobody falls between the two.

    Args:
        database: a connection on which each statement is its own transaction.
        shop: the shop, read at any time before; it is checked that it is still the same.
        request: what is asked for.
        now: the moment; it is the place in line.
        may_ask_confirmation: False when the address has had enough confirmation mails for today.

    Raises:
        UnknownVariantError: the shop does not sell this variant.
        ShopChangedError: the shop was changed since it was read; nothing was written.
    """
    unconfirmed = shop.double_opt_in
    current, known, available, overrides, added, asked = _JOIN.one(
        database,
        shop.id,
        shop.version,
        request.variant_id,
        request.email,
        request.email.lower(),
        request.locale,
        request.page_url,
        request.marketing_consent,
        "unconfirmed" if unconfirmed else "waiting",
        secrets.token_bytes(16),
        now,
        unconfirmed and may_ask_confirmation,
        request.phone,
        request.quantity or 0,
    )
    if current == "f":
        raise ShopChangedError(shop.id)
    if known == "f":
        raise UnknownVariantError(request.variant_id)
    message_due = asked == "t"
    if unconfirmed and may_ask_confirmation and added == "f":
        message_due = _ask_again(database, shop, request, now)
    rules = shop.rules_with(json.loads(overrides) if overrides else None)
    in_stock = is_sellable(None if available is None else int(available), rules)
    return Joined(in_stock=in_stock, message_due=message_due)


_JOIN = PreparedStatement(
    "join",
    """
    WITH current AS (
        SELECT FROM shop WHERE id = $1 AND xmin = $2::text::xid AND uninstalled_at IS NULL
    ), item AS (
        SELECT available, overrides FROM variant
         WHERE shop_id = $1 AND variant_id = $3 AND removed_at IS NULL
           AND EXISTS (SELECT FROM current) FOR SHARE
    ), added AS (
        INSERT INTO subscription (shop_id, variant_id, email, email_key, locale, page_url, marketing_consent,
                                  state, link_key, joined_at, state_at, created_at, phone, quantity)
        SELECT $1, $3, $4, $5, $6, $7, $8::boolean, $9, $10::bytea, $11, $11, $11::timestamptz,
               NULLIF($13, ''), NULLIF($14::integer, 0)
          FROM item
         WHERE NOT EXISTS (SELECT FROM suppression WHERE shop_id = $1 AND channel = 'email' AND address = $5)
        ON CONFLICT (shop_id, variant_id, email_key) WHERE state IN ('unconfirmed', 'waiting', 'released')
        -- The shop no longer asks for confirmation: who was asked before is in line now.
        DO UPDATE SET state = excluded.state, state_at = excluded.state_at
         WHERE subscription.state = 'unconfirmed' AND excluded.state = 'waiting'
        RETURNING id
    ), asked AS (
        INSERT INTO message (shop_id, subscription_id, kind, due_at, created_at)
        SELECT $1, id, 'confirmation', $11, $11 FROM added WHERE $12::boolean
        RETURNING id
    )
    SELECT EXISTS (SELECT FROM current), EXISTS (SELECT FROM item),
           (SELECT available FROM item), (SELECT overrides FROM item),
           EXISTS (SELECT FROM added), EXISTS (SELECT FROM asked)
    """,
)


def _ask_again(database: Connection, shop: Shop, request: Request, now: datetime) -> bool:
    """Send the confirmation mail once more to who lost the first; not to who asks in quick succession."""
    values = {
        "shop": shop.id,
        "variant": request.variant_id,
        "email_key": request.email.lower(),
        "now": now,
        "before": now - CONFIRM_AGAIN_AFTER,
    }
    with one_transaction(database):
        # Held, so that of two requests at once the second sees the mail of the first.
        subscription_id = database.execute(_HOLD_UNCONFIRMED, values).scalar()
        if subscription_id is None:
            return False
        return bool(database.execute(_ASK_AGAIN, {**values, "subscription": subscription_id}).rowcount)


_HOLD_UNCONFIRMED = text(
    "SELECT id FROM subscription WHERE shop_id = :shop AND variant_id = :variant AND email_key = :email_key"
    " AND state = 'unconfirmed' FOR NO KEY UPDATE"
)
_ASK_AGAIN = text(
    """
    INSERT INTO message (shop_id, subscription_id, kind, step, due_at, created_at)
    SELECT :shop, :subscription, 'confirmation', coalesce(max(step), 0) + 1, :now, :now
      FROM message WHERE subscription_id = :subscription AND kind = 'confirmation'
    HAVING coalesce(max(created_at) < :before, true)
       AND coalesce(bool_and(state NOT IN ('pending', 'claimed')), true)
    """
)


def find(database: Connection, subscription_id: int) -> RowMapping | None:
    """A subscription with what pages show: shop, variant, state; None when there is no such number."""
    return (
        database.execute(
            text(
                "SELECT subscription.*, product_title, variant_title, url, image_url, available, removed_at"
                " FROM subscription LEFT JOIN variant USING (shop_id, variant_id) WHERE subscription.id = :id"
            ),
            {"id": subscription_id},
        )
        .mappings()
        .first()
    )


def page(
    database: Connection,
    shop_id: int,
    *,
    after: int,
    limit: int,
    variant_id: str | None = None,
    state: str | None = None,
) -> Sequence[RowMapping]:
    """Up to `limit` subscriptions behind the one with the number `after`, oldest first."""
    values = {"shop": shop_id, "variant": variant_id, "state": state, "after": after, "limit": limit}
    return database.execute(_PAGE, values).mappings().all()


def page_with_items(database: Connection, shop_id: int, *, after: int, limit: int) -> Sequence[RowMapping]:
    """The same with the titles of what was asked for, as pages show it."""
    return database.execute(_PAGE_WITH_ITEMS, {"shop": shop_id, "after": after, "limit": limit}).mappings().all()


_PAGE_WITH_ITEMS = text(
    """
    SELECT subscription.id, variant_id, email, phone, state, joined_at, product_title, variant_title
      FROM subscription LEFT JOIN variant USING (shop_id, variant_id)
     WHERE shop_id = :shop AND subscription.id > :after ORDER BY subscription.id LIMIT :limit
    """
)


_PAGE = text(
    """
    SELECT id, variant_id, email, phone, quantity, locale, state, reason, joined_at, confirmed_at, state_at
      FROM subscription
     WHERE shop_id = :shop AND id > :after
       AND (CAST(:variant AS text) IS NULL OR variant_id = :variant)
       AND (CAST(:state AS text) IS NULL OR state = :state)
     ORDER BY id LIMIT :limit
    """
)


def confirm(database: Connection, shop: Shop, subscription_id: int, now: datetime) -> Confirmation:
    """The shopper confirms the address; doing it twice is harmless."""
    row = database.execute(
        text(
            "SELECT subscription.id, state, variant.available, variant.overrides, variant.removed_at FROM subscription"
            " JOIN variant USING (shop_id, variant_id)"
            " WHERE subscription.id = :id AND shop_id = :shop FOR SHARE OF variant"
        ),
        {"id": subscription_id, "shop": shop.id},
    ).first()
    if row is None:
        return Confirmation.ENDED
    sellable = row.removed_at is None and is_sellable(row.available, shop.rules_with(row.overrides))
    if row.state == "unconfirmed":
        _confirmed(database, subscription_id, now)
        return Confirmation.IN_STOCK if sellable else Confirmation.WAITING
    if row.state in {"waiting", "released"}:
        return Confirmation.IN_STOCK if sellable else Confirmation.WAITING
    return Confirmation.IN_STOCK if row.state == "notified" and sellable else Confirmation.ENDED


def _confirmed(database: Connection, subscription_id: int, now: datetime) -> None:
    """Write the confirmation down: in line, as everyone who joins, also while the variant can be bought (rule 6)."""
    database.execute(
        text(
            "UPDATE subscription SET confirmed_at = :now, state_at = :now, state = 'waiting', reason = ''"
            " WHERE id = :id AND state = 'unconfirmed'"
        ),
        {"id": subscription_id, "now": now},
    )
