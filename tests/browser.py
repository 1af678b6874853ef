"""A real Chromium for tests: the system's own, driven by Playwright."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.chromium import FLAGS, find_chromium

# Where `make test` lets Playwright put a browser of its own when the system has none.
PLAYWRIGHTS_OWN = Path(__file__).parents[1] / ".cache" / "playwright"


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
