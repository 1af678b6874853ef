"""What Shopify's review and its published scanner look for; docs/compliance.md says which test answers for what."""

import ast
import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from integrations import platform_adapter
from integrations.http import HTTPClient
from integrations.platforms.shopify import documents, webhooks
from integrations.platforms.shopify.adapter import PROXY_PATH
from integrations.platforms.shopify.app import API_VERSION, APP_BRIDGE, SCOPES
from integrations.types import AccessTokens, Location, ShopConnection, ShopFacts
from plugin.domain import installations
from plugin.runtime import Runtime, now
from plugin.settings import Settings
from tests.plugin.web.support import rows
from tests.webhooks import inbox_rows

ROOT = Path(__file__).parents[1]
TOML = ROOT / "snippets/shopify/shopify.app.toml"
HOST = "https://YOUR-HOST"
FERN = "fern.myshopify.com"
MOSS = "moss.myshopify.com"
CLIENT_ID = "client-of-the-review"
SECRET = "shpss_" + "0123456789abcdef" * 4
ACCESS = "shpat_canary-access"
REFRESH = "shprt_canary-refresh"
CANARIES = (SECRET, ACCESS, REFRESH)
DAYS_LEFT = 90
PROXIED = {"write_app_proxy"}
"""Shopify takes no [app_proxy] without it; nothing is asked with it."""

SCANNER_IDS = frozenset(
    re.findall(
        r"[A-Z_]+",
        """
        ACTIVE_UPLOADS_AND_PRIVILEGED_PREVIEWS APP_PROXY_LIQUID_INJECTION APP_PROXY_UNVERIFIED_SIGNATURE
        COMMITTED_SECRET CREDENTIAL_BROWSER_LEAKAGE CREDENTIAL_LOG_LEAKAGE CROSS_SITE_SCRIPTING
        CSRF_MISSING_PROTECTION DEPENDENCY_REACHABILITY DEPRECATED_SCRIPT_TAG_SCOPE EOL_API_VERSION
        EXPIRING_OFFLINE_TOKEN INSECURE_WEBHOOK_URL LIQUID_UNSAFE_RENDER METAFIELD_OFFLINE_TOKEN
        MISSING_AUTHORIZATION_CHECK MISSING_COMPLIANCE_WEBHOOKS MISSING_EMBEDDED_CSP
        MISSING_TENANT_ISOLATION OPEN_REDIRECT OVERBROAD_DATA_ACCESS REQUEST_CONTROLLED_ADMIN_CONTEXT
        REQUEST_DERIVED_SHOP_SCOPE SCOPE_OVER_REQUEST SCRIPT_TAG_URL_INJECTION SESSION_LIFECYCLE_AND_REPLAY
        SQL_INJECTION SSRF_REQUEST_FORGERY STATIC_FRAME_ANCESTORS TEXT_SETTING_HTML_SMUGGLING
        THEME_EXTENSION_XSS UNAUTHENTICATED_ENDPOINT UNSAFE_INNERHTML UNSCOPED_SHOP_CONFIG_WRITE
        WEAK_SHOP_VALIDATION
        """,
    )
)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Of an installation that is registered at Shopify itself; these tests ask nothing there."""
    return replace(
        settings,
        base_url="https://stockbell.example",
        shopify_client_id=CLIENT_ID,
        shopify_client_secret=SECRET,
        allow_loopback=False,
    )


@pytest.fixture
def fern(runtime: Runtime) -> int:
    """A shop that has the app."""
    return install(runtime, FERN)


@pytest.fixture
def moss(runtime: Runtime) -> int:
    """Another one."""
    return install(runtime, MOSS)


def install(runtime: Runtime, domain: str) -> int:
    scopes = frozenset(SCOPES)
    name = domain.partition(".")[0].title()
    with runtime.engine.begin() as database:
        return installations.install(
            database,
            platform="shopify",
            platform_shop_id=domain,
            facts=ShopFacts(name, (f"https://{domain}",), "EUR", scopes, (Location("1", "Warehouse", True),)),
            tokens=AccessTokens(ACCESS, now() + timedelta(hours=1), REFRESH, scopes),
            vault=runtime.vault,
            now=now(),
        )


def bearer(shop: str) -> dict[str, str]:
    """The header that App Bridge adds in a shop's admin."""
    moment = int(time.time())
    claims = {
        "iss": f"https://{shop}/admin",
        "dest": f"https://{shop}",
        "aud": CLIENT_ID,
        "sub": "42",
        "exp": moment + 60,
        "nbf": moment - 5,
        "iat": moment - 5,
        "jti": secrets.token_hex(8),
        "sid": secrets.token_hex(16),
    }
    return {"Authorization": f"Bearer {jwt.encode(claims, SECRET, algorithm='HS256')}"}


