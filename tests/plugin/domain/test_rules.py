"""The rules against an independent, slow model of them, and against examples."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugin.domain.rules import RestockSettings, on_stock_change, release_now
from plugin.domain.simulation import ScenarioError, simulate

PEOPLE = [f"p{number}" for number in range(8)]
QUANTITIES = st.one_of(st.none(), st.integers(-3, 12))
RULES = st.fixed_dictionaries(
    {
        "minimum_inventory": st.integers(1, 5),
        "customers_per_unit": st.one_of(st.just("all"), st.integers(1, 4)),
        "wait_minutes": st.integers(1, 30),
    }
)
EVENTS = st.one_of(
    st.builds(lambda who: {"type": "subscribe", "id": who}, st.sampled_from(PEOPLE)),
    st.builds(lambda who: {"type": "unsubscribe", "id": who}, st.sampled_from(PEOPLE)),
    st.builds(lambda quantity: {"type": "stock", "quantity": quantity}, QUANTITIES),
    st.builds(lambda rules: {"type": "settings", "settings": rules}, RULES),
    st.just({"type": "notify_now"}),
)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    steps = draw(st.lists(st.tuples(st.integers(0, 20), EVENTS), max_size=25))
    at, events = 0, []
    for wait, event in steps:
        at += wait
        events.append({"at": at, **event})
    return {
        "settings": draw(RULES),
        "quantity": draw(QUANTITIES),
        "events": events,
        "until": at + draw(st.integers(0, 200)),
    }


def slow_model(scenario: dict[str, Any]) -> dict[str, Any]:
    """Minute by minute, straight from the text of the rules, sharing no code with the product."""
    rules, stock = scenario["settings"], scenario["quantity"]
    line: list[str] = []
    due: int | None = None
    releases: list[dict[str, Any]] = []
    events = list(scenario["events"])

    def sellable() -> bool:
        return stock is None or stock >= rules["minimum_inventory"]

    def release(minute: int) -> None:
        nonlocal due
        everyone = rules["customers_per_unit"] == "all" or stock is None
        count = len(line) if everyone else min(len(line), rules["customers_per_unit"] * stock)
        releases.append({"at": minute, "quantity": stock, "notified": [line.pop(0) for _ in range(count)]})
        due = None if everyone else minute + rules["wait_minutes"]

    for minute in range(scenario["until"] + 1):
        if due == minute:
            due = None
            if sellable() and line:
                release(minute)
        while events and events[0]["at"] == minute:
            event = events.pop(0)
            match event["type"]:
                case "subscribe":
                    if event["id"] not in line:
                        line.append(event["id"])
                case "unsubscribe":
                    line = [person for person in line if person != event["id"]]
                case "settings":
                    rules = event["settings"]
                case "notify_now":
                    if sellable() and line:
                        release(minute)
                case "stock":
                    before = sellable()
                    stock = event["quantity"]
                    if not before and sellable() and due is None and line:
                        release(minute)
    return {"releases": releases, "waiting": line, "next_release_at": due}


@given(scenarios())
@settings(max_examples=1500, deadline=None)
def test_simulate_agrees_with_an_independent_model(scenario: dict[str, Any]) -> None:
    assert simulate(scenario) == slow_model(scenario)


@given(scenarios())
@settings(max_examples=300, deadline=None)
def test_releases_never_exceed_the_units_and_keep_the_order_of_the_line(scenario: dict[str, Any]) -> None:
    scenario["events"] = [event for event in scenario["events"] if event["type"] not in {"settings", "unsubscribe"}]
    per_unit = scenario["settings"]["customers_per_unit"]
    line = list(dict.fromkeys(event["id"] for event in scenario["events"] if event["type"] == "subscribe"))
    told: list[str] = []

    for release in simulate(scenario)["releases"]:
        told += release["notified"]
        first = list(dict.fromkeys(told))
        assert first == line[: len(first)]  # nobody is told before somebody who has waited longer
        if per_unit != "all" and release["quantity"] is not None:
            assert len(release["notified"]) <= per_unit * release["quantity"]
        assert release["quantity"] is None or release["quantity"] >= scenario["settings"]["minimum_inventory"]


EXAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parent / "fixtures" / "restock_by_example.jsonl").read_text("utf-8").splitlines()
]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example["name"] for example in EXAMPLES])
def test_the_rules_by_example(example: dict[str, Any]) -> None:
    assert simulate(example["scenario"]) == example["result"]


def test_the_example_from_the_field() -> None:
    people = [{"at": 0, "type": "subscribe", "id": f"{number:03}"} for number in range(150)]
    stock = [{"at": at, "type": "stock", "quantity": units} for at, units in ((10, 20), (40, 4), (100, 0))]

    result = simulate(
        {
            "settings": {"minimum_inventory": 1, "customers_per_unit": 5, "wait_minutes": 60},
            "quantity": 0,
            "events": people + stock,
            "until": 500,
        }
    )

    assert [(each["at"], each["quantity"], len(each["notified"])) for each in result["releases"]] == [
        (10, 20, 100),
        (70, 4, 20),
    ]
    assert result["waiting"][0] == "120"
    assert result["next_release_at"] is None


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ([], "object"),
        ({"events": [{"type": "stock"}]}, "at: missing"),
        ({"events": [{"at": 1, "type": "stock"}]}, "quantity: missing"),
        ({"events": [{"at": 1.5, "type": "notify_now"}]}, "at must be a whole number"),
        ({"events": [{"at": 2, "type": "notify_now"}, {"at": 1, "type": "notify_now"}]}, "order of time"),
        ({"events": [{"at": 1, "type": "dance"}]}, "unknown event 'dance'"),
        ({"events": [{"at": 1, "type": "subscribe", "id": 5}]}, "id must be a text"),
        ({"settings": {"minimum_inventory": 0}}, "minimum_inventory must be a whole number of at least 1"),
        ({"settings": {"customers_per_unit": True}}, "customers_per_unit"),
        ({"settings": {"customers_per_unit": "some"}}, "customers_per_unit"),
        ({"settings": {"colour": 1}}, "unknown colour"),
        ({"quantity": "many"}, "quantity must be a whole number or null"),
    ],
)
def test_a_scenario_that_cannot_be_played_is_refused_by_name(scenario: Any, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        simulate(scenario)


def test_scenario_24_a_rise_within_the_sellable_range_is_no_restock() -> None:
    assert on_stock_change(5, 8, RestockSettings(), restock_open=False, someone_waits=True) is None


def test_unlimited_stock_lets_everyone_out_whatever_the_number_a_unit() -> None:
    release = release_now(None, RestockSettings(customers_per_unit=2))

    assert (release.limit, release.next_release_after_minutes) == (None, None)
