""" "Check a page" of the merchant's page: what is said of pages that a real server sends."""

import base64
import gzip
import hashlib
import html
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from integrations.http import Response
from plugin.domain.errors import FieldError
from plugin.runtime import Runtime
from plugin.snippet_check import check_page
from plugin.snippet_check.address import Address
from plugin.snippet_check.check import PAGE_MAX_BYTES
from plugin.snippet_check.page import read
from plugin.snippet_check.policy import Policy
from plugin.snippet_check.scripts import Target, findings, loaders
from plugin.widget_build import file_of, manifest
from tests.factories import ShopKeys, change, load, make_shop, set_stock
from tests.plugin.web.merchant.test_pages import let_in, send, sign_in
from tests.plugin.web.support import visible_text
from tests.site import Site

HOST = "http://127.0.0.1:8000"
OK, BAD, UNKNOWN = "ok", "not ok", "could not tell"
BUTTON = '<stockbell-notify product-id="p-v1" variant-id="v1" available="false"></stockbell-notify>'
Found = dict[str, tuple[str, str]]
Look = Callable[..., Found]


@pytest.fixture
def merchant(engine: Engine, site: Site) -> ShopKeys:
    """A shop whose pages the site sends, with someone who runs it; "v1" is sold out, "v2" in stock."""
    shop = make_shop(engine, domain=site.origin, variants=("v1", "v2"))
    set_stock(engine, shop, 5, variant_id="v2")
    with engine.begin() as database:
        let_in(database, shop)
    return shop


@pytest.fixture
def signed_in(client: FlaskClient, merchant: ShopKeys) -> FlaskClient:
    assert sign_in(client).status_code == 302
    return client


@pytest.fixture
def look(signed_in: FlaskClient, merchant: ShopKeys, site: Site) -> Look:
    """Put a page on the site, check it, and tell what was found: part -> the worst state of it, and its words."""

    def look(page: str | bytes, path: str = "/products/mug", **headers: str) -> Found:
        body = page.encode() if isinstance(page, str) else page
        site.answer(path, body=body, **{"Content_Type": "text/html; charset=utf-8", **headers})
        return found(check(signed_in, merchant, site.origin + path))

    return look


def check(client: FlaskClient, shop: ShopKeys, page: str) -> TestResponse:
    return send(client, f"/merchant/shops/{shop.id}/check-page", {"page": page})


def found(response: TestResponse) -> Found:
    assert response.status_code == 200, visible_text(response.text)
    worst = {OK: 0, UNKNOWN: 1, BAD: 2}
    parts: Found = {}
    for part, state, words in re.findall(
        r"<li class=\"[\w-]+\"><strong>(.*?): (.*?)\.</strong>(.*?)</li>", response.text, re.DOTALL
    ):
        before, said = parts.get(part, (OK, ""))
        said = f"{said} {visible_text(html.unescape(words.replace('&lt;', '').replace('&gt;', '')))}".strip()
        parts[part] = (max(before, state, key=worst.__getitem__), said)
    return parts


def script(shop: ShopKeys, more: str = "async", path: str = "/s/{key}.js", host: str = HOST) -> str:
    return f'<script src="{host}{path.format(key=shop.public_key)}" {more}></script>'


def document(head: str, body: str = BUTTON) -> str:
    return f"<!doctype html><html><head><title>Mug</title>{head}</head><body><h1>Mug</h1>{body}</body></html>"


def test_a_page_with_script_and_button_is_well(look: Look, merchant: ShopKeys, site: Site) -> None:
    parts = look(document(script(merchant)))

    assert {part: state for part, (state, _) in parts.items()} == {
        "Page": OK,
        "Script": OK,
        "Buttons": OK,
        "Variants": OK,
        "Policy": OK,
        "In a browser": UNKNOWN,
    }
    assert "v1 (sold out)" in parts["Variants"][1]
    assert list(parts)[-1] == "In a browser"
    assert f"{site.origin}/products/mug#stockbell-check" in parts["In a browser"][1]


