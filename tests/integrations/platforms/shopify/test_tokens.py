"""Tokens are given, renewed in time, and never lost with an answer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from integrations.errors import AuthError, IntegrationError, PayloadError, RejectedError, ServerError
from integrations.http import HTTPClient
from integrations.platforms.shopify import tokens
from integrations.platforms.shopify.app import ShopifyApp
from integrations.types import AccessTokens
from tests.platforms.shopify import SCOPES, Shopify

SHOP = "fern.myshopify.com"


def moment(shopify: Shopify) -> datetime:
    return datetime.fromtimestamp(shopify.now, UTC)


def exchanged(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> AccessTokens:
    return tokens.exchange(http, app, SHOP, shopify.session_token(SHOP), moment(shopify))


def test_a_session_token_becomes_a_pair(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> None:
    pair = exchanged(http, app, shopify)

    assert pair.scopes == SCOPES
    assert pair.expires_at == moment(shopify) + timedelta(hours=1)
    assert pair.are_fresh(moment(shopify) + timedelta(minutes=54))
    assert not pair.are_fresh(moment(shopify) + timedelta(minutes=56))
    assert pair.access_token not in repr(pair)
    assert pair.refresh_token not in repr(pair)


def test_a_code_becomes_a_pair_once(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> None:
    code = shopify.code(SHOP)

    assert tokens.from_code(http, app, SHOP, code, moment(shopify)).access_token
    with pytest.raises(AuthError):
        tokens.from_code(http, app, SHOP, code, moment(shopify))


def test_p7_an_answer_that_is_lost_costs_nothing(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> None:
    first = exchanged(http, app, shopify)

    lost = tokens.refresh(http, app, SHOP, first.refresh_token, moment(shopify))
    again = tokens.refresh(http, app, SHOP, first.refresh_token, moment(shopify))

    assert again == lost
    assert again.access_token != first.access_token


@pytest.mark.parametrize(
    "changes", [{"exp": 1}, {"dest": "https://other.myshopify.com"}, {"aud": "another"}, {"nbf": 4_000_000_000}]
)
def test_a_session_token_that_proves_nothing_gives_nothing(
    http: HTTPClient, app: ShopifyApp, shopify: Shopify, changes: dict[str, object]
) -> None:
    with pytest.raises(AuthError):
        tokens.exchange(http, app, SHOP, shopify.session_token(SHOP, **changes), moment(shopify))


def test_after_an_uninstall_nothing_is_renewed(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> None:
    pair = exchanged(http, app, shopify)
    shopify.uninstall(SHOP)

    with pytest.raises(AuthError) as refused:
        tokens.refresh(http, app, SHOP, pair.refresh_token, moment(shopify))
    assert pair.refresh_token not in str(refused.value)


def test_another_secret_is_not_ours(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> None:
    with pytest.raises(AuthError):
        tokens.from_code(http, replace(app, client_secret="x"), SHOP, shopify.code(SHOP), moment(shopify))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, "", ServerError),
        (404, "", RejectedError),
        (200, "not JSON", PayloadError),
        (200, "[]", PayloadError),
        (200, '{"access_token": "a", "scope": "read_products"}', PayloadError),
        (200, '{"access_token": "", "scope": "", "expires_in": 1, "refresh_token": "b"}', PayloadError),
        (200, '{"access_token": "a", "scope": "", "expires_in": 1e300, "refresh_token": "b"}', PayloadError),
        (200, '{"access_token": "a", "scope": null, "expires_in": 1, "refresh_token": "b"}', PayloadError),
    ],
)
def test_what_is_no_answer_is_an_error(
    http: HTTPClient, app: ShopifyApp, shopify: Shopify, status: int, body: str, kind: type[IntegrationError]
) -> None:
    shopify.failures.append((status, body))

    with pytest.raises(kind):
        exchanged(http, app, shopify)
