"""The outbox: which messages are to be handed over, by whom, and what became of each.

    pending --claim--> claimed --begin/end, one by one--> (delivery_attempt) --finish--> sent | dead | pending

A claim is a lease, by the database's clock. Each hand-over is one delivery_attempt row, written before the
provider is spoken to and completed after its answer, so that a worker killed at any instant leaves a record of how
far it came (`plugin.domain.recorder`). `recover` reads that record.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, text

from plugin.domain import last_look
from plugin.domain.last_look import GOES_ON
from plugin.domain.shops import Shop
from plugin.partitions import id_bounds

BACK_IN_LINE = ["sold_out_again", "not_in_flow", *GOES_ON]
"""Reasons for which a message is not sent and its person waits on, at the old place."""
SMART_SENDING_LOCK = 7_365_008
LEASE = timedelta(seconds=45)
RETRY_FIRST_SECONDS = 30.0
RETRY_MOST_SECONDS = 3600.0
RETRY_JITTER = 0.2
MOST_ATTEMPTS = 54
"""How often a message is tried while its provider refuses it for now: for some 48 hours, with the waits above. Stock is
looked at before each try."""


@dataclass(frozen=True, slots=True)
class ClaimedMessage:
    """A message that this worker alone may hand over until its lease ends."""

    id: int
    attempt: int
    kind: str
    release_id: int | None
    subscription_id: int
    variant_id: str
    email: str
    locale: str
    link_key: bytes
    created_at: datetime
    step: int = 1
    """Which message of the flow, from 1."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a hand-over ended."""

    result: str
    """One of accepted, temporary, permanent, uncertain (handed over, no answer)."""
    detail: str = ""
    """What the provider said, without the address."""
    attempt: int = 1


def claim(
    database: Connection, shop: Shop, worker: str, now: datetime, *, limit: int, channel: str = "email"
) -> list[ClaimedMessage]:
    """Take up to `limit` due messages of a shop, oldest first, and look at everything again before they go.

    Whose variant is sold out again goes back to the old place in line (rule 7); who unsubscribed, bought or is
    suppressed gets nothing; each with the reason kept. Runs in the caller's transaction.
    """
    if any(message.smart_sending_hours for message in shop.flow.messages):
        # Who looks whether a person is written to by another worker must see what that one has claimed.
        database.execute(_ONE_AT_A_TIME, {"lock": SMART_SENDING_LOCK, "shop": shop.id})
    ids = sorted(database.execute(_DUE, {**_wanted(shop, now, channel), "limit": limit}).scalars())
    if not ids:
        return []
    database.execute(_CLAIM, {"ids": ids, **id_bounds(ids), "worker": worker, "lease": LEASE})
    rows, reasons = last_look.look_again(database, shop, ids, now)
    _skip(database, [(id_, reason) for id_, reason in reasons.items() if reason], now)
    return [_claimed(row) for row in rows if not reasons[row["id"]]]


_ONE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(:lock, CAST(:shop AS integer))")


def is_due(database: Connection, shop: Shop, now: datetime, *, channel: str = "email") -> bool:
    """Whether a message of this shop could be claimed."""
    query = text(f"SELECT EXISTS (SELECT FROM message WHERE {_IS_DUE})")  # noqa: S608 (a constant)
    return bool(database.execute(query, _wanted(shop, now, channel)).scalar_one())


def _wanted(shop: Shop, now: datetime, channel: str) -> dict[str, object]:
    """What `_IS_DUE` asks for."""
    kinds = ["confirmation", "restock"] if shop.flow.is_live else ["confirmation"]
    return {"shop": shop.id, "now": now, "channel": channel, "kinds": [] if shop.paused else kinds}


_IS_DUE = "shop_id = :shop AND state = 'pending' AND due_at <= :now AND channel = :channel AND kind = ANY (:kinds)"