def signed(shop: str, **more: str) -> dict[str, str]:
    """A query as Shopify's app proxy adds it."""
    query = {"shop": shop, "timestamp": str(int(time.time())), "path_prefix": PROXY_PATH, **more}
    line = "".join(f"{name}={value}" for name, value in sorted(query.items()))
    return {**query, "signature": hmac.digest(SECRET.encode(), line.encode(), hashlib.sha256).hex()}


def webhook(topic: str, body: bytes, shop: str = FERN, **more: str) -> dict[str, str]:
    """The headers of a webhook."""
    return {
        "X-Shopify-Topic": topic,
        "X-Shopify-Shop-Domain": shop,
        "X-Shopify-Hmac-Sha256": base64.b64encode(hmac.digest(SECRET.encode(), body, hashlib.sha256)).decode(),
        "X-Shopify-Webhook-Id": secrets.token_hex(8),
        "X-Shopify-Triggered-At": datetime.now(UTC).isoformat(),
        "Content-Type": "application/json",
        **more,
    }


def routes(app: Flask, endpoint: str, method: str) -> list[Rule]:
    """Those of a blueprint that take a method."""
    found = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith(f"{endpoint}.")]
    return [rule for rule in found if method in (rule.methods or ())]


def path_of(rule: Rule, shop_id: int) -> str:
    """A route's address, about a shop."""
    return re.sub(r"<(?:\w+:)?\w+>", "1", rule.rule.replace("<int:shop_id>", str(shop_id)))


def embedded_answers(app: Flask, client: FlaskClient, shop_id: int) -> Iterator[tuple[str, TestResponse]]:
    """Every page in the admin: let in, without a token, and where there is none."""
    paths = [path_of(rule, shop_id) for rule in routes(app, "shopify", "GET")]
    assert len(paths) > 3
    for path in [*paths, "/shopify/nowhere", f"/shopify/shops/{shop_id}/subscribers?after=x", "/shopify/shops/999/"]:
        for headers in ({}, bearer(FERN)):
            yield f"GET {path}", client.get(path, headers=headers)
    for rule in routes(app, "shopify", "POST"):
        path = path_of(rule, shop_id)
        yield f"POST {path}", client.post(path)
        yield f"DELETE {path}", client.delete(path, headers=bearer(FERN))


def sources(*places: str) -> Iterator[tuple[str, str]]:
    """Names and texts of our own files below some folders, or of single ones."""
    for place in places:
        found = sorted((ROOT / place).rglob("*")) if (ROOT / place).is_dir() else [ROOT / place]
        for path in found:
            is_ours = not {"node_modules", "__pycache__", "dist"} & set(path.parts)
            if is_ours and path.suffix in {".py", ".html", ".js", ".mjs", ".ts", ".liquid", ".toml", ".json"}:
                yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def app_toml() -> dict[str, Any]:
    return tomllib.loads(TOML.read_text("utf-8"))


# Pages in the admin


def test_p1_every_page_in_the_admin_begins_with_app_bridge(app: Flask, client: FlaskClient, fern: int) -> None:
    pages = 0
    for what, answer in embedded_answers(app, client, fern):
        if answer.mimetype == "text/html":
            pages += 1
            head = answer.text[: answer.text.index("</head>")]
            assert re.findall(r"<script[^>]*>", answer.text)[0] == f'<script src="{APP_BRIDGE}">', what
            assert f'<script src="{APP_BRIDGE}">' in head, what
            assert f'<meta name="shopify-api-key" content="{CLIENT_ID}">' in head, what

    assert pages > 10


