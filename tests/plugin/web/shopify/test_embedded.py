"""The merchant's pages in Shopify's admin: who is let in, what they see, and in whose frame."""

import itertools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from integrations.types import Person
from plugin import create_app
from plugin.domain import personal_data
from plugin.runtime import Runtime, now
from tests.plugin.web.support import rows, visible_text
from tests.shopify_world import FERN, MOSS, SECRET, World

# What makes a session token worthless: a change of its claims, of its key, or of its algorithm.
WORTHLESS: dict[str, Any] = {
    "expired": {"claims": {"exp": -60}},
    "not yet valid": {"claims": {"nbf": 3600}},
    "for another app": {"claims": {"aud": "another"}},
    "issued by another shop": {"claims": {"iss": "https://evil.myshopify.com/admin"}},
    "for a shop that is none": {"claims": {"iss": "https://evil.example/admin", "dest": "https://evil.example"}},
    "for a shop that is nearly one": {
        "claims": {"iss": "https://a.myshopify.com.evil.example/admin", "dest": "https://a.myshopify.com.evil.example"}
    },
    "without an end": {"without": "exp"},
    "without a beginning": {"without": "nbf"},
    "without a destination": {"without": "dest"},
    "without a user": {"without": "sub"},
    "signed by somebody else": {"key": "shpss_" + "f" * 64},
    "not signed": {"algorithm": "none"},
    "signed by another algorithm": {"algorithm": "HS512"},
}


def worthless(world: World, how: dict[str, Any]) -> str:
    changes = how.get("claims", {})
    moved = {name: now().timestamp() + value if isinstance(value, int) else value for name, value in changes.items()}
    claims = jwt.decode(world.shopify.session_token(FERN, **moved), options={"verify_signature": False})
    claims.pop(how.get("without"), None)
    algorithm = how.get("algorithm", "HS256")
    key = None if algorithm == "none" else how.get("key", SECRET)
    return jwt.encode(claims, key, algorithm=algorithm)


@pytest.mark.parametrize("how", WORTHLESS)
@pytest.mark.parametrize("carried", ["in the header", "in the address"])
def test_p2_a_worthless_token_lets_nobody_in_and_changes_nothing(
    world: World, client: FlaskClient, how: str, carried: str
) -> None:
    token = worthless(world, WORTHLESS[how])
    before = rows(world.runtime.engine)

    if carried == "in the header":
        answer = client.get("/shopify/", headers={"Authorization": f"Bearer {token}"})
    else:
        answer = client.get("/shopify/", query_string={"id_token": token, "shop": FERN})

    assert answer.status_code == 401
    assert "Loading" in answer.text
    assert rows(world.runtime.engine) == before
    assert world.shopify.requests == []


@given(token=st.text(max_size=300) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]*", fullmatch=True))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_p2_no_chance_token_lets_anybody_in(world: World, client: FlaskClient, token: str) -> None:
    answer = client.get("/shopify/", query_string={"id_token": token})

    assert answer.status_code == 401


def test_p2_a_post_needs_the_header(installed: World, client: FlaskClient) -> None:
    shop = installed.known()
    token = installed.shopify.session_token(FERN)
    path = f"/shopify/shops/{shop.id}/settings"

    assert client.post(path, data={"minimum_inventory": "7"}).status_code == 401
    assert client.post(path, data={"minimum_inventory": "7"}, query_string={"id_token": token}).status_code == 401
    assert installed.known().rules == shop.rules


def test_settings_are_saved_without_any_cookie(installed: World, client: FlaskClient) -> None:
    shop = installed.known()
    form = {
        "minimum_inventory": "3",
        "notify": "all",
        "places": "some",
        "locations": [str(installed.warehouse)],
        "oversold": "alert",
        "sender_name": "Fern",
    }

    answer = client.post(f"/shopify/shops/{shop.id}/settings", data=form, headers=installed.bearer())

    assert answer.status_code == 200
    assert "Saved." in answer.text
    assert "Set-Cookie" not in answer.headers
    changed = installed.known()
    assert (changed.rules.minimum_inventory, changed.locations) == (3, (str(installed.warehouse),))
    assert changed.oversold == "alert"
    who = installed.query("SELECT changed_by FROM setting_change WHERE name = 'minimum_inventory'")
    assert who == [("Shopify user 42",)]


