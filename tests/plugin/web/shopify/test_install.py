"""Shops come, change what the app may do, go, and come back."""

import re
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from flask.testing import FlaskClient

from plugin import jobs
from plugin.domain import access
from plugin.runtime import now
from plugin.vault import Vault
from tests.plugin.web.support import rows
from tests.shopify_world import FERN, MOSS, World, deliver

PERSON = "ann@example.com"


def join(world: World, client: FlaskClient, variant_id: str, email: str = PERSON) -> None:
    path = f"/api/v1/storefront/{world.known().public_key}/subscriptions"
    assert client.post(path, json={"variant_id": variant_id, "email": email}).status_code == 202


def grant(world: World, address: str) -> str:
    """What the merchant does at Shopify: press "Install app"; returns where the browser is sent."""
    page = httpx.get(address)
    assert page.status_code == 200
    action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
    fields = dict(re.findall(r'<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"', page.text))
    target = httpx.URL(address).join(action[1]) if action and action[1] else address
    answer = httpx.post(target, data=fields)
    assert answer.status_code in {302, 303}, answer.text
    return str(answer.headers["Location"])


def test_opening_the_app_takes_the_shop_in(world: World, client: FlaskClient) -> None:
    answer = client.get("/shopify/", query_string={"id_token": world.shopify.session_token(FERN), "shop": FERN})

    assert answer.status_code == 200
    assert "Fern" in answer.text
    world.settle()
    shop = world.known()
    assert (shop.name, shop.currency, shop.platform_shop_id) == ("Fern", "EUR", FERN)
    assert world.shopify.origin in shop.origins
    assert f"https://{FERN}" in shop.origins
    assert world.query("SELECT count(*) FROM variant") == [(2,)]
    written = {key: field["value"] for (_, key), field in world.fern.metafields.items()}
    assert written == {
        "public_key": shop.public_key,
        "host": world.runtime.settings.public_url,
        "proxy": "/apps/stockbell",
        "oversold": "hide",
    }
    topics = {each.topic for each in world.fern.webhooks.values()}
    assert {"INVENTORY_LEVELS_UPDATE", "PRODUCTS_UPDATE", "APP_UNINSTALLED"} <= topics
    assert "ORDERS_CREATE" not in topics


def test_an_app_that_is_not_installed_cannot_be_opened(world: World, client: FlaskClient) -> None:
    world.shopify.uninstall(FERN)

    assert client.get("/shopify/", headers=world.bearer()).status_code == 502
    assert world.shop() is None


def test_a_link_leads_through_the_grant_into_the_app(world: World, client: FlaskClient) -> None:
    away = client.get("/install/shopify/", query_string={"shop": FERN}).headers["Location"]
    asked = parse_qs(urlsplit(away).query)
    assert asked["scope"] == ["read_inventory,read_locations,read_products,write_app_proxy"]

    back = urlsplit(grant(world, away))
    answer = client.get(f"{back.path}?{back.query}")

    assert answer.status_code == 302
    assert answer.headers["Location"] == f"{world.shopify.origin}/{FERN}/admin/apps/client"
    assert world.known().name == "Fern"


def test_a_grant_counts_once_and_only_in_the_browser_that_asked(world: World, client: FlaskClient) -> None:
    back = urlsplit(grant(world, client.get("/install/shopify/", query_string={"shop": FERN}).headers["Location"]))
    stranger = client.application.test_client()
    before = rows(world.runtime.engine)

    refused = [
        stranger.get(f"{back.path}?{back.query}"),
        client.get(f"{back.path}?{back.query}&shop={MOSS}"),
        client.get(f"{back.path}?{back.query.replace(FERN, MOSS)}"),
        client.get(f"{back.path}?{back.query.replace('code=', 'code=a')}"),
        client.get(back.path),
    ]

    assert [each.status_code for each in refused] == [401] * 5
    assert rows(world.runtime.engine) == before
    assert client.get(f"{back.path}?{back.query}").status_code == 302
    assert client.get(f"{back.path}?{back.query}").status_code == 401


@pytest.mark.parametrize("shop", ["", "fern", "https://fern.myshopify.com", "fern.myshopify.com.evil.example", "a/b"])
def test_nobody_is_sent_anywhere_but_to_shopify(world: World, client: FlaskClient, shop: str) -> None:
    answer = client.get("/install/shopify/", query_string={"shop": shop})

    assert answer.status_code == 400
    assert "must look like fern.myshopify.com" in answer.text


def test_a_link_with_a_wrong_signature_leads_nowhere(world: World, client: FlaskClient) -> None:
    query = {"shop": FERN, "timestamp": str(int(now().timestamp())), "hmac": "0" * 64}

    assert client.get("/install/shopify/", query_string=query).status_code == 401