def test_the_address_is_kept_and_its_fragment_is_not_asked_for(
    signed_in: FlaskClient, merchant: ShopKeys, site: Site
) -> None:
    site.answer("/products/mug", body=document(script(merchant)).encode())

    response = check(signed_in, merchant, f" {site.origin}/products/mug?variant=1#top ")

    assert f'value=" {site.origin}/products/mug?variant=1#top "' in response.text
    assert "/products/mug?variant=1#stockbell-check" in response.text
    assert [path for path, _ in site.requests] == ["/products/mug?variant=1"]


@pytest.mark.parametrize(
    "page",
    [
        "",
        "https://elsewhere.example/products/mug",
        "http://127.0.0.1:1/products/mug",
        "{origin}.elsewhere.example/",
        "http://user:word@{host}/products/mug",
        "https://{host}/products/mug",
        "/products/mug",
        "javascript:alert(1)",
        "http://[",
        "{origin}/a b",
        "{origin}/\0",
        "{origin}/" + "x" * 2000,
    ],
)
def test_an_address_that_is_not_the_shops_is_a_field_error_and_not_fetched(
    signed_in: FlaskClient, merchant: ShopKeys, site: Site, page: str
) -> None:
    page = page.format(origin=site.origin, host=site.origin.removeprefix("http://"))

    response = check(signed_in, merchant, page)

    assert response.status_code == 422
    problem = re.search(r'id="page-error">([^<]+)<', response.text)
    assert problem
    assert "page of" in problem[1]
    assert 'aria-describedby="page-error page-hint"' in response.text
    assert "<title>Not checked" in response.text
    assert site.requests == []


def test_both_names_of_a_shop_are_its_own(runtime: Runtime, engine: Engine) -> None:
    shop = load(engine, make_shop(engine, domain="https://shop.invalid"))

    for address in ("https://shop.invalid/x", "https://www.shop.invalid/x"):
        page, inside = check_page(runtime, shop, address)
        assert (page.part, page.ok, "no server named" in page.finding) == ("Page", False, True)
        assert f"{address}#stockbell-check" in inside.remedy
    with pytest.raises(FieldError):
        check_page(runtime, shop, "https://notshop.invalid/x")


def test_the_settings_of_the_page_stay_as_they_are(signed_in: FlaskClient, merchant: ShopKeys, engine: Engine) -> None:
    change(engine, merchant, minimum_inventory=7, postal_address="Long Lane 1")

    response = check(signed_in, merchant, "nonsense")

    assert 'value="7"' in response.text
    assert "Long Lane 1" in response.text
    assert "Not saved" not in response.text


def test_many_checks_have_to_wait(signed_in: FlaskClient, merchant: ShopKeys, site: Site) -> None:
    page = site.answer("/mug", body=b"<p>Mug")

    answers = [check(signed_in, merchant, page) for _ in range(11)]

    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert "Too many checks" in answers[-1].text
    assert len(site.requests) == 10


