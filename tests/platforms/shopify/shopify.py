"""A Shopify of one's own: OAuth tokens and the GraphQL Admin API, over HTTP, as strict as the real one.

A shop's admin is at `ORIGIN/DOMAIN`. Requests are refused for an unknown version, field or scope, a token that has
expired, and a price above the budget, with the answers that Shopify gives. What it answers with is whatever the test
puts into the `root` of a shop.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jwt
from flask import Flask, request
from flask.typing import ResponseReturnValue
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from werkzeug.serving import make_server

VERSIONS = {"2026-01", "2026-04", "2026-07", "2026-10"}
SCOPES = frozenset({"read_inventory", "read_locations", "read_products"})
TOKEN_SECONDS = 3600
MOST_COST = 1000
NEEDED_SCOPES = {"locations": "read_locations", "inventoryLevels": "read_inventory", "variants": "read_products"}
OFFLINE = "urn:shopify:params:oauth:token-type:offline-access-token"


@cache
def schema() -> GraphQLSchema:
    """The part of Shopify's schema that `trim.py` has kept."""
    return build_schema(Path(__file__).with_name("schema.graphql").read_text("utf-8"))


@dataclass
class _Pair:
    access_token: str
    expires_at: float
    refresh_token: str
    replaced_by: "_Pair | None" = None
    """The next one; until it is first used, this one's refresh token stays good."""


@dataclass
class SimulatedShop:
    """One shop there."""

    domain: str
    scopes: frozenset[str] = SCOPES
    maximum: float = 2000
    restore_rate: float = 100
    webhooks: dict[str, dict[str, Any]] = field(default_factory=dict)
    root: dict[str, Any] = field(default_factory=dict)
    """Values and functions for the fields of the query root."""
    pairs: list[_Pair] = field(default_factory=list)
    available: float = 2000
    told_at: float = 0


