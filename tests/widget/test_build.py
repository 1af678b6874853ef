import gzip
import json
import re
import subprocess
from pathlib import Path

import pytest

WIDGET = Path(__file__).parents[2] / "widget"

FORBIDDEN = r"\beval\b|new Function|innerHTML|outerHTML|insertAdjacentHTML|document\.write|javascript:|https?://(?!www\.w3\.org/)"


@pytest.fixture
def assets(dist: Path) -> dict[str, bytes]:
    """The loader and the form, by their names in the manifest."""
    manifest = json.loads((dist / "manifest.json").read_text())
    return {name: (dist / manifest[name]).read_bytes() for name in ("loader", "form")}


def test_assets_stay_within_the_size_budget(assets: dict[str, bytes]) -> None:
    budget = json.loads((WIDGET / "size-budget.json").read_text())
    sizes = {name: len(gzip.compress(content, 9)) for name, content in assets.items()}

    assert budget["loader"] <= 3_000
    assert budget["total"] <= 10_000
    assert sizes["loader"] <= budget["loader"]
    assert sum(sizes.values()) <= budget["total"]


def test_loader_holds_the_placeholder_once(assets: dict[str, bytes]) -> None:
    assert assets["loader"].count(b'"__STOCKBELL_CONFIG__"') == 1


@pytest.mark.parametrize("name", ["loader", "form"])
def test_assets_hold_nothing_that_a_strict_page_forbids(assets: dict[str, bytes], name: str) -> None:
    assert re.findall(FORBIDDEN, assets[name].decode()) == []


def test_same_sources_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    with_node = WIDGET.parent / ".ci" / "with-node"
    subprocess.run([with_node, "node", "build.mjs", str(tmp_path)], cwd=WIDGET, check=True, capture_output=True)

    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert built == {path.name: path.read_bytes() for path in dist.iterdir()}
