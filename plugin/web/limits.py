"""How often someone may ask: counters in Redis, by minute. Without Redis everything passes."""

import hashlib
import hmac
import time
from dataclasses import dataclass
from typing import NamedTuple

import structlog
from flask import current_app, g, request
from redis import RedisError

from plugin.domain.shops import Shop
from plugin.scripts import Script
from plugin.web.errors import APIError
from plugin.web.parts import runtime

log = structlog.get_logger(__name__)

# One command for all counters of a request, as every sign-up pays for it.
COUNT = Script("""
local counts = {}
for number = 1, #KEYS do
    counts[number] = redis.call('INCR', KEYS[number])
    if redis.call('TTL', KEYS[number]) < 0 then redis.call('EXPIRE', KEYS[number], ARGV[number]) end
end
return counts
""")

MINUTE_SECONDS = 60
DAY_SECONDS = 24 * 3600
ADDRESS_LIMIT = 20
"""Sign-ups a minute for one e-mail address, over all shops."""
CONFIRMATIONS_A_DAY = 3
"""Confirmation mails to one address in a day, over all shops: nobody can be bombed with them."""
EVENTS_LIMIT = 200
"""Calls a minute from one network address at one shop, behind which a whole office may be; each holds a few events."""
SIGN_IN_LIMIT = 10
"""Tries a minute to sign in, by network address and by account."""
PAGE_LOOK_LIMIT = 10
"""Looks a minute at the pages of one shop, by its merchants."""


class _Counter(NamedTuple):
    name: str
    seconds: int


@dataclass(frozen=True, slots=True)
class ConfirmationAllowance:
    """Whether this address may get a confirmation mail; one is counted as if it were sent."""

    granted: bool
    counter: str = ""

    def take_back(self) -> None:
        """None was sent after all."""
        if self.counter:
            try:
                runtime().redis.decr(self.counter)
            except RedisError:
                _say_that_limits_are_off()


def check_sign_up(shop: Shop, email: str) -> ConfirmationAllowance:
    """Count a sign-up, and in the same command the confirmation mail that comes of it where the shop wants one.

    Raises:
        APIError: 429, too many from this network address or for this e-mail address.
    """
    limit = runtime().settings.subscribe_limit
    address = _hashed(email.lower())
    counters = [_this_minute(f"sign-up:{shop.id}:{_hashed(_visitor_address())}"), _this_minute(address)]
    if shop.double_opt_in:
        confirmations = _Counter(f"stockbell:limit:confirmation:{address}", DAY_SECONDS)  # a day from the first on
        by_network, by_address, sent = _count(*counters, confirmations)
        allowance = ConfirmationAllowance(sent <= CONFIRMATIONS_A_DAY, confirmations.name)
    else:
        by_network, by_address = _count(*counters)
        allowance = ConfirmationAllowance(granted=True)
    if by_network > limit > 0 or by_address > ADDRESS_LIMIT:
        allowance.take_back()
        _refuse()
    return allowance


def check_events(shop: Shop) -> None:
    """Count a call that tells what a visitor looked at.

    Raises:
        APIError: 429, too many from this network address.
    """
    (calls,) = _count(_this_minute(f"events:{shop.id}:{_hashed(_visitor_address())}"))
    if calls > EVENTS_LIMIT:
        _refuse()


def check_sign_in(account: str) -> None:
    """Count a try to sign in.

    Raises:
        APIError: 429.
    """
    network = _this_minute(f"sign-in:{_hashed(_visitor_address())}")
    if max(_count(network, _this_minute(f"sign-in:{_hashed(account.lower())}"))) > SIGN_IN_LIMIT:
        _refuse()


def check_page_look(shop: Shop) -> None:
    """Count a look at one of a shop's pages, for which a thread waits.

    Raises:
        APIError: 429.
    """
    (looks,) = _count(_this_minute(f"page-look:{shop.id}"))
    if looks > PAGE_LOOK_LIMIT:
        _refuse()


def _visitor_address() -> str:
    """Where the visitor is; a platform that forwards requests says so."""
    return str(g.get("visitor_address") or request.remote_addr or "")


def _this_minute(what: str) -> _Counter:
    return _Counter(f"stockbell:limit:{what}:{int(time.time()) // MINUTE_SECONDS}", MINUTE_SECONDS)


def _count(*counters: _Counter) -> list[int]:
    """Add one to each; returns their new values, zeros without Redis."""
    try:
        keys = [each.name for each in counters]
        counts = COUNT.run(runtime().redis, keys, *(each.seconds for each in counters))
    except RedisError:
        _say_that_limits_are_off()
        return [0] * len(counters)
    return [int(count) for count in counts]


def _say_that_limits_are_off() -> None:
    """Once in a while, and not at each request of a busy hour."""
    minute = int(time.time()) // MINUTE_SECONDS
    if current_app.extensions.get("stockbell.limits_off") != minute:
        current_app.extensions["stockbell.limits_off"] = minute
        log.warning("limits_are_off")


def _hashed(value: str) -> str:
    """Keyed, so that Redis holds no address."""
    return hmac.digest(runtime().secret_key.encode(), value.encode(), hashlib.sha256)[:12].hex()


def _refuse() -> None:
    wait = MINUTE_SECONDS - int(time.time()) % MINUTE_SECONDS
    raise APIError(429, headers={"Retry-After": str(wait)})
