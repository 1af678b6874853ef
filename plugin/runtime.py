"""What every process of an installation has: the database, Redis, the key, the mail server."""

import json
import os
import secrets
import socket
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import cached_property

from redis import Redis
from sqlalchemy import Engine

from integrations import platform_adapter
from integrations.base import PlatformAdapter
from integrations.channels.smtp import SMTPChannel
from integrations.http import HTTPClient
from integrations.types import ShopConnection
from plugin import db, partitions, queues
from plugin.domain import access
from plugin.domain.delivery import Courier
from plugin.domain.recorder import Recorder
from plugin.domain.shops import Shop, webhook_secret
from plugin.mail.compose import Composer
from plugin.mail.filling import batch_filler
from plugin.pace import RedisPace
from plugin.queues import Doorbell
from plugin.settings import Settings, SettingsError, kept_secret_key
from plugin.vault import Vault


def now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)


@dataclass
class Runtime:
    """The parts of a process, each made when it is first needed."""

    settings: Settings
    pool_size: int = 5
    redis_seconds: float = 5
    """How long Redis may take to answer; a web process, where people wait, takes less."""

    @cached_property
    def database_url(self) -> str:
        """Where PostgreSQL is.

        Raises:
            SettingsError: the embedded one is wanted, but only `stockbell up` runs it.
        """
        return self._served("database_url", "DATABASE_URL")

    @cached_property
    def engine(self) -> Engine:
        """The way to PostgreSQL."""
        return db.make_engine(self.database_url, pool_size=self.pool_size)

    @cached_property
    def quick_engine(self) -> Engine:
        """The way for single statements: each is its own transaction, one round trip instead of three."""
        return db.make_engine(
            self.database_url, pool_size=self.pool_size, isolation_level="AUTOCOMMIT", pool_reset_on_return=None
        )

    @cached_property
    def redis(self) -> Redis:
        """The way to Redis."""
        return self.new_redis()

    def new_redis(self) -> Redis:
        """Another one, for whoever must not share it."""
        return queues.connect(self._served("redis_url", "REDIS_URL"), self.redis_seconds)

    @cached_property
    def doorbell(self) -> Doorbell:
        """Wakes workers."""
        return Doorbell(self.redis)

    @cached_property
    def secret_key(self) -> str:
        """Signs links and sessions."""
        return self.settings.secret_key or kept_secret_key(self.settings.home)

    @cached_property
    def http(self) -> HTTPClient:
        """The way to platforms and feeds."""
        return HTTPClient(allow_loopback=self.settings.allow_loopback)

    @cached_property
    def composer(self) -> Composer:
        """Writes messages."""
        return Composer(self.settings.public_url, self.secret_key)

    def adapter(self, shop: Shop) -> PlatformAdapter:
        """The adapter of a shop's platform."""
        kind = platform_adapter(shop.platform)
        if not kind.capabilities.installation:
            own = {"webhook_secret": webhook_secret(self.secret_key, shop)}
            return kind(ShopConnection(str(shop.id), shop.domain, shop.feed, own), self.http)

        def access_token() -> str:
            return access.token(self.engine, self.vault, shop.id, adapter.renew, now)

        adapter = kind(
            ShopConnection(
                shop_id=str(shop.id),
                domain=shop.domain,
                credentials=self.app_credentials(shop.platform),
                platform_shop_id=shop.platform_shop_id,
                access_token=access_token,
            ),
            self.http,
        )
        return adapter

    def app_adapter(self, platform: str) -> PlatformAdapter:
        """What the application itself is on a platform, whatever the shop: enough to know its webhooks.

        Raises:
            SettingsError: it is not registered there.
        """
        return platform_adapter(platform)(ShopConnection("", "", "", self.app_credentials(platform)), self.http)

    def app_credentials(self, platform: str) -> dict[str, str]:
        """How the application is registered on a platform.

        Raises:
            SettingsError: it is not.
        """
        return self.settings.app_credentials(platform)

    @cached_property
    def vault(self) -> Vault:
        """Seals tokens."""
        return Vault(self.secret_key)

    def courier(self, worker: str) -> Courier:
        """Hands messages over in the name of a worker.

        Raises:
            SettingsError: there is no mail server.
        """
        smtp_url = self._served("smtp_url", "STOCKBELL_SMTP_URL")
        return Courier(
            engine=self.engine,
            worker=worker,
            channel=SMTPChannel(smtp_url),
            fill=batch_filler(self.engine, self.composer),
            open_recorder=lambda: Recorder(self.database_url, worker),
            most_connections=self.settings.smtp_connections,
            pace=RedisPace(self.redis, provider_per_second=self.settings.smtp_messages_per_second),
            others_wait=self.doorbell.others_wait,
        )

    def upgrade_database(self) -> None:
        """Bring the tables up to date, with the partitions of the months to come."""
        db.upgrade(self.engine)
        partitions.upkeep(self.engine, now(), self.settings.months_kept)

    def close(self) -> None:
        """Let go of all connections."""
        for name in ("engine", "quick_engine"):
            if name in self.__dict__:
                self.__dict__[name].dispose()
        for name in ("redis", "http"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _served(self, name: str, variable: str) -> str:
        """A service's address: the one that is set, else the one that a running `stockbell up` has written down."""
        value: str = getattr(self.settings, name) or read_address(self.settings, name)
        if not value:
            raise SettingsError(f"{variable} is not set and 'stockbell up' does not run in {self.settings.home}.")
        return value


MAIL_SERVER_IS_SET = "mail_server_is_set"
"""Written down by a running `stockbell up` that sends by a mail server of its own environment."""
RUNNING = (
    *("port", "base_url", "allow_loopback"),
    *("shopify_client_id", "shopify_client_secret", "shopify_previous_secret", "shopify_simulator"),
)


def running_settings(settings: Settings) -> Settings:
    """The settings with what a running `stockbell up` of the same home was told, where the environment is silent."""
    told = read_address(settings, "settings")
    if not told:
        return settings
    silent = {item.name for item in fields(settings) if item.metadata["variable"] not in os.environ}
    return replace(settings, **{name: value for name, value in json.loads(told).items() if name in silent})


def address_file(settings: Settings, name: str) -> "os.PathLike[str]":
    """Where `stockbell up` writes down the address of an embedded service for other commands."""
    return settings.home / "run" / name


def read_address(settings: Settings, name: str) -> str:
    """The address of an embedded service that runs now, else empty."""
    try:
        with open(address_file(settings, name), encoding="utf-8") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return ""


def worker_name() -> str:
    """A name that no other worker has."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