def test_every_page_in_the_admin_says_who_may_frame_it(app: Flask, client: FlaskClient, fern: int) -> None:
    for what, answer in embedded_answers(app, client, fern):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.count("frame-ancestors") == 1, what
        frames = policy.partition("frame-ancestors ")[2]
        assert frames in {f"https://{FERN} https://admin.shopify.com", "'none'"}, what
        assert "X-Frame-Options" not in answer.headers, what


def test_the_frame_is_that_of_the_shop_that_looks(client: FlaskClient, fern: int, moss: int) -> None:
    for shop in (FERN, MOSS):
        policy = client.get("/shopify/", headers=bearer(shop)).headers["Content-Security-Policy"]
        assert policy.endswith(f"frame-ancestors https://{shop} https://admin.shopify.com")


def test_no_page_holds_a_secret_or_sets_a_cookie(app: Flask, client: FlaskClient, fern: int) -> None:
    for what, answer in embedded_answers(app, client, fern):
        told = answer.text + str(answer.headers)
        assert not [each for each in CANARIES if each in told], what
        assert "Set-Cookie" not in answer.headers, what


def test_nobody_is_let_in_without_a_token(app: Flask, client: FlaskClient, engine: Engine, fern: int) -> None:
    before = rows(engine)
    for method in ("GET", "POST"):
        for rule in routes(app, "shopify", method):
            for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
                answer = client.open(path_of(rule, fern), method=method, headers=headers, query_string={"shop": FERN})
                assert answer.status_code == 401, rule

    assert rows(engine) == before


def test_the_shop_is_that_of_the_token_whatever_the_request_says(
    app: Flask, client: FlaskClient, engine: Engine, fern: int, moss: int
) -> None:
    before = rows(engine)
    claimed = {"shop": FERN, "shop_id": str(fern), "host": base64.b64encode(FERN.encode()).decode()}
    headers = {**bearer(MOSS), "X-Shopify-Shop-Domain": FERN}

    home = client.get("/shopify/", headers=headers, query_string=claimed)
    assert "<h1>Moss" in home.text
    assert "Fern" not in home.text
    assert home.headers["Content-Security-Policy"].endswith(f"https://{MOSS} https://admin.shopify.com")
    for method in ("GET", "POST"):
        for rule in routes(app, "shopify", method):
            if "shop_id" in rule.arguments:
                path = path_of(rule, fern)
                answer = client.open(path, method=method, headers=headers, query_string=claimed, data=claimed)
                assert answer.status_code == 404, rule

    assert rows(engine) == before


def test_merchants_programs_need_their_key(app: Flask, client: FlaskClient, fern: int) -> None:
    open_to_all = ("/api/v1/storefront/", "/api/v1/openapi")
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/api/v1/") and not rule.rule.startswith(open_to_all):
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                assert client.open(path_of(rule, fern), method=method, json={}).status_code == 401, rule


def test_p9_no_page_in_the_admin_speaks_of_a_themes_code(app: Flask, client: FlaskClient, fern: int) -> None:
    for what, answer in embedded_answers(app, client, fern):
        assert not THEME_CODE.search(answer.text), what


THEME_CODE = re.compile(
    r"\bpast(?:e|ing)\b|theme\.liquid|theme'?s? code|code of (?:the|your) theme"
    r"|\b(?:edit|change|copy|insert|add)\w* (?:the |your |this |our |a )?(?:\w+ )?(?:code|snippet|script|line)s?\b",
    re.IGNORECASE,
)


def test_p9_nobody_is_told_to_change_a_themes_code() -> None:
    public = (ROOT / "docs/shopify.md").read_text("utf-8").partition("\n## A public app\n")[2].partition("\n## ")[0]
    assert len(public) > 500
    assert not THEME_CODE.search(public)
    for name, content in sources("plugin/templates/shopify"):
        assert not THEME_CODE.search(content), name


@pytest.mark.parametrize(
    "words", ["Paste this into your theme", "edit theme.liquid", "Edit the theme code", "Copy the snippet"]
)
def test_such_words_would_be_found(words: str) -> None:
    assert THEME_CODE.search(words)


# The installation