# What does not count as the script, and what is said of it.
WRONG_SCRIPTS = [
    ("", "No script tag of this shop"),
    ('<script src="{host}/s/another_key.js"></script>', "is for another shop, another_key"),
    ('<script src="{host}/s/another_key/klaviyo.js"></script>', "is for another shop, another_key"),
    ('<script src="https://other.example/s/{key}.js"></script>', "names another Stockbell, https://other.example"),
    ('<script src="{host}/s/{key}.js"></script><script src="{host}/s/{key}.js"></script>', "stands 2 times"),
    ('<script src="{host}/s/{key}.js"></script><script src="{host}/s/{key}/klaviyo.js"></script>', "stands 2 times"),
    ('<!-- <script src="{host}/s/{key}.js"></script> -->', "where no browser runs it"),
    ('<noscript><script src="{host}/s/{key}.js"></script></noscript>', "where no browser runs it"),
    ('<template><script src="{host}/s/{key}.js"></script></template>', "where no browser runs it"),
    ('<script src="{host}/s/{key}.js" nomodule></script>', "nomodule"),
    ('<script src="{host}/s/{key}.js" integrity="sha384-x"></script>', "changes with the shop"),
    ('<script src="{host}/s/{key}.js"/>', "where no browser runs it"),
    ('<textarea><script src="{host}/s/{key}.js"></script></textarea>', "where no browser runs it"),
    ('<script src="{host}/s/{key}.css"></script>', "No script tag of this shop"),
    ('<base href="https://other.example/"><script src="/s/{key}.js"></script>', "names another Stockbell"),
    ('<script src="/assets/stockbell.js" data-key="x" data-host="{host}"></script>', "is for another shop, x"),
    ('<script src="/assets/stockbell.js" data-key="{key}" data-host="{host}/"></script>', "with a slash"),
    ('<script src="/assets/stockbell.js" data-key="{key}" data-host=""></script>', "another Stockbell, none"),
    ('<script src="/a/stockbell-bigcommerce.js?host=https%3A%2F%2Fx.example&key={key}"></script>', "https://x.example"),
    ('<script src="/a/stockbell-bigcommerce.js" data-host="{host}" data-key="x"></script>', "another shop, x"),
    ('<div id="stockbell-settings" data-enabled="false" data-host="{host}" data-public-key="{key}"></div>', "off"),
    (
        '<div id="stockbell-settings" data-enabled="true" data-host="{host}" data-public-key="x"></div>',
        "another shop, x",
    ),
    ('<stockbell-notify-plugin host="https://x.example" public-key="{key}"></stockbell-notify-plugin>', "x.example"),
]


@pytest.mark.parametrize(("head", "words"), WRONG_SCRIPTS)
def test_what_is_not_the_script_does_not_count(look: Look, merchant: ShopKeys, head: str, words: str) -> None:
    parts = look(document(head.replace("{host}", HOST).replace("{key}", merchant.public_key)))

    assert parts["Script"][0] == BAD, parts
    assert words in parts["Script"][1]


RIGHT_SCRIPTS = [
    '<script src="{host}/s/{key}.js" async></script>',
    "<SCRIPT SRC='{host}/s/{key}.js?v=1' TYPE=text/javascript></SCRIPT>",
    '<script src=" //127.0.0.1:8000/s/{key}.js "></script>',
    '<script src="&#x2F;s/{key}.js" type="module"></script>',
    '<script src="{host}/s/{key}/klaviyo.js"></script>',
    '<!--[if gt IE 9]><!--><script src="{host}/s/{key}.js"></script><!--<![endif]-->',
    '<![odd]><script src="{host}/s/{key}.js"></script>',
    '<svg><title/></svg><script src="{host}/s/{key}.js"></script>',
    # Shopify's theme app extension: the block's and the embed's tag.
    '<script src="https://cdn.shopify.example/stockbell.js" data-key="{key}" data-host="{host}" async></script>' * 2,
]


@pytest.mark.parametrize("head", RIGHT_SCRIPTS)
def test_every_way_to_write_the_tag_counts(look: Look, merchant: ShopKeys, head: str) -> None:
    base = f'<base href="{HOST}/">' if "&#x2F;" in head else ""
    parts = look(document(base + head.replace("{host}", HOST).replace("{key}", merchant.public_key)))

    assert parts["Script"][0] == OK, parts


# The script is put in by another one, which nobody can see from outside.
BY_SCRIPT = [
    '<script src="/content/stockbell-bigcommerce.js" data-host="{host}" data-key="{key}" data-token="x"></script>',
    '<script src="/content/stockbell-bigcommerce.js?host={host}&amp;key={key}"></script>',
    '<div id="stockbell-settings" data-enabled="true" data-host="{host}" data-public-key="{key}" hidden></div>',
    '<stockbell-notify-plugin host="{host}" public-key="{key}"></stockbell-notify-plugin>',
    '<script>load("https:\\/\\/x\\/s\\/{key}.js")</script>',
    '<script type="text/plain" data-consent src="{host}/s/{key}.js"></script>',
]