_DUE = text(
    f"SELECT id FROM message WHERE {_IS_DUE} ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED"  # noqa: S608
)
_CLAIM = text(
    """
    UPDATE message SET state = 'claimed', claimed_by = :worker, claimed_at = clock_timestamp(),
                       lease_until = clock_timestamp() + :lease, attempts = attempts + 1
     WHERE id = ANY (:ids) AND id BETWEEN :low AND :high
    """
)


def _claimed(row: RowMapping) -> ClaimedMessage:
    return ClaimedMessage(**{name: row[name] for name in ClaimedMessage.__slots__})


def _skip(database: Connection, skipped: Sequence[tuple[int, str]], now: datetime) -> None:
    if not skipped:
        return
    ids = [id_ for id_, _ in skipped]
    bounds = id_bounds(ids)
    database.execute(_SKIP, {"ids": ids, **bounds, "reasons": [reason for _, reason in skipped], "now": now})
    _plan_next(database, [id_ for id_, reason in skipped if reason in GOES_ON], now)
    database.execute(_END_SUPPRESSED, {"ids": ids, **bounds, "now": now})
    database.execute(_BACK_IN_LINE, {"ids": ids, **bounds, "back": BACK_IN_LINE, "now": now})


_SKIP = text(
    """
    WITH ended AS (
        UPDATE message SET state = 'skipped', reason = given.reason, finished_at = :now, claimed_by = NULL,
                           lease_until = NULL, attempts = attempts - 1
          FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[])) AS given (id, reason)
         WHERE message.id = given.id AND message.id BETWEEN :low AND :high RETURNING shop_id, kind
    )
    INSERT INTO message_total (shop_id, state, messages)
    SELECT shop_id, 'skipped', count(*) FROM ended WHERE kind = 'restock' GROUP BY shop_id
    """
)
# Who unsubscribed in the very moment of joining: the line must not hold somebody who is never written to.
_END_SUPPRESSED = text(
    """
    UPDATE subscription SET state = 'unsubscribed', state_at = :now, reason = 'suppressed'
      FROM message WHERE message.id = ANY (:ids) AND message.id BETWEEN :low AND :high
       AND message.reason = 'suppressed' AND subscription.id = subscription_id
       AND subscription.state IN ('unconfirmed', 'waiting', 'released')
    """
)
_BACK_IN_LINE = text(
    """
    UPDATE subscription SET state = 'waiting', state_at = :now, reason = message.reason
      FROM message WHERE message.id = ANY (:ids) AND message.id BETWEEN :low AND :high
       AND subscription.id = subscription_id AND subscription.state = 'released' AND message.reason = ANY (:back)
       -- Whom the flow writes to later by another message has been let out all the same.
       AND NOT EXISTS (SELECT FROM message AS later
                        WHERE later.subscription_id = subscription.id AND later.state = 'pending')
    """
)


def _plan_next(database: Connection, message_ids: Sequence[int], now: datetime) -> None:
    """Write the flow's next message behind each of these, where the flow has one."""
    if message_ids:
        values = {"ids": list(message_ids), **id_bounds(message_ids), "now": now, "goes_on": GOES_ON}
        database.execute(_PLAN_NEXT, values)


# The later message is numbered into the month of the one before, where it is unique.
_PLAN_NEXT = text(
    """
    INSERT INTO message (id, shop_id, subscription_id, release_id, kind, channel, step, due_at, created_at)
    SELECT monthly_id('message_id_seq', message.id), message.shop_id, subscription_id, release_id, kind,
           following ->> 'channel', step + 1,
           CAST(:now AS timestamptz) + make_interval(mins => CAST(following ->> 'after_minutes' AS integer)), :now
      FROM message
      JOIN flow ON flow.shop_id = message.shop_id AND trigger = 'back_in_stock'
     CROSS JOIN LATERAL (SELECT messages -> CAST(step AS integer) AS following) AS next
     WHERE message.id = ANY (:ids) AND message.id BETWEEN :low AND :high AND kind = 'restock'
       AND following IS NOT NULL
       AND (message.state = 'sent' OR message.state = 'skipped' AND message.reason = ANY (:goes_on))
     ORDER BY message.id
    ON CONFLICT DO NOTHING
    """
)


