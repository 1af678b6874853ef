"""Tokens: sealed, renewed by one at a time, and never lost with an answer."""

import itertools
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from integrations.errors import AuthError, IntegrationError, UnreachableError
from integrations.types import AccessTokens
from plugin.domain import access
from plugin.runtime import now
from plugin.vault import Vault
from tests.factories import ShopKeys, load, make_shop

VAULT = Vault("k" * 40)
HOUR = timedelta(hours=1)


class LostError(Exception):
    """The process dies after the platform has answered."""


@dataclass
class Platform:
    """Renews as Shopify does: the refresh token before stays good until the new access token is first used."""

    good: list[str] = field(default_factory=lambda: ["r0"])
    access: dict[str, str] = field(default_factory=lambda: {"a0": "r0"})
    renewed: int = 0
    loses: int = 0
    """How many of the next answers are lost after they were given."""
    fails: list[IntegrationError] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def renew(self, refresh_token: str, at: datetime) -> AccessTokens:
        with self.lock:
            if self.fails:
                raise self.fails.pop()
            if refresh_token not in self.good:
                raise AuthError("invalid_grant")
            number = next(self.numbers)
            self.good = [refresh_token, f"r{number}"]
            self.access[f"a{number}"] = f"r{number}"
            self.renewed += 1
            if self.loses:
                self.loses -= 1
                raise LostError
        return AccessTokens(f"a{number}", at + HOUR, f"r{number}", frozenset({"read_products"}))

    def use(self, access_token: str) -> None:
        """A call with an access token: what came before it is no longer good."""
        with self.lock:
            assert self.access[access_token] in self.good, "the platform knows this token no longer"
            self.good = [self.access[access_token]]


def keep(engine: Engine, shop: ShopKeys, *, lasts: timedelta) -> None:
    pair = AccessTokens("a0", now() + lasts, "r0", frozenset({"read_products"}))
    with engine.begin() as database:
        access.keep(database, VAULT, shop.id, pair, now())


def stored(engine: Engine, shop: ShopKeys) -> bytes:
    with engine.connect() as database:
        query = text("SELECT sealed FROM access_token WHERE shop_id = :shop")
        return bytes(database.execute(query, {"shop": shop.id}).scalar_one())


def test_a_token_that_lasts_is_given_without_asking(engine: Engine, shop: ShopKeys) -> None:
    keep(engine, shop, lasts=HOUR)
    platform = Platform()

    assert access.token(engine, VAULT, shop.id, platform.renew, now) == "a0"
    assert platform.renewed == 0


def test_p7_the_pair_is_kept_sealed_and_together(engine: Engine, shop: ShopKeys) -> None:
    keep(engine, shop, lasts=HOUR)
    sealed = stored(engine, shop)

    assert b"a0" not in sealed
    assert b"r0" not in sealed
    with engine.connect() as database:
        whole = str(database.execute(text("SELECT access_token::text FROM access_token")).all())
    assert "a0" not in whole.replace(sealed.hex(), "")


def test_p7_a_pair_of_another_shop_or_key_cannot_be_opened(engine: Engine, shop: ShopKeys) -> None:
    other = make_shop(engine, name="Other", domain="https://other.example")
    keep(engine, shop, lasts=HOUR)
    keep(engine, other, lasts=HOUR)
    with engine.begin() as database:
        move = text("UPDATE access_token SET sealed = :sealed WHERE shop_id = :shop")
        database.execute(move, {"sealed": stored(engine, shop), "shop": other.id})

    with pytest.raises(AuthError):
        access.token(engine, VAULT, other.id, Platform().renew, now)
    with pytest.raises(AuthError, match="STOCKBELL_SECRET_KEY"):
        access.token(engine, Vault("x" * 40), shop.id, Platform().renew, now)


def test_p7_many_workers_renew_once_and_all_go_on(engine: Engine, shop: ShopKeys) -> None:
    keep(engine, shop, lasts=timedelta(minutes=1))
    platform = Platform()

    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: access.token(engine, VAULT, shop.id, platform.renew, now), range(8)))

    assert set(tokens) == {"a1"}
    assert platform.renewed == 1
    platform.use("a1")


def test_p7_an_answer_that_is_lost_costs_nothing(engine: Engine, shop: ShopKeys) -> None:
    keep(engine, shop, lasts=-HOUR)
    platform = Platform(loses=2)
    for _ in range(2):
        with pytest.raises(LostError):
            access.token(engine, VAULT, shop.id, platform.renew, now)

    token = access.token(engine, VAULT, shop.id, platform.renew, now)

    platform.use(token)
    assert access.token(engine, VAULT, shop.id, platform.renew, now) == token


def test_p7_whatever_happens_in_whatever_order_the_shop_stays_reachable(engine: Engine, shop: ShopKeys) -> None:
    """1,000 random turns of renewing, dying in the middle, failing, using, and time that passes."""
    chance, platform, moment = random.Random(7), Platform(), [now()]
    keep(engine, shop, lasts=HOUR)

    for _ in range(1000):
        moment[0] += timedelta(minutes=chance.choice([1, 20, 59, 61, 5000]))
        platform.loses = chance.choice([0, 0, 1])
        if chance.random() < 0.2:
            platform.fails.append(UnreachableError("no answer"))
        try:
            token = access.token(engine, VAULT, shop.id, platform.renew, lambda: moment[0])
        except (LostError, UnreachableError):
            continue
        if chance.random() < 0.7:
            platform.use(token)

    platform.loses, platform.fails = 0, []
    platform.use(access.token(engine, VAULT, shop.id, platform.renew, lambda: moment[0]))


def test_what_the_platform_refuses_is_remembered_until_there_is_a_new_pair(engine: Engine, shop: ShopKeys) -> None:
    keep(engine, shop, lasts=-HOUR)
    platform = Platform(good=[])

    with pytest.raises(AuthError):
        access.token(engine, VAULT, shop.id, platform.renew, now)
    with engine.connect() as database:
        assert not access.is_granted(database, shop.id, frozenset())
    platform.good = ["r0"]
    with pytest.raises(AuthError, match="open Stockbell"):
        access.token(engine, VAULT, shop.id, platform.renew, now)

    keep(engine, shop, lasts=HOUR)
    assert access.token(engine, VAULT, shop.id, platform.renew, now) == "a0"


def test_a_shop_without_tokens_is_an_error_for_the_merchant(engine: Engine, shop: ShopKeys) -> None:
    with pytest.raises(AuthError, match="open Stockbell in the shop's admin"):
        access.token(engine, VAULT, shop.id, Platform().renew, now)
    assert load(engine, shop)


def test_scopes_decide_whether_access_is_granted(engine: Engine, shop: ShopKeys) -> None:
    keep(engine, shop, lasts=HOUR)
    with engine.begin() as database:
        assert access.is_granted(database, shop.id, frozenset({"read_products"}))
        assert not access.is_granted(database, shop.id, frozenset({"read_products", "read_orders"}))
        access.note_scopes(database, shop.id, frozenset({"read_products", "read_orders"}))
        assert access.is_granted(database, shop.id, frozenset({"read_orders"}))