def test_nobody_is_sent_on_to_an_address_of_the_request(client: FlaskClient) -> None:
    evil = "https://evil.example/"
    more = {"redirect_uri": evil, "return_to": evil, "next": evil, "host": evil, "state": evil, "url": f"//{evil}"}

    answer = client.get("/install/shopify/", query_string={"shop": FERN, **more})

    location = urlsplit(answer.headers["Location"])
    assert (location.scheme, location.netloc, location.path) == ("https", FERN, "/admin/oauth/authorize")
    assert "evil.example" not in answer.headers["Location"]
    for shop in (f"{FERN}.evil.example", f"evil.example/{FERN}", f"{FERN}@evil.example", f"{FERN}\n", "//evil.example"):
        for path in ("/install/shopify/", "/install/shopify/callback"):
            answer = client.get(path, query_string={"shop": shop, **more})
            assert answer.status_code in {400, 401}
            assert "Location" not in answer.headers


def test_what_goes_wrong_puts_no_secret_into_the_log(
    client: FlaskClient,
    runtime: Runtime,
    fern: int,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    echo = HTTPClient(
        transport=httpx.MockTransport(lambda asked: httpx.Response(400, text=f"{asked.content!r} {ACCESS} {REFRESH}"))
    )
    ours, runtime.http = runtime.http, echo
    token = bearer("new.myshopify.com")["Authorization"]
    code = {"shop": FERN, "code": ACCESS, "hmac": SECRET, "timestamp": str(int(time.time()))}
    try:
        answers = [
            client.get("/shopify/", headers={"Authorization": token}),
            client.get("/shopify/", query_string={"id_token": token.removeprefix("Bearer ") + "x"}),
            client.get("/install/shopify/callback", query_string=code),
            client.get("/shopify/proxy/api/v1/storefront/k/variants/1", query_string={"signature": SECRET}),
            client.post("/webhooks/shopify", data=ACCESS, headers=webhook("x/y", b"") | {"X-Shopify-Topic": REFRESH}),
        ]
    finally:
        runtime.http = ours
        echo.close()

    assert [each.status_code for each in answers] == [502, 401, 401, 401, 401]
    told = "".join(capfd.readouterr()) + caplog.text + "".join(each.text for each in answers)
    assert "not_installed" in told
    for secret in (*CANARIES, token.removeprefix("Bearer ")):
        assert secret not in told


# What comes from a shop's own pages


def test_the_app_proxy_answers_nobody_but_shopify(app: Flask, client: FlaskClient, engine: Engine, fern: int) -> None:
    before = rows(engine)
    tampered = signed(FERN) | {"shop": MOSS}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith("/shopify/proxy/"):
            for method in (rule.methods or set()) - {"HEAD"}:
                for query in ({}, tampered, {"signature": ""}, {"shop": FERN, "signature": "0" * 64}):
                    answer = client.open(path_of(rule, fern), method=method, query_string=query)
                    assert answer.status_code == 401, (rule, method)
                    assert answer.mimetype == "application/json"

    assert rows(engine) == before


def test_the_app_proxy_never_answers_with_liquid_or_with_what_was_asked(client: FlaskClient, fern: int) -> None:
    liquid = "{{ shop.metafields }}{% include 'x' %}<script>"
    query = signed(FERN, q=liquid, callback=liquid, format="liquid")

    for variant in ("1", "%7B%7B%20shop%20%7D%7D", "%3Cscript%3E"):
        path = f"/shopify/proxy/api/v1/storefront/none/variants/{variant}"
        answer = client.get(path, query_string=query, headers={"Accept": "application/liquid, text/html"})
        assert answer.mimetype == "application/json"
        assert "{{" not in answer.text
        assert "{%" not in answer.text
        assert "<script>" not in answer.text
    assert not [name for name, content in sources("plugin", "integrations") if "application/liquid" in content]


# Webhooks


@pytest.mark.parametrize("topic", sorted(webhooks.DUTIES))
def test_compliance_topics_are_served(client: FlaskClient, engine: Engine, fern: int, topic: str) -> None:
    body = json.dumps({"shop_id": 1, "shop_domain": FERN, "customer": {"id": 1, "email": "ann@example.com"}}).encode()

    assert client.post("/webhooks/shopify", data=body + b" ", headers=webhook(topic, body)).status_code == 401
    assert inbox_rows(engine) == []
    assert client.post("/webhooks/shopify", data=body, headers=webhook(topic, body)).status_code == 202
    assert inbox_rows(engine) == ["pending"]
    stranger = client.post("/webhooks/shopify", data=body, headers=webhook(topic, body, "gone.myshopify.com"))
    assert stranger.status_code == 202


@pytest.mark.parametrize("given", ["", "x", "=" * 5000, "\u00e9\u00ff", "AAAA", "\u00bd==", "0" * 64, "null"])
def test_s1_a_signature_of_any_shape_is_refused(client: FlaskClient, engine: Engine, fern: int, given: str) -> None:
    body = b'{"id": 1}'
    headers = webhook("products/update", body) | {"X-Shopify-Hmac-Sha256": given}

    assert client.post("/webhooks/shopify", data=body, headers=headers).status_code == 401
    query = signed(FERN) | {"signature": given}
    assert client.get("/shopify/proxy/api/v1/storefront/k/variants/1", query_string=query).status_code == 401
    assert client.get("/install/shopify/callback", query_string={**query, "hmac": given}).status_code == 401
    assert inbox_rows(engine) == []


def test_s1_a_webhook_that_comes_twice_is_one(client: FlaskClient, engine: Engine, fern: int) -> None:
    body = b'{"id": 1}'
    headers = webhook("products/update", body)

    assert [client.post("/webhooks/shopify", data=body, headers=headers).status_code for _ in range(3)] == [202] * 3
    assert inbox_rows(engine) == ["pending"]


def test_s1_signatures_are_compared_in_constant_time() -> None:
    # A digest of a feed, as it is `known` and as it was `found`, is no secret.
    secret_names = re.compile(r"signature|hmac|(?<!known\.)(?<!found\.)digest|token|secret", re.IGNORECASE)
    wrong = []
    for name, source in sources("plugin/web", "integrations/platforms"):
        for node in ast.walk(ast.parse(source)) if name.endswith(".py") else ():
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [node.left, *node.comparators]
                if not any(isinstance(each, ast.Constant) for each in sides):
                    wrong += [
                        f"{name}: {ast.unparse(node)}" for each in sides if secret_names.search(ast.unparse(each))
                    ]

    assert wrong == []


# What the app is registered with


GIVEN_UP = re.compile(
    r"/admin/api/[^/\s]+/(?!graphql\.json)[\w/{}]+\.json"  # the REST Admin API
    r"|script_?tag|\bwrite_themes\b|\btheme(?:Create|Update|Delete|Publish|Duplicate|Files\w+)\b|/assets\.json",
    re.IGNORECASE,
)


def test_p5_nothing_of_what_shopify_has_given_up_is_used() -> None:
    ours = ("plugin", "integrations", "snippets/shopify", "widget/src")
    found = [f"{name}: {match[0]}" for name, source in sources(*ours) for match in GIVEN_UP.finditer(source)]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "/admin/api/2026-10/products.json",
        'f"/admin/api/{VERSION}/products/{id}/variants.json"',
        "scriptTagCreate(input: $input)",
        "write_script_tags",
        "themeFilesUpsert(themeId: $id)",
        "/admin/api/2026-10/themes/1/assets.json",
    ],
)
def test_p5_what_shopify_has_given_up_would_be_found(source: str) -> None:
    assert GIVEN_UP.search(source)
    assert not GIVEN_UP.search("/admin/api/2026-10/graphql.json")


