"""What the widget's build has left in widget/dist/."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

DIST = Path(__file__).parents[1] / "widget" / "dist"
LOADERS = {"loader.js", "klaviyo.js", "bigcommerce.js"}
"""Files that stand in pages."""


@cache
def manifest() -> Mapping[str, Any]:
    """What the build has made.

    Raises:
        FileNotFoundError: the widget has not been built.
    """
    manifest: Mapping[str, Any] = json.loads((DIST / "manifest.json").read_text("utf-8"))
    return manifest


@cache
def texts() -> Mapping[str, Mapping[str, str]]:
    """The widget's texts, by language and name.

    Raises:
        FileNotFoundError: the widget has not been built.
    """
    texts: Mapping[str, Mapping[str, str]] = json.loads((DIST / "texts.json").read_text("utf-8"))
    return texts


@cache
def built(name: str) -> str:
    """The text of a file of the build."""
    return (DIST / str(manifest()["version"]) / name).read_text("utf-8")


def file_of(name: str) -> Path:
    """The file that is served under a name, which may be none.

    What a loader of a build that is no longer here asks for comes from the present one. That loader itself does not:
    who names it by its build wants its very bytes.

    Args:
        name: the build's version and the file, with a slash between them.
    """
    path = DIST / name
    return path if path.is_file() or path.name in LOADERS else DIST / str(manifest()["version"]) / path.name
