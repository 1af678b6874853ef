"""How often someone may ask: counters in Redis, by minute. Without Redis everything passes."""

import hashlib
import hmac
import time

import structlog
from flask import request
from redis import RedisError

from plugin.web.errors import APIError
from plugin.web.parts import runtime

log = structlog.get_logger(__name__)

WINDOW_SECONDS = 60
DAY_SECONDS = 24 * 3600
ADDRESS_LIMIT = 20
"""Sign-ups a minute for one e-mail address, over all shops."""
CONFIRMATIONS_A_DAY = 3
"""Confirmation mails to one address in a day, over all shops: nobody can be bombed with them."""
SIGN_IN_LIMIT = 10
"""Tries a minute to sign in, by network address and by account."""


def check_sign_up(shop_id: int, email: str) -> bool:
    """Count a sign-up; returns whether the address may get another confirmation mail today.

    Raises:
        APIError: 429, too many from this network address or for this e-mail address.
    """
    limit = runtime().settings.subscribe_limit
    address = _hashed(email.lower())
    counts = _count(
        {
            f"sign-up:{shop_id}:{_hashed(request.remote_addr or '')}": WINDOW_SECONDS,
            f"sign-up:{address}": WINDOW_SECONDS,
            f"confirmation:{address}": DAY_SECONDS,
        }
    )
    if limit and (counts[0] > limit or counts[1] > ADDRESS_LIMIT):
        _refuse()
    return counts[2] <= CONFIRMATIONS_A_DAY or not limit


def check_sign_in(account: str) -> None:
    """Count a try to sign in.

    Raises:
        APIError: 429.
    """
    counts = _count(
        {
            f"sign-in:{_hashed(request.remote_addr or '')}": WINDOW_SECONDS,
            f"sign-in:{_hashed(account.lower())}": WINDOW_SECONDS,
        }
    )
    if max(counts) > SIGN_IN_LIMIT:
        _refuse()


def _count(keys: dict[str, int]) -> list[int]:
    """Add one to each counter (key -> seconds that it lives); the new values, or zeros without Redis."""
    moment = int(time.time())
    try:
        with runtime().redis.pipeline(transaction=False) as pipeline:
            for key, seconds in keys.items():
                name = f"stockbell:limit:{key}:{moment // seconds}"
                pipeline.incr(name)
                pipeline.expire(name, seconds)
            return [int(value) for value in pipeline.execute()[::2]]
    except RedisError:
        log.warning("limits_are_off")
        return [0] * len(keys)


def _hashed(value: str) -> str:
    """Keyed, so that Redis holds no address."""
    return hmac.digest(runtime().secret_key.encode(), value.encode(), hashlib.sha256)[:12].hex()


def _refuse() -> None:
    wait = WINDOW_SECONDS - int(time.time()) % WINDOW_SECONDS
    raise APIError(429, headers={"Retry-After": str(wait)})