@pytest.mark.parametrize("head", BY_SCRIPT)
def test_a_script_that_comes_by_script_cannot_be_told(look: Look, merchant: ShopKeys, head: str) -> None:
    parts = look(document(head.replace("{host}", HOST).replace("{key}", merchant.public_key)))

    assert parts["Script"][0] == UNKNOWN, parts


def pinned(shop: ShopKeys, integrity: str, version: str = "", more: str = 'crossorigin="anonymous"') -> str:
    path = f"/widget/{version or manifest()['version']}/loader.js"
    return script(shop, f'integrity="{integrity}" {more} data-key="{shop.public_key}" data-host="{HOST}" async', path)


def hashed(algorithm: str) -> str:
    content = file_of(manifest()["loader"]).read_bytes()
    return f"{algorithm}-" + base64.b64encode(hashlib.new(algorithm, content).digest()).decode()


def test_a_pinned_loader_must_be_what_its_integrity_says(look: Look, merchant: ShopKeys) -> None:
    own = manifest()["files"]["loader.js"]["integrity"]
    for tag in (
        pinned(merchant, own),
        pinned(merchant, hashed("sha256")),
        pinned(merchant, f"sha256-x {own}?"),
        pinned(merchant, ""),
    ):
        assert look(document(tag))["Script"][0] == OK, tag
    for tag, words in (
        (pinned(merchant, "sha384-x"), f"/widget/{manifest()['loader']} with integrity="),
        (pinned(merchant, f"sha512-x {own}"), "integrity that is not"),
        (pinned(merchant, "sha384-ofthatbuild", "0123456789ab"), "a build that is no longer here"),
        (pinned(merchant, "", "0123456789ab"), "a build that is no longer here"),
        (pinned(merchant, own, more=""), "crossorigin"),
        (pinned(merchant, own, more='crossorigin type="module"'), "module"),
    ):
        state, said = look(document(tag))["Script"]
        assert (state, words in said) == (BAD, True), said


def test_http_on_a_page_that_came_by_https_is_refused() -> None:
    body = b'<script src="http://stockbell.example/s/key.js"></script>'
    page = read(Response(200, {}, body, "shop.example", "https://shop.example/"))
    target = Target("https://stockbell.example", "key")

    (finding,) = findings(page, loaders(page, target), target)

    assert (finding.ok, "by http" in finding.finding) == (False, True)


def test_buttons_that_are_not_there_are_missed(look: Look, merchant: ShopKeys) -> None:
    alone = script(merchant) + '<script type="application/ld+json">{}</script>'
    assert look(document(alone, f"<!-- {BUTTON} -->"))["Buttons"][0] == BAD
    assert look(document(alone, f"<template>{BUTTON}</template>"))["Buttons"][0] == BAD
    for more in ('<script src="/theme.js"></script>', "<script>document.createElement('stockbell-notify')</script>"):
        state, words = look(document(script(merchant), more))["Buttons"]
        assert (state, "#stockbell-check" in words) == (UNKNOWN, True)
    assert look(document(script(merchant, path="/s/{key}/klaviyo.js"), ""))["Buttons"][0] == UNKNOWN


OPTION_FIELD = "[name='option[226]'],#a:not(.b)"


def element(attributes: str) -> str:
    return f"<stockbell-notify {attributes}></stockbell-notify>"


