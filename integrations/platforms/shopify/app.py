"""Who we are to Shopify, and what proves that something comes from there.

Signatures: https://shopify.dev/docs/apps/build/authentication-authorization. Each is checked against the app's secret
and, for the hour after a rotation, against the one before.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from shopify import Session
from shopify.session_token import SessionTokenError, decode_from_header

from integrations.errors import PayloadError, SignatureError

API_VERSION = "2026-10"
NEEDED = ("read_inventory", "read_locations", "read_products")
"""What the catalog, the stock and the places of it need: without these the app can do nothing."""
SCOPES = (*NEEDED, "write_app_proxy")
"""All that is asked for, and no more. Shopify wants the last one of apps that have an app proxy."""
WINDOW_SECONDS = 90
"""How old a signed address may be, or how far ahead of our clock, as in Shopify's own library."""
REAL = "https://{shop}"
APP_BRIDGE = "https://cdn.shopify.com/shopifycloud/app-bridge.js"
DOMAIN = re.compile(r"[a-z0-9][a-z0-9-]*\.myshopify\.com")
_Values = Mapping[str, Sequence[str]]
"""Name -> its values in an address, in their order."""
_ONCE = ("shop", "timestamp", "signature", "hmac")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a session token says: a merchant looks at the app in this shop's admin."""

    shop: str
    """The shop's domain, `fern.myshopify.com`."""
    user_id: str


@dataclass(frozen=True, slots=True)
class ShopifyApp:
    """The app as it is registered at Shopify."""

    client_id: str
    client_secret: str = field(repr=False)
    previous_secret: str = field(default="", repr=False)
    """Empty, or the one before a rotation that is not an hour ago."""
    admin: str = REAL
    """Origin of a shop's admin; a simulator's has the shop in its path."""

    @property
    def bridge(self) -> str:
        """App Bridge, the script that links our page to the admin around it. It must not be served by us."""
        return APP_BRIDGE if self.is_real else f"{self._simulator}/app-bridge.js"

    def frames(self, shop: str) -> Sequence[str]:
        """Origins whose pages may hold our page in a frame.

        Args:
            shop: a checked domain.
        """
        return [f"https://{shop}", "https://admin.shopify.com"] if self.is_real else [self._simulator]

    @property
    def is_real(self) -> bool:
        """Whether it is Shopify, and not a simulator of it."""
        return self.admin == REAL

    @property
    def _simulator(self) -> str:
        parts = urlsplit(self.admin)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def secrets(self) -> Sequence[str]:
        """Those that signatures may be made with."""
        return [each for each in (self.client_secret, self.previous_secret) if each]

    def address(self, shop: str, path: str) -> str:
        """An address in a shop's admin.

        Args:
            shop: a checked domain.
            path: with a slash in front.
        """
        return self.admin.format(shop=shop) + path

    def permission_url(self, shop: str, redirect_uri: str, state: str) -> str:
        """Where a merchant grants what the app needs, by the authorization-code grant.

        Args:
            shop: a checked domain.
            redirect_uri: where Shopify sends the merchant afterwards.
            state: comes back with it; another one each time.
        """
        query = {"client_id": self.client_id, "scope": ",".join(SCOPES), "redirect_uri": redirect_uri, "state": state}
        return self.address(shop, f"/admin/oauth/authorize?{urlencode(query)}")

    def check_query(self, query: str, now: float) -> str:
        """Check an address that Shopify has sent a merchant to; returns the shop's domain.

        Args:
            query: as it came, without the question mark.
            now: seconds since 1970.

        Raises:
            SignatureError: it is not Shopify's, or too old.
        """
        return self._vouched_for(query, "hmac", _query_hmac, now)

    def check_proxied(self, query: str, now: float) -> str:
        """Check a request that came through the app proxy; returns the shop's domain.

        Args:
            query: as it came, without the question mark.
            now: seconds since 1970.

        Raises:
            SignatureError: it is not Shopify's, or too old.
        """
        return self._vouched_for(query, "signature", _proxy_hmac, now)

    def check_webhook(self, signature: str, body: bytes) -> None:
        """Check that a webhook is Shopify's.

        Args:
            signature: the header `x-shopify-hmac-sha256`.
            body: the raw bytes.

        Raises:
            SignatureError: it is not.
        """
        digests = (hmac.digest(secret.encode(), body, hashlib.sha256) for secret in self.secrets)
        self._check((base64.b64encode(digest).decode() for digest in digests), signature)

    def claims(self, authorization: str) -> Claims:
        """What a request of our own page in the admin proves.

        Args:
            authorization: the header, `Bearer` and App Bridge's session token.

        Raises:
            SignatureError: it proves nothing, or no longer.
        """
        for secret in self.secrets:
            try:
                claims = decode_from_header(authorization, self.client_id, secret)
            except (SessionTokenError, ValueError, TypeError, AttributeError, KeyError):
                continue
            # The library asks for neither, and a token without them would be good for ever.
            if not {"exp", "nbf"} <= claims.keys() or not str(claims["sub"]):
                break
            return Claims(checked_domain(urlsplit(claims["dest"]).netloc), str(claims["sub"]))
        raise SignatureError("The session token is not valid, or no longer.")

    def _vouched_for(self, query: str, name: str, sign: Callable[[str, _Values], str], now: float) -> str:
        """The shop of an address whose parameter `name` is the signature of the others."""
        values = _values(query)
        given = values.pop(name, [""])[0]
        self._check((sign(secret, values) for secret in self.secrets), given)
        _check_age(values, now)
        return checked_domain(values.get("shop", [""])[0])

    def _check(self, expected: Any, given: str) -> None:
        matches = [hmac.compare_digest(each.encode(), given.encode("utf-8", "replace")) for each in expected]
        if not any(matches):
            raise SignatureError("The signature is not right.")


