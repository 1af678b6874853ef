"""The GraphQL Admin API of one shop, within what it lets an app ask.

Each answer says what a request has cost and how much is left; a request that is too dear for now waits until the rest
has grown enough. https://shopify.dev/docs/api/usage/limits
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from integrations.errors import AuthError, IntegrationError, PayloadError, RateLimitedError, RejectedError, ServerError
from integrations.http import HTTPClient, Response, status_error
from integrations.platforms.shopify.app import API_VERSION, ShopifyApp

MOST_TRIES = 5
AT_ONCE = 1
TOO_DEAR = "too_dear"
MOST_WAIT_SECONDS = 30.0
LEAST_WAIT_SECONDS = 0.5
MOST_ANSWER_BYTES = 16 * 1024**2
MOST_SECONDS = 30.0


class AdminAPI:
    """One shop's API. Not for several threads."""

    def __init__(
        self,
        http: HTTPClient,
        app: ShopifyApp,
        shop: str,
        access_token: str,
        *,
        most_tries: int = MOST_TRIES,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask nothing yet.

        Args:
            http: the way to other people's servers.
            app: who asks.
            shop: a checked domain.
            access_token: the shop's.
            most_tries: how often a request is made that cannot be paid yet.
            sleep: waits so many seconds; for tests.
        """
        self.http = http
        self.sleep = sleep
        self._most_tries = most_tries
        self._address = app.address(shop, f"/admin/api/{API_VERSION}/graphql.json")
        self._headers = {"X-Shopify-Access-Token": access_token, "Accept": "application/json"}

    def execute(self, document: str, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask; returns `data`. A request that is throttled is made again when it can be paid.

        Raises:
            AuthError: the token is no longer good ("not_authorized"), or a scope is missing ("missing_scope").
            RateLimitedError: the budget does not suffice for a long while.
            RejectedError: the request is wrong, or a mutation says what is (`userErrors`).
            IntegrationError: Shopify does not answer properly.
        """
        tries = 0
        while True:
            try:
                return self._ask(document, variables or {})
            except RateLimitedError as error:
                tries += 1
                wait = error.retry_after_seconds or LEAST_WAIT_SECONDS
                if tries >= self._most_tries or wait > MOST_WAIT_SECONDS:
                    raise
                self.sleep(max(wait, LEAST_WAIT_SECONDS))

    def _ask(self, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.http.request(
            "POST",
            self._address,
            headers=self._headers,
            json={"query": document, "variables": dict(variables)},
            max_bytes=MOST_ANSWER_BYTES,
            max_seconds=MOST_SECONDS,
            raise_for_status=False,
        )
        if not 200 <= answer.status < 300:
            raise answer_error(answer)
        told = answer.json()
        if not isinstance(told, dict):
            raise PayloadError("Shopify's answer has an unexpected shape.")
        if told.get("errors"):
            raise _error(told)
        data = told.get("data")
        if not isinstance(data, dict):
            raise PayloadError("Shopify's answer holds no data.")
        _check_mutations(data)
        return data


def answer_error(answer: Response) -> IntegrationError:
    """What an answer with another status than 2xx means."""
    if answer.status == 401:
        return AuthError("Shopify does not accept our access any more: open the app in the shop's admin again.")
    if answer.status in {402, 423}:
        return RejectedError("The shop is closed at Shopify for now (unpaid, or locked).", reason="shop_closed")
    return status_error(answer.status, answer.headers, answer.host)


def _error(told: Mapping[str, Any]) -> IntegrationError:
    """What an answer of status 200 says is wrong."""
    errors = told["errors"]
    if not isinstance(errors, list):
        return RejectedError(f"Shopify refuses the request: {str(errors)[:200]}.")
    first = errors[0] if errors and isinstance(errors[0], dict) else {}
    code = (first.get("extensions") or {}).get("code")
    message = str(first.get("message", ""))[:200]
    if code == "THROTTLED":
        return RateLimitedError("Shopify asks us to slow down.", retry_after_seconds=_seconds_to_wait(told))
    if code == "ACCESS_DENIED":
        return AuthError(f"The app lacks a permission: {message}", reason="missing_scope")
    if code == "MAX_COST_EXCEEDED":
        return RejectedError("A request is dearer than Shopify allows.", reason=TOO_DEAR)
    if code in {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        return ServerError("Shopify has a problem of its own.")
    return RejectedError(f"Shopify refuses the request: {message}")


def _seconds_to_wait(told: Mapping[str, Any]) -> float | None:
    """Until the budget has grown to what the request costs; None if the answer does not say."""
    try:
        cost = told["extensions"]["cost"]
        status = cost["throttleStatus"]
        missing = float(cost["requestedQueryCost"]) - float(status["currentlyAvailable"])
        return max(missing, 0.0) / float(status["restoreRate"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _check_mutations(data: Mapping[str, Any]) -> None:
    for field in data.values():
        mistakes = field.get("userErrors") if isinstance(field, dict) else None
        if mistakes:
            code = str(mistakes[0].get("code") or "rejected").lower()
            raise RejectedError(f"Shopify refuses: {str(mistakes[0].get('message', ''))[:200]}", reason=code)
