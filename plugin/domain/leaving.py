"""How requests end before, or after, they are answered: the person leaves, unsubscribes for good, or is erased."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from plugin.domain.last_look import ERASED, LEFT


@dataclass(frozen=True, slots=True)
class Ending:
    """How subscriptions end."""

    state: str
    reason: str
    withdrawn: str
    """Why their messages are not sent."""


_BY_SUBSCRIBER = Ending("unsubscribed", "by_subscriber", "unsubscribed")
_BY_ERASURE = Ending("unsubscribed", ERASED, ERASED)


def end(database: Connection, condition: str, values: dict[str, object], now: datetime, ending: Ending) -> int:
    """End subscriptions, and withdraw their messages that nobody has begun to send; returns how many ended.

    First the messages, then the subscriptions: the order in which workers lock them.

    Args:
        database: a transaction.
        condition: SQL that says which rows of `subscription`; a constant of the caller's.
        values: what the condition asks for.
        now: the moment.
        ending: how they end.
    """
    database.execute(
        text(
            f"""
            WITH ended AS (
                UPDATE message SET state = 'skipped', reason = :withdrawn, finished_at = :now
                  FROM subscription
                 WHERE {condition} AND subscription_id = subscription.id AND message.state IN ('pending', 'claimed')
                   -- Begun already, or even answered and not yet written up: it is on its way.
                   AND NOT (message.state = 'claimed' AND EXISTS (
                       SELECT FROM delivery_attempt WHERE message_id = message.id AND number = attempts))
                RETURNING message.shop_id, kind
            )
            INSERT INTO message_total (shop_id, state, messages)
            SELECT shop_id, 'skipped', count(*) FROM ended WHERE kind = 'restock' GROUP BY shop_id
            """  # noqa: S608 (the condition is a constant of the caller's)
        ),
        {**values, "now": now, "withdrawn": ending.withdrawn},
    )
    untold = f"{condition} AND subscription.state IN ('unconfirmed', 'waiting', 'released', 'undeliverable')"
    query = f"UPDATE subscription SET state = :state, state_at = :now, reason = :reason WHERE {untold}"  # noqa: S608
    ended = database.execute(text(query), {**values, "now": now, "state": ending.state, "reason": ending.reason})
    return int(ended.rowcount)


def leave(database: Connection, shop_id: int, subscription_id: int, now: datetime) -> None:
    """Leave the line of one variant, at once; a message that nobody has begun to send is withdrawn."""
    key: dict[str, object] = {"shop": shop_id, "id": subscription_id}
    end(database, "subscription.id = :id AND subscription.shop_id = :shop", key, now, _BY_SUBSCRIBER)
    # Who was told already: a later message of the flow must not be written.
    told = "UPDATE subscription SET reason = :left WHERE id = :id AND shop_id = :shop AND state = 'notified'"
    database.execute(text(told), {**key, "left": LEFT})


def suppress(database: Connection, shop_id: int, email: str, now: datetime, *, reason: str = "unsubscribed") -> None:
    """Never write to this address again for this shop, and leave every line of it."""
    database.execute(
        text(
            "INSERT INTO suppression (shop_id, channel, address, reason, created_at)"
            " VALUES (:shop, 'email', :address, :reason, :now) ON CONFLICT DO NOTHING"
        ),
        {"shop": shop_id, "address": email.lower(), "reason": reason, "now": now},
    )
    condition = "subscription.shop_id = :shop AND email_key = :address"
    end(database, condition, {"shop": shop_id, "address": email.lower()}, now, _BY_SUBSCRIBER)


def allow_again(database: Connection, shop_id: int, email: str) -> None:
    """Take back an unsubscription, by the person who holds the link; a bounce or complaint stays."""
    database.execute(
        text(
            "DELETE FROM suppression WHERE shop_id = :shop AND channel = 'email' AND address = :address"
            " AND reason = 'unsubscribed'"
        ),
        {"shop": shop_id, "address": email.lower()},
    )


def is_suppressed(database: Connection, shop_id: int, email: str) -> bool:
    """Whether nothing may be sent to this address for this shop."""
    query = text(
        "SELECT EXISTS (SELECT FROM suppression WHERE shop_id = :shop AND channel = 'email' AND address = :address)"
    )
    return bool(database.execute(query, {"shop": shop_id, "address": email.lower()}).scalar_one())


def erase(database: Connection, shop_id: int, email: str, now: datetime) -> int:
    """Forget a person: leave every line and remove the address from every request; returns how many there were.

    What remains counts in reports and names nobody. A message that is being handed over at this moment still goes.
    """
    key: dict[str, object] = {"shop": shop_id, "address": email.lower()}
    condition = "subscription.shop_id = :shop AND email_key = :address"
    end(database, condition, key, now, _BY_ERASURE)
    erase_traces(database, shop_id, email.lower(), now)
    forget = f"""
        UPDATE subscription SET email = '', email_key = 'erased ' || id, phone = NULL, page_url = '',
                                reason = 'erased', link_key = decode(md5(random()::text), 'hex')
         WHERE {condition}
    """  # noqa: S608
    return int(database.execute(text(forget), key).rowcount)


def erase_traces(database: Connection, shop_id: int, address: str, now: datetime) -> None:
    """Forget an address, or a phone number, where it stands beside requests: suppressions, and webhooks as they came.

    A webhook that waits to be handled again is given up.
    """
    key = {"shop": shop_id, "address": address, "now": now, "bytes": address.encode()}
    database.execute(text("DELETE FROM suppression WHERE shop_id = :shop AND address = :address"), key)
    database.execute(
        text(
            "UPDATE webhook SET body = '', state = 'failed', error = 'The person was forgotten.',"
            " finished_at = coalesce(finished_at, :now) WHERE shop_id = :shop AND state IN ('pending', 'failed')"
            " AND position(CAST(:bytes AS bytea) IN lower(encode(body, 'escape'))::bytea) > 0"
        ),
        key,
    )
