"""What proves that something comes from Shopify. The vectors are those that its own libraries and documents publish."""

import base64
import hashlib
import hmac
import time
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.errors import PayloadError, SignatureError
from integrations.platforms.shopify.app import SCOPES, WINDOW_SECONDS, ShopifyApp, checked_domain, legacy_id

SHOP = "some-shop.myshopify.com"
APP = ShopifyApp("client", "hush")
TIMESTAMP = 1337178173
GRANTED = (
    f"shop={SHOP}&code=a94a110d86d2452eb3e2af4cfb8a3828&timestamp={TIMESTAMP}"
    "&hmac=2cb1a277650a659f1b11e92a4a64275b128e037f2c3390e3c8fd2d8721dac9e2"
)
PROXIED_AT = 1317327555
PROXIED = (
    "extra=1&extra=2&shop=shop-name.myshopify.com&logged_in_customer_id=1&path_prefix=%2Fapps%2Fawesome_reviews"
    f"&timestamp={PROXIED_AT}&signature=4c68c8624d737112c91818c11017d24d334b524cb5c2b8ba08daa056f7395ddb"
)
SECRET = "shpss_" + "0123456789abcdef" * 4


def test_a_grant_is_signed_as_shopify_does_it() -> None:
    assert APP.check_query(GRANTED, TIMESTAMP) == SHOP
    assert APP.check_query(GRANTED, TIMESTAMP + WINDOW_SECONDS) == SHOP


@pytest.mark.parametrize("late", [WINDOW_SECONDS + 1, -WINDOW_SECONDS - 1, 86_400])
def test_p8_a_signed_address_is_good_for_90_seconds(late: float) -> None:
    for check, query, at in ((APP.check_query, GRANTED, TIMESTAMP), (APP.check_proxied, PROXIED, PROXIED_AT)):
        with pytest.raises(SignatureError) as refused:
            check(query, at + late)
        assert refused.value.reason == "too_old"


def test_p8_the_vector_of_the_app_proxy_verifies() -> None:
    assert APP.check_proxied(PROXIED, PROXIED_AT) == "shop-name.myshopify.com"


@pytest.mark.parametrize(
    "changed",
    [
        PROXIED.replace("extra=2", "extra=3"),
        PROXIED.replace("extra=1&extra=2", "extra=2&extra=1"),
        PROXIED.replace("extra=1&", ""),
        PROXIED + "&more=1",
        PROXIED + f"&timestamp={PROXIED_AT}",
        PROXIED + "&shop=other.myshopify.com",
        PROXIED + "&signature=00",
        PROXIED.partition("&signature=")[0],
        PROXIED.replace("4c68", "4c69"),
        PROXIED.replace("signature=4c", "signature=%ff4c"),
        PROXIED.replace("logged_in_customer_id=1", "logged_in_customer_id=2"),
        "&".join(["a=1"] * 200),
        "",
    ],
)
def test_p8_a_changed_request_of_the_app_proxy_is_refused(changed: str) -> None:
    with pytest.raises(SignatureError):
        APP.check_proxied(changed, PROXIED_AT)


@pytest.mark.parametrize(
    "changed",
    [
        GRANTED.replace("code=a9", "code=b9"),
        GRANTED.replace("some-shop", "other-shop"),
        GRANTED + "&state=x",
        GRANTED.partition("&hmac=")[0],
        GRANTED + "&hmac=00",
        "",
    ],
)
def test_a_changed_grant_is_refused(changed: str) -> None:
    with pytest.raises(SignatureError):
        APP.check_query(changed, TIMESTAMP)


def test_lists_in_a_grant_are_signed_as_the_library_does_it() -> None:
    signed = f'ids=["2", "1"]&shop={SHOP}&timestamp={TIMESTAMP}'
    digest = hmac.digest(b"hush", signed.encode(), hashlib.sha256).hex()

    assert APP.check_query(f"ids[]=2&ids[]=1&shop={SHOP}&timestamp={TIMESTAMP}&hmac={digest}", TIMESTAMP) == SHOP


def test_after_a_rotation_both_secrets_count() -> None:
    rotated = ShopifyApp("client", "new", previous_secret="hush")
    body = b'{"foo": "bar"}'
    old, new = (base64.b64encode(hmac.digest(key, body, hashlib.sha256)).decode() for key in (b"hush", b"new"))

    assert rotated.check_query(GRANTED, TIMESTAMP) == SHOP
    assert rotated.check_proxied(PROXIED, PROXIED_AT)
    for signature in (old, new):
        rotated.check_webhook(signature, body)
    with pytest.raises(SignatureError):
        APP.check_webhook(new, body)
    with pytest.raises(SignatureError):
        ShopifyApp("client", "new").check_query(GRANTED, TIMESTAMP)


def test_the_vector_of_a_webhook_verifies() -> None:
    app = ShopifyApp("client", "test_secret_key")
    app.check_webhook("B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g=", b'{"foo": "bar"}')

    for signature, body in (
        ("B23tXN681gZ0qIWNRrgtzBE9XSDo5yaUu6wfmhu3a7g=", b'{"foo":"bar"}'),
        ("", b'{"foo": "bar"}'),
        ("\u00e9\ud800", b'{"foo": "bar"}'),
    ):
        with pytest.raises(SignatureError):
            app.check_webhook(signature, body)


