"""What the law lets people ask for: a copy of what is kept about them, and that it be forgotten."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from integrations.types import Person
from plugin.domain import leaving
from plugin.domain.addresses import email_key
from plugin.vault import Vault, VaultError

PURPOSE = "data_request"
KEPT = timedelta(days=90)
"""Merchants have 30 days to answer."""


def ask(database: Connection, vault: Vault, shop_id: int, request_id: str, person: Person, now: datetime) -> None:
    """Write down that somebody wants to know; the same request twice is one."""
    whom = json.dumps([email_key(person.email), person.phone]).encode()
    database.execute(
        text(
            "INSERT INTO data_request (shop_id, request_id, sealed, requested_at)"
            " VALUES (:shop, :request, :sealed, :now) ON CONFLICT DO NOTHING"
        ),
        {"shop": shop_id, "request": request_id, "sealed": vault.seal(whom, PURPOSE, shop_id), "now": now},
    )


def requests(database: Connection, shop_id: int) -> list[Any]:
    """Those of a shop that are kept, newest first."""
    query = "SELECT id, request_id, requested_at FROM data_request WHERE shop_id = :shop ORDER BY id DESC LIMIT 100"
    return list(database.execute(text(query), {"shop": shop_id}).mappings())


def data_file(database: Connection, vault: Vault, shop_id: int, number: int) -> dict[str, Any] | None:
    """Everything that is kept about the person of a request, as it is now; None when there is no such request."""
    query = "SELECT sealed, requested_at FROM data_request WHERE shop_id = :shop AND id = :id"
    row = database.execute(text(query), {"shop": shop_id, "id": number}).first()
    if row is None:
        return None
    email, phone = json.loads(vault.open(bytes(row.sealed), PURPOSE, shop_id))
    return {"requested_at": row.requested_at.isoformat(), "email": email, "phone": phone} | about(
        database, shop_id, Person(email, phone)
    )


def about(database: Connection, shop_id: int, person: Person) -> dict[str, Any]:
    """What is kept about a person, by table."""
    values = {"shop": shop_id, "email": email_key(person.email), "phone": person.phone}
    found: dict[str, Any] = {}
    for name, query in _KEPT.items():
        found[name] = [_plain(dict(row)) for row in database.execute(text(query), values).mappings()]
    return found


_WHOSE = "shop_id = :shop AND (email_key = NULLIF(:email, '') OR phone = NULLIF(:phone, ''))"  # none has an empty one
_THEIRS = f"SELECT id FROM subscription WHERE {_WHOSE}"  # noqa: S608 (constants of this module, here and below)
_MESSAGES = f"FROM message WHERE shop_id = :shop AND subscription_id IN ({_THEIRS})"
_KEPT = {
    "subscriptions": f"""
        SELECT id, variant_id, email, phone, quantity, locale, state, reason, joined_at, confirmed_at, created_at,
               bought_at, page_url, marketing_consent
          FROM subscription WHERE {_WHOSE} ORDER BY id
    """,  # noqa: S608
    "messages": f"""
        SELECT id, subscription_id, kind, channel, state, reason, attempts, created_at, finished_at
          {_MESSAGES} ORDER BY id
    """,
    "delivery_attempts": f"""
        SELECT message_id, number, begun_at, ended_at, outcome, detail
          FROM delivery_attempt WHERE message_id IN (SELECT id {_MESSAGES}) ORDER BY message_id, number
    """,  # noqa: S608
    "suppressions": """
        SELECT channel, address, reason, created_at FROM suppression
         WHERE shop_id = :shop AND address IN (NULLIF(:email, ''), NULLIF(:phone, ''))
    """,
}


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}


def erase(database: Connection, vault: Vault, shop_id: int, person: Person, now: datetime) -> int:
    """Forget a person, by address and by phone number; returns how many requests to be told there were."""
    known = {email_key(person.email)} - {""}
    if person.phone:
        query = text("SELECT DISTINCT email_key FROM subscription WHERE shop_id = :shop AND phone = :phone")
        known |= set(database.execute(query, {"shop": shop_id, "phone": person.phone}).scalars())
    forgotten = sum(leaving.erase(database, shop_id, each, now) for each in sorted(known))
    for address in sorted({person.email.strip().lower(), person.phone} - {"", *known}):  # as the platform writes them
        leaving.erase_traces(database, shop_id, address, now)
    for row in database.execute(text("SELECT id, sealed FROM data_request WHERE shop_id = :shop"), {"shop": shop_id}):
        try:
            email, phone = json.loads(vault.open(bytes(row.sealed), PURPOSE, shop_id))
        except VaultError:
            continue
        if (email and email in known) or (phone and phone == person.phone):
            database.execute(text("DELETE FROM data_request WHERE id = :id"), {"id": row.id})
    return forgotten


def forget_old_requests(database: Connection, now: datetime) -> None:
    """Let go of what was answered long ago."""
    database.execute(text("DELETE FROM data_request WHERE requested_at < :before"), {"before": now - KEPT})
