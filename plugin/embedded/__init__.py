"""PostgreSQL and Redis that come as wheels, run as children of this process.

Used by `stockbell up` and by the tests when no DATABASE_URL or REDIS_URL is given.
"""

from plugin.embedded.postgres import EmbeddedPostgres
from plugin.embedded.process import EmbeddedError
from plugin.embedded.redis import EmbeddedRedis

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedRedis"]
