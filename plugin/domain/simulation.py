"""`stockbell simulate`: a scenario played through the rules, in memory.

The shape of scenarios and results is in docs/commands.md ("A story for simulate"); times are whole minutes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from plugin.domain import rules
from plugin.domain.rules import Quantity, Release, RestockSettings


class ScenarioError(ValueError):
    """The scenario cannot be played; the sentence names the field."""


class Simulation:
    """One variant with its waiting line, and everything that was let out of it."""

    def __init__(self, settings: RestockSettings, quantity: Quantity) -> None:
        """Start with an empty line and no restock open."""
        self.settings = settings
        self.quantity = quantity
        self.line: dict[str, None] = {}
        self.next_release_at: int | None = None
        self.releases: list[dict[str, Any]] = []

    def advance(self, until: int) -> None:
        """Carry out the releases that are due up to and including this minute."""
        while self.next_release_at is not None and self.next_release_at <= until:
            due_at, self.next_release_at = self.next_release_at, None
            self._release(due_at, rules.on_release_due(self.quantity, self.settings, someone_waits=bool(self.line)))

    def play(self, at: int, event: Mapping[str, Any]) -> None:
        """Carry out one event.

        Raises:
            ScenarioError: the event is not understood.
        """
        kind = _field(event, "type")
        if kind == "subscribe":
            self.line.setdefault(_identity(event))
        elif kind == "unsubscribe":
            self.line.pop(_identity(event), None)
        elif kind == "stock":
            self._stock(at, _quantity(_field(event, "quantity")))
        elif kind == "settings":
            self.settings = _settings(_field(event, "settings"))
        elif kind == "notify_now":
            self._release(at, rules.on_notify_now(self.quantity, self.settings, someone_waits=bool(self.line)))
        else:
            raise ScenarioError(f"type: unknown event {kind!r}")

    def _stock(self, at: int, quantity: Quantity) -> None:
        before, self.quantity = self.quantity, quantity
        restock_open = self.next_release_at is not None
        self._release(
            at,
            rules.on_stock_change(
                before, quantity, self.settings, restock_open=restock_open, someone_waits=bool(self.line)
            ),
        )

    def _release(self, at: int, release: Release | None) -> None:
        if release is None:
            return
        told = list(self.line)[: release.limit]
        for person in told:
            del self.line[person]
        wait = release.next_release_after_minutes
        self.next_release_at = None if wait is None else at + wait
        self.releases.append({"at": at, "quantity": self.quantity, "notified": told})


def simulate(scenario: Mapping[str, Any]) -> dict[str, Any]:
    """Play a scenario; returns `{"releases", "waiting", "next_release_at"}`.

    Raises:
        ScenarioError: a field is missing or wrong, or the events are not in the order of time.
    """
    if not isinstance(scenario, Mapping):
        raise ScenarioError("a scenario must be a JSON object")
    events = scenario.get("events", [])
    if not isinstance(events, Sequence) or isinstance(events, str):
        raise ScenarioError("events must be a list")
    simulation = Simulation(_settings(scenario.get("settings", {})), _quantity(scenario.get("quantity", 0)))
    now: int | None = None
    for event in events:
        at = _minute(_field(event, "at"), "at")
        if now is not None and at < now:
            raise ScenarioError(f"at: events must be in the order of time, {at} comes after {now}")
        now = at
        simulation.advance(at)
        simulation.play(at, event)
    until = scenario.get("until")
    if until is not None:
        simulation.advance(_minute(until, "until"))
    return {
        "releases": simulation.releases,
        "waiting": list(simulation.line),
        "next_release_at": simulation.next_release_at,
    }


def _field(event: Mapping[str, Any], name: str) -> Any:
    if not isinstance(event, Mapping) or name not in event:
        raise ScenarioError(f"{name}: missing in event {event!r}")
    return event[name]


def _identity(event: Mapping[str, Any]) -> str:
    identity = _field(event, "id")
    if not isinstance(identity, str):
        raise ScenarioError(f"id must be a text, not {identity!r}")
    return identity


def _minute(value: object, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ScenarioError(f"{name} must be a whole number of minutes, not {value!r}")
    return value


def _quantity(value: object) -> Quantity:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
        raise ScenarioError(f"quantity must be a whole number or null, not {value!r}")
    return value


def _settings(values: Mapping[str, Any]) -> RestockSettings:
    if not isinstance(values, Mapping):
        raise ScenarioError("settings must be an object")
    known = {"minimum_inventory", "customers_per_unit", "wait_minutes"}
    unknown = set(values) - known
    if unknown:
        raise ScenarioError(f"settings: unknown {', '.join(sorted(unknown))}")
    try:
        return RestockSettings(**values)
    except ValueError as error:
        raise ScenarioError(f"settings: {error}") from error