class Shopify:
    """The servers. `clock` is theirs; tests may set it."""

    def __init__(self, client_id: str, client_secret: str) -> None:
        """No shops yet."""
        self.client_id = client_id
        self.client_secret = client_secret
        self.shops: dict[str, SimulatedShop] = {}
        self.codes: dict[str, str] = {}
        self.now = 1_790_000_000.0
        self.requests: list[Mapping[str, Any]] = []
        """GraphQL requests that were let in: shop, query, cost."""
        self.failures: list[tuple[int, str]] = []
        """What the next requests are answered with instead: status and body."""
        self._lock = threading.Lock()
        self.app = Flask(__name__)
        self.app.add_url_rule(
            "/<domain>/admin/oauth/access_token", view_func=self._locked(self._token), methods=["POST"]
        )
        self.app.add_url_rule(
            "/<domain>/admin/api/<version>/graphql.json", view_func=self._locked(self._graphql), methods=["POST"]
        )

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Run on a free port; gives the address of a shop's admin, with `{shop}` for its domain."""
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{{shop}}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def add_shop(self, domain: str, **facts: Any) -> SimulatedShop:
        """A shop in which the app is installed."""
        shop = self.shops[domain] = SimulatedShop(domain, **facts)
        shop.available = shop.maximum
        return shop

    def session_token(self, domain: str, **changes: Any) -> str:
        """What App Bridge gives a page of the app."""
        claims = {
            "iss": f"https://{domain}/admin",
            "dest": f"https://{domain}",
            "aud": self.client_id,
            "sub": "42",
            "exp": self.now + 60,
            "nbf": self.now,
            "iat": self.now,
            "jti": secrets.token_hex(8),
            "sid": "s",
            **changes,
        }
        return jwt.encode(claims, self.client_secret)

    def code(self, domain: str) -> str:
        """What a merchant's browser brings back from granting; good once."""
        code = secrets.token_hex(16)
        self.codes[code] = domain
        return code

    def uninstall(self, domain: str) -> None:
        """No token of the shop is good any more."""
        self.shops[domain].pairs.clear()

    def _locked(self, view: Callable[..., ResponseReturnValue]) -> Callable[..., ResponseReturnValue]:
        def guarded(**arguments: str) -> ResponseReturnValue:
            with self._lock:
                if self.failures:
                    status, body = self.failures.pop(0)
                    return body, status
                return view(**arguments)

        guarded.__name__ = view.__name__
        return guarded

    # OAuth

    def _token(self, domain: str) -> ResponseReturnValue:
        asked = request.get_json()
        if (asked.get("client_id"), asked.get("client_secret")) != (self.client_id, self.client_secret):
            return {"error": "application_cannot_be_found"}, 400
        shop = self.shops.get(domain)
        if shop is None:
            return {"error": "shop_not_found"}, 404
        kind = asked.get("grant_type", "")
        if kind == "refresh_token":
            pair = self._renewed(shop, asked.get("refresh_token"))
        elif kind.endswith("token-exchange"):
            pair = self._exchanged(shop, asked)
        elif self.codes.pop(asked.get("code", ""), None) == domain:
            pair = self._new_pair(shop)
        else:
            pair = None
        if pair is None:
            return {"error": "invalid_grant"}, 400
        if asked.get("expiring") != "1":
            return {"access_token": pair.access_token, "scope": ",".join(sorted(shop.scopes))}
        return {
            "access_token": pair.access_token,
            "scope": ",".join(sorted(shop.scopes)),
            "expires_in": TOKEN_SECONDS,
            "refresh_token": pair.refresh_token,
            "refresh_token_expires_in": 90 * 86_400,
        }

    def _exchanged(self, shop: SimulatedShop, asked: Mapping[str, str]) -> _Pair | None:
        if asked.get("requested_token_type") != OFFLINE:
            return None
        try:
            claims = jwt.decode(
                asked.get("subject_token", ""),
                self.client_secret,
                algorithms=["HS256"],
                audience=self.client_id,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.PyJWTError:
            return None
        is_now = claims["nbf"] - 10 <= self.now <= claims["exp"] + 10
        return self._new_pair(shop) if is_now and claims["dest"] == f"https://{shop.domain}" else None

    def _renewed(self, shop: SimulatedShop, refresh_token: object) -> _Pair | None:
        pair = next((each for each in shop.pairs if each.refresh_token == refresh_token), None)
        if pair is None:
            return None
        pair.replaced_by = pair.replaced_by or self._new_pair(shop)
        return pair.replaced_by

    def _new_pair(self, shop: SimulatedShop) -> _Pair:
        pair = _Pair(f"shpat_{secrets.token_hex(16)}", self.now + TOKEN_SECONDS, f"shprt_{secrets.token_hex(16)}")
        shop.pairs.append(pair)
        return pair

    # GraphQL

    def _graphql(self, domain: str, version: str) -> ResponseReturnValue:
        shop = self.shops.get(domain)
        if shop is None or version not in VERSIONS:
            return {"errors": "Not Found"}, 404
        token = request.headers.get("X-Shopify-Access-Token")
        pair = next((each for each in shop.pairs if each.access_token == token and self.now < each.expires_at), None)
        if pair is None:
            return {"errors": "[API] Invalid API key or access token (unrecognized login or wrong password)"}, 401
        # Its first use ends the one before.
        shop.pairs = [each for each in shop.pairs if each.replaced_by is not pair]
        asked = request.get_json()
        try:
            document = parse(asked["query"])
        except GraphQLError as error:
            return {"errors": [{"message": error.message}]}
        mistakes = validate(schema(), document)
        if mistakes:
            return {"errors": [{"message": each.message, "extensions": {"code": "undefinedField"}} for each in mistakes]}
        variables = asked.get("variables") or {}
        cost = price(document, variables)
        if cost > MOST_COST:
            return {"errors": [{"message": "Query cost is too high", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
        shop.available = min(shop.maximum, shop.available + (self.now - shop.told_at) * shop.restore_rate)
        shop.told_at = self.now
        if cost > shop.available:
            throttled = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [throttled], "extensions": self._cost(shop, cost, None)}
        missing = _missing_scopes(document, shop.scopes)
        if missing:
            denied = {"message": f"Access denied. Required access: {missing}.", "extensions": {"code": "ACCESS_DENIED"}}
            return {"errors": [denied]}
        shop.available -= cost
        self.requests.append({"shop": domain, "query": asked["query"], "cost": cost})
        answer = execute_sync(schema(), document, shop.root, variable_values=variables, type_resolver=_type_of)
        return _shown(answer, self._cost(shop, cost, cost))

    def _cost(self, shop: SimulatedShop, asked: float, actual: float | None) -> dict[str, Any]:
        status = {
            "maximumAvailable": shop.maximum,
            "currentlyAvailable": int(shop.available),
            "restoreRate": shop.restore_rate,
        }
        return {"cost": {"requestedQueryCost": asked, "actualQueryCost": actual, "throttleStatus": status}}


def _shown(answer: ExecutionResult, extensions: Mapping[str, Any]) -> ResponseReturnValue:
    shown: dict[str, Any] = {"data": answer.data, "extensions": extensions}
    if answer.errors:
        shown["errors"] = [{"message": each.message} for each in answer.errors]
    return shown


def _type_of(value: Any, _info: GraphQLResolveInfo, _kind: object) -> str:
    return str(value["__typename"])


def price(document: DocumentNode, variables: Mapping[str, Any]) -> float:
    """What a request is said to cost: an object one point, a list as many as it may hold, a mutation ten."""
    total = 0.0
    for definition in document.definitions:
        operation = getattr(definition, "operation", None)
        total += _price(definition.selection_set, variables)  # type: ignore[attr-defined]
        total += 10 if operation and operation.value == "mutation" else 0
    return total


def _price(selections: SelectionSetNode | None, variables: Mapping[str, Any]) -> float:
    total = 0.0
    for each in selections.selections if selections else ():
        inner = _price(each.selection_set, variables)  # type: ignore[attr-defined, union-attr]
        if isinstance(each, FieldNode) and each.selection_set:
            total += (1 + inner) * _most(each, variables)
        else:
            total += inner
    return total


def _most(node: FieldNode, variables: Mapping[str, Any]) -> float:
    for argument in node.arguments or ():
        if argument.name.value in {"first", "ids"}:
            value = argument.value
            given = variables.get(value.name.value) if hasattr(value, "name") else int(value.value)  # type: ignore[attr-defined]
            return len(given) if isinstance(given, list) else float(given or 0)
    return 1


def _missing_scopes(document: DocumentNode, scopes: frozenset[str]) -> str:
    text = json.dumps(document.to_dict())
    needed = {scope for name, scope in NEEDED_SCOPES.items() if f'"value": "{name}"' in text}
    return ", ".join(sorted(needed - scopes))
