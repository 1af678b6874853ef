import base64
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

WIDGET = Path(__file__).parents[2] / "widget"
LOCALES = WIDGET / "src" / "locales"

FORBIDDEN = r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|javascript:|https?://(?!www\.w3\.org/)"


@pytest.fixture
def manifest(dist: Path) -> Mapping[str, Any]:
    """What the build says of itself."""
    read: Mapping[str, Any] = json.loads((dist / "manifest.json").read_text())
    return read


@pytest.fixture
def assets(dist: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    """Every file of the build."""
    return {name: (dist / manifest["version"] / name).read_bytes() for name in manifest["files"]}


def test_there_are_twenty_languages_and_two_from_right_to_left(manifest: Mapping[str, Any]) -> None:
    assert len(manifest["locales"]) >= 20
    assert {"en", "de", "fr", "ar", "he"} <= set(manifest["locales"])


@pytest.mark.parametrize("path", sorted(LOCALES.glob("*.json")), ids=lambda path: path.stem)
def test_every_language_has_every_text_with_the_same_places_to_fill(path: Path) -> None:
    def places(texts: Mapping[str, str]) -> dict[str, list[str]]:
        return {name: sorted(re.findall(r"\{\w+\}", text)) for name, text in texts.items()}

    texts, english = (json.loads(each.read_text("utf-8")) for each in (path, LOCALES / "en.json"))

    assert places(texts) == places(english)
    assert all(text == text.strip() != "" for text in texts.values())
    assert "'" not in "".join(texts.values()), "a typewriter's apostrophe"


def test_loader_holds_the_placeholder_once(assets: dict[str, bytes]) -> None:
    assert assets["loader.js"].count(b'"__STOCKBELL_SETTINGS__"') == 1


def test_no_file_holds_what_a_strict_page_forbids(assets: dict[str, bytes]) -> None:
    for name, content in assets.items():
        assert re.findall(FORBIDDEN, content.decode()) == [], name


def test_published_hashes_are_those_of_the_files(assets: dict[str, bytes], manifest: Mapping[str, Any]) -> None:
    published = {name: about["integrity"] for name, about in manifest["files"].items()}

    assert published == {
        name: f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"
        for name, content in assets.items()
    }


def test_same_sources_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    with_node = WIDGET.parent / ".ci" / "with-node"
    subprocess.run([with_node, "node", "build.mjs", str(tmp_path)], cwd=WIDGET, check=True, capture_output=True)

    version = json.loads((dist / "manifest.json").read_text("utf-8"))["version"]
    for part in ("manifest.json", "texts.json", *(f"{version}/{path.name}" for path in (dist / version).iterdir())):
        assert (tmp_path / part).read_bytes() == (dist / part).read_bytes(), part
    assert len(list((tmp_path / version).iterdir())) == len(list((dist / version).iterdir()))


def test_a_build_leaves_the_last_ones_for_pages_that_are_pinned_to_them(tmp_path: Path) -> None:
    earlier = [tmp_path / f"{number:012x}" for number in range(12)]
    for age, folder in enumerate(earlier):
        folder.mkdir()
        (folder / "loader.js").write_text("pinned")
        os.utime(folder, (1_700_000_000 - age, 1_700_000_000 - age))

    with_node = WIDGET.parent / ".ci" / "with-node"
    subprocess.run([with_node, "node", "build.mjs", str(tmp_path)], cwd=WIDGET, check=True, capture_output=True)

    assert [folder for folder in earlier if folder.exists()] == earlier[:9]