@pytest.mark.parametrize(
    ("body", "part", "state", "words"),
    [
        (element('variant-id="v1" available="false"'), "Variants", OK, "v1 (sold out)"),
        (element('variant-id="v2" available="true"'), "Variants", OK, "v2 (in stock)"),
        (element('variant-id="v1" available="true"'), "Stock", BAD, "that v1 can be bought"),
        (element('variant-id="v2" available="false"'), "Stock", BAD, "that v2 is sold out"),
        (element('variant-id="zz" available="false"'), "Variants", BAD, "does not know zz"),
        (element('variant-id="&#0;" available="false"'), "Variants", BAD, "does not know"),
        (element('variant-id="z\0" available="false"'), "Variants", BAD, "does not know"),
        (element('sold-out="v1 v2"'), "Stock", BAD, "that v2 is sold out"),
        (element('sold-out="v1 zz"'), "Variants", BAD, "does not know zz"),
        (element('sold-out="" product-id="p-v1"'), "Stock", BAD, "that v1 can be bought"),
        (element('sold-out="" product-id="p-v2"'), "Variants", OK, "v2 (in stock)"),
        (element('sold-out="" product-id="zz"'), "Variants", BAD, "no variant of the product zz"),
        (element('sold-out="" variant-id="v1"'), "Stock", BAD, "that v1 can be bought"),
        (element('sold-out="v2" variant-id="v1" available="false"'), "Variants", OK, "v1 (sold out)"),
        (element('product-id="p-v1"'), "Variants", UNKNOWN, "#stockbell-check"),
        (element('product-id="p-v1" available="true"'), "Variants", UNKNOWN, "#stockbell-check"),
        (element('variant-id="v1" available="false" variant-field="[[["'), "Buttons", BAD, "no CSS selector: [[["),
        (element('variant-id="v1" available="false" replaces="#a:not(.b"'), "Buttons", BAD, "no CSS selector"),
        (element(f'variant-id="v1" available="false" variant-field="{OPTION_FIELD}"'), "Buttons", OK, ""),
        ('<a data-stockbell-open="v1" href="#">Tell me</a>', "Variants", OK, "v1"),
        ('<a data-stockbell-open="zz" href="#">Tell me</a>', "Variants", BAD, "does not know zz"),
    ],
)
def test_variants_are_compared_with_the_catalog(
    look: Look, merchant: ShopKeys, body: str, part: str, state: str, words: str
) -> None:
    parts = look(document(script(merchant), body))

    assert parts[part][0] == state, parts
    assert words in parts[part][1]
    assert "Stock" not in parts or part == "Stock"


def test_below_the_minimum_shop_and_stockbell_are_both_right(look: Look, merchant: ShopKeys, engine: Engine) -> None:
    change(engine, merchant, minimum_inventory=9)

    for word in ("true", "false"):
        assert "Stock" not in look(document(script(merchant), element(f'variant-id="v2" available="{word}"')))


def test_another_shops_variants_are_not_known(look: Look, merchant: ShopKeys, engine: Engine) -> None:
    make_shop(engine, domain="https://moss.example", variants=("other",))

    assert look(document(script(merchant), element('variant-id="other"')))["Variants"][0] == BAD


def test_a_variant_that_left_the_catalog_is_not_known(look: Look, merchant: ShopKeys, engine: Engine) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE variant SET removed_at = now()"))

    assert look(document(script(merchant)))["Variants"][0] == BAD


