"""What is sent when a variant is back: one to three messages, and whether the flow is live.

A flow has a trigger, waits until the variant is back in stock, and then sends its messages, each a while after the one
before. A draft or paused flow lets nobody out of the line and goes on taking people into it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, text

from plugin.domain import settings_history
from plugin.domain.errors import FieldError
from plugin.domain.settings_history import Change

BACK_IN_STOCK = "back_in_stock"
STATES = ("draft", "live", "paused")
CHANNELS = ("email", "sms")
MOST_MESSAGES = 3
MOST_MINUTES = 60 * 24 * 60
MOST_SMART_SENDING_HOURS = 24 * 30


@dataclass(frozen=True, slots=True)
class FlowMessage:
    """One message of a flow."""

    channel: str = "email"
    """One of `CHANNELS`."""
    after_minutes: int = 0
    """How long after the message before it; the first one goes when the variant is back."""
    smart_sending_hours: int | None = None
    """Who had another message of the shop in so many hours is left out; None: nobody is."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A shop's flow for one trigger."""

    state: str = "live"
    """One of `STATES`."""
    messages: tuple[FlowMessage, ...] = (FlowMessage(),)

    @property
    def is_live(self) -> bool:
        """Whether it lets people out of the line and sends."""
        return self.state == "live"

    def message(self, step: int) -> FlowMessage:
        """The message of a step, from 1; a plain one where the flow has become shorter meanwhile."""
        return self.messages[step - 1] if step <= len(self.messages) else FlowMessage()


USUAL = Flow()
"""One mail at once; what a shop has that never said anything else."""


def checked(state: str, messages: Sequence[Mapping[str, Any]], *, channels: Sequence[str]) -> Flow:
    """A flow from plain values.

    Args:
        state: one of `STATES`.
        messages: in order, with the fields of `FlowMessage`.
        channels: those that this installation can send by.

    Raises:
        FieldError: a value is impossible.
    """
    if state not in STATES:
        raise FieldError("state", f"must be one of {', '.join(STATES)}")
    if not 1 <= len(messages) <= MOST_MESSAGES:
        raise FieldError("messages", f"must be 1 to {MOST_MESSAGES}")
    made = tuple(FlowMessage(**message) for message in messages)
    for index, message in enumerate(made):
        if message.channel not in channels:
            known = " and ".join(channels)
            raise FieldError(f"messages.{index}.channel", f"cannot be sent by here; this installation sends by {known}")
    if made[0].after_minutes:
        raise FieldError("messages.0.after_minutes", "must be 0: the first message goes when the variant is back")
    for index, message in enumerate(made[1:], 1):
        if message.after_minutes < 1:
            raise FieldError(f"messages.{index}.after_minutes", "must be at least 1")
    return Flow(state, made)


def of_row(state: str | None, messages: Sequence[Mapping[str, Any]] | None) -> Flow:
    """The flow as the database has it; the usual one where the shop has none of its own."""
    return USUAL if state is None or messages is None else Flow(state, tuple(FlowMessage(**each) for each in messages))


def of_shop(database: Connection, shop_id: int, *, trigger: str = BACK_IN_STOCK) -> Flow:
    """The shop's flow for a trigger."""
    query = text("SELECT state, messages FROM flow WHERE shop_id = :shop AND trigger = :trigger")
    row = database.execute(query, {"shop": shop_id, "trigger": trigger}).first()
    return of_row(row.state, row.messages) if row else USUAL


def put(database: Connection, shop_id: int, flow: Flow, by: str, *, trigger: str = BACK_IN_STOCK) -> None:
    """Set a shop's flow; releases nothing (rule 4). Messages that are written already keep their due time."""
    # The shop's row is locked: of two changes at once the history tells the one, then the other.
    database.execute(text("SELECT FROM shop WHERE id = :shop FOR NO KEY UPDATE"), {"shop": shop_id})
    before = of_shop(database, shop_id, trigger=trigger)
    messages = _plain(flow)
    database.execute(_PUT, {"shop": shop_id, "trigger": trigger, "state": flow.state, "messages": json.dumps(messages)})
    changes = [Change("state", before.state, flow.state), Change("messages", _plain(before), messages)]
    settings_history.add(database, shop_id, [each._replace(part=f"flow {trigger}") for each in changes], by)


def _plain(flow: Flow) -> list[dict[str, Any]]:
    return [asdict(message) for message in flow.messages]


_PUT = text(
    "INSERT INTO flow (shop_id, trigger, state, messages) VALUES (:shop, :trigger, :state, CAST(:messages AS jsonb))"
    " ON CONFLICT (shop_id, trigger) DO UPDATE SET state = excluded.state, messages = excluded.messages"
)
