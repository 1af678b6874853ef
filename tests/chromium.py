"""Which Chromium is used, and with which flags."""

import os
import shutil

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """The path of the browser to use: `STOCKBELL_CHROMIUM`, else the first one found on PATH, else None."""
    names = ("chromium", "chromium-browser", "google-chrome", "/usr/bin/chromium")
    found = (shutil.which(name) for name in names)
    return os.environ.get("STOCKBELL_CHROMIUM") or next((path for path in found if path), None)
