"""The Admin API is asked what it knows, at a price that it lets us pay."""

import os
from functools import cache
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from integrations.errors import AuthError, IntegrationError, PayloadError, RateLimitedError, RejectedError, ServerError
from integrations.http import HTTPClient
from integrations.platforms.shopify import tokens
from integrations.platforms.shopify.app import API_VERSION, ShopifyApp
from integrations.platforms.shopify.documents import EVERY, LOCATIONS, WEBHOOKS
from integrations.platforms.shopify.graphql import AdminAPI
from tests.integrations.platforms.shopify.test_tokens import exchanged, moment
from tests.platforms.shopify import VERSIONS, Shopify, schema
from tests.platforms.shopify.trim import SCHEMA, trimmed

FERN = "fern.myshopify.com"
NOTHING = {"webhookSubscriptions": {"nodes": [], "pageInfo": {"hasNextPage": False, "endCursor": None}}}


@pytest.fixture
def api(http: HTTPClient, app: ShopifyApp, shopify: Shopify) -> AdminAPI:
    """The shop's API; time passes only while it waits."""
    pair = exchanged(http, app, shopify)

    def sleep(seconds: float) -> None:
        shopify.now += seconds

    return AdminAPI(http, app, FERN, pair.access_token, sleep=sleep)


@cache
def read_schema(path: str) -> GraphQLSchema:
    return build_schema(Path(path).read_text("utf-8"), assume_valid=True)


def whole_schema() -> GraphQLSchema:
    """Shopify's own schema, where the environment says that there is one."""
    path = os.environ.get("SHOPIFY_SCHEMA", "")
    if not path:
        pytest.skip("SHOPIFY_SCHEMA names no file of Shopify's schema")
    return read_schema(path)


@pytest.mark.parametrize("name", EVERY)
def test_every_document_is_valid_for_shopifys_schema(name: str) -> None:
    assert validate(whole_schema(), parse(EVERY[name])) == []


def test_the_simulators_schema_is_a_part_of_shopifys() -> None:
    assert trimmed(whole_schema(), map(parse, EVERY.values())) == SCHEMA.read_text("utf-8")


@pytest.mark.parametrize("name", EVERY)
def test_every_document_is_valid_for_the_simulator(name: str) -> None:
    assert validate(schema(), parse(EVERY[name])) == []


def test_an_answer_is_its_data(api: AdminAPI) -> None:
    assert API_VERSION in VERSIONS
    assert api.execute(WEBHOOKS) == NOTHING


def test_a_request_that_is_too_dear_for_now_is_made_when_it_can_be_paid(api: AdminAPI, shopify: Shopify) -> None:
    shop = shopify.shops[FERN]
    shop.available, shop.told_at, shop.restore_rate = 0, shopify.now, 1
    began = shopify.now

    assert api.execute(WEBHOOKS, {"after": None}) == NOTHING

    (asked,) = shopify.requests
    assert shopify.now - began == pytest.approx(asked["cost"])


def test_a_budget_that_does_not_suffice_for_long_is_left_alone(api: AdminAPI, shopify: Shopify) -> None:
    shop = shopify.shops[FERN]
    shop.available, shop.told_at, shop.restore_rate = 0, shopify.now, 0.1

    with pytest.raises(RateLimitedError) as refused:
        api.execute(WEBHOOKS)
    assert refused.value.retry_after_seconds is not None
    assert refused.value.retry_after_seconds > 60
    assert shopify.requests == []


def test_an_expired_token_is_told_apart(api: AdminAPI, shopify: Shopify) -> None:
    shopify.now += 3601

    with pytest.raises(AuthError) as refused:
        api.execute(WEBHOOKS)
    assert refused.value.reason == "not_authorized"


def test_the_old_pair_ends_with_the_first_use_of_the_new_one(
    http: HTTPClient, app: ShopifyApp, api: AdminAPI, shopify: Shopify
) -> None:
    first = exchanged(http, app, shopify)
    second = tokens.refresh(http, app, FERN, first.refresh_token, moment(shopify))
    AdminAPI(http, app, FERN, second.access_token).execute(WEBHOOKS)

    with pytest.raises(AuthError):
        tokens.refresh(http, app, FERN, first.refresh_token, moment(shopify))


def test_a_missing_scope_is_named(api: AdminAPI, shopify: Shopify) -> None:
    shopify.shops[FERN].scopes -= {"read_locations"}

    with pytest.raises(AuthError, match="read_locations") as refused:
        api.execute(LOCATIONS)
    assert refused.value.reason == "missing_scope"


@pytest.mark.parametrize("document", ["{ nothing }", "{", "{ products { edges { node { price } } } }"])
def test_what_shopify_does_not_know_is_refused(api: AdminAPI, document: str) -> None:
    with pytest.raises(RejectedError):
        api.execute(document)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (402, "", RejectedError),
        (423, "", RejectedError),
        (404, "", RejectedError),
        (503, "", ServerError),
        (200, "[]", PayloadError),
        (200, "not JSON", PayloadError),
        (200, '{"data": null}', PayloadError),
        (200, '{"errors": "Not Found"}', RejectedError),
        (200, '{"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}', ServerError),
        (200, '{"errors": [null]}', RejectedError),
        (200, '{"data": {"x": {"userErrors": [{"message": "no", "code": "TAKEN"}]}}}', RejectedError),
    ],
)
def test_what_is_no_answer_is_an_error(
    api: AdminAPI, shopify: Shopify, status: int, body: str, kind: type[IntegrationError]
) -> None:
    shopify.failures.append((status, body))

    with pytest.raises(kind):
        api.execute(WEBHOOKS)


def test_a_pause_without_a_length_is_short(api: AdminAPI, shopify: Shopify) -> None:
    shopify.failures += [(200, '{"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}')] * 2
    began = shopify.now

    assert api.execute(WEBHOOKS) == NOTHING
    assert shopify.now - began == 1


def test_who_only_asks_for_pauses_is_left_alone_in_the_end(api: AdminAPI, shopify: Shopify) -> None:
    shopify.failures += [(429, "")] * 9

    with pytest.raises(RateLimitedError):
        api.execute(WEBHOOKS)
    assert len(shopify.failures) == 4