def test_what_is_wrong_is_said_beside_the_field(installed: World, client: FlaskClient) -> None:
    form = {"minimum_inventory": "0", "notify": "all", "places": "some", "oversold": "x"}

    answer = client.post(f"/shopify/shops/{installed.known().id}/settings", data=form, headers=installed.bearer())

    assert answer.status_code == 422
    said = visible_text(answer.text)
    assert "Enter a whole number from 1" in said
    assert "Choose at least one location." in said
    assert "Choose one of the two." in said


def ancestors(policy: str) -> str:
    found = re.search(r"frame-ancestors ([^;]*)", policy)
    assert found
    return found[1].strip()


def test_only_locations_that_sell_online_can_be_chosen(installed: World, client: FlaskClient) -> None:
    shop = installed.known()
    street = next(each.id for each in installed.fern.catalog.locations.values() if each.name == "Long Lane")
    form = {"minimum_inventory": "1", "notify": "all", "places": "some", "oversold": "hide"}

    for wrong in ("999", str(street)):
        path, chosen = f"/shopify/shops/{shop.id}/settings", [str(installed.warehouse), wrong]
        answer = client.post(path, data={**form, "locations": chosen}, headers=installed.bearer())
        assert answer.status_code == 422
        assert f"{wrong}: no location of this shop that sells online" in visible_text(answer.text)

    assert installed.known().locations is None


def test_p3_at_shopify_itself_the_frame_is_named_exactly(real: FlaskClient, world: World) -> None:
    paths = ("/shopify/", "/shopify/shops/1/", "/shopify/shops/1/subscribers", "/shopify/nowhere")
    for shop, path in itertools.product((FERN, MOSS), paths):
        answer = real.get(path, query_string={"shop": shop})
        assert ancestors(answer.headers["Content-Security-Policy"]) == f"https://{shop} https://admin.shopify.com"
        assert "*.myshopify.com" not in answer.headers["Content-Security-Policy"]
    for query in (
        {},
        {"shop": "evil.example"},
        {"shop": "*.myshopify.com"},
        {"shop": "fern.myshopify.com evil.example"},
    ):
        answer = real.get("/shopify/", query_string=query)
        assert ancestors(answer.headers["Content-Security-Policy"]) == "'none'"
    for public in ("/merchant/sign-in", "/nothing"):
        assert ancestors(real.get(public).headers["Content-Security-Policy"]) == "'none'"


def test_a_page_in_the_admin_talks_to_nobody_but_us_and_shopify(real: FlaskClient) -> None:
    policy = dict(
        part.strip().split(" ", 1)
        for part in real.get("/shopify/", query_string={"shop": FERN}).headers["Content-Security-Policy"].split(";")
    )

    assert policy["default-src"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["script-src"] == "'self' https://cdn.shopify.com"
    assert policy["connect-src"] == "'self' https://*.shopify.com https://*.shopifysvc.com"
    assert policy["form-action"] == "'self'"


def test_a_session_token_that_came_too_late_is_asked_for_anew(world: World, client: FlaskClient) -> None:
    late = client.get("/shopify/", headers=world.bearer(exp=now().timestamp() - 60))

    assert (late.status_code, late.headers["X-Shopify-Retry-Invalid-Session-Request"]) == (401, "1")


@pytest.fixture
def real(world: World) -> Iterator[FlaskClient]:
    """An installation that is registered at Shopify, and not at a simulator."""
    runtime = Runtime(replace(world.runtime.settings, shopify_simulator=""))
    yield create_app(runtime=runtime).test_client()
    runtime.close()


def test_p1_app_bridge_is_the_first_script_of_every_page(real: FlaskClient, world: World) -> None:
    for path in ("/shopify/", "/shopify/shops/1/", "/shopify/nowhere", "/shopify/shops/1/subscribers?after=x"):
        for headers in ({}, world.bearer()):
            html = real.get(path, headers=headers).text
            head = html[: html.index("</head>")]
            first = re.search(r"<script[^>]*>", head)
            assert first
            assert first[0] == '<script src="https://cdn.shopify.com/shopifycloud/app-bridge.js">', path


def test_two_shops_see_nothing_of_each_other(installed: World, client: FlaskClient) -> None:
    installed.shopify.add_shop(MOSS, name="Moss")
    fern, moss = installed.bearer(), installed.bearer(MOSS)
    assert client.get("/shopify/", headers=moss).status_code == 200
    other = installed.known(FERN).id

    assert "Moss" in client.get("/shopify/", headers=moss).text
    assert "Moss" not in client.get("/shopify/", headers=fern).text
    for path in ("", "subscribers", "data-requests/1"):
        assert client.get(f"/shopify/shops/{other}/{path}", headers=moss).status_code == 404
    for path in ("settings", "notify-now", "sync", "hide-welcome", "check-page"):
        assert client.post(f"/shopify/shops/{other}/{path}", headers=moss).status_code == 404


def test_opening_the_app_many_times_at_once_takes_the_shop_in_once(world: World, app: Flask) -> None:
    def open_it(_: int) -> int:
        return app.test_client().get("/shopify/", headers=world.bearer()).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(open_it, range(8))) == {200}

    assert world.query("SELECT count(*) FROM shop") == [(1,)]
    assert world.query("SELECT count(*) FROM access_token") == [(1,)]