def days_left(version: str, today: date) -> int:
    """For how long Shopify supports a version of its API: a year from its first day."""
    year, month = map(int, version.split("-"))
    return (date(year + 1, month, 1) - today).days


def today() -> date:
    """Of an old release, that of the release, as SOURCE_DATE_EPOCH tells it."""
    return datetime.fromtimestamp(float(os.environ.get("SOURCE_DATE_EPOCH") or time.time()), UTC).date()


def test_p5_the_version_of_the_api_has_90_days_left() -> None:
    assert days_left(API_VERSION, today()) >= DAYS_LEFT, "time for the next version: see docs/shopify.md"


@pytest.mark.parametrize(
    ("day", "is_enough"),
    [("2026-10-01", True), ("2026-11-25", True), ("2027-07-03", True), ("2027-07-04", False), ("2027-10-02", False)],
)
def test_p5_the_end_of_a_version_is_seen_coming(day: str, is_enough: bool) -> None:
    assert (days_left("2026-10", date.fromisoformat(day)) >= DAYS_LEFT) is is_enough


def _asked(*words: str) -> Callable[[], bool]:
    return lambda: all(word in "".join(documents.EVERY.values()) for word in words)


def _told(scope: str) -> Callable[[], bool]:
    return lambda: any(topic.scope == scope for topic in webhooks.TOPICS.values())


