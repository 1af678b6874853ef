"""The outbox: which messages are to be handed over, by whom, and what became of each.

    pending --claim--> claimed --begin/end, one by one--> (delivery_attempt) --finish--> sent | dead | pending

A claim is a lease, by the database's clock. Each hand-over is one delivery_attempt row, written before the
provider is spoken to and completed after its answer, so that a worker killed at any instant leaves a record of how
far it came (`plugin.domain.recorder`). `recover` reads that record.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, text

from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop

LEASE = timedelta(seconds=45)
RETRY_FIRST_SECONDS = 30.0
RETRY_MOST_SECONDS = 3600.0
RETRY_JITTER = 0.2
GIVE_UP_AFTER = timedelta(hours=48)
"""How old a message gets while its provider refuses it for now; stock is looked at before each try."""


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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a hand-over ended."""

    result: str
    """One of accepted, temporary, permanent, uncertain (handed over, no answer)."""
    detail: str = ""
    """What the provider said, without the address."""
    attempt: int = 1


def claim(database: Connection, shop: Shop, worker: str, now: datetime, *, limit: int) -> list[ClaimedMessage]:
    """Take up to `limit` due messages of a shop, oldest first, and look at everything again before they go.

    Whose variant is sold out again goes back to the old place in line (rule 7); who unsubscribed or is
    suppressed gets nothing; each with the reason kept. Runs in the caller's transaction.
    """
    taken = database.execute(
        _CLAIM, {"shop": shop.id, "worker": worker, "now": now, "lease": LEASE, "limit": limit}
    ).scalars()
    ids = sorted(taken)
    if not ids:
        return []
    rows = database.execute(_LOOK_AGAIN, {"ids": ids}).mappings().all()
    sold_out = _sold_out(database, shop, rows)
    reasons = {row["id"]: _reason_not_to_send(row, sold_out) for row in rows}
    _skip(database, [(id_, reason) for id_, reason in reasons.items() if reason], now)
    return [_claimed(row) for row in rows if not reasons[row["id"]]]


_CLAIM = text(
    """
    WITH due AS (
        SELECT id FROM message WHERE shop_id = :shop AND state = 'pending' AND due_at <= :now
         ORDER BY due_at, id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE message SET state = 'claimed', claimed_by = :worker, claimed_at = clock_timestamp(),
                       lease_until = clock_timestamp() + :lease, attempts = attempts + 1
      FROM due WHERE message.id = due.id RETURNING message.id
    """
)

_LOOK_AGAIN = text(
    """
    SELECT message.id, attempts AS attempt, kind, release_id, subscription_id, message.created_at,
           subscription.variant_id, email, locale, link_key, subscription.state AS subscription_state,
           suppression.address IS NOT NULL AS suppressed
      FROM message
      JOIN subscription ON subscription.id = subscription_id
      LEFT JOIN suppression ON suppression.shop_id = message.shop_id AND suppression.channel = message.channel
                           AND address = email_key
     WHERE message.id = ANY (:ids) ORDER BY due_at, message.id
    """
)

_EXPECTED_STATE = {"restock": "released", "confirmation": "unconfirmed"}


def _reason_not_to_send(row: RowMapping, sold_out: set[str]) -> str:
    if row["suppressed"]:
        return "suppressed"
    if row["subscription_state"] != _EXPECTED_STATE[row["kind"]]:
        return "unsubscribed" if row["subscription_state"] == "unsubscribed" else "no_longer_needed"
    if row["kind"] == "restock" and row["variant_id"] in sold_out:
        return "sold_out_again"
    return ""


def _claimed(row: RowMapping) -> ClaimedMessage:
    return ClaimedMessage(**{name: row[name] for name in ClaimedMessage.__slots__})


def _sold_out(database: Connection, shop: Shop, rows: Sequence[RowMapping]) -> set[str]:
    """The variants that cannot be bought now.

    A variant that looks sold out is locked and looked at again, so that who goes back into the line is there
    when the next stock change counts the line.
    """
    variants = sorted({row["variant_id"] for row in rows if row["kind"] == "restock"})
    if not variants:
        return set()
    query = "SELECT variant_id, available, removed_at FROM variant WHERE shop_id = :shop AND variant_id = ANY (:ids)"

    def not_sellable(ids: list[str], lock: str) -> list[str]:
        found = database.execute(text(query + lock), {"shop": shop.id, "ids": ids})
        return [row.variant_id for row in found if row.removed_at or not is_sellable(row.available, shop.rules)]

    suspects = not_sellable(variants, "")
    return set(not_sellable(suspects, " ORDER BY variant_id FOR NO KEY UPDATE")) if suspects else set()


def _skip(database: Connection, skipped: Sequence[tuple[int, str]], now: datetime) -> None:
    if not skipped:
        return
    database.execute(
        text(
            """
            WITH ended AS (
                UPDATE message SET state = 'skipped', reason = given.reason, finished_at = :now, claimed_by = NULL,
                                   lease_until = NULL, attempts = attempts - 1
                  FROM unnest(CAST(:ids AS bigint[]), CAST(:reasons AS text[])) AS given (id, reason)
                 WHERE message.id = given.id RETURNING subscription_id, message.reason
            )
            UPDATE subscription SET state = 'waiting', state_at = :now, reason = ended.reason
              FROM ended WHERE subscription.id = subscription_id AND state = 'released'
                           AND ended.reason = 'sold_out_again'
            """
        ),
        {"ids": [id_ for id_, _ in skipped], "reasons": [reason for _, reason in skipped], "now": now},
    )