def extend_lease(database: Connection, worker: str, message_ids: Sequence[int]) -> None:
    """Keep a batch that this worker has claimed; called every few seconds while it works on it."""
    database.execute(
        text(
            "UPDATE message SET lease_until = clock_timestamp() + :lease"
            " WHERE id = ANY (:ids) AND id BETWEEN :low AND :high AND state = 'claimed' AND claimed_by = :worker"
        ),
        {"lease": LEASE, "worker": worker, "ids": list(message_ids), **id_bounds(message_ids)},
    )


def give_back(database: Connection, worker: str, message_ids: Sequence[int], not_before: datetime | None) -> None:
    """Put claimed messages back that the provider never got; they count no attempt and keep their order."""
    given = {"ids": list(message_ids), "worker": worker, **id_bounds(message_ids)}
    database.execute(
        text(
            "DELETE FROM delivery_attempt USING message WHERE message_id = message.id AND message.id = ANY (:ids)"
            " AND message.id BETWEEN :low AND :high AND message_id BETWEEN :low AND :high"
            " AND state = 'claimed' AND claimed_by = :worker AND number = attempts AND outcome IS NULL"
        ),
        given,
    )
    database.execute(
        text(
            "UPDATE message SET state = 'pending', due_at = greatest(due_at, CAST(:due AS timestamptz)),"
            " claimed_by = NULL, lease_until = NULL, attempts = attempts - 1"
            " WHERE id = ANY (:ids) AND id BETWEEN :low AND :high AND state = 'claimed' AND claimed_by = :worker"
        ),
        {**given, "due": not_before},
    )


def finish(database: Connection, worker: str, outcomes: Sequence[tuple[int, Outcome]], now: datetime) -> None:
    """Write what became of a batch: sent, to be tried again later, or dead."""
    _finish(database, outcomes, now, worker)


def _finish(database: Connection, outcomes: Sequence[tuple[int, Outcome]], now: datetime, worker: str | None) -> None:
    if not outcomes:
        return
    given = {
        "ids": [id_ for id_, _ in outcomes],
        "numbers": [outcome.attempt for _, outcome in outcomes],
        "results": [outcome.result for _, outcome in outcomes],
        "details": [outcome.detail for _, outcome in outcomes],
        "jitters": [random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER) for _ in outcomes],  # noqa: S311
    }
    waits = {"first": RETRY_FIRST_SECONDS, "most": RETRY_MOST_SECONDS, "most_attempts": MOST_ATTEMPTS}
    bounds = id_bounds([id_ for id_, _ in outcomes])
    database.execute(_FINISH, {**given, **bounds, **waits, "now": now, "worker": worker})
    _plan_next(database, [id_ for id_, outcome in outcomes if outcome.result == "accepted"], now)


_FINISH = text(
    """
    WITH given AS (
        SELECT id, detail, attempts, message.uncertain OR result = 'uncertain' AS is_uncertain,
               CASE WHEN result = 'accepted' THEN 'sent'
                    -- Only mail providers know a message that they have had before.
                    WHEN result = 'uncertain' AND channel <> 'email' THEN 'dead'
                    WHEN result = 'permanent' OR attempts >= :most_attempts THEN 'dead'
                    ELSE 'pending' END AS next_state,
               make_interval(secs => least(:most, :first * 2.0 ^ (attempts - 1)) * jitter) AS wait
          FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS int[]), CAST(:results AS text[]),
                      CAST(:details AS text[]), CAST(:jitters AS float8[])) AS told (id, number, result, detail, jitter)
          JOIN message USING (id)
         WHERE message.id BETWEEN :low AND :high AND state = 'claimed' AND attempts = number
           AND (CAST(:worker AS text) IS NULL OR claimed_by = :worker)
    ), ended AS (
        UPDATE message SET state = next_state, reason = detail, uncertain = is_uncertain,
                           claimed_by = NULL, lease_until = NULL,
                           finished_at = CASE WHEN next_state = 'pending' THEN NULL ELSE CAST(:now AS timestamptz) END,
                           due_at = CASE WHEN next_state = 'pending' THEN CAST(:now AS timestamptz) + wait
                                         ELSE due_at END
          FROM given WHERE message.id = given.id AND message.id BETWEEN :low AND :high
        RETURNING shop_id, subscription_id, kind, next_state
    ), told AS (
        UPDATE subscription SET state_at = :now, reason = '',
                                state = CASE next_state WHEN 'sent' THEN 'notified' ELSE 'undeliverable' END
          FROM ended WHERE subscription.id = subscription_id AND kind = 'restock' AND next_state <> 'pending'
                       AND subscription.state = 'released'
    )
    INSERT INTO message_total (shop_id, state, messages)
    SELECT shop_id, 'sent', count(*) FROM ended WHERE kind = 'restock' AND next_state = 'sent' GROUP BY shop_id
    """
)