def test_p11_a_shop_that_goes_is_told_nothing_more_and_its_tokens_are_gone(
    installed: World, client: FlaskClient
) -> None:
    installed.settle()
    blue = installed.variants[0]
    join(installed, client, blue)
    shop = installed.known()

    uninstall(client)
    installed.work()

    assert installed.shop() is None
    assert installed.query("SELECT * FROM access_token") == []
    assert installed.query("SELECT state FROM subscription") == [("waiting",)]  # kept for the grace time
    installed.fern.set_available(blue, installed.warehouse, 5)
    installed.work()
    assert installed.query("SELECT count(*) FROM message") == [(0,)]
    assert client.get(f"/s/{shop.public_key}.js").status_code == 404


def test_p11_what_was_on_its_way_is_withdrawn(installed: World, client: FlaskClient) -> None:
    installed.settle()
    blue = installed.variants[0]
    join(installed, client, blue)
    installed.change_stock(client, blue, 5)
    assert installed.query("SELECT state FROM message") == [("pending",)]

    uninstall(client)
    jobs.ask_platform(installed.known().id)
    installed.work()

    assert installed.query("SELECT state, reason FROM message") == [("skipped", "uninstalled")]


def test_p11_a_shop_that_comes_back_finds_its_line_and_its_key(installed: World, client: FlaskClient) -> None:
    installed.settle()
    before = installed.known()
    blue = installed.variants[0]
    join(installed, client, blue)
    uninstall(client)
    installed.work()

    installed.shopify.install(FERN)
    assert client.get("/shopify/", headers=installed.bearer()).status_code == 200
    installed.settle()

    after = installed.known()
    assert (after.id, after.public_key) == (before.id, before.public_key)
    installed.change_stock(client, blue, 5)
    installed.settle()
    assert installed.query("SELECT state FROM message") == [("sent",)]


def test_p11_news_of_an_old_uninstallation_does_not_end_a_new_installation(
    installed: World, client: FlaskClient
) -> None:
    installed.settle()
    uninstall(client)
    installed.work()
    installed.shopify.install(FERN)
    assert client.get("/shopify/", headers=installed.bearer()).status_code == 200

    uninstall(client, at=now() - timedelta(minutes=5))
    installed.work()

    assert installed.known().name == "Fern"


def test_p11_coming_and_going_many_times_leaves_one_shop(world: World, client: FlaskClient) -> None:
    for _ in range(3):
        world.shopify.install(FERN)
        assert client.get("/shopify/", headers=world.bearer()).status_code == 200
        assert client.get("/shopify/", headers=world.bearer()).status_code == 200
        for _ in range(2):
            uninstall(client)
        world.work()
        assert world.shop() is None
        world.shopify.uninstall(FERN)

    assert world.query("SELECT count(*) FROM shop") == [(1,)]


def test_orders_are_asked_for_once_the_shop_lets_us_read_them(installed: World, client: FlaskClient) -> None:
    installed.settle()
    installed.fern.scopes = installed.fern.scopes | {"read_orders"}
    assert deliver(client, "app/scopes_update", b'{"current": ["read_orders"]}').status_code == 202
    installed.work()

    orders = [each for each in installed.fern.webhooks.values() if each.topic == "ORDERS_CREATE"]
    assert len(orders) == 1
    assert "read_orders" in installed.query("SELECT scopes FROM access_token")[0].scopes


def test_a_shop_whose_access_was_refused_is_let_in_anew_when_the_app_is_opened(
    installed: World, client: FlaskClient
) -> None:
    installed.settle()
    installed.fern.pairs.clear()  # as after an uninstallation of which we never heard

    for _ in range(2):  # the first finds out that the token is not taken, the second that it cannot be renewed
        installed.runtime.doorbell.connect(installed.known().id)
        installed.work()
    assert installed.query("SELECT refused_at IS NOT NULL FROM access_token") == [(True,)]
    page = client.get("/shopify/shops/1/", headers=installed.bearer())
    assert page.status_code == 200, "a page that is fetched lets it in, too"

    answer = client.get("/shopify/", headers=installed.bearer())
    assert answer.status_code == 200
    assert installed.query("SELECT refused_at FROM access_token") == [(None,)]