@pytest.mark.parametrize("status", [500, 503, 429, 404])
def test_a_shopify_that_fails_is_said_and_nothing_is_half_done(world: World, client: FlaskClient, status: int) -> None:
    before = rows(world.runtime.engine)
    world.shopify.failures.append((status, "a private detail"))

    answer = client.get("/shopify/", headers=world.bearer())

    assert answer.status_code == 502
    assert "Shopify does not let us in yet" in answer.text
    assert "a private detail" not in answer.text
    assert rows(world.runtime.engine) == before
    assert client.get("/shopify/", headers=world.bearer()).status_code == 200


def test_a_shop_that_does_not_grant_everything_is_told_what_is_missing(world: World, client: FlaskClient) -> None:
    world.fern.scopes = frozenset({"read_products"})

    answer = client.get("/shopify/", headers=world.bearer())

    assert answer.status_code == 403
    assert "read_inventory, read_locations" in answer.text
    assert world.shop() is None


def test_p10_what_is_shown_stays_after_the_first_steps_are_hidden(installed: World, client: FlaskClient) -> None:
    shop = installed.known()
    assert "First steps" in client.get("/shopify/", headers=installed.bearer()).text

    hidden = client.post(f"/shopify/shops/{shop.id}/hide-welcome", headers=installed.bearer())

    for html in (hidden.text, client.get("/shopify/", headers=installed.bearer()).text):
        assert ">First steps<" not in html
        assert "The button in your theme" in html
        assert "waiting" in html
        assert f"/{FERN}/admin/themes/current/editor?template=product&amp;context=apps" in html
        assert "activateAppId=client/embed" in html
        assert "addAppBlockId=client/notify-button&amp;target=mainSection" in html


def test_subscribers_are_listed_page_by_page(installed: World, client: FlaskClient) -> None:
    installed.settle()
    shop = installed.known()
    for number in range(101):
        body = {"variant_id": installed.variants[0], "email": f"p{number:03}@example.com"}
        path = f"/api/v1/storefront/{shop.public_key}/subscriptions"
        assert client.post(path, json=body).status_code == 202

    first = client.get(f"/shopify/shops/{shop.id}/subscribers", headers=installed.bearer()).text
    assert "p000@example.com" in first
    assert "p099@example.com" in first
    assert "p100@example.com" not in first
    following = re.search(r'href="([^"]*after=\d+)"', first)
    assert following
    assert "p100@example.com" in client.get(following[1], headers=installed.bearer()).text


def test_a_data_request_is_a_file_for_the_merchant(installed: World, client: FlaskClient) -> None:
    shop = installed.known()
    with installed.runtime.engine.begin() as database:
        whom = Person("ann@example.com")
        personal_data.ask(database, installed.runtime.vault, shop.id, "9", whom, now())
    page = client.get("/shopify/", headers=installed.bearer()).text
    link = re.search(r'href="([^"]*data-requests/\d+)"', page)
    assert link

    answer = client.get(link[1], headers=installed.bearer())

    assert json.loads(answer.data)["email"] == "ann@example.com"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert client.get(link[1]).status_code == 401