def recover(database: Connection, now: datetime, *, worker: str | None = None, limit: int = 1000) -> list[int]:
    """Take back what a dead worker held, from the record of its attempts; returns the shops concerned.

    Not begun: pending again. Begun and answered: finished as the answer says. Begun and not answered: uncertain; a mail
    is sent again with the same Message-ID, a message of another channel is given up and listed. Uncertain is also what
    was claimed before the database crashed: its last records of attempts, for which nobody waited for the disk, may be
    gone. What was claimed in the future was claimed before the clock was set back, and may have been before a crash.

    Args:
        database: a transaction.
        now: the moment.
        worker: the name of a worker that is known to be dead; None: whoever let a lease run out.
        limit: how many messages at the most.
    """
    rows = database.execute(
        text(
            """
            SELECT message.id, message.shop_id, channel, attempts, outcome, detail,
                   number IS NOT NULL OR claimed_at < (
                       -- A crash empties the statistics, also one that only some of the server's processes had.
                       SELECT greatest(pg_postmaster_start_time(), stats_reset) FROM pg_stat_wal
                   ) OR claimed_at > clock_timestamp() AS perhaps_begun
              FROM message
              LEFT JOIN delivery_attempt ON message_id = message.id AND number = attempts
             WHERE message.state = 'claimed'
               AND (lease_until < clock_timestamp() OR claimed_by = CAST(:worker AS text))
             ORDER BY message.id LIMIT :limit FOR UPDATE OF message SKIP LOCKED
            """
        ),
        {"worker": worker, "limit": limit},
    ).all()
    answered = [(row.id, Outcome(row.outcome, row.detail, row.attempts)) for row in rows if row.outcome]
    unanswered = [row.id for row in rows if not row.outcome]
    uncertain = [row.id for row in rows if row.perhaps_begun and not row.outcome]
    _finish(database, answered, now, None)
    _mark_uncertain(database, uncertain, now)
    unclear = Outcome("uncertain", "Nobody knows whether it was delivered.")
    others = [row for row in rows if row.id in set(uncertain) and row.channel != "email"]
    _finish(database, [(row.id, replace(unclear, attempt=row.attempts)) for row in others], now, None)
    database.execute(
        text(
            "UPDATE message SET state = 'pending', claimed_by = NULL, lease_until = NULL,"
            " attempts = attempts - (id <> ALL (CAST(:uncertain AS bigint[])))::int"
            " WHERE id = ANY (:ids) AND id BETWEEN :low AND :high AND state = 'claimed'"
        ),
        {"ids": unanswered, **id_bounds(unanswered), "uncertain": uncertain},
    )
    return sorted({row.shop_id for row in rows})