def test_p11_who_was_let_out_of_the_line_when_the_shop_went_is_told_when_it_is_back(
    installed: World, client: FlaskClient
) -> None:
    installed.settle()
    blue = installed.variants[0]
    join(installed, client, blue)
    installed.change_stock(client, blue, 5)
    assert installed.query("SELECT state FROM subscription") == [("released",)]
    uninstall(client)
    jobs.ask_platform(installed.known().id)
    installed.work()
    assert installed.query("SELECT state FROM subscription") == [("waiting",)]

    installed.shopify.install(FERN)
    assert client.get("/shopify/", headers=installed.bearer()).status_code == 200
    installed.settle()

    assert sorted(installed.query("SELECT state FROM message")) == [("sent",), ("skipped",)]


def test_p11_what_came_back_while_the_shop_was_away_is_told_when_its_catalog_is_read(
    installed: World, client: FlaskClient
) -> None:
    installed.settle()
    blue, green = installed.variants
    join(installed, client, blue)
    join(installed, client, green, "bob@example.com")
    uninstall(client)
    installed.work()
    installed.shopify.install(FERN)
    installed.change_levels(blue, 5)

    assert client.get("/shopify/", headers=installed.bearer()).status_code == 200
    installed.settle()

    assert installed.query("SELECT email, state FROM subscription ORDER BY id") == [
        (PERSON, "notified"),
        ("bob@example.com", "waiting"),
    ]
    assert installed.query("SELECT count(*) FROM restock WHERE closed_at IS NULL") == [(0,)]


def test_p11_a_shop_that_is_back_before_the_news_of_its_going_stays(installed: World, client: FlaskClient) -> None:
    installed.settle()
    went_at = now() - timedelta(seconds=30)
    installed.shopify.uninstall(FERN)
    installed.shopify.install(FERN)
    token = installed.shopify.session_token(FERN)
    assert client.get("/shopify/", query_string={"id_token": token, "shop": FERN}).status_code == 200

    uninstall(client, at=went_at)
    installed.work()

    installed.known()
    jobs.connect(installed.known().id)
    assert installed.query("SELECT refused_at FROM access_token") == [(None,)]


def test_a_new_secret_key_costs_one_opening_of_the_app(installed: World, client: FlaskClient) -> None:
    installed.settle()
    installed.runtime.__dict__["vault"] = Vault("x" * 40)

    jobs.connect(installed.known().id)
    assert installed.query("SELECT refused_at IS NOT NULL FROM access_token") == [(True,)]
    assert client.get("/shopify/", headers=installed.bearer()).status_code == 200

    installed.shopify.requests.clear()
    jobs.connect(installed.known().id)
    assert installed.shopify.requests


def test_a_token_that_is_not_taken_is_renewed_first(installed: World) -> None:
    installed.settle()
    shop_id = installed.known().id
    (pair, *_) = installed.fern.pairs
    pair.access_token = "shpat_changed"  # the access token alone is no longer good

    jobs.connect(shop_id)
    jobs.connect(shop_id)

    assert installed.query("SELECT refused_at FROM access_token") == [(None,)]
    assert installed.query("SELECT expires_at > now() FROM access_token") == [(True,)]


def test_a_callback_without_any_state_is_refused(world: World, client: FlaskClient) -> None:
    """Signed by Shopify, but nobody here has asked for it."""
    away = client.get("/install/shopify/", query_string={"shop": FERN}).headers["Location"]
    back = urlsplit(grant(world, away.replace("state=", "other=")))
    stranger = client.application.test_client()

    assert stranger.get(f"{back.path}?{back.query}").status_code in {400, 401}
    assert world.shop() is None


def test_a_shop_that_no_longer_grants_everything_is_asked_again(installed: World, client: FlaskClient) -> None:
    installed.settle()
    installed.fern.scopes = installed.fern.scopes - {"read_locations"}
    assert deliver(client, "app/scopes_update", b'{"current": []}').status_code == 202
    with installed.runtime.engine.begin() as database:
        access.note_scopes(database, installed.known().id, frozenset(installed.fern.scopes))

    assert client.get("/shopify/", headers=installed.bearer()).status_code == 403


def test_without_an_app_there_are_no_pages_for_shopify(unregistered: FlaskClient) -> None:
    for path in ("/shopify/", "/install/shopify/", "/shopify/proxy/x"):
        assert unregistered.get(path).status_code == 404
    headers = {"X-Shopify-Shop-Domain": FERN, "X-Shopify-Topic": "shop/update", "X-Shopify-Hmac-Sha256": "x"}
    assert unregistered.post("/webhooks/shopify", data=b"{}", headers=headers).status_code == 404


def uninstall(client: FlaskClient, at: datetime | None = None) -> None:
    moment = (at or now()).isoformat()
    how = {"X-Shopify-Triggered-At": moment}
    assert deliver(client, "app/uninstalled", b'{"id": 1}', **how).status_code == 202
