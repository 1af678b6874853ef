"""The last look before a message goes: is it still wanted, is it still true, may it be sent?"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, text

from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop
from plugin.partitions import id_bounds

LEFT = "left"
"""The reason of a subscription whose person was told, and then left before a later message."""
ERASED = "erased"
GOES_ON = ["smart_sending", "no_address"]
"""Reasons for which one message is left out and the flow goes on."""


def look_again(
    database: Connection, shop: Shop, message_ids: Sequence[int], now: datetime
) -> tuple[Sequence[RowMapping], dict[int, str]]:
    """The facts of claimed messages in their order, and for each why it must not be sent (empty: it may).

    Args:
        database: the transaction that claims them.
        shop: the shop, as it is.
        message_ids: messages of that shop.
        now: the moment.
    """
    rows = database.execute(_LOOK_AGAIN, {"ids": list(message_ids), **id_bounds(message_ids)}).mappings().all()
    smart = [row for row in rows if _smart_sending_hours(shop, row)]
    written_lately = _written_lately(database, shop, smart, rows, now)
    several = _people_of_several(rows)
    not_in_flow = {row["id"] for row in rows if row["kind"] == "restock" and row["step"] > len(shop.flow.messages)}
    perhaps_put_back = {
        row["variant_id"] for row in smart if row["id"] in written_lately or row["email_key"] in several
    } | {row["variant_id"] for row in rows if row["id"] in not_in_flow}
    sold_out = _sold_out(database, shop, rows, perhaps_put_back)
    reasons = {row["id"]: _reason_not_to_send(row, sold_out, written_lately, not_in_flow) for row in rows}
    return rows, {**reasons, **_beside_another(smart, rows, reasons)}


def _smart_sending_hours(shop: Shop, row: RowMapping) -> int:
    return (shop.flow.message(row["step"]).smart_sending_hours or 0) if row["kind"] == "restock" else 0


def _people_of_several(rows: Sequence[RowMapping]) -> set[str]:
    """Who is to be told about more than one thing."""
    first = {row["email_key"]: row["subscription_id"] for row in reversed(rows)}
    return {row["email_key"] for row in rows if row["subscription_id"] != first[row["email_key"]]}


def _beside_another(
    smart: Sequence[RowMapping], rows: Sequence[RowMapping], reasons: Mapping[int, str]
) -> dict[int, str]:
    """Those that smart sending leaves out as another of these messages, one that goes, is for the same person."""
    may_be_left_out = {row["id"] for row in smart}
    getting: dict[str, int] = {}
    left_out: dict[int, str] = {}
    for row in rows:
        if row["kind"] != "restock" or reasons[row["id"]]:
            continue
        is_another = getting.setdefault(row["email_key"], row["subscription_id"]) != row["subscription_id"]
        if is_another and row["id"] in may_be_left_out:
            left_out[row["id"]] = "smart_sending"
    return left_out


_LOOK_AGAIN = text(
    """
    SELECT message.id, attempts AS attempt, kind, step, message.channel, release_id, subscription_id,
           message.created_at, subscription.variant_id, email, email_key, phone, locale, link_key, bought_at,
           subscription.state AS subscription_state, subscription.reason AS subscription_reason,
           suppression.address IS NOT NULL AS suppressed,
           step > 1 AND EXISTS (
               SELECT FROM subscription AS newer
                WHERE newer.shop_id = message.shop_id AND newer.variant_id = subscription.variant_id
                  AND newer.email_key = subscription.email_key AND newer.id > subscription.id
                  AND newer.state IN ('unconfirmed', 'waiting', 'released')) AS asked_again
      FROM message
      JOIN subscription ON subscription.id = subscription_id
      LEFT JOIN suppression ON suppression.shop_id = message.shop_id AND suppression.channel = message.channel
                           AND address = CASE message.channel WHEN 'sms' THEN phone ELSE email_key END
     WHERE message.id = ANY (:ids) AND message.id BETWEEN :low AND :high ORDER BY due_at, message.id
    """
)


def _reason_not_to_send(row: RowMapping, sold_out: set[str], written_lately: set[int], not_in_flow: set[int]) -> str:
    state, is_sold_out = row["subscription_state"], row["kind"] == "restock" and row["variant_id"] in sold_out
    reasons = {
        "suppressed": row["suppressed"],
        "bought": row["bought_at"],
        "unsubscribed": state == "unsubscribed" or row["subscription_reason"] in {LEFT, ERASED},
        "no_longer_needed": state not in _EXPECTED_STATES[row["kind"], row["step"] > 1],
        "asked_again": row["asked_again"],
        "not_in_flow": row["id"] in not_in_flow,
        "sold_out_again": is_sold_out and state == "released",
        "sold_out": is_sold_out,
        "no_address": row["channel"] == "sms" and not row["phone"],
        "smart_sending": row["id"] in written_lately,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


# By kind, and whether it is a later message of a flow.
_EXPECTED_STATES = {
    ("restock", False): {"released"},
    ("restock", True): {"released", "notified"},
    ("confirmation", False): {"unconfirmed"},
    ("confirmation", True): {"unconfirmed"},
}


def _written_lately(
    database: Connection, shop: Shop, smart: Sequence[RowMapping], rows: Sequence[RowMapping], now: datetime
) -> set[int]:
    """The messages whose person had one about something else, or is getting it from another worker."""
    if not smart:
        return set()
    found = database.execute(
        _WRITTEN_LATELY,
        {
            "shop": shop.id,
            "ids": [row["id"] for row in smart],
            "people": [row["email_key"] for row in smart],
            "subscriptions": [row["subscription_id"] for row in smart],
            "since": [now - timedelta(hours=_smart_sending_hours(shop, row)) for row in smart],
            "claimed_here": [row["id"] for row in rows],
        },
    )
    return set(found.scalars())


_WRITTEN_LATELY = text(
    """
    SELECT asked.id
      FROM unnest(CAST(:ids AS bigint[]), CAST(:people AS text[]), CAST(:subscriptions AS bigint[]),
                  CAST(:since AS timestamptz[])) AS asked (id, person, subscription_id, since)
     WHERE EXISTS (
         SELECT FROM subscription JOIN message ON message.subscription_id = subscription.id
          WHERE subscription.shop_id = :shop AND email_key = asked.person
            AND subscription.id <> asked.subscription_id AND message.kind <> 'confirmation'
            AND (message.state = 'sent' AND message.finished_at > asked.since
                 OR message.state = 'claimed' AND message.id <> ALL (CAST(:claimed_here AS bigint[]))))
    """
)


def _sold_out(database: Connection, shop: Shop, rows: Sequence[RowMapping], others: Iterable[str]) -> set[str]:
    """The variants that cannot be bought now.

    A variant that looks sold out is locked and looked at again, so that who goes back into the line is there
    when the next stock change counts the line; `others` are locked too, as someone may go back into their line.
    """
    variants = sorted({row["variant_id"] for row in rows if row["kind"] == "restock"})
    if not variants:
        return set()
    query = (
        "SELECT variant_id, available, overrides, removed_at FROM variant"
        " WHERE shop_id = :shop AND variant_id = ANY (:ids)"
    )

    def not_sellable(ids: list[str], lock: str) -> list[str]:
        found = database.execute(text(query + lock), {"shop": shop.id, "ids": ids})
        return [
            row.variant_id
            for row in found
            if row.removed_at or not is_sellable(row.available, shop.rules_with(row.overrides))
        ]

    suspects = sorted({*not_sellable(variants, ""), *others})
    return set(not_sellable(suspects, " ORDER BY variant_id FOR NO KEY UPDATE")) if suspects else set()