SHUT, OPEN = BAD, OK
POLICIES = [
    ("default-src 'self'", SHUT, "Add http://127.0.0.1:8000 to script-src. Add http://127.0.0.1:8000 to connect-src."),
    ("default-src 'none'", SHUT, "script-src and connect-src"),
    (f"script-src 'self' {HOST}", OPEN, "lets Stockbell in"),
    (f"default-src {HOST}", OPEN, ""),
    ("default-src *", OPEN, ""),
    ("default-src http:", OPEN, ""),
    ("default-src https:", SHUT, ""),
    ("default-src 127.0.0.1:*", OPEN, ""),
    ("default-src 127.0.0.1", SHUT, ""),
    ("default-src 127.0.0.1:8001", SHUT, ""),
    ("default-src *.0.0.1:8000", OPEN, ""),
    ("default-src ftp://127.0.0.1:8000", SHUT, ""),
    (f"script-src {HOST}; connect-src 'self'", SHUT, "out of connect-src"),
    (f"default-src 'none'; SCRIPT-SRC {HOST}; connect-src {HOST}", OPEN, ""),
    (f"script-src {HOST}; script-src 'none'", OPEN, ""),
    (f"script-src {HOST}; script-src-elem 'self'", SHUT, ""),
    (f"script-src {HOST}/s/", SHUT, ""),
    (f"script-src {HOST}/s/ {HOST}/widget/", OPEN, ""),
    (f"default-src {HOST}, default-src 'self'", SHUT, ""),
    ("script-src 'nonce-abc'", OPEN, ""),
    ("script-src 'nonce-other'", SHUT, ""),
    ("script-src 'nonce-abc' 'strict-dynamic'", OPEN, ""),
    (f"script-src 'nonce-other' 'strict-dynamic' {HOST}", SHUT, "the page's nonce"),
    ("img-src 'none'; require-trusted-types-for 'script'", OPEN, ""),
    ("", OPEN, ""),
    (";;; , ;", OPEN, ""),
]


@pytest.mark.parametrize(("policy", "state", "words"), POLICIES)
def test_a_policy_is_read_as_browsers_do(look: Look, merchant: ShopKeys, policy: str, state: str, words: str) -> None:
    tag = script(merchant, 'async nonce="abc"')

    assert look(document(tag), Content_Security_Policy=policy)["Policy"][0] == state
    if "," not in policy and policy:
        parts = look(document(f'<meta http-equiv="content-security-policy" content="{policy}">{tag}'))
        assert parts["Policy"][0] == state
        assert words in parts["Policy"][1]


@pytest.mark.parametrize(
    ("source", "is_open"),
    [
        ("stockbell.example", True),
        ("http://stockbell.example", True),
        ("http://stockbell.example:80", True),
        ("https:", True),
        ("ftp://stockbell.example", False),
        ("*.stockbell.example", False),
        ("'self'", False),
    ],
)
def test_a_policy_lets_the_safer_scheme_in_and_no_other(source: str, is_open: bool) -> None:
    shop, stockbell = Address.of("https://shop.example/"), Address.of("https://stockbell.example/api")
    assert shop
    assert stockbell

    assert Policy.of(f"connect-src {source}", shop).connects(stockbell) is is_open


def test_a_policy_of_the_body_or_for_reports_only_does_not_count(look: Look, merchant: ShopKeys) -> None:
    policy = "default-src 'none'"
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'

    assert look(document(script(merchant), meta), Content_Security_Policy_Report_Only=policy)["Policy"][0] == OK
    assert look(document(f"<noscript>{meta}</noscript>{script(merchant)}"))["Policy"][0] == OK


def test_hashes_let_the_pinned_loader_run_and_not_what_it_loads(look: Look, merchant: ShopKeys) -> None:
    integrity = manifest()["files"]["loader.js"]["integrity"]
    page = document(pinned(merchant, integrity))

    assert look(page, Content_Security_Policy=f"script-src '{integrity}'")["Policy"][0] == BAD
    assert look(page, Content_Security_Policy=f"script-src '{integrity}' 'strict-dynamic'")["Policy"][0] == OK
    assert look(page, Content_Security_Policy=f"script-src '{integrity}' {HOST}/widget/")["Policy"][0] == OK


