"""The fixture themes: which there are, how they are served, and how a shopper chooses a variant in each."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.widget.stub import Stub

FOLDER = Path(__file__).parent / "themes"
STRICT = (
    "default-src 'none'; script-src 'nonce-abc'; style-src 'self'; connect-src {host}; img-src 'self';"
    " require-trusted-types-for 'script'"
)


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


def pick(page: Page, variant: str) -> None:
    page.locator(".pick").select_option(variant)


def _press(selector: str) -> Callable[[Page, str], None]:
    return lambda page, variant: page.locator(selector.format(variant)).click()


THEMES = [
    Theme("dawn", _press("input[type=radio][value={}]")),
    Theme("vintage", pick),
    Theme("swatches", _press("label[for=c-{}]")),
    Theme("address", _press("nav a[href$={}]"), add=".add"),
    Theme("events", _press(".option[data-variant={}]"), add=".add"),
    Theme("quick_view", _press(".open-{}"), add=".add"),
    Theme("single_page", _press("nav a[href$={}]"), add=".add"),
    Theme("several_forms", pick, element="#ours", add=".add"),
    Theme("locale_prefix", pick),
    Theme("attributes", pick),
    Theme("hostile", pick, add=".add"),
    Theme("strict", pick, add=".add"),
    Theme("structured_data", pick, add=".add"),
    Theme("components", pick, add=".add"),
]


def serve(stub: Stub, theme: Theme) -> str:
    """Let the shop have the theme's product page, with the widget's script; returns its address."""
    is_strict = theme.name == "strict"
    nonce = ' nonce="abc"' if is_strict else ""
    script = f'<script src="{stub.script}" async{nonce}></script>'
    html = theme.html.replace("%SCRIPT%", script).replace("%NONCE%", nonce)
    policy = {"Content-Security-Policy": STRICT.format(host=stub.host)} if is_strict else {}
    stub.pages["/products/mug"] = (policy, html)
    stub.pages["/theme.css"] = ({"Content-Type": "text/css"}, "body { font: 16px sans-serif; }")
    return f"{stub.shop}/products/mug"


def button(page: Page, theme: Theme) -> Locator:
    """Our button there."""
    return page.locator(f"{theme.element} button[part=button]")
