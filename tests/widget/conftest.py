import fcntl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.widget.storefront import Storefront
from tests.widget.stub import Stub

WIDGET = Path(__file__).parents[2] / "widget"


@pytest.fixture(scope="session")
def dist() -> Path:
    """The built widget. Built here only where `make setup` has not done it."""
    folder = WIDGET / "dist"
    with (WIDGET / "package.json").open() as lock:
        # Parallel test processes share the folder: one builds, the others wait.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "manifest.json").exists():
            if not (WIDGET / "node_modules").exists():
                subprocess.run(["npm", "ci"], cwd=WIDGET, check=True)
            subprocess.run(["npm", "run", "build"], cwd=WIDGET, check=True)
    return folder


@pytest.fixture
def stub(dist: Path) -> Iterator[Stub]:
    with Stub(dist).running() as running:
        yield running


@pytest.fixture(scope="session")
def page(browser: Browser) -> Iterator[Page]:
    """One tab for all tests, because a new one takes longer than most of them."""
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(5000)
    yield context.new_page()
    context.close()


@pytest.fixture
def storefront(page: Page, stub: Stub) -> Iterator[Storefront]:
    """The shop's page, on an origin of its own. Fails the test if the page's console was not quiet."""
    opened = Storefront(page, stub)
    yield opened
    opened.leave()
    assert opened.complaints == []