@pytest.mark.parametrize(
    "text",
    [
        "", "fern", "fern.myshopify.com.evil.example", "evil.example/fern.myshopify.com", "fern.myshopify.com:8080",
        "-fern.myshopify.com", "a@fern.myshopify.com", "fern.myshopify.com/", "fern.myshopify.com\n", "127.0.0.1",
        "a.b.myshopify.com", "f\u00ebrn.myshopify.com",
    ],
)  # fmt: skip
def test_the_secret_goes_to_no_other_domain(text: str) -> None:
    with pytest.raises(SignatureError):
        checked_domain(text)


def test_a_merchant_is_asked_for_the_least() -> None:
    url = urlsplit(APP.permission_url(SHOP, "https://stockbell.example/install/shopify/callback", "s3cret state"))

    assert (url.netloc, url.path) == (SHOP, "/admin/oauth/authorize")
    assert parse_qs(url.query) == {
        "client_id": ["client"],
        "scope": [",".join(SCOPES)],
        "redirect_uri": ["https://stockbell.example/install/shopify/callback"],
        "state": ["s3cret state"],
    }
    assert {scope for scope in SCOPES if not scope.startswith("read_")} == {"write_app_proxy"}


def token(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    """A session token as App Bridge gives it; a value of None leaves a claim out."""
    now = int(time.time())
    claims = {
        "iss": f"https://{SHOP}/admin",
        "dest": f"https://{SHOP}",
        "aud": "client",
        "sub": "42",
        "exp": now + 60,
        "nbf": now,
        "iat": now,
        "jti": "4321",
        "sid": "abc123",
        **changes,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, "" if algorithm == "none" else secret, algorithm)


def test_a_session_token_names_shop_and_person() -> None:
    app = ShopifyApp("client", SECRET)

    assert app.claims(f"Bearer {token()}") == app.claims(f"Bearer {token(nbf=int(time.time()) + 5)}")
    assert (app.claims(f"Bearer {token()}").shop, app.claims(f"Bearer {token()}").user_id) == (SHOP, "42")


WRONG_TOKENS = {
    "missing": "",
    "no bearer": token(),
    "nonsense": "Bearer nonsense",
    "another secret": f"Bearer {token(secret='shpss_' + 'f' * 64)}",
    "no algorithm": f"Bearer {token(algorithm='none')}",
    "another algorithm": f"Bearer {token(algorithm='HS512')}",
    "expired": f"Bearer {token(exp=int(time.time()) - 60)}",
    "not yet": f"Bearer {token(nbf=int(time.time()) + 600)}",
    "another app": f"Bearer {token(aud='another')}",
    "no app": f"Bearer {token(aud=None)}",
    "without an end": f"Bearer {token(exp=None)}",
    "without a beginning": f"Bearer {token(nbf=None)}",
    "nobody": f"Bearer {token(sub='')}",
    "two shops": f"Bearer {token(dest='https://other.myshopify.com')}",
    "no shop of Shopify's": f"Bearer {token(iss='https://evil.example/admin', dest='https://evil.example')}",
    "a port": f"Bearer {token(iss=f'https://{SHOP}:8/admin', dest=f'https://{SHOP}:8')}",
}


@pytest.mark.parametrize("authorization", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_p2_a_session_token_that_proves_nothing_is_refused(authorization: str) -> None:
    with pytest.raises(SignatureError):
        ShopifyApp("client", SECRET).claims(authorization)


@given(st.data())
def test_p2_no_changed_session_token_is_accepted(data: st.DataObject) -> None:
    whole = token()
    place = data.draw(st.integers(0, len(whole) - 1))
    letter = data.draw(st.sampled_from("AZaz09-_.="))
    changed = whole[:place] + letter + whole[place + 1 :]
    app = ShopifyApp("client", SECRET)
    header, body, signature = whole.split(".")
    same = changed == whole or (
        changed.count(".") == 2
        and changed.rpartition(".")[0] == f"{header}.{body}"
        and _bytes(changed.rpartition(".")[2]) == _bytes(signature)  # the last letter has bits that say nothing
    )
    if not same:
        with pytest.raises(SignatureError):
            app.claims(f"Bearer {changed}")


def _bytes(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return text.encode()


@given(st.text(max_size=200))
def test_p2_no_text_is_a_session_token(text: str) -> None:
    with pytest.raises(SignatureError):
        ShopifyApp("client", SECRET).claims(text)


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=5))
def test_no_query_by_somebody_else_is_taken_for_shopifys(values: dict[str, str]) -> None:
    query = urlencode({**values, "shop": SHOP, "timestamp": TIMESTAMP}, errors="replace")
    for check in (APP.check_query, APP.check_proxied):
        with pytest.raises(SignatureError):
            check(query, TIMESTAMP)


def test_global_ids_are_numbers_as_text() -> None:
    assert legacy_id("gid://shopify/ProductVariant/9007199254740993") == "9007199254740993"
    assert legacy_id("gid://shopify/InventoryLevel/24826418?inventory_item_id=271878346596884015") == "24826418"
    for wrong in ("9007199254740993", "gid://other/ProductVariant/1", "gid://shopify/ProductVariant/", None, 1):
        with pytest.raises(PayloadError):
            legacy_id(wrong)