USES: Mapping[str, Callable[[], bool]] = {
    "read_products": _asked("productVariants", "product(id: $id)", "onlineStoreUrl"),
    "read_inventory": _asked("inventoryLevels", 'quantities(names: ["available"])'),
    "read_locations": _asked("locations(first: 100", "fulfillsOnlineOrders"),
    "read_orders": _told("read_orders"),
    "write_app_proxy": lambda: app_toml()["app_proxy"]["subpath"] == "stockbell",
}
"""Each scope, and whether what it is for is still there. docs/compliance.md has the same in words."""


def required() -> set[str]:
    return set(app_toml()["access_scopes"]["scopes"].split(","))


def optional() -> set[str]:
    return set(app_toml()["access_scopes"]["optional_scopes"])


def test_p6_every_scope_is_used() -> None:
    assert set(USES) == {*SCOPES, *required(), *optional()}
    assert [scope for scope, is_used in USES.items() if not is_used()] == []
    table = (ROOT / "docs/compliance.md").read_text("utf-8").partition("## Scopes")[2].partition("\n## ")[0]
    named = dict(re.findall(r"^\| `(\w+)` \|.*`([\w/.]+)` \|$", table, re.MULTILINE))
    assert set(named) == set(USES)
    assert all((ROOT / path).exists() for path in named.values())


def test_p6_nothing_is_used_without_its_scope() -> None:
    assert {topic.scope for topic in webhooks.TOPICS.values()} - {""} <= required() | optional()
    assert {scope for scope in required() if scope.startswith("write_")} == PROXIED
    mutations = {
        name for each in documents.EVERY.values() for name in re.findall(r"^mutation (\w+)", each, re.MULTILINE)
    }
    assert mutations == {"RunBulk", "SetMetafields", "CreateWebhook", "DeleteWebhook"}
    asked = "".join(documents.EVERY.values())
    assert not re.search(r"\bcustomers?\b|\borders?\b|\bemail\b|\bphone\b", asked)
    assert set(webhooks.ORDER_FIELDS) == {"id", "email", "phone", "created_at", "line_items"}


def test_the_template_agrees_with_the_code(app: Flask) -> None:
    told = app_toml()
    adapter = app.url_map.bind("stockbell.example", url_scheme="https")

    def leads(address: str, method: str = "GET") -> str:
        assert address.startswith(f"{HOST}/"), address
        return str(adapter.match(urlsplit(address).path, method=method)[0])

    assert required() == {*SCOPES, *PROXIED}
    assert optional() == {webhooks.ORDERS_SCOPE}
    assert told["webhooks"]["api_version"] == API_VERSION
    assert told["embedded"] is True
    assert told["access_scopes"]["use_legacy_install_flow"] is False
    assert leads(told["application_url"]) == "shopify.home"
    assert [leads(each) for each in told["auth"]["redirect_urls"]] == ["shopify_install.callback"]
    proxied = f"{told['app_proxy']['url']}/api/v1/storefront/KEY/subscriptions"
    assert leads(proxied, "POST") == "shopify_proxy.Subscriptions"
    assert f"/{told['app_proxy']['prefix']}/{told['app_proxy']['subpath']}" == PROXY_PATH
    assert all(list(TOML.parent.glob(each)) for each in told["extension_directories"])
    assert told["client_id"] == "YOUR-CLIENT-ID"
    assert set(re.findall(r"https?://[^/\"\s]+", re.sub(r"#.*", "", TOML.read_text("utf-8")))) == {HOST}


def test_the_template_asks_for_what_only_it_can_ask_for() -> None:
    subscriptions = app_toml()["webhooks"]["subscriptions"]

    assert {topic for each in subscriptions for topic in each.get("compliance_topics", ())} == set(webhooks.DUTIES)
    topics = {topic for each in subscriptions for topic in each.get("topics", ())}
    assert topics == {"app/uninstalled", "app/scopes_update"}
    assert topics <= set(webhooks.TOPICS)


