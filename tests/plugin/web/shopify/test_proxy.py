"""What comes through Shopify's app proxy: from whom it is taken, and what is answered."""

import hashlib
import hmac
import time
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.plugin.web.support import assert_error
from tests.shopify_world import FERN, MOSS, SECRET, World


def signed(*, secret: str = SECRET, **changes: Any) -> str:
    """A query as Shopify signs it: names in order, values of one name joined, nothing between the pairs."""
    usual = {"shop": FERN, "path_prefix": "/apps/stockbell", "logged_in_customer_id": "", "timestamp": int(time.time())}
    values = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    joined = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in values.items()}
    content = "".join(f"{name}={joined[name]}" for name in sorted(joined))
    signature = hmac.digest(secret.encode(), content.encode(), hashlib.sha256).hex()
    return urlencode({**values, "signature": signature}, doseq=True)


@pytest.fixture
def ready(installed: World) -> World:
    """Its catalog is read."""
    installed.settle()
    return installed


def ask(world: World, client: FlaskClient, query: str, **how: Any) -> TestResponse:
    key = world.known().public_key
    body = {"variant_id": world.variants[0], "email": "ann@example.com", **how.pop("body", {})}
    return client.post(f"/shopify/proxy/api/v1/storefront/{key}/subscriptions?{query}", json=body, **how)


def test_p8_a_shopper_signs_up_through_the_proxy(ready: World, client: FlaskClient) -> None:
    answer = ask(ready, client, signed(), headers={"Origin": "https://www.another-market.example"})

    assert answer.status_code == 202
    assert answer.mimetype == "application/json"
    assert answer.json == {"status": "accepted", "confirmation_required": False, "in_stock": False}
    assert ready.query("SELECT email FROM subscription") == [("ann@example.com",)]


def test_p8_values_of_one_name_count_in_their_order(ready: World, client: FlaskClient) -> None:
    assert ask(ready, client, signed(extra=["1", "2"])).status_code == 202
    assert ask(ready, client, signed(extra=["1", "2"]).replace("extra=1&extra=2", "extra=2&extra=1")).status_code == 401


FORGERIES = {
    "no signature": lambda: urlencode({"shop": FERN, "timestamp": int(time.time())}),
    "another secret": lambda: signed(secret="shpss_" + "f" * 64),
    "another shop": lambda: signed().replace("fern", "moss"),
    "a parameter more": lambda: signed() + "&x=1",
    "a parameter less": lambda: signed().replace("logged_in_customer_id=&", ""),
    "shop twice": lambda: signed() + f"&shop={FERN}",
    "signature twice": lambda: signed() + "&signature=" + "0" * 64,
    "timestamp twice": lambda: signed() + "&timestamp=1",
    "too old": lambda: signed(timestamp=int(time.time()) - 91),
    "from the future": lambda: signed(timestamp=int(time.time()) + 95),
    "no timestamp": lambda: signed(timestamp=None),
    "a timestamp that is none": lambda: signed(timestamp="now"),
    "a shop that is none": lambda: signed(shop="evil.example"),
    "not text": lambda: signed() + "&x=%ff",
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_p8_what_shopify_did_not_sign_is_refused(ready: World, client: FlaskClient, forgery: str) -> None:
    answer = ask(ready, client, FORGERIES[forgery]())

    assert_error(answer, 401, code=answer.json["error"]["code"])
    assert ready.query("SELECT * FROM subscription") == []


def test_p8_a_shop_vouches_for_its_own_pages_only(ready: World, client: FlaskClient) -> None:
    ready.shopify.add_shop(MOSS, name="Moss")
    assert client.get("/shopify/", headers=ready.bearer(MOSS)).status_code == 200

    assert_error(ask(ready, client, signed(shop=MOSS)), 404, "unknown_shop")


@pytest.mark.parametrize("path", ["", "x", "api/v1/storefront/nobody/variants/1", "api/v1/settings", "s/key.js"])
def test_p8_answers_are_json_and_repeat_nothing(ready: World, client: FlaskClient, path: str) -> None:
    marker = "<script>{{ 7 }}"

    answer = client.get(f"/shopify/proxy/{path}?{signed(q=marker)}")

    assert answer.status_code == 404
    assert answer.mimetype == "application/json"
    assert "script" not in answer.text
    assert "{{" not in answer.text


def test_errors_in_what_the_shopper_typed_are_told_as_elsewhere(ready: World, client: FlaskClient) -> None:
    assert_error(ask(ready, client, signed(), body={"email": "ann"}), 422, fields=["email"])
    assert_error(ask(ready, client, signed(), body={"variant_id": "9"}), 404, "unknown_variant", fields=["variant_id"])


def test_a_variants_state_is_told_through_the_proxy(ready: World, client: FlaskClient) -> None:
    key = ready.known().public_key

    answer = client.get(f"/shopify/proxy/api/v1/storefront/{key}/variants/{ready.variants[0]}?{signed()}")

    assert answer.json == {"variant_id": ready.variants[0], "available": False, "waiting": 0}


def test_behind_a_proxy_of_our_own_visitors_are_still_told_apart(
    ready: World, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the last address in the header is Shopify's."""
    settings = replace(ready.runtime.settings, subscribe_limit=1, trusted_proxies=1)
    monkeypatch.setattr(ready.runtime, "settings", settings)
    found = []
    for number in range(3):
        headers = {"X-Forwarded-For": f"203.0.113.{number}, 198.51.100.1"}
        body = {"email": f"p{number}@example.com"}
        found.append(ask(ready, client, signed(), body=body, headers=headers).status_code)

    assert found == [202, 202, 202]


def test_visitors_are_counted_each_by_themselves(ready: World, client: FlaskClient) -> None:
    """All come from Shopify's address; only what they bring along tells them apart."""
    ready.runtime.settings = replace(ready.runtime.settings, subscribe_limit=2)

    def statuses(address: str) -> list[int]:
        bodies = [{"email": f"{number}-{address}@example.com".replace(".", "-", 3)} for number in range(3)]
        return [
            ask(ready, client, signed(), body=body, headers={"X-Forwarded-For": f"10.0.0.9, {address}"}).status_code
            for body in bodies
        ]

    assert statuses("203.0.113.1") == [202, 202, 429]
    assert statuses("203.0.113.2") == [202, 202, 429]
