"""What docs/deploy tells others to run exists: commands, options, variables, files."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from plugin.cli import cli
from plugin.domain.delivery import BATCH_SECONDS, SETTLE_SECONDS
from plugin.jobs import DELIVER_SECONDS
from plugin.settings import Settings, SettingsError

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "docs" / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OTHERS_VARIABLES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD", "HOSTNAME"}
"""Of the images that compose.yaml uses."""


def commands(text: str) -> Iterator[list[str]]:
    """The words behind each `stockbell` that is run, in a shell's line or in YAML's list."""
    for found in re.finditer(r"(?:ExecStart=\S*/|command: \[|CMD \[\"|exec )stockbell\b(.*)", text):
        yield re.findall(r"[\w$%-]+", found[1].partition(" #")[0])


def unit(path: Path) -> dict[str, dict[str, list[str]]]:
    """The sections of a systemd unit, each name with all its values."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            section.setdefault(name, []).append(value)
    return sections


def check(words: list[str]) -> None:
    """Follow the words down to a command, and check its options."""
    command: click.Command = cli
    while isinstance(command, click.Group):
        name = words.pop(0)
        assert name in command.commands, f"stockbell has no command {name}"
        command = command.commands[name]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known, f"{command.name} {words}"


@pytest.mark.parametrize(
    "path", [*UNITS, DEPLOY / "compose.yaml", DEPLOY / "Containerfile"], ids=lambda path: path.name
)
def test_commands_exist(path: Path) -> None:
    found = list(commands(path.read_text("utf-8")))

    assert found
    for words in found:
        check(words)


def test_every_long_running_command_has_a_unit_and_a_container() -> None:
    lines = {"--catalogs", "--platforms"}
    wanted = {("web",), *(("worker", line) for line in lines), ("scheduler",), ("db", "upgrade")}
    for text in (
        "\n".join(path.read_text("utf-8") for path in UNITS),
        (DEPLOY / "compose.yaml").read_text("utf-8"),
    ):
        plain = [[word for word in words if word in lines or word.isalpha()][:2] for words in commands(text)]
        assert {tuple(words) for words in plain if words} >= wanted
        assert any(words[0] == "worker" and not lines & set(words) for words in plain)


@pytest.mark.parametrize(
    "path",
    [path for path in DEPLOY.rglob("*") if path.is_file()],
    ids=lambda path: path.name,
)
def test_variables_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    known = {item.metadata["variable"] for item in fields(Settings)} | OTHERS_VARIABLES
    named = {
        *re.findall(r"\bSTOCKBELL_[A-Z_]+", text),
        *re.findall(r"\b(?:DATABASE|REDIS)_[A-Z_]+", text),
        *re.findall(r"^([A-Z][A-Z_]+)=", text, re.MULTILINE),
        *re.findall(r"^\s+([A-Z][A-Z_]+):", text, re.MULTILINE),
        *re.findall(r"\$\{?([A-Z][A-Z_]+)", text),
    }

    assert named - {"PATH"} <= known


def test_what_all_processes_share_is_in_the_example() -> None:
    given = re.findall(r"^(\w+)=", (DEPLOY / "stockbell.env.example").read_text("utf-8"), re.MULTILINE)

    assert {
        "DATABASE_URL",
        "REDIS_URL",
        "STOCKBELL_BASE_URL",
        "STOCKBELL_SECRET_KEY",
        "STOCKBELL_SMTP_URL",
    } <= set(given)


def test_the_example_is_refused_until_it_is_filled_in() -> None:
    """With an empty key each machine would make its own, and links of one would be strangers to the others."""
    example = (DEPLOY / "stockbell.env.example").read_text("utf-8")
    variables = dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE))

    with pytest.raises(SettingsError, match=r"^STOCKBELL_SECRET_KEY "):
        Settings.from_environment(variables)
    Settings.from_environment({**variables, "STOCKBELL_SECRET_KEY": "k" * 40})


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_units_come_back_and_are_confined(path: Path) -> None:
    service = unit(path)["Service"]

    assert service["User"] == ["stockbell"]
    assert service["NoNewPrivileges"] == ["yes"]
    assert service["ProtectSystem"] == ["strict"]
    if service.get("Type") != ["oneshot"]:
        assert service["Restart"] == ["always"]
        assert service["KillSignal"] == ["SIGTERM"]


def test_a_worker_has_time_for_the_batch_in_hand() -> None:
    needed = DELIVER_SECONDS + BATCH_SECONDS + SETTLE_SECONDS
    service = unit(DEPLOY / "systemd" / "stockbell-worker@.service")["Service"]
    compose = (DEPLOY / "compose.yaml").read_text("utf-8").partition("\n  worker:")[2]
    grace = re.search(r"stop_grace_period: (\d+)s", compose)

    assert int(service["TimeoutStopSec"][0]) > needed
    assert grace
    assert int(grace[1]) > needed


def test_files_that_the_image_copies_exist() -> None:
    text = (DEPLOY / "Containerfile").read_text("utf-8")
    for source in re.findall(r"COPY --from=built /srv/stockbell/(\S+)", text):
        assert source in {".venv", "widget/dist"} or (ROOT / source).exists(), source
    assert (ROOT / ".ci" / "setup").exists()
