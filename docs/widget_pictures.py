"""Pictures of every state of the widget, wide and narrow, light and dark, to be judged by eye: `make pictures`.

They go to build/pictures/, with a sheet of all for each width and scheme; the README's one is put together from them.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser import launch_chromium  # noqa: E402
from tests.widget.states import FIELDS, STATES, State  # noqa: E402
from tests.widget.storefront import Storefront  # noqa: E402
from tests.widget.stub import Answer, Stub, look, refused  # noqa: E402
from tests.widget.themes import THEMES, button  # noqa: E402

BUILD = ROOT / "build" / "pictures"
PICTURES = ROOT / "docs" / "pictures"
SIZES = {360: 720, 1280: 800}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SHEET_COLUMNS = {360: 6, 1280: 4}

PAGE = """
<style>
  :root {{ color-scheme: {scheme}; }}
  body {{ margin: 0; font: 16px/1.5 system-ui, sans-serif; background: light-dark(#fff, #131316); color: light-dark(#1c1c1e, #eee); }}
  body > :is(#before, #after, h1) {{ display: none; }}
  main {{ display: grid; gap: 32px; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); max-width: 960px; margin: 0 auto; padding: 24px; }}
  .picture {{ aspect-ratio: 4 / 3; border-radius: 12px; background: linear-gradient(135deg, #7aa7c7, #2c5a7d); }}
  h2 {{ margin: 0; font-size: 28px; line-height: 1.2; }}
  .price {{ margin: 8px 0 16px; }}
  .btn {{ width: 100%; padding: 14px; border: 0; border-radius: 999px; background: #0b5d3b; color: #fff; font: inherit; }}
</style>
<main><div class="picture"></div><div><h2>Blue mug</h2><p class="price">18.00 € · sold out</p>{element}</div></main>
"""  # noqa: E501


def _element(**attributes: str) -> str:
    usual = {"product-id": "p1", "variant-id": "v1", "available": "false", "product-title": "Blue mug"}
    named = {name.replace("_", "-"): value for name, value in attributes.items()}
    words = " ".join(f'{name}="{value}"' for name, value in {**usual, **named}.items())
    return f"<stockbell-notify {words}></stockbell-notify>"


@dataclass(frozen=True)
class Picture:
    """One state, and the page in which it is shown."""

    name: str
    state: State = STATES["open"]
    element: str = field(default_factory=_element)
    settings: dict[str, Any] = field(default_factory=dict)
    lang: str = "en"
    media: dict[str, Any] = field(default_factory=dict)


def _nothing(_storefront: Storefront, _stub: Stub) -> None:
    pass


def _refused(answer: Answer) -> State:
    def state(storefront: Storefront, stub: Stub) -> None:
        stub.subscription_answer = answer
        storefront.sign_up()
        storefront.alert.locator("span").wait_for()

    return state


def _empty(storefront: Storefront, _stub: Stub) -> None:
    storefront.open()
    storefront.submit.click()


def _unreachable(storefront: Storefront, _stub: Stub) -> None:
    storefront.cut("**/subscriptions")
    storefront.sign_up()
    storefront.alert.locator("span").wait_for()


def _large_text(storefront: Storefront, stub: Stub) -> None:
    storefront.page.evaluate("document.documentElement.style.fontSize = '200%'")
    STATES["open"](storefront, stub)


def _checked(storefront: Storefront, stub: Stub) -> None:
    stub.availability = {"v1": False}
    storefront.page.goto(f"{stub.shop}/product#stockbell-check")
    storefront.page.reload()
    storefront.page.get_by_role("region", name="Stockbell check").wait_for()


ALL = {"fields": FIELDS}
GREEN = {"look": look({"accent": "#0b5d3b", "on-accent": "#fff", "radius": "24px"})}
THEME_BUTTON = '<form><button class="btn">Add to cart</button></form>'
PICTURES_TO_MAKE = [
    *(Picture(name, state, settings=ALL if name == "mistakes" else {}) for name, state in STATES.items()),
    Picture("in stock", _nothing, _element(available="true")),
    Picture("all fields", settings=ALL),
    Picture("empty", _empty),
    Picture("unknown variant", _refused(refused(404, "unknown_variant"))),
    Picture("failed", _refused(refused(500, "internal"))),
    Picture("unreachable", _unreachable),
    Picture("look", settings={**GREEN, **ALL}),
    Picture("button with a look", STATES["button"], settings=GREEN),
    Picture("button of the theme", STATES["button"], THEME_BUTTON + _element(look="theme")),
    Picture("button of the theme, open", STATES["open"], THEME_BUTTON + _element(look="theme")),
    Picture("in line", STATES["open"], _element(display="inline"), ALL),
    Picture("in line, accepted", STATES["accepted"], _element(display="inline")),
    Picture("Arabic", settings=ALL, lang="ar"),
    Picture("German", settings=ALL, lang="de"),
    Picture("Finnish", STATES["accepted"], lang="fi"),
    Picture("Japanese", lang="ja"),
    Picture("forced colours", settings=ALL, media={"forced_colors": "active"}),
    Picture("200 % text", _large_text, settings=ALL),
    Picture("check", _checked),
    Picture("check, not well", _checked, _element(variant_id="unknown")),
]


@contextmanager
def _tab(browser: Browser, stub: Stub, width: int, scheme: Literal["light", "dark"]) -> Iterator[Storefront]:
    size = {"width": width, "height": SIZES[width]}
    context = browser.new_context(
        color_scheme=scheme, reduced_motion="reduce", device_scale_factor=2 if width < 500 else 1
    )
    context.set_default_timeout(5000)
    storefront = Storefront(context.new_page(), stub)
    storefront.page.set_viewport_size({"width": size["width"], "height": size["height"]})
    yield storefront
    context.close()


def _take(storefront: Storefront, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    storefront.page.wait_for_timeout(60)  # the look around the page, and a frame
    storefront.page.screenshot(path=path, caret="hide")


def _state(browser: Browser, dist: Path, picture: Picture, width: int, scheme: Literal["light", "dark"]) -> None:
    with Stub(dist).running() as stub, _tab(browser, stub, width, scheme) as storefront:
        stub.settings = {"look": "", **picture.settings}
        storefront.page.emulate_media(**picture.media)
        html = PAGE.format(scheme=scheme, element=picture.element)
        storefront.visit(f'<div dir="{"rtl" if picture.lang == "ar" else "ltr"}">{html}</div>', lang=picture.lang)
        picture.state(storefront, stub)
        _take(storefront, _path(picture.name, width, scheme))


def _theme(browser: Browser, dist: Path, number: int, width: int, scheme: Literal["light", "dark"]) -> None:
    theme = THEMES[number]
    with Stub(dist).running() as stub, _tab(browser, stub, width, scheme) as storefront:
        script = f'<script src="{stub.script}" async></script>'
        stub.pages["/products/mug"] = ({}, theme.html.replace("%SCRIPT%", script).replace("%NONCE%", ""))
        storefront.page.goto(f"{stub.shop}/products/mug")
        storefront.page.wait_for_function("() => customElements.get('stockbell-notify')")
        theme.choose(storefront.page, "v2")
        button(storefront.page, theme).click()
        storefront.page.locator(f"{theme.element} dialog input[type=email]").wait_for()
        _take(storefront, _path(f"theme {theme.name}", width, scheme))


def _path(name: str, width: int, scheme: str) -> Path:
    return BUILD / f"{width}-{scheme}" / f"{name}.png"


def _sheet(browser: Browser, width: int, scheme: str) -> None:
    """One picture of all that were made in a width and scheme, with their names."""
    folder = BUILD / f"{width}-{scheme}"
    figures = "".join(
        f"<figure><img src='file://{path}'><figcaption>{path.stem}</figcaption></figure>"
        for path in sorted(folder.glob("*.png"))
    )
    columns = SHEET_COLUMNS[width]
    _compose(
        browser,
        "<style>body { margin: 16px; background: #d8d8de; font: 14px sans-serif; display: grid; gap: 16px;"
        f" grid-template-columns: repeat({columns}, 1fr); }} figure {{ margin: 0; }} img {{ width: 100%; }}</style>"
        f"{figures}",
        BUILD / f"{width}-{scheme}.png",
        (1800, 600),
    )


def _for_the_readme(browser: Browser) -> None:
    """The dialog on a desktop and on two phones."""
    shown = [_path("look", 1280, "light"), _path("accepted", 360, "dark"), _path("Arabic", 360, "light")]
    images = "".join(f"<img src='file://{path}'>" for path in shown)
    style = "body { margin: 0; padding: 20px; display: flex; gap: 20px; background: #e9e9ee; }"
    style += " img { height: 640px; border-radius: 10px; }"
    _compose(browser, f"<style>{style}</style>{images}", PICTURES / "widget.png", (1744, 680))


def _compose(browser: Browser, html: str, path: Path, size: tuple[int, int]) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(f"file://{BUILD}/")
    page.set_content(html)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=path, full_page=True)
    page.close()


def main() -> None:
    """Make all pictures."""
    dist = ROOT / "widget" / "dist"
    wanted: Callable[[str], bool] = lambda name: not sys.argv[1:] or name in sys.argv[1:]  # noqa: E731
    with launch_chromium() as browser:
        for width in SIZES:
            for scheme in SCHEMES:
                for picture in filter(lambda each: wanted(each.name), PICTURES_TO_MAKE):
                    _state(browser, dist, picture, width, scheme)
                for number, theme in enumerate(THEMES):
                    if wanted(f"theme {theme.name}"):
                        _theme(browser, dist, number, width, scheme)
                _sheet(browser, width, scheme)
        _for_the_readme(browser)


if __name__ == "__main__":
    main()