def _mark_uncertain(database: Connection, message_ids: Sequence[int], now: datetime) -> None:
    database.execute(text("UPDATE message SET uncertain = true WHERE id = ANY (:ids)"), {"ids": list(message_ids)})
    database.execute(
        text(
            "INSERT INTO delivery_attempt (message_id, number, begun_at, ended_at, outcome)"
            " SELECT id, attempts, coalesce(claimed_at, :now), :now, 'uncertain' FROM message WHERE id = ANY (:ids)"
            " ON CONFLICT (message_id, number) DO UPDATE SET outcome = 'uncertain', ended_at = :now"
        ),
        {"ids": list(message_ids), "now": now},
    )


def try_again(database: Connection, shop_id: int, message_id: int, now: datetime) -> bool:
    """The merchant drives a dead message once more; False when it is not dead (or not this shop's)."""
    result = database.execute(
        text(
            """
            WITH again AS (
                UPDATE message SET state = 'pending', due_at = :now, finished_at = NULL, reason = ''
                 WHERE id = :id AND shop_id = :shop AND state = 'dead' RETURNING subscription_id
            ), counted AS (
                SELECT count(*) AS messages FROM again
            ), revived AS (
            UPDATE subscription SET state = 'released'
              FROM again WHERE subscription.id = subscription_id AND state = 'undeliverable' AND NOT EXISTS (
                SELECT FROM subscription AS newer
                 WHERE newer.shop_id = subscription.shop_id AND newer.variant_id = subscription.variant_id
                   AND newer.email_key = subscription.email_key
                   AND newer.state IN ('unconfirmed', 'waiting', 'released'))
            )
            SELECT messages FROM counted
            """
        ),
        {"id": message_id, "shop": shop_id, "now": now},
    )
    return bool(result.scalar_one())


def withdraw_uninstalled(database: Connection, now: datetime) -> None:
    """End what shops that were uninstalled still have to send; nobody would ever look at it.

    Who was let out of the line for it goes back to the old place, in case the shop comes back.
    """
    database.execute(
        text(
            """
            WITH withdrawn AS (
                UPDATE message SET state = 'skipped', reason = 'uninstalled', finished_at = :now FROM shop
                 WHERE message.state = 'pending' AND shop.id = message.shop_id AND uninstalled_at IS NOT NULL
                RETURNING subscription_id, kind
            )
            UPDATE subscription SET state = 'waiting', reason = '', state_at = :now FROM withdrawn
             WHERE subscription.id = subscription_id AND kind = 'restock' AND state = 'released'
            """
        ),
        {"now": now},
    )


def shops_with_work(database: Connection, now: datetime) -> list[tuple[int, int]]:
    """Shops that have messages due, and how many (counted up to 1,000)."""
    return [(row.shop_id, row.messages) for row in database.execute(_SHOPS_WITH_WORK, {"now": now})]


# From one shop with pending messages to the next, along their index: shops without any cost nothing.
_SHOPS_WITH_WORK = text(
    """
    WITH RECURSIVE pending AS (
        SELECT min(shop_id) AS shop_id FROM message WHERE state = 'pending'
        UNION ALL
        SELECT (SELECT min(message.shop_id) FROM message
                 WHERE state = 'pending' AND message.shop_id > pending.shop_id)
          FROM pending WHERE pending.shop_id IS NOT NULL
    )
    SELECT pending.shop_id, due.messages
      FROM pending
     CROSS JOIN LATERAL (  -- LIMIT: one look-up for each, whatever the planner thinks of reading all shops
         SELECT coalesce(flow.state, 'live') = 'live' AS is_live
           FROM shop LEFT JOIN flow ON flow.shop_id = shop.id AND trigger = 'back_in_stock'
          WHERE shop.id = pending.shop_id AND uninstalled_at IS NULL AND paused_at IS NULL LIMIT 1
     ) AS shop
     CROSS JOIN LATERAL (
         SELECT count(*) AS messages FROM (
             SELECT FROM message
              WHERE message.shop_id = pending.shop_id AND message.state = 'pending' AND due_at <= :now
                AND (kind = 'confirmation' OR shop.is_live) LIMIT 1000
         ) AS found) AS due
     WHERE due.messages > 0
    """
)
