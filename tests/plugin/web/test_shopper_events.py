"""What the shop's pages tell of consenting visitors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from plugin.domain import shopper_events
from plugin.domain.shopper_events import ShopperEvent
from plugin.partitions import month_of
from plugin.runtime import now
from plugin.web import limits
from tests.factories import ORIGIN, ShopKeys, change, make_shop
from tests.plugin.web.support import assert_error, rows

VISITOR = "0123456789abcdef" * 2


@pytest.fixture
def watching(engine: Engine, shop: ShopKeys) -> ShopKeys:
    """The shop, which wants events."""
    change(engine, shop, widget_events=True)
    return shop


def an_id(number: int) -> str:
    return f"{number:032x}"


def event(number: int = 1, **changes: Any) -> dict[str, Any]:
    moment = (now() - timedelta(minutes=1)).isoformat()
    usual = {"event_id": an_id(number), "type": "viewed", "product_id": "p1", "occurred_at": moment}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def tell(
    client: FlaskClient, shop: ShopKeys, *events: dict[str, Any], origin: str = ORIGIN, visitor: str = VISITOR
) -> TestResponse:
    address = f"/api/v1/storefront/{shop.public_key}/events"
    return client.post(address, json={"visitor_id": visitor, "events": list(events)}, headers={"Origin": origin})


def kept(engine: Engine) -> list[tuple[Any, ...]]:
    query = "SELECT shop_id, event_id, type, product_id, variant_id, quantity FROM shopper_event ORDER BY event_id"
    with engine.connect() as database:
        return [tuple(row) for row in database.execute(text(query))]


def test_what_a_visitor_did_is_kept(client: FlaskClient, engine: Engine, watching: ShopKeys) -> None:
    cart = event(2, type="added_to_cart", product_id=None, variant_id="v1", quantity=3)

    response = tell(client, watching, event(1), cart, event(3, type="started_checkout", variant_id="v1", quantity=3))

    assert (response.status_code, response.json) == (202, {"status": "accepted"})
    product = "p-v1"  # the catalog knows best whose variant it is
    assert kept(engine) == [
        (watching.id, an_id(1), "viewed", "p1", None, None),
        (watching.id, an_id(2), "added_to_cart", product, "v1", 3),
        (watching.id, an_id(3), "started_checkout", product, "v1", 3),
    ]


def test_an_event_told_twice_counts_once_and_shops_do_not_meet(
    client: FlaskClient, engine: Engine, watching: ShopKeys
) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    change(engine, other, widget_events=True)
    told = event()

    answers = [tell(client, watching, told), tell(client, watching, told, event(2))]
    answers.append(tell(client, other, told, origin="https://other.example"))

    assert {answer.status_code for answer in answers} == {202}
    assert [row[:2] for row in kept(engine)] == [(watching.id, an_id(1)), (other.id, an_id(1)), (watching.id, an_id(2))]


def test_nothing_is_kept_unless_the_shop_wants_it(client: FlaskClient, engine: Engine, shop: ShopKeys) -> None:
    before = rows(engine)
    assert_error(tell(client, shop, event()), 403, "events_off")
    assert rows(engine) == before

    change(engine, shop, widget_events=True)
    assert tell(client, shop, event(1)).status_code == 202
    change(engine, shop, widget_events=False)
    assert_error(tell(client, shop, event(2)), 403, "events_off")
    assert len(kept(engine)) == 1


def test_only_the_shops_own_pages_may_tell(client: FlaskClient, engine: Engine, watching: ShopKeys) -> None:
    assert_error(tell(client, watching, event(), origin="https://evil.example"), 403, "foreign_origin")
    assert kept(engine) == []


def test_what_nobody_can_use_is_left_out(client: FlaskClient, engine: Engine, watching: ShopKeys) -> None:
    old = (now() - timedelta(days=8)).isoformat()

    response = tell(client, watching, event(1, product_id=None, variant_id="unknown"), event(2, occurred_at=old))

    assert response.status_code == 202
    assert kept(engine) == []


def test_a_clock_that_is_ahead_counts_as_right(client: FlaskClient, engine: Engine, watching: ShopKeys) -> None:
    tell(client, watching, event(occurred_at=(now() + timedelta(days=300)).isoformat()))

    with engine.connect() as database:
        assert database.execute(text("SELECT occurred_at <= now() FROM shopper_event")).scalar_one()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"event_id": "1"}, "event_id"),
        ({"event_id": None}, "event_id"),
        ({"type": "ordered"}, "type"),
        ({"product_id": None}, "product_id"),
        ({"product_id": "x" * 256}, "product_id"),
        ({"quantity": 0}, "quantity"),
        ({"occurred_at": "yesterday"}, "occurred_at"),
    ],
)
def test_bad_input_names_the_field(
    client: FlaskClient, engine: Engine, watching: ShopKeys, changes: dict[str, Any], field: str
) -> None:
    response = tell(client, watching, event(1), event(2, **changes))

    assert_error(response, 422, fields=[f"events.1.{field}"])
    assert kept(engine) == []


def test_a_visitor_is_a_random_number_and_a_call_has_a_size(
    client: FlaskClient, engine: Engine, watching: ShopKeys
) -> None:
    assert_error(tell(client, watching, event(), visitor="ann@example.com"), 422, fields=["visitor_id"])
    assert_error(tell(client, watching, *map(event, range(51))), 422, fields=["events"])
    assert_error(tell(client, watching), 422, fields=["events"])
    assert kept(engine) == []


def test_who_tells_too_much_has_to_wait(
    client: FlaskClient, watching: ShopKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "EVENTS_LIMIT", 0)

    response = tell(client, watching, event())

    assert_error(response, 429)
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_a_late_event_lies_in_its_own_month_and_meets_itself_there(engine: Engine, shop: ShopKeys) -> None:
    moment = datetime(2026, 11, 29, tzinfo=UTC)
    told = ShopperEvent(an_id(1), "viewed", "p1", None, None, moment)

    with engine.begin() as database:
        new = [
            shopper_events.record(database, shop.id, VISITOR, [told], moment + timedelta(days=days)) for days in (1, 3)
        ]
        months = database.execute(text("SELECT id >> 36 FROM shopper_event")).scalars().all()

    assert new == [1, 0]
    assert months == [month_of(moment)]
