"""Settings are read from the environment and checked at the start."""

from pathlib import Path

import pytest

from plugin.settings import Settings, SettingsError, kept_secret_key


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = Settings.from_environment({})

    assert (settings.port, settings.database_url, settings.allow_loopback) == (8000, "", False)
    assert settings.public_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("STOCKBELL_PORT", "eighty", "must be a whole number from 1 to 65535, not 'eighty'"),
        ("STOCKBELL_PORT", "70000", "from 1 to 65535"),
        ("STOCKBELL_PORT", "-1", "from 1 to 65535"),
        ("STOCKBELL_WORKERS", "0", "from 1 to 64"),
        ("STOCKBELL_ALLOW_LOOPBACK", "maybe", "must be 1 or 0"),
        ("STOCKBELL_BASE_URL", "shop.example", "must look like https://"),
        ("STOCKBELL_BASE_URL", "https://x.example/?a=1", r"without \? and #"),
        ("STOCKBELL_SMTP_URL", "mail.example:25", "must look like smtp://"),
        ("STOCKBELL_SMTP_URL", "smtp://host:port", "must look like smtp://"),
        ("STOCKBELL_SECRET_KEY", "short", "at least 32 characters"),
        ("DATABASE_URL", "mysql://host/db", "must look like postgresql://"),
        ("REDIS_URL", "http://host", "must look like redis://"),
    ],
)
def test_a_wrong_value_is_refused_with_its_variable_and_what_it_must_be(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingsError, match=f"^{variable} .*{words}"):
        Settings.from_environment({variable: value})


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("STOCKBELL_SHOPIFY_CLIENT_ID", "must both be set"),
        ("STOCKBELL_SHOPIFY_CLIENT_SECRET", "must both be set"),
        ("STOCKBELL_BASE_URL", "^STOCKBELL_BASE_URL must be an https address"),
    ],
)
def test_an_app_at_shopify_is_registered_wholly_and_reached_by_https(missing: str, words: str) -> None:
    whole = {
        "STOCKBELL_SHOPIFY_CLIENT_ID": "client",
        "STOCKBELL_SHOPIFY_CLIENT_SECRET": "hunter2",
        "STOCKBELL_BASE_URL": "https://alerts.example",
    }
    assert Settings.from_environment(whole).app_credentials("shopify")["client_id"] == "client"

    with pytest.raises(SettingsError, match=words) as caught:
        Settings.from_environment({name: value for name, value in whole.items() if name != missing})
    assert "hunter2" not in str(caught.value)


def test_a_simulated_shopify_is_for_development_only() -> None:
    with pytest.raises(SettingsError, match="STOCKBELL_SHOPIFY_SIMULATOR must be empty"):
        Settings.from_environment({"STOCKBELL_SHOPIFY_SIMULATOR": "http://127.0.0.1:8002"})


def test_a_secret_is_never_repeated_in_the_error() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"DATABASE_URL": "mysql://user:hunter2@host/db"})

    assert "hunter2" not in str(caught.value)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "smtp"
    file.write_text("smtp://user:password@mail.example:25\n")

    settings = Settings.from_environment({"STOCKBELL_SMTP_URL_FILE": str(file)})

    assert settings.smtp_url == "smtp://user:password@mail.example:25"
    with pytest.raises(SettingsError, match=r"STOCKBELL_SMTP_URL_FILE: .* cannot be read"):
        Settings.from_environment({"STOCKBELL_SMTP_URL_FILE": str(tmp_path / "none")})


def test_the_secret_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    key = kept_secret_key(tmp_path / "home")

    assert kept_secret_key(tmp_path / "home") == key
    assert (tmp_path / "home" / "secret_key").stat().st_mode & 0o777 == 0o600