def extend_lease(database: Connection, worker: str, message_ids: Sequence[int]) -> None:
    """Keep a batch that this worker has claimed; called every few seconds while it works on it."""
    database.execute(
        text(
            "UPDATE message SET lease_until = clock_timestamp() + :lease"
            " WHERE id = ANY (:ids) AND state = 'claimed' AND claimed_by = :worker"
        ),
        {"lease": LEASE, "worker": worker, "ids": list(message_ids)},
    )


def give_back(database: Connection, worker: str, message_ids: Sequence[int], not_before: datetime | None) -> None:
    """Put claimed messages back that the provider never got; they count no attempt and keep their order."""
    database.execute(
        text(
            "DELETE FROM delivery_attempt USING message WHERE message_id = message.id AND message.id = ANY (:ids)"
            " AND state = 'claimed' AND claimed_by = :worker AND number = attempts AND outcome IS NULL"
        ),
        {"ids": list(message_ids), "worker": worker},
    )
    database.execute(
        text(
            "UPDATE message SET state = 'pending', due_at = greatest(due_at, CAST(:due AS timestamptz)),"
            " claimed_by = NULL, lease_until = NULL, attempts = attempts - 1"
            " WHERE id = ANY (:ids) AND state = 'claimed' AND claimed_by = :worker"
        ),
        {"ids": list(message_ids), "worker": worker, "due": not_before},
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
    values = {"now": now, "worker": worker, "first": RETRY_FIRST_SECONDS, "most": RETRY_MOST_SECONDS}
    database.execute(_FINISH, {**given, **values, "oldest": now - GIVE_UP_AFTER})


_FINISH = text(
    """
    WITH given AS (
        SELECT id, detail, attempts, message.uncertain OR result = 'uncertain' AS is_uncertain,
               CASE WHEN result = 'accepted' THEN 'sent'
                    WHEN result = 'permanent' OR created_at < :oldest THEN 'dead'
                    ELSE 'pending' END AS next_state,
               make_interval(secs => least(:most, :first * 2.0 ^ (attempts - 1)) * jitter) AS wait
          FROM unnest(CAST(:ids AS bigint[]), CAST(:numbers AS int[]), CAST(:results AS text[]),
                      CAST(:details AS text[]), CAST(:jitters AS float8[])) AS told (id, number, result, detail, jitter)
          JOIN message USING (id)
         WHERE state = 'claimed' AND attempts = number AND (CAST(:worker AS text) IS NULL OR claimed_by = :worker)
    ), ended AS (
        UPDATE message SET state = next_state, reason = detail, uncertain = is_uncertain,
                           claimed_by = NULL, lease_until = NULL,
                           finished_at = CASE WHEN next_state = 'pending' THEN NULL ELSE CAST(:now AS timestamptz) END,
                           due_at = CASE WHEN next_state = 'pending' THEN CAST(:now AS timestamptz) + wait
                                         ELSE due_at END
          FROM given WHERE message.id = given.id RETURNING subscription_id, kind, next_state
    )
    UPDATE subscription SET state_at = :now, reason = '',
                            state = CASE next_state WHEN 'sent' THEN 'notified' ELSE 'undeliverable' END
      FROM ended WHERE subscription.id = subscription_id AND kind = 'restock' AND next_state <> 'pending'
                   AND subscription.state = 'released'
    """
)


def recover(database: Connection, now: datetime, *, worker: str | None = None, limit: int = 1000) -> list[int]:
    """Take back what a dead worker held, from the record of its attempts; returns the shops concerned.

    Not begun: pending again. Begun and answered: finished as the answer says. Begun and not answered: uncertain, and
    the message (e-mail) is sent again with the same Message-ID. Uncertain is also what was claimed before the database
    crashed: its last records of attempts, for which nobody waited for the disk, may be gone.

    Args:
        database: a transaction.
        now: the moment.
        worker: the name of a worker that is known to be dead; None: whoever let a lease run out.
        limit: how many messages at the most.
    """
    rows = database.execute(
        text(
            """
            SELECT message.id, message.shop_id, attempts, outcome, detail,
                   number IS NOT NULL OR claimed_at < (
                       -- A crash empties the statistics, also one that only some of the server's processes had.
                       SELECT greatest(pg_postmaster_start_time(), stats_reset) FROM pg_stat_wal
                   ) AS perhaps_begun
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
    uncertain = [row.id for row in rows if row.perhaps_begun and not row.outcome]
    _finish(database, answered, now, None)
    _mark_uncertain(database, uncertain, now)
    database.execute(
        text(
            "UPDATE message SET state = 'pending', claimed_by = NULL, lease_until = NULL,"
            " attempts = attempts - (id <> ALL (CAST(:uncertain AS bigint[])))::int"
            " WHERE id = ANY (:ids) AND state = 'claimed'"
        ),
        {"ids": [row.id for row in rows if not row.outcome], "uncertain": uncertain},
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


def shops_with_work(database: Connection, now: datetime) -> list[tuple[int, int]]:
    """Shops that have messages due, and how many (counted up to 1,000)."""
    rows = database.execute(
        text(
            """
            SELECT shop.id, due.messages FROM shop CROSS JOIN LATERAL (
                SELECT count(*) AS messages FROM (
                    SELECT FROM message WHERE shop_id = shop.id AND state = 'pending' AND due_at <= :now LIMIT 1000
                ) AS found) AS due
             WHERE due.messages > 0 AND shop.uninstalled_at IS NULL
            """
        ),
        {"now": now},
    )
    return [(row.id, row.messages) for row in rows]
