from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from plugin.domain import leaving, outbox
from plugin.mail import links
from plugin.runtime import Runtime, now
from tests.factories import ShopKeys, change, join, load, make_shop, messages, set_stock, states
from tests.plugin.web.support import Rows, link, only_subscription, rows, visible_text

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
EMAIL = "ann@example.com"


@pytest.fixture
def asked(engine: Engine) -> ShopKeys:
    """A shop with double opt-in that one person has asked."""
    shop = make_shop(engine, name="Färn & <Co>", double_opt_in=True)
    join(engine, shop, EMAIL)
    return shop


@pytest.fixture
def waiting(engine: Engine, shop: ShopKeys) -> ShopKeys:
    """A shop with one person in line."""
    join(engine, shop, EMAIL)
    return shop


@pytest.fixture
def unchanged(engine: Engine) -> Iterator[Rows]:
    """Fails the test when any row is another one at its end. Ask for it after what makes rows."""
    before = rows(engine)
    yield before
    assert rows(engine) == before


def is_suppressed(engine: Engine, shop: ShopKeys) -> bool:
    with engine.connect() as database:
        return leaving.is_suppressed(database, shop.id, EMAIL)


def test_looking_at_the_pages_changes_nothing(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys, unchanged: Rows
) -> None:
    for purpose in ("confirm", "unsubscribe"):
        path = link(runtime, engine, asked, purpose)  # type: ignore[arg-type]
        for method in ("GET", "HEAD", "OPTIONS"):
            response = client.open(path, method=method, query_string={"action": "all", **ONE_CLICK})
            assert response.status_code == 200
            assert "Set-Cookie" not in response.headers
            assert response.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("purpose", ["confirm", "unsubscribe"])
def test_pages_name_the_shop_and_the_item_and_nobodys_address(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys, purpose: links.Purpose
) -> None:
    html = client.get(link(runtime, engine, asked, purpose)).text

    assert "Färn &amp; &lt;Co&gt;" in html
    assert "Linen shirt" in html
    assert "Size v1" in html
    assert "ann@" not in html


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_unsubscribes_before_it_answers_and_may_be_repeated(
    client: FlaskClient, runtime: Runtime, engine: Engine, waiting: ShopKeys, multipart: bool
) -> None:
    path = link(runtime, engine, waiting, "unsubscribe")
    content_type = "multipart/form-data" if multipart else "application/x-www-form-urlencoded"
    client = client.application.test_client(use_cookies=False)

    for _ in range(3):
        response = client.post(path, data=ONE_CLICK, content_type=content_type)

        assert response.status_code == 200
        assert "Location" not in response.headers
        assert "Set-Cookie" not in response.headers
        assert is_suppressed(engine, waiting)
        assert states(engine, waiting) == {EMAIL: "unsubscribed"}


def test_one_click_with_an_unreadable_body_still_unsubscribes(
    client: FlaskClient, runtime: Runtime, engine: Engine, waiting: ShopKeys
) -> None:
    path = link(runtime, engine, waiting, "unsubscribe")

    assert client.post(path, data=b"\xff\0nonsense", content_type="text/plain").status_code == 200

    assert is_suppressed(engine, waiting)


def test_scenario_18_unsubscribing_records_that_it_was_the_subscriber(
    client: FlaskClient, runtime: Runtime, engine: Engine, waiting: ShopKeys
) -> None:
    client.post(link(runtime, engine, waiting, "unsubscribe"), data=ONE_CLICK)

    row = only_subscription(engine, waiting)
    assert (row["state"], row["reason"]) == ("unsubscribed", "by_subscriber")


def test_scenario_42_who_unsubscribes_between_release_and_hand_over_gets_nothing(
    client: FlaskClient, runtime: Runtime, engine: Engine, waiting: ShopKeys
) -> None:
    set_stock(engine, waiting, 5)
    assert messages(engine, waiting) == [(EMAIL, "pending", "")]

    client.post(link(runtime, engine, waiting, "unsubscribe"), data=ONE_CLICK)

    assert messages(engine, waiting) == [(EMAIL, "skipped", "unsubscribed")]
    with engine.begin() as database:
        assert outbox.claim(database, load(engine, waiting), "worker", now(), limit=10) == []


def test_only_this_item_leaves_the_other_lines_alone(client: FlaskClient, runtime: Runtime, engine: Engine) -> None:
    shop = make_shop(engine, variants=["v1", "v2"])
    join(engine, shop, EMAIL)
    path = link(runtime, engine, shop, "unsubscribe")
    join(engine, shop, EMAIL, variant_id="v2")

    response = client.post(path, data={"action": "this"})

    assert response.status_code == 200
    assert not is_suppressed(engine, shop)
    with engine.connect() as database:
        found = dict(database.execute(text("SELECT variant_id, state FROM subscription")).all())
    assert found == {"v1": "unsubscribed", "v2": "waiting"}


