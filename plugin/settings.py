"""Settings from the environment: the only place that reads it.

Each setting is declared once, with its variable, its default and one sentence of help; `docs/settings.md` is
checked against this list.
"""

import contextlib
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_PORT = 8000
SECRET_KEY_MIN_CHARS = 32


class SettingsError(Exception):
    """A variable has a value that cannot be used; the sentence names it and says what it must be."""


def _text(value: str) -> str:
    return value


def _flag(value: str) -> bool:
    if value == "1":
        return True
    if value in {"", "0"}:
        return False
    raise ValueError("must be 1 or 0")


def _whole_number(low: int, high: int) -> Callable[[str], int]:
    def parse(value: str) -> int:
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(value)

    return parse


def _url(*schemes: str, host_needed: bool = True) -> Callable[[str], str]:
    def parse(value: str) -> str:
        if not value:
            return ""
        expected = "must look like " + " or ".join(f"{scheme}://..." for scheme in schemes)
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError:
            raise ValueError(expected) from None
        if parts.scheme not in schemes or (host_needed and not parts.hostname):
            raise ValueError(expected)
        return value

    return parse


def _base_url(value: str) -> str:
    url = _url("https", "http")(value)
    if url and (urlsplit(url).query or urlsplit(url).fragment):
        raise ValueError("must be an address without ? and #")
    return url.rstrip("/")


def _secret_key(value: str) -> str:
    if value and len(value) < SECRET_KEY_MIN_CHARS:
        raise ValueError(f"must have at least {SECRET_KEY_MIN_CHARS} characters")
    return value


def _folder(value: str) -> Path:
    return Path(value).expanduser().absolute()