def checked_domain(text: str) -> str:
    """A shop's domain, which is where our secret is sent to.

    Raises:
        SignatureError: it is none of Shopify's.
    """
    domain = text.lower()
    if not DOMAIN.fullmatch(domain):
        raise SignatureError("The shop must look like fern.myshopify.com.", reason="bad_shop")
    return domain


def _query_hmac(secret: str, values: _Values) -> str:
    """The library keeps its secret in the class; here each has a class of its own, so that no two apps share one."""
    own: Any = type("_Session", (Session,), {"secret": secret})
    params = {name: each if name.endswith("[]") else each[0] for name, each in values.items() if name != "signature"}
    return str(own.calculate_hmac(params))


def _proxy_hmac(secret: str, values: _Values) -> str:
    signed = "".join(f"{name}={','.join(each)}" for name, each in sorted(values.items()))
    return hmac.digest(secret.encode(), signed.encode(), hashlib.sha256).hex()


def _values(query: str) -> dict[str, list[str]]:
    """The values of each name, in their order.

    Raises:
        SignatureError: what must stand once stands twice, or it is no query.
    """
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=100):
            found.setdefault(name, []).append(value)
    except ValueError as error:
        raise SignatureError("The query cannot be read.") from error
    if any(len(found.get(name, [])) > 1 for name in _ONCE):
        raise SignatureError("A part of the signature stands twice.")
    return found


def _check_age(values: _Values, now: float) -> None:
    text = values.get("timestamp", [""])[0]
    if not re.fullmatch(r"[0-9]{1,12}", text) or abs(now - int(text)) > WINDOW_SECONDS:
        raise SignatureError("The request was signed too long ago.", reason="too_old")


def legacy_id(gid: object) -> str:
    """The number of a global id: `gid://shopify/ProductVariant/42` is 42, as text.

    Raises:
        PayloadError: it is none.
    """
    found = re.fullmatch(r"gid://shopify/\w+/([0-9]{1,20})(?:\?.*)?", str(gid))
    if not found:
        raise PayloadError("Shopify names something by an id that is none.")
    return found[1]