def test_unsubscribing_from_all_ends_every_line_of_this_shop_only(
    client: FlaskClient, runtime: Runtime, engine: Engine
) -> None:
    shop, other = make_shop(engine, variants=["v1", "v2"]), make_shop(engine, domain="https://other.example")
    join(engine, shop, EMAIL)
    path = link(runtime, engine, shop, "unsubscribe")
    join(engine, shop, "ANN@example.com", variant_id="v2")
    join(engine, other, EMAIL)

    client.post(path, data={"action": "all"})

    assert set(states(engine, shop).values()) == {"unsubscribed"}
    assert states(engine, other) == {EMAIL: "waiting"}
    assert not is_suppressed(engine, other)


def test_a_mistake_can_be_taken_back_but_a_bounce_cannot(
    client: FlaskClient, runtime: Runtime, engine: Engine, waiting: ShopKeys
) -> None:
    path = link(runtime, engine, waiting, "unsubscribe")
    client.post(path, data=ONE_CLICK)
    assert "You are unsubscribed" in client.get(path).text

    page = client.post(path, data={"action": "allow"})
    assert "Alerts are allowed again" in page.text
    assert not is_suppressed(engine, waiting)

    with engine.begin() as database:
        leaving.suppress(database, waiting.id, EMAIL, now(), reason="bounced")
    page = client.post(path, data={"action": "allow"})
    assert "allowed again" not in page.text
    assert is_suppressed(engine, waiting)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_scenario_16_wrong_links_are_not_found_and_change_nothing(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys, unchanged: Rows, method: str
) -> None:
    confirm, leave = link(runtime, engine, asked, "confirm"), link(runtime, engine, asked, "unsubscribe")
    row = only_subscription(engine, asked)
    other_number = links.make_token(runtime.secret_key, "confirm", row["id"] + 1, bytes(row["link_key"]))
    other_key = links.make_token("x" * 40, "confirm", row["id"], bytes(row["link_key"]))
    guessed = links.make_token(runtime.secret_key, "confirm", 2**62, b"\0" * 16)
    flipped = confirm[:-9] + ("A" if confirm[-9] != "A" else "B") + confirm[-8:]

    for path in (
        "/u" + confirm[2:],
        "/c" + leave[2:],
        f"/c/{other_number}",
        f"/c/{other_key}",
        f"/c/{guessed}",
        flipped,
        confirm[:-1],
        confirm + "A",
        confirm + "=",
        confirm + "%00",
        confirm + "/",
        "/c/",
        "/c/x",
        "/u/" + "A" * 43,
        "/u/" + "_" * 43,
        "/u/" + "A" * 5000,
        "/c/ä",
    ):
        assert client.open(path, method=method).status_code in {404, 405}, path


def test_scenario_15_confirming_twice_is_friendly_and_changes_nothing_more(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys
) -> None:
    path = link(runtime, engine, asked, "confirm")
    assert "Tell you when it's back?" in visible_text(client.get(path).text)

    first = client.post(path)
    before = rows(engine)
    second = client.post(path)

    assert (first.status_code, second.status_code) == (200, 200)
    assert "You're on the list" in visible_text(first.text)
    assert visible_text(second.text) == visible_text(first.text) == visible_text(client.get(path).text)
    assert rows(engine) == before
    assert states(engine, asked) == {EMAIL: "waiting"}


def test_who_confirms_when_the_item_is_back_reads_so_and_keeps_a_place_in_line(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys
) -> None:
    path = link(runtime, engine, asked, "confirm")
    set_stock(engine, asked, 5)

    page = client.post(path)

    assert "it is back already" in page.text
    assert 'href="https://shop.example/products/shirt?variant=v1"' in page.text
    row = only_subscription(engine, asked)
    assert row["state"] == "waiting"
    assert len(messages(engine, asked)) == 1  # the confirmation mail
    assert "it is back already" in client.post(path).text
    set_stock(engine, asked, 0)
    assert "You're on the list" in visible_text(client.post(path).text)
    set_stock(engine, asked, 9)
    assert states(engine, asked) == {EMAIL: "released"}


def test_a_withdrawn_request_is_not_confirmed(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys
) -> None:
    confirm = link(runtime, engine, asked, "confirm")
    client.post(link(runtime, engine, asked, "unsubscribe"), data={"action": "this"})

    for response in (client.get(confirm), client.post(confirm)):
        assert "This request has ended" in response.text
    assert states(engine, asked) == {EMAIL: "unsubscribed"}


def test_links_of_a_shop_that_is_gone_are_not_found(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys
) -> None:
    path = link(runtime, engine, asked, "confirm")
    with engine.begin() as database:
        database.execute(text("UPDATE shop SET uninstalled_at = now()"))

    assert client.get(path).status_code == 404
    assert client.post(path).status_code == 404


def test_scenario_44_pages_speak_the_subscribers_language(
    client: FlaskClient, runtime: Runtime, engine: Engine, asked: ShopKeys
) -> None:
    path = link(runtime, engine, asked, "confirm")
    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET locale = 'de-AT'"))
    page = client.get(path)
    assert '<html lang="de" dir="ltr">' in page.text
    assert "Ja, sagt mir Bescheid" in page.text

    with engine.begin() as database:
        database.execute(text("UPDATE subscription SET locale = 'tlh'"))
    assert '<html lang="en" dir="ltr">' in client.get(path).text
    change(engine, asked, locale="de")
    assert '<html lang="de" dir="ltr">' in client.get(path).text
