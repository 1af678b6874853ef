"""Why was this sent, why was it not, and what happens next: told from recorded facts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, text

from plugin.domain.last_look import ERASED, LEFT
from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop

MOST_RESTOCKS = 20

Facts = RowMapping


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened, with why."""

    at: datetime
    event: str
    """Short and stable: asked, confirmed, confirmation_written, passed_by, released, planned, handed_over, not_sent,
    given_up, told_on_page, unsubscribed, bought, no_longer_kept."""
    sentence: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The story of one subscription, oldest first."""

    subscription_id: int
    state: str
    entries: Sequence[Entry]
    next: str
    """What happens next, as one sentence."""


def of_subscription(database: Connection, shop: Shop, subscription_id: int) -> Timeline | None:
    """The story of a subscription; None when the shop has none with this number."""
    values = {"shop": shop.id, "id": subscription_id}
    subscription = database.execute(_SUBSCRIPTION, values).mappings().first()
    if subscription is None:
        return None
    messages = database.execute(_MESSAGES, values).mappings().all()
    passed_by = database.execute(_PASSED_BY, values).mappings().all()
    attempts = database.execute(_ATTEMPTS, values).mappings().all()
    entries = sorted(
        [
            *_own(subscription),
            *_of_dropped(subscription, messages),
            *map(_of_passed_by, passed_by),
            *_of_messages(messages),
            *map(_of_attempt, attempts),
        ],
        key=lambda entry: entry.at,
    )
    return Timeline(subscription_id, subscription["state"], entries, _next(shop, subscription, messages))


_SUBSCRIPTION = text(
    """
    SELECT subscription.*, product_title, variant_title, available, overrides, removed_at, next_release_at,
           suppression.reason AS suppressed, suppression.created_at AS suppressed_at,
           (SELECT count(*) FROM subscription AS other
             WHERE other.shop_id = subscription.shop_id AND other.variant_id = subscription.variant_id
               AND other.state = 'waiting'
               AND (other.joined_at, other.id) < (subscription.joined_at, subscription.id)) AS ahead
      FROM subscription
      LEFT JOIN variant USING (shop_id, variant_id)
      LEFT JOIN restock ON restock.shop_id = subscription.shop_id AND restock.variant_id = subscription.variant_id
                       AND closed_at IS NULL
      LEFT JOIN suppression ON suppression.shop_id = subscription.shop_id AND suppression.channel = 'email'
                           AND address = email_key
     WHERE subscription.shop_id = :shop AND subscription.id = :id
    """
)
_MESSAGES = text(
    """
    SELECT message.id, message.kind, message.channel, message.step, message.state, message.reason, message.created_at,
           message.due_at, finished_at,
           released_at, quantity, minimum_inventory, customers_per_unit, people,
           coalesce(release.cause, restock.cause) AS cause
      FROM message
      LEFT JOIN release ON release.id = release_id
      LEFT JOIN restock ON restock.id = restock_id
     WHERE message.shop_id = :shop AND subscription_id = :id ORDER BY message.id
    """
)
_ATTEMPTS = text(
    """
    SELECT kind, channel, number, begun_at, outcome, detail
      FROM delivery_attempt JOIN message ON message.id = message_id
     WHERE message.shop_id = :shop AND subscription_id = :id
    """
)


# Restocks of the variant since the person asked, in which it was not this one's turn.
_PASSED_BY = text(
    """
    SELECT opened_at AS at, CAST(NULL AS integer) AS people, CAST(NULL AS bigint) AS quantity, close_reason
      FROM restock JOIN subscription AS mine USING (shop_id, variant_id)
     WHERE mine.shop_id = :shop AND mine.id = :id AND opened_at >= mine.created_at AND close_reason = 'flow_not_live'
       AND NOT EXISTS (SELECT FROM release WHERE restock_id = restock.id)
    UNION ALL
    SELECT released_at, people, release.quantity, '' FROM release JOIN subscription AS mine USING (shop_id, variant_id)
     WHERE mine.shop_id = :shop AND mine.id = :id AND released_at >= mine.created_at
       AND NOT EXISTS (SELECT FROM message WHERE subscription_id = mine.id AND release_id = release.id)
       -- Who was told before is no longer waiting for a turn.
       AND NOT EXISTS (SELECT FROM message
                        WHERE subscription_id = mine.id AND kind = 'restock' AND message.created_at < released_at)
       AND (mine.state IN ('unconfirmed', 'waiting', 'released') OR mine.state_at >= released_at)
     ORDER BY at DESC LIMIT 20
    """
)


def _of_passed_by(passed_by: Facts) -> Entry:
    if passed_by["close_reason"]:
        sentence = "It was back in stock, but the flow was not live, so nobody was told."
        return Entry(passed_by["at"], "passed_by", sentence)
    people = passed_by["people"]
    units = "Unlimited units were" if passed_by["quantity"] is None else _units(passed_by["quantity"])
    told = "the one who had waited longest was" if people == 1 else f"the {people:,} who had waited longest were"
    return Entry(
        passed_by["at"], "passed_by", f"{units} there, and {told} let out of the line; not yet this one's turn."
    )


def _own(subscription: Facts) -> Iterator[Entry]:
    """What the person did."""
    page = f", on {subscription['page_url']}" if subscription["page_url"] else ""
    yield Entry(subscription["created_at"], "asked", f"Asked to be told when {_title(subscription)} is back{page}.")
    if subscription["confirmed_at"]:
        yield Entry(subscription["confirmed_at"], "confirmed", "Confirmed the e-mail address.")
    if subscription["state"] == "notified" and subscription["reason"] == "told_when_confirming":
        sentence = "The page that confirms said that it is back already, so no mail was due."
        yield Entry(subscription["state_at"], "told_on_page", sentence)
    if subscription["state"] == "unsubscribed":
        yield Entry(subscription["state_at"], "unsubscribed", _HOW_LEFT.get(subscription["reason"], _LEFT))
    elif subscription["suppressed"] and subscription["suppressed_at"] >= subscription["created_at"]:
        sentence = "Unsubscribed from all alerts of this shop: nothing more is sent to this address."
        yield Entry(subscription["suppressed_at"], "unsubscribed", sentence)
    if subscription["bought_at"]:
        yield Entry(subscription["bought_at"], "bought", "Bought it.")


_LEFT = "Left the line, by the link in a mail."
_HOW_LEFT = {
    ERASED: "The merchant had this person's data erased.",
    "suppressed": "Left the line, as this address is not to be written to.",
}


def _of_dropped(subscription: Facts, messages: Sequence[Facts]) -> Iterator[Entry]:
    """What the state still tells of a restock message that was dropped with its month."""
    told = {"notified": "The mail was sent", "undeliverable": "The mail was given up"}.get(subscription["state"])
    on_page = subscription["reason"] == "told_when_confirming"
    if told and not on_page and all(message["kind"] != "restock" for message in messages):
        yield Entry(subscription["state_at"], "no_longer_kept", f"{told}; older messages are no longer kept.")


def _of_messages(messages: Sequence[Facts]) -> Iterator[Entry]:
    """Why a message was written, and why it was not sent."""
    for message in messages:
        if message["kind"] == "confirmation":
            sentence = "A mail to confirm the address was written, as the shop asks for that."
            yield Entry(message["created_at"], "confirmation_written", sentence)
        elif message["step"] == 1:
            yield Entry(message["released_at"], "released", _release_sentence(message))
        else:
            sentence = f"Message {message['step']} of the flow was planned for {_moment(message['due_at'])}."
            yield Entry(message["created_at"], "planned", sentence)
        if message["state"] == "skipped":
            yield Entry(message["finished_at"], "not_sent", f"Not sent: {_WHY_SKIPPED[message['reason']]}.")
        if message["state"] == "dead":
            yield Entry(message["finished_at"], "given_up", f"Given up: {message['reason']}")


_WHY_SKIPPED = {
    "sold_out_again": "it was sold out again before the hand-over; back to the old place in line",
    "suppressed": "this address is not to be written to",
    "sold_out": "it was sold out again by then",
    "bought": "the person had bought it",
    "uninstalled": "the shop had removed Stockbell",
    "asked_again": "the person was in line for it again",
    "smart_sending": "the person had another message of this shop shortly before (smart sending)",
    "not_in_flow": "the flow no longer has this message",
    "no_address": "the person gave no number for this channel",
    ERASED: "the person's data was erased",
    "unsubscribed": "the person had left the line",
    "no_longer_needed": "it was no longer needed",
}


def _release_sentence(release: Facts) -> str:
    units = "Unlimited units were" if release["quantity"] is None else _units(release["quantity"])
    if release["cause"] == "notify_now":
        units = f"The merchant let people out of the line. {units}"
    per_unit = release["customers_per_unit"]
    rule = "everyone in line is told" if per_unit is None else f"{per_unit:,} are told for each unit"
    others = release["people"] - 1
    beside = f"this one and {others:,} {'other' if others == 1 else 'others'}" if others else "this one alone"
    return f"{units} there, at least {release['minimum_inventory']:,} count as back, and {rule}: {beside}."


def _units(quantity: int) -> str:
    return f"{quantity:,} unit was" if quantity == 1 else f"{quantity:,} units were"


def _of_attempt(attempt: Facts) -> Entry:
    said = f": {attempt['detail']}" if attempt["detail"] else ""
    is_mail = attempt["channel"] == "email"
    what = "mail to confirm" if attempt["kind"] == "confirmation" else "mail" if is_mail else "text message"
    again = "it is sent again with the same Message-ID" if is_mail else "it is not sent again by itself"
    outcome = {
        "accepted": "and accepted",
        "temporary": f"and refused for now{said}",
        "permanent": f"and refused for good{said}",
        "uncertain": f"but nobody knows what became of it, so {again}",
        None: "and there is no answer yet",
    }[attempt["outcome"]]
    provider = "mail server" if is_mail else "provider"
    sentence = f"The {what} was handed to the {provider} (try {attempt['number']}) {outcome}."
    return Entry(attempt["begun_at"], "handed_over", sentence)


def _next(shop: Shop, subscription: Facts, messages: Sequence[Facts]) -> str:
    restocks = [message for message in messages if message["kind"] == "restock"]
    on_way = next((message for message in restocks if message["state"] in {"pending", "claimed"}), None)
    if subscription["state"] == "notified" and (subscription["bought_at"] or subscription["reason"] in {LEFT, ERASED}):
        on_way = None
    return _held_back(shop, subscription, on_way) or _next_by_state(shop, subscription, on_way)


def _held_back(shop: Shop, subscription: Facts, on_way: Facts | None) -> str:
    """Why nothing is sent at present to someone who would get something; empty when nothing is in the way."""
    state = subscription["state"]
    is_told_more = state == "notified" and on_way
    place = "" if is_told_more else "; the place in line is kept"
    if subscription["suppressed"] and state in {"unconfirmed", "waiting", "released"}:
        return "Nothing is sent: this address is not to be written to."
    if shop.paused and (is_told_more or state in {"unconfirmed", "waiting", "released"}):
        return f"Nothing is sent while sending is paused for the whole shop{place}."
    if not shop.flow.is_live and (is_told_more or state in {"waiting", "released"}):
        return f"Nothing is sent while the flow is {_FLOW_STATES[shop.flow.state]}{place}."
    return ""


def _next_by_state(shop: Shop, subscription: Facts, on_way: Facts | None) -> str:
    match subscription["state"]:
        case "unconfirmed":
            return "In line as soon as the address is confirmed; until then nothing else is sent."
        case "waiting":
            return _next_in_line(shop, subscription)
        case "released":
            return f"The mail is handed over{_when(on_way)}, if it can still be bought then."
        case "notified" if on_way:
            condition = "if it can still be bought and was not bought by then"
            return f"Message {on_way['step']} of the flow is handed over{_when(on_way)}, {condition}."
        case "undeliverable":
            return "Nothing, unless the merchant tries the message again."
    return "Nothing more."


def _when(on_way: Facts | None) -> str:
    return f", not before {_moment(on_way['due_at'])}" if on_way and on_way["state"] == "pending" else " now"


_FLOW_STATES = {"draft": "a draft", "paused": "paused"}


def _next_in_line(shop: Shop, subscription: Facts) -> str:
    ahead = subscription["ahead"]
    place = "First in line" if not ahead else f"In line behind {ahead:,}"
    if subscription["removed_at"] or subscription["product_title"] is None:
        return f"{place}; the shop does not sell it at present."
    rules = shop.rules_with(subscription["overrides"])
    least = rules.minimum_inventory
    if subscription["next_release_at"]:
        left = "units are left" if least == 1 else f"at least {least:,} units are there then"
        return f"{place}; the next ones are told at {_moment(subscription['next_release_at'])} if {left}."
    if is_sellable(subscription["available"], rules):
        return f"{place}; it can be bought now, and is told after it was sold out, or by 'notify now'."
    return f"{place}; told when {'a unit is' if least == 1 else f'at least {least:,} units are'} there."


def _title(subscription: Facts) -> str:
    titles = (subscription["product_title"] or subscription["variant_id"], subscription["variant_title"])
    return ", ".join(filter(None, titles))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")


def of_variant(database: Connection, shop_id: int, variant_id: str) -> list[dict[str, Any]]:
    """The newest restocks of a variant, each with its releases: when, of how many units, how many people."""
    values = {"shop": shop_id, "variant": variant_id, "limit": MOST_RESTOCKS}
    restocks = [dict(row) for row in database.execute(_RESTOCKS, values).mappings()]
    ids = [restock["id"] for restock in restocks]
    releases = database.execute(_RELEASES, {"ids": ids}).mappings().all()
    for restock in restocks:
        restock["releases"] = [dict(row) for row in releases if row["restock_id"] == restock["id"]]
    return restocks


_RESTOCKS = text(
    """
    SELECT id, cause, opened_at, next_release_at, closed_at, close_reason FROM restock
     WHERE shop_id = :shop AND variant_id = :variant ORDER BY id DESC LIMIT :limit
    """
)
_RELEASES = text(
    """
    SELECT restock_id, released_at, quantity, people, minimum_inventory,
           coalesce(to_jsonb(customers_per_unit), '"all"') AS customers_per_unit, wait_minutes,
           coalesce(release.cause, restock.cause) AS cause
      FROM release JOIN restock ON restock.id = restock_id WHERE restock_id = ANY (:ids) ORDER BY release.id
    """
)
