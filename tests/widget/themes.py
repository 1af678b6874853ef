"""The fixture themes: which there are, and how a shopper chooses a variant in each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

FOLDER = Path(__file__).parent / "themes"


@dataclass(frozen=True)
class Theme:
    """A product page, and how to use it."""

    name: str
    choose: Callable[[Page, str], None]
    """Choose a variant as a shopper does."""
    element: str = "stockbell-notify"
    """Selector of the element that follows the choice."""
    add: str = "form [type=submit]"
    """Selector of the theme's own button beside it."""

    @property
    def html(self) -> str:
        """The page's text, with its marks."""
        return (FOLDER / f"{self.name}.html").read_text("utf-8")


def _pick(page: Page, variant: str) -> None:
    page.locator(".pick").select_option(variant)


def _press(selector: str) -> Callable[[Page, str], None]:
    return lambda page, variant: page.locator(selector.format(variant)).click()


THEMES = [
    Theme("dawn", _press("input[type=radio][value={}]")),
    Theme("vintage", _pick),
    Theme("swatches", _press("label[for=c-{}]")),
    Theme("address", _press("nav a[href$={}]"), add=".add"),
    Theme("events", _press(".option[data-variant={}]"), add=".add"),
    Theme("quick_view", _press(".open-{}"), add=".add"),
    Theme("single_page", _press("nav a[href$={}]"), add=".add"),
    Theme("several_forms", _pick, element="#ours", add=".add"),
    Theme("locale_prefix", _pick),
    Theme("attributes", _pick),
    Theme("hostile", _pick, add=".add"),
    Theme("strict", _pick, add=".add"),
    Theme("structured_data", _pick, add=".add"),
    Theme("components", _pick, add=".add"),
]


def button(page: Page, theme: Theme) -> Locator:
    """Our button there."""
    return page.locator(f"{theme.element} button[part=button]")
