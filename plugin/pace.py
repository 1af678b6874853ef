"""How fast messages go: send rates of shops and of the provider, shared by all workers through Redis.

Each rate is a bucket that holds what may go in a second (at least one message) and is filled by Redis' own clock. An
emptied Redis begins with full buckets, so it costs one burst of a second.
"""

from dataclasses import dataclass

import structlog
from redis import Redis, RedisError

from plugin.domain.shops import Shop
from plugin.scripts import Script

log = structlog.get_logger(__name__)

# KEYS: buckets. ARGV: how many are wanted (below 0: given back), then each bucket's rate a second.
TAKE = Script("""
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1000000
local granted, levels = tonumber(ARGV[1]), {}
for number, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[number + 1])
    local most = math.max(1, rate)
    local known = redis.call('HMGET', key, 'level', 'at')
    local level = tonumber(known[1]) or most
    local passed = math.max(0, now - (tonumber(known[2]) or now))
    levels[number] = math.min(most, level + passed * rate)
    granted = math.min(granted, math.floor(levels[number]))
end
for number, key in ipairs(KEYS) do
    local rate = tonumber(ARGV[number + 1])
    local level = math.min(math.max(1, rate), levels[number] - granted)
    redis.call('HSET', key, 'level', tostring(level), 'at', tostring(now))
    redis.call('EXPIRE', key, math.ceil(2 + math.max(1, 1 / rate)))
end
return granted
""")


@dataclass(frozen=True, slots=True)
class RedisPace:
    """The send rates that are set; without any, nothing is asked."""

    redis: Redis
    provider: str = "email"
    provider_per_second: float = 0
    """0: no limit."""

    def take(self, shop: Shop, wanted: int) -> int:
        """How many of so many messages may go now; none while Redis is away, as nobody could count them."""
        buckets = self._buckets(shop)
        return self._run(buckets, wanted) if buckets else wanted

    def give_back(self, shop: Shop, unused: int) -> None:
        """So many did not go after all."""
        buckets = self._buckets(shop)
        if buckets and unused:
            self._run(buckets, -unused)

    def _buckets(self, shop: Shop) -> dict[str, float]:
        buckets = {}
        if self.provider_per_second:
            buckets[f"stockbell:pace:{self.provider}"] = self.provider_per_second
        if shop.messages_per_minute:
            buckets[f"stockbell:pace:shop:{shop.id}"] = shop.messages_per_minute / 60
        return buckets

    def _run(self, buckets: dict[str, float], wanted: int) -> int:
        try:
            return int(TAKE.run(self.redis, list(buckets), wanted, *(repr(rate) for rate in buckets.values())))
        except RedisError as error:
            log.warning("pace_unknown", error=type(error).__name__)
            return 0
