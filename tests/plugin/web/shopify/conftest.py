"""Stockbell beside a simulated Shopify."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from plugin import create_app
from plugin.domain import shops
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.platforms.shopify import Shopify
from tests.processes import free_port
from tests.shopify_world import CLIENT_ID, SECRET, World, new_shopify, working


@pytest.fixture
def port() -> int:
    """Where Stockbell is, for those tests that serve it."""
    return free_port()


@pytest.fixture
def shopify(port: int) -> Iterator[Shopify]:
    """Shopify's servers."""
    servers = new_shopify(f"http://127.0.0.1:{port}")
    with servers.serving():
        yield servers


@pytest.fixture
def settings(settings: Settings, shopify: Shopify, port: int) -> Settings:
    """Those of an installation that is registered there."""
    return replace(
        settings,
        base_url=f"http://127.0.0.1:{port}",
        shopify_client_id=CLIENT_ID,
        shopify_client_secret=SECRET,
        shopify_simulator=shopify.origin,
    )


@pytest.fixture
def world(runtime: Runtime, shopify: Shopify) -> Iterator[World]:
    """Both of them, and workers."""
    with working(runtime):
        yield World(runtime, shopify)


@pytest.fixture
def installed(world: World, client: FlaskClient) -> World:
    """The same, after the merchant has opened the app, and does without confirmation mails."""
    assert client.get("/shopify/", headers=world.bearer()).status_code == 200
    with world.runtime.engine.begin() as database:
        shops.change_settings(database, world.known().id, {"double_opt_in": False})
    return world


@pytest.fixture
def unregistered(world: World) -> Iterator[FlaskClient]:
    """An installation without an app at Shopify."""
    runtime = Runtime(replace(world.runtime.settings, shopify_client_id="", shopify_client_secret=""))
    yield create_app(runtime=runtime).test_client()
    runtime.close()