def test_what_puts_the_script_in_must_be_let_in_too(look: Look, merchant: ShopKeys) -> None:
    tag = f'<script src="/stockbell-bigcommerce.js" data-host="{HOST}" data-key="{merchant.public_key}" nonce="abc">'
    page = document(f"{tag}</script>")

    assert look(page, Content_Security_Policy=f"script-src {HOST}")["Policy"][0] == BAD
    assert look(page, Content_Security_Policy="script-src 'self'")["Policy"][0] == BAD
    assert look(page, Content_Security_Policy="script-src 'nonce-abc'")["Policy"][0] == BAD
    assert look(page, Content_Security_Policy=f"script-src 'self' {HOST}")["Policy"][0] == OK
    assert look(page, Content_Security_Policy="script-src 'nonce-abc' 'strict-dynamic'")["Policy"][0] == OK


@pytest.mark.parametrize(
    ("status", "headers", "state", "words"),
    [
        (404, {}, BAD, "status 404"),
        (500, {}, BAD, "status 500"),
        (401, {}, BAD, "asks for a password"),
        (403, {}, UNKNOWN, "does not let Stockbell see the page"),
        (503, {}, UNKNOWN, "does not let Stockbell see the page"),
        (302, {"Location": "/password"}, BAD, "password page"),
        (302, {"Location": "/en/password"}, BAD, "password page"),
        (302, {"Location": "/customer/account/login/referer/x"}, BAD, "asks for a sign-in"),
        (302, {"Location": "/products/mug"}, BAD, "redirects more than"),
        (302, {}, BAD, "redirects where an answer was expected"),
        (302, {"Location": "http://localhost:{port}/else"}, BAD, "which is not this shop's"),
        (302, {"Location": "http://10.0.0.1/"}, UNKNOWN, "private network"),
        (200, {"Content_Type": "application/pdf"}, BAD, "application/pdf, not a page"),
        (200, {"Content_Type": "text/html", "Content_Encoding": "br"}, UNKNOWN, "packed"),
        (200, {"Content_Type": "text/html", "Content_Encoding": "gzip"}, BAD, "gzip"),
        (200, {"Content_Type": "text/html"}, BAD, "empty"),
    ],
)
def test_what_is_no_page_is_said_and_nothing_else(
    signed_in: FlaskClient,
    merchant: ShopKeys,
    site: Site,
    status: int,
    headers: dict[str, str],
    state: str,
    words: str,
) -> None:
    for path in ("/password", "/en/password", "/customer/account/login/referer/x", "/else"):
        site.answer(path, body=b"<form>", Content_Type="text/html")
    headers = {name: value.replace("{port}", str(site.port)) for name, value in headers.items()}
    body = b"" if words == "empty" else b"<p>Not here"
    page = site.answer("/products/mug", status, body, **headers)

    parts = found(check(signed_in, merchant, page))

    assert set(parts) == {"Page", "In a browser"}
    assert parts["Page"][0] == state, parts
    assert words in parts["Page"][1]


def test_a_redirect_within_the_shop_is_followed(signed_in: FlaskClient, merchant: ShopKeys, site: Site) -> None:
    site.answer("/en/mug", body=document(script(merchant)).encode(), Content_Type="text/html")
    page = site.answer("/mug", 301, Location="/en/mug")

    parts = found(check(signed_in, merchant, page))

    assert parts["Page"] == (OK, f"The page answers after a redirect to {site.origin}/en/mug.")
    assert parts["Script"][0] == OK


@pytest.mark.parametrize(
    ("charset", "encoded"),
    [
        ("utf-8", "utf-8"),
        ("iso-8859-1", "iso-8859-1"),
        ("utf-16", "utf-16"),
        ("utf-16le", "utf-16-le"),
        ("nonsense", "utf-8"),
        ("punycode", "utf-8"),
        ("base64", "utf-8"),
        ("utf-8", "iso-8859-1"),
        ("utf-8", "utf-16"),
    ],
)
def test_any_charset_is_read(look: Look, merchant: ShopKeys, charset: str, encoded: str) -> None:
    page = document(script(merchant), f"<p>Geschenk für Grüße</p>{BUTTON}").encode(encoded)

    parts = look(page, Content_Type=f"text/html; charset={charset}")

    assert (parts["Script"][0], parts["Variants"][0]) == (OK, OK)


