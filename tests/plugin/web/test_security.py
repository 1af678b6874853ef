import re
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from plugin import create_app
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.factories import ShopKeys

PAGES = ["/healthz", "/api/v1/openapi.json", "/merchant/sign-in", "/mailbox", "/nothing", "/static/stockbell.css"]


@pytest.fixture
def make_client(settings: Settings, shop: ShopKeys) -> Iterator[Callable[..., FlaskClient]]:
    """Makes a client of an application with other settings."""
    made = []

    def make(**changes: object) -> FlaskClient:
        values = {name: getattr(settings, name) for name in Settings.__slots__}
        made.append(Runtime(Settings(**{**values, **changes})))
        return create_app(runtime=made[-1]).test_client()

    yield make
    for runtime in made:
        runtime.close()


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_has_the_headers(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    policy = dict(part.strip().partition(" ")[::2] for part in response.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in response.headers
    response.close()


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_inline_script_or_style(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    if response.mimetype == "text/html":
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", response.text)
    response.close()


def test_hsts_is_sent_over_https_only(make_client: Callable[..., FlaskClient]) -> None:
    response = make_client(base_url="https://alerts.example").get("/healthz")

    assert int(re.findall(r"max-age=(\d+)", response.headers["Strict-Transport-Security"])[0]) >= 365 * 24 * 3600


def test_the_session_cookie_is_bound_to_the_host_over_https(make_client: Callable[..., FlaskClient]) -> None:
    client = make_client(base_url="https://alerts.example")

    cookie = client.get("/merchant/sign-in", base_url="https://alerts.example").headers["Set-Cookie"]

    assert cookie.startswith("__Host-stockbell=")
    attributes = {part.strip() for part in cookie.split(";")[1:]}
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= attributes
    assert not any(part.startswith("Domain") for part in attributes)


def test_the_session_cookie_works_over_http_in_development(client: FlaskClient) -> None:
    cookie = client.get("/merchant/sign-in").headers["Set-Cookie"]

    assert cookie.startswith("stockbell=")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie


def test_the_mailbox_is_there_in_development_only(make_client: Callable[..., FlaskClient]) -> None:
    assert make_client(allow_loopback=True).get("/mailbox").status_code == 200
    for path in ("/mailbox", "/mailbox/x", "/mailbox/x/html", "/mailbox/x/source"):
        assert make_client(allow_loopback=False).get(path).status_code == 404


def test_strangers_get_no_cookie(client: FlaskClient, shop: ShopKeys) -> None:
    for path in ("/healthz", "/mailbox", f"/n/{shop.public_key}/v1", "/nothing", "/u/x"):
        assert "Set-Cookie" not in client.get(path).headers