def test_every_webhook_goes_to_https(app: Flask) -> None:
    adapter = app.url_map.bind("stockbell.example", url_scheme="https")
    for each in app_toml()["webhooks"]["subscriptions"]:
        assert each["uri"].startswith("https://")
        assert adapter.match(urlsplit(each["uri"]).path, method="POST")[1] == {"platform": "shopify"}


def test_no_token_is_written_into_metafields() -> None:
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(json.loads(request.content))
        shop = {"name": "Fern", "currencyCode": "EUR", "myshopifyDomain": FERN, "primaryDomain": {"url": "https://x"}}
        told = {
            "shop": shop,
            "currentAppInstallation": {"id": "gid://shopify/AppInstallation/1", "accessScopes": []},
            "metafieldsSet": {"metafields": [], "userErrors": []},
        }
        return httpx.Response(200, json={"data": told})

    http = HTTPClient(transport=httpx.MockTransport(answer))
    credentials = {"client_id": CLIENT_ID, "client_secret": SECRET}
    connection = ShopConnection("1", "", credentials=credentials, platform_shop_id=FERN, access_token=lambda: ACCESS)
    platform_adapter("shopify")(connection, http).install_snippet("https://stockbell.example", "key", oversold="alert")
    http.close()

    (fields,) = [each["variables"]["metafields"] for each in asked if "metafields" in each["variables"]]
    assert {each["key"]: each["value"] for each in fields} == {
        "public_key": "key",
        "host": "https://stockbell.example",
        "proxy": PROXY_PATH,
        "oversold": "alert",
    }
    assert {each["ownerId"] for each in fields} == {"gid://shopify/AppInstallation/1"}
    assert not [secret for secret in CANARIES if secret in json.dumps(asked)]


# The code


def test_templates_print_nothing_unescaped() -> None:
    unescaped = re.compile(r"\|\s*safe\b|autoescape\s+false|\|\s*attr\(|Markup\(")
    found = [f"{name}: {match[0]}" for name, source in sources("plugin") for match in unescaped.finditer(source)]

    # The macro of the hosted form, which gets its attributes from the template around it, written out there.
    assert found == ["plugin/templates/hosted_form.html: | safe"]


def test_no_script_writes_html() -> None:
    unsafe = re.compile(
        r"\.(?:inner|outer)HTML\b|insertAdjacentHTML|document\.write|\beval\(|new Function\b|setHTMLUnsafe|srcdoc"
    )
    ours = ("plugin/static", "widget/src", "snippets/shopify/extensions", "plugin/templates")
    found = [f"{name}: {match[0]}" for name, source in sources(*ours) for match in unsafe.finditer(source)]

    assert found == []


def test_no_file_can_be_uploaded() -> None:
    upload = re.compile(r"request\.files|\bFileField\b|\bMultipleFileField\b|multipart/form-data|type=\"file\"")

    assert [name for name, source in sources("plugin") if upload.search(source)] == []


SQL = re.compile(r"\b(?:SELECT|INSERT INTO|UPDATE\s+\S*\s*SET|DELETE FROM|SET LOCAL|(?:CREATE|ALTER|DROP) TABLE)\b")
PUT_INTO_SQL = {
    "plugin/domain/catalog.py": {"columns"},
    "plugin/domain/clock_steps.py": {"table"},
    "plugin/domain/installations.py": {"table.name"},
    "plugin/domain/leaving.py": {"condition", "untold"},
    "plugin/domain/overrides.py": {"where"},
    "plugin/domain/shops.py": {"columns"},
    "plugin/domain/stock.py": {"located"},
    "plugin/partitions.py": {"table", "condition", "name", "low", "high"},
}
"""Besides constants of a module: words of ours, never of a request. Each was looked at."""


def test_sql_takes_values_by_binding_only() -> None:
    found: dict[str, set[str]] = {}
    for name, source in sources("plugin", "integrations"):
        if not name.endswith(".py") or "/migrations/" in name:
            continue
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.JoinedStr):
                constants = [each.value for each in node.values if isinstance(each, ast.Constant)]
                put_in = [ast.unparse(each.value) for each in node.values if isinstance(each, ast.FormattedValue)]
                if SQL.search(" ".join(map(str, constants))):
                    others = {each for each in put_in if not re.search(r"\b_?[A-Z][A-Z_]+\b|family\.tables", each)}
                    found.setdefault(name, set()).update(others)

    assert {name: words for name, words in found.items() if words} == PUT_INTO_SQL


