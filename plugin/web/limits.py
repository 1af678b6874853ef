"""How often someone may ask: counters in Redis, by minute. Without Redis everything passes."""

import hashlib
import hmac
import time
from typing import Any

import structlog
from flask import request
from redis import RedisError

from plugin.domain.shops import Shop
from plugin.web.errors import APIError
from plugin.web.parts import runtime

log = structlog.get_logger(__name__)

# One command, as every sign-up pays for it. The last key is only read.
COUNT = """
local counts = {}
for number = 1, #KEYS - 1 do
    counts[number] = redis.call('INCR', KEYS[number])
    if counts[number] == 1 then redis.call('EXPIRE', KEYS[number], ARGV[1]) end
end
counts[#KEYS] = redis.call('GET', KEYS[#KEYS]) or 0
return counts
"""

WINDOW_SECONDS = 60
DAY_SECONDS = 24 * 3600
ADDRESS_LIMIT = 20
"""Sign-ups a minute for one e-mail address, over all shops."""
CONFIRMATIONS_A_DAY = 3
"""Confirmation mails to one address in a day, over all shops: nobody can be bombed with them."""
SIGN_IN_LIMIT = 10
"""Tries a minute to sign in, by network address and by account."""


def check_sign_up(shop: Shop, email: str) -> bool:
    """Count a sign-up; returns whether the address may get another confirmation mail today.

    Raises:
        APIError: 429, too many from this network address or for this e-mail address.
    """
    limit = runtime().settings.subscribe_limit
    if not limit:
        return True
    address = _hashed(email.lower())
    network = f"sign-up:{shop.id}:{_hashed(request.remote_addr or '')}"
    by_network, by_address, confirmations = _count(network, f"sign-up:{address}", read=_confirmation_key(address))
    if by_network > limit or by_address > ADDRESS_LIMIT:
        _refuse()
    return confirmations < CONFIRMATIONS_A_DAY


def count_confirmation(email: str) -> None:
    """Remember that a confirmation mail goes to this address."""
    name = _confirmation_key(_hashed(email.lower()))
    try:
        with runtime().redis.pipeline(transaction=False) as pipeline:
            pipeline.set(name, 0, ex=DAY_SECONDS, nx=True)  # the day begins with the first
            pipeline.incr(name)
            pipeline.execute()
    except RedisError:
        log.warning("limits_are_off")


def check_sign_in(account: str) -> None:
    """Count a try to sign in.

    Raises:
        APIError: 429.
    """
    network = f"sign-in:{_hashed(request.remote_addr or '')}"
    by_network, by_account, _ = _count(network, f"sign-in:{_hashed(account.lower())}")
    if max(by_network, by_account) > SIGN_IN_LIMIT:
        _refuse()


def _count(*keys: str, read: str = "stockbell:limit:none") -> list[int]:
    """Add one to each of this minute's counters; their new values, then the one of the counter to read.

    Zeros without Redis.
    """
    minute = int(time.time()) // WINDOW_SECONDS
    names = [f"stockbell:limit:{key}:{minute}" for key in keys]
    try:
        counts: Any = runtime().redis.eval(COUNT, len(names) + 1, *names, read, WINDOW_SECONDS)
    except RedisError:
        log.warning("limits_are_off")
        return [0] * (len(keys) + 1)
    return [int(count) for count in counts]


def _confirmation_key(address: str) -> str:
    return f"stockbell:limit:confirmation:{address}"


def _hashed(value: str) -> str:
    """Keyed, so that Redis holds no address."""
    return hmac.digest(runtime().secret_key.encode(), value.encode(), hashlib.sha256)[:12].hex()


def _refuse() -> None:
    wait = WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS
    raise APIError(429, headers={"Retry-After": str(wait)})
