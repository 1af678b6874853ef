"""Lua scripts in Redis: sent by their hash, and whole to a Redis that does not know them yet."""

import hashlib
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError


class Script:
    """A script, which is one command however much it does."""

    def __init__(self, text: str) -> None:
        """Take its text."""
        self._text = text
        self._sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def run(self, redis: Redis, keys: Sequence[str], *values: str | float) -> Any:
        """Run it.

        Raises:
            RedisError: not now.
        """
        words: list[Any] = [len(keys), *keys, *values]
        try:
            return redis.evalsha(self._sha, *words)
        except NoScriptError:
            return redis.eval(self._text, *words)
