"""Docs that cannot rot: what the code offers is documented, and what is documented exists."""

import json
import re
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from plugin.cli import cli
from plugin.domain import shops
from plugin.runtime import Runtime
from plugin.settings import Settings
from tests.factories import ShopKeys, load
from tests.platforms.custom import serve
from tests.webhooks import inbox_rows

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_setting_is_documented_and_nothing_else() -> None:
    headings = re.findall(r"^## (\S+)$", read("docs/settings.md"), re.MULTILINE)

    assert headings == [item.metadata["variable"] for item in fields(Settings)]


def test_defaults_in_the_docs_are_true() -> None:
    text = read("docs/settings.md")
    for item in fields(Settings):
        default = item.metadata["default"]
        section = text.partition(f"## {item.metadata['variable']}\n")[2].partition("\n## ")[0]
        if default:
            assert re.search(rf"Default `?{re.escape(default)}\b", section), item.metadata["variable"]


def test_every_command_is_in_the_readme_or_the_docs() -> None:
    text = read("README.md") + read("docs/commands.md")
    for name, command in cli.commands.items():
        for word in getattr(command, "commands", {"": None}):
            assert f"stockbell {name} {word}".strip() in text, f"{name} {word}"


def test_every_json_route_is_in_the_openapi_document(app: Flask, client: FlaskClient) -> None:
    document = client.get("/api/v1/openapi.json").get_json()
    routes = {
        re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(("/api/v1/", "/webhooks/")) and "openapi" not in rule.rule
    }

    assert set(document["paths"]) - {"/healthz", "/readyz"} == routes


def test_links_between_documents_lead_somewhere() -> None:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *_ours("snippets")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", path.read_text("utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"


def _ours(folder: str) -> list[Path]:
    """The documents below a folder that are not installed there."""
    return [path for path in (ROOT / folder).rglob("*.md") if "node_modules" not in path.parts]


def test_tests_that_the_compliance_table_names_exist() -> None:
    tests = "\n".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for name in re.findall(r"`(tests/[\w/.]+|test_\w+)`", read("docs/compliance.md")):
        if name.startswith("tests/"):
            assert (ROOT / name).exists(), name
        else:
            assert f"def {name}(" in tests, name


def test_the_webhook_that_the_docs_show_is_accepted(
    app: Flask, runtime: Runtime, engine: Engine, shop: ShopKeys
) -> None:
    if not (shutil.which("curl") and shutil.which("openssl")):
        pytest.skip("curl and openssl are needed")
    (script,) = re.findall(r"```bash\n(.*?)```", read("docs/custom-shops.md"), re.DOTALL)
    secret = shops.webhook_secret(runtime.secret_key, load(engine, shop))
    with serve(app) as origin:
        for name, value in (("https://HOST", origin), ("PUBLIC_KEY", shop.public_key), ("whsec_SECRET", secret)):
            script = script.replace(f"={name}\n", f"={value}\n")
        done = subprocess.run(["bash", "-euc", script], capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, json.loads(done.stdout or "{}")) == (0, {"status": "accepted"}), done.stderr
    assert inbox_rows(engine) == ["pending"]
