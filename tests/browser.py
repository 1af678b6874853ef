"""A real Chromium for tests: the system's own, driven by Playwright."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

# Where `make test` lets Playwright put a browser of its own when the system has none.
PLAYWRIGHTS_OWN = Path(__file__).parents[1] / ".cache" / "playwright"
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


@contextmanager
def launch_chromium() -> Iterator[Browser]:
    """Start a headless Chromium and stop it at the end. Skips the test where none is installed."""
    path = find_chromium()
    if path is None and not PLAYWRIGHTS_OWN.is_dir():
        pytest.skip("no Chromium: run `apt install chromium`, or set STOCKBELL_CHROMIUM to its path")
    os.environ.setdefault("PLAYWRIGHT_BROWSERS_PATH", str(PLAYWRIGHTS_OWN))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, headless=True, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run; each test opens its own context."""
    with launch_chromium() as chromium:
        yield chromium
