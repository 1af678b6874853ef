"""Who the app is: session tokens, grants, and access tokens that last an hour."""

import base64
import hashlib
import hmac
import math
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jwt
from flask import abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

if TYPE_CHECKING:
    from tests.platforms.shopify.servers import Shopify
    from tests.platforms.shopify.shops import SimulatedShop

TOKEN_SECONDS = 3600
REFRESH_SECONDS = 90 * 86_400
SESSION_SECONDS = 60
LEEWAY_SECONDS = 10
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"


@dataclass
class Pair:
    """An access token and what renews it."""

    access_token: str
    expires_at: float
    refresh_token: str
    """Empty: it lasts for ever."""
    replaced_by: str = ""
    """Access token of the next pair; until that is first used, this one's refresh token stays good."""


class OAuth:
    """Grants and tokens of all shops."""

    def __init__(self, shopify: "Shopify") -> None:
        """At its addresses."""
        self.shopify = shopify
        self.codes: dict[str, str] = {}
        add = shopify.app.add_url_rule
        add("/<domain>/admin/oauth/access_token", view_func=shopify.locked(self.token), methods=["POST"])
        add("/<domain>/admin/oauth/authorize", view_func=self.authorize, methods=["GET", "POST"])

    def session_token(self, domain: str, **changes: Any) -> str:
        """What App Bridge gives a page of the app."""
        now = self.shopify.now
        claims = {
            "iss": f"https://{domain}/admin",
            "dest": f"https://{domain}",
            "aud": self.shopify.client_id,
            "sub": "42",
            "exp": now + SESSION_SECONDS,
            "nbf": now,
            "iat": now,
            "jti": secrets.token_hex(8),
            "sid": secrets.token_hex(8),
            **changes,
        }
        return jwt.encode(claims, self.shopify.client_secret)

    def code(self, domain: str) -> str:
        """What a merchant's browser brings back from granting; good once."""
        code = secrets.token_hex(16)
        self.codes[code] = domain
        return code

    def is_good(self, shop: "SimulatedShop", token: str) -> bool:
        """Whether an access token is; its first use ends the pair before."""
        now = self.shopify.now
        pair = next((each for each in shop.pairs if each.access_token == token and now < each.expires_at), None)
        if pair is None:
            return False
        self._used(shop, pair)
        return True

    def token(self, domain: str) -> ResponseReturnValue:
        """Give a pair."""
        asked = request.get_json(silent=True) or request.form
        if (asked.get("client_id"), asked.get("client_secret")) != (self.shopify.client_id, self.shopify.client_secret):
            return {"error": "application_cannot_be_found"}, 400
        shop = self.shopify.shops.get(domain)
        if shop is None:
            return {"error": "shop_not_found"}, 404
        expires = asked.get("expiring") in {"1", 1}
        kind = asked.get("grant_type", "")
        if kind == "refresh_token":
            pair = self._renewed(shop, asked.get("refresh_token"))
        elif kind.endswith("token-exchange"):
            pair = self._exchanged(shop, asked, expires=expires)
        elif self.codes.pop(asked.get("code", ""), None) == domain and shop.is_installed:
            pair = self._new_pair(shop, expires=expires)
        else:
            pair = None
        if pair is None:
            return {"error": "invalid_grant"}, 400
        told = {"access_token": pair.access_token, "scope": ",".join(sorted(shop.scopes))}
        if not pair.refresh_token:
            return told
        return {
            **told,
            "expires_in": max(int(pair.expires_at - self.shopify.now), 0),
            "refresh_token": pair.refresh_token,
            "refresh_token_expires_in": REFRESH_SECONDS,
        }

    def authorize(self, domain: str) -> ResponseReturnValue:
        """The page on which a merchant grants what the app asks for."""
        shop = self.shopify.shops.get(domain) or abort(404)
        query = request.args
        allowed = self.shopify.redirect_uris
        if query.get("client_id") != self.shopify.client_id:
            return "Oauth error application_cannot_be_found", 400
        if not query.get("redirect_uri") or (allowed and query["redirect_uri"] not in allowed):
            return "Oauth error invalid_request: The redirect_uri is not whitelisted", 400
        scopes = sorted(filter(None, query.get("scope", "").split(",")))
        if request.method == "GET":
            return render_template("authorize.html", shop=shop, scopes=scopes)
        self.shopify.install(domain)
        values = {
            "code": self.code(domain),
            "host": host_of(domain),
            "shop": domain,
            "state": query.get("state", ""),
            "timestamp": str(int(self.shopify.now)),
        }
        return redirect(f"{query['redirect_uri']}?{urlencode(signed(self.shopify.client_secret, values))}")

    def dump(self, shop: "SimulatedShop") -> list[dict[str, Any]]:
        """A shop's pairs, for a JSON file."""
        return [asdict(each) for each in shop.pairs]

    def _exchanged(self, shop: "SimulatedShop", asked: Mapping[str, str], *, expires: bool) -> Pair | None:
        kinds = (asked.get("requested_token_type"), asked.get("subject_token_type"))
        if not shop.is_installed or kinds != (OFFLINE, ID_TOKEN):
            return None
        try:
            claims = jwt.decode(
                asked.get("subject_token", ""),
                self.shopify.client_secret,
                algorithms=["HS256"],
                audience=self.shopify.client_id,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        is_now = claims["nbf"] - LEEWAY_SECONDS <= self.shopify.now <= claims["exp"] + LEEWAY_SECONDS
        is_here = claims["dest"] == f"https://{shop.domain}"
        return self._new_pair(shop, expires=expires) if is_now and is_here else None

    def _renewed(self, shop: "SimulatedShop", refresh_token: object) -> Pair | None:
        pair = next((each for each in shop.pairs if refresh_token and each.refresh_token == refresh_token), None)
        if pair is None:
            return None
        self._used(shop, pair)
        following = next((each for each in shop.pairs if each.access_token == pair.replaced_by), None)
        if following is None:
            following = self._new_pair(shop, expires=True)
            pair.replaced_by = following.access_token
        return following

    def _used(self, shop: "SimulatedShop", pair: Pair) -> None:
        shop.pairs = [each for each in shop.pairs if each.replaced_by != pair.access_token]

    def _new_pair(self, shop: "SimulatedShop", *, expires: bool) -> Pair:
        ends = self.shopify.now + TOKEN_SECONDS if expires else math.inf
        pair = Pair(f"shpat_{secrets.token_hex(16)}", ends, f"shprt_{secrets.token_hex(16)}" if expires else "")
        shop.pairs.append(pair)
        return pair


def host_of(domain: str) -> str:
    """The parameter `host`: where in the admin the app is shown."""
    name = domain.partition(".")[0]
    return base64.b64encode(f"admin.shopify.com/store/{name}".encode()).decode().rstrip("=")


def signed(secret: str, values: Mapping[str, str]) -> dict[str, str]:
    """The values of a query with their signature, as Shopify sends a merchant to the app."""
    escaped = {name: each.replace("%", "%25").replace("&", "%26") for name, each in values.items()}
    text = "&".join(f"{name}={escaped[name]}" for name in sorted(escaped))
    return {**values, "hmac": hmac.digest(secret.encode(), text.encode(), hashlib.sha256).hex()}
