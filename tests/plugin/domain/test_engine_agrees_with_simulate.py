"""Random scenarios through the engine in the database and through `stockbell simulate`: the same comes out."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from integrations.types import InventoryLevel
from plugin.domain import leaving, restocks, shops, stock
from plugin.domain.shops import Shop
from plugin.domain.simulation import simulate
from tests.factories import START, ShopKeys, join, make_shop, set_stock
from tests.plugin.domain.test_rules import EVENTS, PEOPLE, RULES

MINUTE = timedelta(minutes=1)
DOMAIN = "@x.example"
Events = list[dict[str, Any]]
# Like those of test_rules, but few units for many people, so that there is mostly something to wait for.
FEW = st.sampled_from([0, 1, 0, 2, 0, 1, 3, -2, None])
TIGHT = st.fixed_dictionaries(
    {
        "minimum_inventory": st.sampled_from([1, 1, 2]),
        "customers_per_unit": st.sampled_from([1, 1, 2, "all"]),
        "wait_minutes": st.sampled_from([1, 5, 20]),
    }
)
SUBSCRIBE = st.builds(lambda who: {"type": "subscribe", "id": who}, st.sampled_from(PEOPLE))
STOCK = st.builds(lambda quantity: {"type": "stock", "quantity": quantity}, FEW)
STEP = st.tuples(st.sampled_from([0, 0, 1, 4, 5, 20]), st.one_of(SUBSCRIBE, STOCK, SUBSCRIBE, STOCK, EVENTS))


@st.composite
def lively_scenarios(draw: st.DrawFn) -> dict[str, Any]:
    """Some people wait from the beginning; after that, many events fall into the same minute."""
    first = draw(st.lists(st.sampled_from(PEOPLE), min_size=4, unique=True))
    at, events = 0, [{"at": 0, "type": "subscribe", "id": who} for who in first]
    for wait, event in draw(st.lists(STEP, min_size=6, max_size=25)):
        at += wait
        events.append({"at": at, **event})
    until = at + draw(st.sampled_from([0, 1, 5, 200]))
    return {"settings": draw(st.one_of(TIGHT, TIGHT, RULES)), "quantity": draw(FEW), "events": events, "until": until}


@dataclass(frozen=True)
class Player:
    """Plays events on the variant "v1" of a shop; every step is a transaction of its own."""

    engine: Engine
    keys: ShopKeys

    def advance(self, until: int) -> None:
        """Carry out what is due up to this minute, each release at exactly its moment."""
        while (due_at := self.next_release_at()) is not None and due_at <= until:
            with self.engine.begin() as database:
                restocks.release_due(database, self.shop(database), moment(due_at))
                hand_over(database, self.keys)
            assert self.next_release_at() != due_at, "a release that was due is due still"

    def play(self, at: int, event: dict[str, Any]) -> None:
        now = moment(at)
        if event["type"] == "subscribe":
            join(self.engine, self.keys, event["id"] + DOMAIN, at=now)
            return
        with self.engine.begin() as database:
            shop = self.shop(database)
            match event["type"]:
                case "unsubscribe":
                    for subscription_id in self.waiting_as(database, event["id"] + DOMAIN):
                        leaving.leave(database, shop.id, subscription_id, now)
                case "stock":
                    stock.apply_levels(database, shop, [InventoryLevel("v1", None, event["quantity"], None)], now)
                case "settings":
                    shops.change_settings(database, shop.id, event["settings"])
                case "notify_now":
                    restocks.notify_now(database, shop, "v1", now)
            hand_over(database, self.keys)

    def result(self) -> dict[str, Any]:
        """What happened, in the words of `simulate`."""
        with self.engine.connect() as database:
            waiting = database.execute(
                text("SELECT email FROM subscription WHERE shop_id = :s AND state = 'waiting' ORDER BY joined_at, id"),
                {"s": self.keys.id},
            )
            return {
                "releases": releases(database, self.keys),
                "waiting": [email.removesuffix(DOMAIN) for email in waiting.scalars()],
                "next_release_at": self.next_release_at(),
            }

    def shop(self, database: Connection) -> Shop:
        found = shops.by_id(database, self.keys.id)
        assert found
        return found

    def waiting_as(self, database: Connection, email: str) -> list[int]:
        query = text("SELECT id FROM subscription WHERE shop_id = :s AND email = :email AND state = 'waiting'")
        return list(database.execute(query, {"s": self.keys.id, "email": email}).scalars())

    def next_release_at(self) -> int | None:
        query = text("SELECT min(next_release_at) FROM restock WHERE shop_id = :s AND closed_at IS NULL")
        with self.engine.connect() as database:
            due_at = database.execute(query, {"s": self.keys.id}).scalar_one()
        return None if due_at is None else minute(due_at)


def moment(at: int) -> datetime:
    return START + at * MINUTE


def minute(when: datetime) -> int:
    whole, rest = divmod(when - START, MINUTE)
    assert not rest, f"{when} is no whole minute"
    return whole


def hand_over(database: Connection, keys: ShopKeys) -> None:
    """Who was let out has got the message and may join again."""
    query = text("UPDATE subscription SET state = 'notified' WHERE shop_id = :s AND state = 'released'")
    database.execute(query, {"s": keys.id})


def releases(database: Connection, keys: ShopKeys) -> Events:
    rows = database.execute(
        text(
            "SELECT released_at, quantity, people, (SELECT coalesce(array_agg(email ORDER BY message.id), '{}')"
            " FROM message JOIN subscription ON subscription.id = subscription_id WHERE release_id = release.id)"
            " AS told FROM release WHERE shop_id = :s ORDER BY id"
        ),
        {"s": keys.id},
    ).all()
    assert [row.people for row in rows] == [len(row.told) for row in rows]
    return [
        {
            "at": minute(row.released_at),
            "quantity": row.quantity,
            "notified": [email.removesuffix(DOMAIN) for email in row.told],
        }
        for row in rows
    ]


def play_in_database(engine: Engine, scenario: dict[str, Any]) -> dict[str, Any]:
    keys = make_shop(engine, **scenario["settings"])
    set_stock(engine, keys, scenario["quantity"], at=START - MINUTE)
    player = Player(engine, keys)
    for event in scenario["events"]:
        player.advance(event["at"])
        player.play(event["at"], event)
    player.advance(scenario["until"])
    return player.result()


@given(scenario=lively_scenarios())
@settings(
    max_examples=60,
    deadline=None,
    derandomize=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_the_engine_agrees_with_simulate_in_any_scenario(engine: Engine, scenario: dict[str, Any]) -> None:
    assert play_in_database(engine, scenario) == simulate(scenario)


def test_the_engine_agrees_with_simulate_where_all_rules_meet(engine: Engine) -> None:
    everyone = [{"at": 0, "type": "subscribe", "id": f"p{number}"} for number in range(8)]
    other = {"minimum_inventory": 3, "customers_per_unit": 1, "wait_minutes": 4}
    scenario = {
        "settings": {"minimum_inventory": 2, "customers_per_unit": 1, "wait_minutes": 10},
        "quantity": -1,
        "events": [
            *everyone,
            {"at": 1, "type": "unsubscribe", "id": "p1"},
            {"at": 1, "type": "subscribe", "id": "p1"},  # at the end now
            {"at": 2, "type": "stock", "quantity": 2},  # p0 and p2
            {"at": 2, "type": "subscribe", "id": "p0"},
            {"at": 5, "type": "stock", "quantity": 0},
            {"at": 6, "type": "stock", "quantity": 3},  # the restock is open: nobody
            {"at": 12, "type": "stock", "quantity": 2},  # what is due comes first, with 3 units: p3 to p5
            {"at": 15, "type": "notify_now"},  # p6 and p7; due again at 25
            {"at": 20, "type": "settings", "settings": other},
            {
                "at": 25,
                "type": "settings",
                "settings": {**other, "minimum_inventory": 1},
            },  # after the restock was closed
            {"at": 26, "type": "stock", "quantity": None},  # sellable before: no restock
            {"at": 27, "type": "subscribe", "id": "p5"},
            {"at": 27, "type": "notify_now"},  # everyone who is left, and who came this minute
        ],
        "until": 60,
    }

    played = play_in_database(engine, scenario)

    assert played == simulate(scenario)
    assert [(each["at"], each["notified"]) for each in played["releases"]] == [
        (2, ["p0", "p2"]),
        (12, ["p3", "p4", "p5"]),
        (15, ["p6", "p7"]),
        (27, ["p1", "p0", "p5"]),
    ]