def test_a_charset_that_only_the_page_names_counts(look: Look, merchant: ShopKeys, engine: Engine) -> None:
    with engine.begin() as database:
        database.execute(text("UPDATE variant SET variant_id = 'Grün' WHERE variant_id = 'v1'"))
    page = document('<meta charset="windows-1252">' + script(merchant), element('variant-id="Grün" available="false"'))

    parts = look(page.encode("windows-1252"), Content_Type="text/html")

    assert "Grün (sold out)" in parts["Variants"][1]


def test_a_packed_page_is_read(look: Look, merchant: ShopKeys) -> None:
    assert look(gzip.compress(document(script(merchant)).encode()), Content_Encoding="gzip")["Script"][0] == OK


@pytest.mark.parametrize("packed", [False, True])
def test_a_huge_page_is_not_read(look: Look, packed: bool) -> None:
    body = b"<p>" + b" " * PAGE_MAX_BYTES
    headers = {"Content_Encoding": "gzip"} if packed else {}

    parts = look(gzip.compress(body) if packed else body, **headers)

    assert (parts["Page"][0], "larger than 4 MB" in parts["Page"][1]) == (UNKNOWN, True)


@pytest.mark.parametrize("junk", ["<", "<a ", "<!--", "<![x", "<?", "</", "<!", "&#", "<a b='", '<a b="c"', "<title>"])
@pytest.mark.timeout(60)
def test_broken_markup_is_read_in_a_moment(look: Look, merchant: ShopKeys, junk: str) -> None:
    page = document(script(merchant)) + junk * (2 * 1024**2 // len(junk))

    assert look(page)["Script"][0] == OK


def test_a_script_that_is_not_closed_swallows_the_page(look: Look, merchant: ShopKeys) -> None:
    tag = f'<script src="{HOST}/s/{merchant.public_key}.js"/>'

    assert look(document(tag))["Buttons"][0] == BAD
    assert look(document(tag + "</script>"))["Buttons"][0] == OK


def test_markup_without_ends_is_read_as_browsers_do(look: Look, merchant: ShopKeys) -> None:
    page = f"<p><div></span></noscript></template>{script(merchant)}<stockbell-notify variant-id=v1 available=false"

    assert look(f"{page}>")["Variants"][0] == OK
    assert look(page)["Buttons"][0] == BAD  # the last tag has no end


def test_a_slow_shop_is_given_up(runtime: Runtime, engine: Engine, merchant: ShopKeys, site: Site) -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "text/html")
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b"<p>")
            request.wfile.flush()
            request.connection.settimeout(0.05)
            try:
                request.connection.recv(1)
            except TimeoutError:
                continue
            return

    page, inside = check_page(runtime, load(engine, merchant), site.answer_with("/products/mug", drip), max_seconds=0.3)

    assert (page.ok, "took too long to answer" in page.finding) == (False, True)
    assert "#stockbell-check" in inside.remedy


def test_what_a_page_holds_is_escaped_and_short(look: Look, signed_in: FlaskClient, merchant: ShopKeys) -> None:
    long = "x" * 100_000
    evil = "&lt;img src=x onerror=alert(1)&gt;"
    parts = look(
        document(
            f'<script src="{HOST}/s/key.js?{long}"></script>',
            element(f'variant-id="{evil}"') + element(f"variant-id={long}"),
        )
    )

    assert parts["Variants"][0] == BAD
    assert all(len(words) < 1000 for _, words in parts.values())


def test_another_merchants_shop_is_not_checked(signed_in: FlaskClient, engine: Engine, site: Site) -> None:
    other = make_shop(engine, name="Moss", domain=site.origin)

    assert check(signed_in, other, f"{site.origin}/").status_code == 404
    assert site.requests == []