@pytest.mark.parametrize("text_", ["' OR '1'='1", "1; DROP TABLE shop; --", "\\'; SELECT 1 --", "%27%20OR%201=1"])
def test_sql_in_a_request_is_only_text(client: FlaskClient, engine: Engine, fern: int, text_: str) -> None:
    before = rows(engine)
    headers = bearer(FERN)
    key = key_of(engine, fern)

    answers = [
        client.get(f"/shopify/shops/{fern}/subscribers", query_string={"after": text_}, headers=headers),
        client.post(f"/shopify/shops/{fern}/notify-now", data={"variant_id": text_}, headers=headers),
        client.get("/install/shopify/", query_string={"shop": text_}),
        client.get(f"/shopify/proxy/api/v1/storefront/{key}/variants/{text_}", query_string=signed(FERN)),
        client.get(f"/shopify/proxy/api/v1/storefront/{text_}/variants/1", query_string=signed(FERN)),
    ]

    assert all(each.status_code < 500 for each in answers)
    assert rows(engine) == before


def key_of(engine: Engine, shop_id: int) -> str:
    with engine.connect() as database:
        return str(database.execute(text("SELECT public_key FROM shop WHERE id = :id"), {"id": shop_id}).scalar_one())


def test_no_secret_is_committed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    shapes = re.compile(
        r"\bshp[a-z]{2}_([0-9a-fA-F]{32,})|-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+(\S{30,})"
        r"|\b(AKIA[0-9A-Z]{16})\b|\b(sk_live_\w{16,})|\bxox[bp]-([\w-]{20,})"
    )
    found = []
    for name in filter(None, listed.split("\0")):
        try:
            content = (ROOT / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        for match in shapes.finditer(content):
            made_up = "0123456789abcdef" in match[0] or len(set(match[1] or "")) in {1, 2}
            if not made_up:
                found.append(name)

    assert found == []


def test_every_dependency_is_pinned_by_its_hash() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        entries = (ROOT / name).read_text("utf-8").replace("\\\n", " ").splitlines()
        entries = [line for line in entries if line.strip() and not line.lstrip().startswith(("#", "-"))]
        assert len(entries) > 20
        assert all(re.match(r"[\w.\[\]-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in entries), name


# The table


def test_p16_every_check_of_shopifys_scanner_has_a_test_or_a_reason() -> None:
    assert len(SCANNER_IDS) == 35
    table = (ROOT / "docs/compliance.md").read_text("utf-8").partition("## Shopify's scanner")[2].partition("\n## ")[0]
    answers = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+) \|$", table, re.MULTILINE))
    assert set(answers) == SCANNER_IDS
    for check, answer in answers.items():
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", answer)
        assert named or (answer.startswith("not applicable: ") and len(answer) > 40), check
        for path, name in named:
            source = (ROOT / path).read_text("utf-8") if (ROOT / path).exists() else ""
            assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{check}: {path}::{name}"


def test_what_the_docs_say_of_addresses_exists(app: Flask) -> None:
    adapter = app.url_map.bind("stockbell.example", url_scheme="https")
    words = (ROOT / "docs/shopify.md").read_text("utf-8")
    paths = {urlsplit(each).path for each in re.findall(r"https://HOST(/[\w/.-]*)", words)}

    assert {"/install/shopify/", "/webhooks/shopify"} <= paths
    for path in paths:
        assert adapter.allowed_methods(path), path


def test_queries_are_signed_as_shopify_signs_them(client: FlaskClient, engine: Engine, fern: int) -> None:
    """That the helper above signs well: what is refused elsewhere is refused for its own reason."""
    path = f"/shopify/proxy/api/v1/storefront/{key_of(engine, fern)}/variants/1"

    assert client.get(path, query_string=signed(FERN)).status_code == 404
    assert client.get(f"{path}?{urlencode(signed(FERN))}&extra=1").status_code == 401
