import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from plugin import create_app
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.factories import ShopKeys
from tests.plugin.web.support import assert_error

JSON_ENDPOINTS = [
    ("POST", "/api/v1/storefront/{key}/subscriptions"),
    ("POST", "/api/v1/storefront/{key}/events"),
    ("GET", "/api/v1/storefront/{key}/variants/v1"),
    ("PUT", "/api/v1/inventory"),
    ("PUT", "/api/v1/catalog/variants"),
    ("GET", "/api/v1/subscriptions"),
    ("GET", "/api/v1/subscriptions/1/timeline"),
    ("GET", "/api/v1/variants/v1/restocks"),
    ("GET", "/api/v1/waiting"),
    ("GET", "/api/v1/messages"),
    ("GET", "/api/v1/webhooks"),
    ("POST", "/api/v1/messages/1/try-again"),
    ("POST", "/api/v1/events"),
    ("POST", "/api/v1/people/erase"),
    ("GET", "/api/v1/settings"),
    ("PATCH", "/api/v1/settings"),
    ("GET", "/api/v1/settings/history"),
    ("GET", "/api/v1/settings/overrides"),
    ("PUT", "/api/v1/settings/overrides/variant/v1"),
    ("DELETE", "/api/v1/settings/overrides/variant/v1"),
    ("GET", "/api/v1/variants/v1/settings"),
    ("GET", "/api/v1/flows/back-in-stock"),
    ("PUT", "/api/v1/flows/back-in-stock"),
    ("POST", "/api/v1/variants/v1/notify-now"),
]
WITHOUT_BODY = {"/api/v1/messages/1/try-again", "/api/v1/variants/v1/notify-now"}
WITH_BODY = [
    endpoint
    for endpoint in JSON_ENDPOINTS
    if endpoint[0] in {"PUT", "PATCH", "POST"} and endpoint[1] not in WITHOUT_BODY
]


def test_the_list_above_is_complete(app: Flask) -> None:
    found = {
        (method, _example(rule.rule))
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith("/api/") and not rule.rule.endswith("openapi.json")
    }

    assert found == set(JSON_ENDPOINTS)


def _example(rule: str) -> str:
    """An address that fits a route."""
    values = {"<key:public_key>": "{key}", "<id:variant_id>": "v1", "<scope>": "variant", "<id:target>": "v1"}
    for part, value in {**values, "<int:subscription_id>": "1", "<int:message_id>": "1"}.items():
        rule = rule.replace(part, value)
    return rule


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/", "/api/", "/api/v1/settings/", "/api/v1/storefront"])
def test_unknown_json_address_is_not_found(client: FlaskClient, path: str) -> None:
    assert_error(client.get(path), 404)


@pytest.mark.parametrize(("method", "path"), JSON_ENDPOINTS)
def test_other_methods_are_not_allowed(client: FlaskClient, shop: ShopKeys, method: str, path: str) -> None:
    allowed = {other for other, same in JSON_ENDPOINTS if same == path}

    response = client.open(path.format(key=shop.public_key), method="TRACE", headers=shop.authorization)

    assert_error(response, 405)
    assert allowed <= set(response.headers["Allow"].split(", "))


@pytest.mark.parametrize(("method", "path"), WITH_BODY)
def test_bodies_are_json_or_refused(client: FlaskClient, shop: ShopKeys, method: str, path: str) -> None:
    def send(body: bytes, content_type: str = "application/json") -> object:
        return client.open(
            path.format(key=shop.public_key),
            method=method,
            data=body,
            content_type=content_type,
            headers=shop.authorization,
        )

    assert_error(send(b"a=1", "application/x-www-form-urlencoded"), 415)
    assert_error(send(b"{}", "text/plain"), 415)
    assert_error(send(b"{"), 400)
    assert_error(send(b"[" * 50_000 if "storefront" not in path else b"[" * 9000), 400)
    assert_error(send(b'{"available": ' + b"9" * 5000 + b"}"), 400)
    assert_error(send(b'"' + b"x" * (3 * 1024 * 1024) + b'"'), 413)
    for odd in (b"[]", b"null", b"7", b'"x"'):
        assert_error(send(odd), 422)


@pytest.mark.parametrize(("method", "path"), JSON_ENDPOINTS)
def test_without_the_database_the_answer_is_503(
    settings: Settings, method: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    values = {name: getattr(settings, name) for name in Settings.__slots__}
    runtime = Runtime(Settings(**{**values, "database_url": "postgresql://nobody@127.0.0.1:1/nothing"}))
    client = create_app(runtime=runtime).test_client()

    response = client.open(
        path.format(key="some-key"), method=method, json={}, headers={"Authorization": "Bearer some-key"}
    )

    assert_error(response, 503)
    assert response.headers["Retry-After"] == "5"
    assert "127.0.0.1" not in response.text
    runtime.close()


@pytest.mark.parametrize(("method", "path"), JSON_ENDPOINTS)
def test_a_fault_of_ours_is_500_without_a_word_about_the_inside(
    app: Flask, shop: ShopKeys, method: str, path: str
) -> None:
    @app.before_request
    def fail() -> None:
        raise ZeroDivisionError("secret inside")

    response = app.test_client().open(path.format(key=shop.public_key), method=method, json={})

    assert_error(response, 500)
    assert "secret" not in response.text


@pytest.mark.parametrize("path", ["/", "/nothing", "/u/x", "/c/x", "/n/x/y", "/s/x.js", "/widget/x.js", "/merchant/x"])
def test_people_get_a_page(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    if response.status_code == 302:  # merchant pages ask to sign in first
        response = client.get(response.location)
    else:
        assert response.status_code == 404
    assert response.mimetype == "text/html"
    assert "<h1>" in response.text


def test_a_page_without_its_slash_is_redirected(client: FlaskClient) -> None:
    response = client.get("/merchant")

    assert response.status_code == 308
    assert response.location.endswith("/merchant/")


@pytest.mark.parametrize("path", ["/api/v1/%00", "/u/%00", "/n/a/%00", "/s/%00.js", "/widget/%00.js", "/mailbox/%00"])
def test_a_nul_character_in_an_address_is_not_found(client: FlaskClient, engine: Engine, path: str) -> None:
    assert client.get(path).status_code == 404


def test_two_applications_can_live_in_one_process(runtime: Runtime) -> None:
    assert create_app(runtime=runtime).test_client().get("/healthz").status_code == 200
    assert create_app(runtime=runtime).test_client().get("/healthz").status_code == 200