def _setting(variable: str, default: str, parse: Callable[[str], Any], help_text: str, *, secret: bool = False) -> Any:
    metadata = {"variable": variable, "default": default, "parse": parse, "help": help_text, "secret": secret}
    return field(default_factory=lambda: parse(default), metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that the environment decides. Build with `from_environment`, or directly in tests."""

    database_url: str = _setting(
        "DATABASE_URL",
        "",
        _url("postgresql", "postgres", host_needed=False),
        "PostgreSQL to use; empty: the embedded one.",
        secret=True,
    )
    redis_url: str = _setting(
        "REDIS_URL",
        "",
        _url("redis", "rediss", "unix", host_needed=False),
        "Redis to use; empty: the embedded one.",
        secret=True,
    )
    home: Path = _setting("STOCKBELL_HOME", ".stockbell", _folder, "Folder for everything that is embedded.")
    port: int = _setting("STOCKBELL_PORT", str(DEFAULT_PORT), _whole_number(1, 65535), "Port of the web server.")
    bind: str = _setting("STOCKBELL_BIND", "127.0.0.1", _text, "Address that the web server listens on.")
    base_url: str = _setting(
        "STOCKBELL_BASE_URL",
        "",
        _base_url,
        "Address under which browsers reach Stockbell; empty: the local port.",
    )
    secret_key: str = _setting(
        "STOCKBELL_SECRET_KEY",
        "",
        _secret_key,
        "Signs links and sessions; empty: one is made and kept in STOCKBELL_HOME.",
        secret=True,
    )
    smtp_url: str = _setting(
        "STOCKBELL_SMTP_URL",
        "",
        _url("smtp", "smtps", "smtp+starttls"),
        "Mail server; empty: the local mailbox.",
        secret=True,
    )
    workers: int = _setting("STOCKBELL_WORKERS", "2", _whole_number(1, 64), "RQ workers that `stockbell up` starts.")
    web_processes: int = _setting("STOCKBELL_WEB_PROCESSES", "2", _whole_number(1, 64), "Processes of the web server.")
    smtp_connections: int = _setting(
        "STOCKBELL_SMTP_CONNECTIONS",
        "4",
        _whole_number(1, 32),
        "Most connections to the mail server that one worker opens; a near server gets one.",
    )
    smtp_messages_per_second: int = _setting(
        "STOCKBELL_SMTP_MESSAGES_PER_SECOND",
        "0",
        _whole_number(0, 100_000),
        "Most mails a second that all workers together hand over; 0: no limit.",
    )
    allow_loopback: bool = _setting(
        "STOCKBELL_ALLOW_LOOPBACK",
        "0",
        _flag,
        "1 in development: feeds and platforms on 127.0.0.1 over http.",
    )
    trusted_proxies: int = _setting(
        "STOCKBELL_TRUSTED_PROXIES",
        "0",
        _whole_number(0, 10),
        "How many reverse proxies stand in front and set X-Forwarded-For.",
    )
    subscribe_limit: int = _setting(
        "STOCKBELL_SUBSCRIBE_LIMIT",
        "120",
        _whole_number(0, 1_000_000),
        "Sign-ups a minute from one network address at one shop; 0: no limit.",
    )
    keep_messages_months: int = _setting(
        "STOCKBELL_KEEP_MESSAGES_MONTHS",
        "13",
        _whole_number(1, 1200),
        "How many whole months messages are kept besides the present one.",
    )
    keep_webhooks_months: int = _setting(
        "STOCKBELL_KEEP_WEBHOOKS_MONTHS",
        "2",
        _whole_number(1, 1200),
        "How many whole months webhooks are kept besides the present one.",
    )
    keep_events_months: int = _setting(
        "STOCKBELL_KEEP_EVENTS_MONTHS",
        "4",
        _whole_number(1, 1200),
        "How many whole months what visitors looked at is kept besides the present one.",
    )

    shopify_client_id: str = _setting(
        "STOCKBELL_SHOPIFY_CLIENT_ID", "", _text, "Client id of your app at Shopify; empty: no Shopify shops."
    )
    shopify_client_secret: str = _setting(
        "STOCKBELL_SHOPIFY_CLIENT_SECRET", "", _text, "Its client secret.", secret=True
    )
    shopify_previous_secret: str = _setting(
        "STOCKBELL_SHOPIFY_PREVIOUS_SECRET",
        "",
        _text,
        "The client secret before a rotation, for as long as Shopify may still sign with it.",
        secret=True,
    )
    shopify_simulator: str = _setting(
        "STOCKBELL_SHOPIFY_SIMULATOR",
        "",
        _url("http"),
        "Address of a simulated Shopify to talk to instead, in development.",
    )

    @property
    def public_url(self) -> str:
        """Origin (and path, if any) of links and scripts, without a slash at the end."""
        return self.base_url or f"http://127.0.0.1:{self.port}"

    @property
    def months_kept(self) -> dict[str, int]:
        """How long the rows of tables that are partitioned by month are kept (`plugin.partitions`)."""
        return {
            "message": self.keep_messages_months,
            "webhook": self.keep_webhooks_months,
            "shopper_event": self.keep_events_months,
        }

    def app_credentials(self, platform: str) -> dict[str, str]:
        """How the application is registered on a platform.

        Raises:
            SettingsError: it is not.
        """
        if platform != "shopify":
            raise SettingsError(f"Stockbell is not registered at {platform}.")
        if not self.shopify_client_id or not self.shopify_client_secret:
            raise SettingsError("STOCKBELL_SHOPIFY_CLIENT_ID and STOCKBELL_SHOPIFY_CLIENT_SECRET must both be set.")
        registered = {
            "client_id": self.shopify_client_id,
            "client_secret": self.shopify_client_secret,
            "previous_secret": self.shopify_previous_secret,
        }
        simulator = self.shopify_simulator.rstrip("/")
        return registered | ({"admin": f"{simulator}/{{shop}}"} if simulator else {})

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **overrides: Any) -> "Settings":
        """Read and check every variable; VARIABLE_FILE names a file that holds the value of a secret one.

        Raises:
            SettingsError: for the first wrong value.
        """
        environment = os.environ if environment is None else environment
        values = {item.name: _read(item.metadata, environment) for item in fields(cls)}
        settings = cls(**{**values, **overrides})
        if bool(settings.shopify_client_id) != bool(settings.shopify_client_secret):
            settings.app_credentials("shopify")
        if settings.shopify_client_id and not settings.allow_loopback and not settings.base_url.startswith("https://"):
            raise SettingsError("STOCKBELL_BASE_URL must be an https address: Shopify reaches no other.")
        if settings.shopify_simulator and not settings.allow_loopback:
            raise SettingsError("STOCKBELL_SHOPIFY_SIMULATOR must be empty, unless STOCKBELL_ALLOW_LOOPBACK is 1.")
        return settings


def _read(setting: Mapping[str, Any], environment: Mapping[str, str]) -> Any:
    variable = setting["variable"]
    value = environment.get(variable, "")
    path = environment.get(f"{variable}_FILE") if setting["secret"] and not value else None
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{variable}_FILE: {path} cannot be read ({error.strerror}).") from error
    try:
        return setting["parse"](value or setting["default"])
    except ValueError as error:
        shown = "the value given" if setting["secret"] else repr(value)
        raise SettingsError(f"{variable} {error}, not {shown}.") from error


def owner_only(path: str, flags: int) -> int:
    """An opener for files that nobody else may read."""
    return os.open(path, flags, 0o600)


def kept_secret_key(home: Path) -> str:
    """The secret key of an installation that names none: made at the first start, then read from `home`.

    Raises:
        SettingsError: the file does not hold a key.
    """
    path = home / "secret_key"
    if not path.exists():
        home.mkdir(parents=True, exist_ok=True)
        draft = home / f".secret_key.{os.getpid()}.{secrets.token_hex(4)}"
        with open(draft, "x", encoding="ascii", opener=owner_only) as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # whole or not at all; another process may have been faster
            os.link(draft, path)
        draft.unlink()
    key = path.read_text(encoding="ascii").strip()
    if len(key) < SECRET_KEY_MIN_CHARS:
        raise SettingsError(f"{path} does not hold a key of {SECRET_KEY_MIN_CHARS} characters: delete it, or mend it.")
    return key
