"""The theme snippet's script, and the widget's files."""

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, request
from flask.typing import ResponseReturnValue

from plugin.domain import shops
from plugin.domain.shops import Shop
from plugin.web.compression import compress
from plugin.web.parts import autocommit, runtime

DIST = Path(__file__).parents[2] / "widget" / "dist"
SETTINGS_MARK = '"__STOCKBELL_SETTINGS__"'
LOADERS = {"loader.js", "klaviyo.js", "bigcommerce.js"}
"""Files that stand in pages."""
LOADER_SECONDS = 300
IMMUTABLE_SECONDS = 365 * 24 * 3600
ASSET = re.compile(r"[0-9a-f]{12}/[a-z]{2,20}\.js")
DARK = 0.18
"""The luminance at which black and white have the same contrast (WCAG 2.2, "contrast ratio")."""

blueprint = Blueprint("widget", __name__)


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(blueprint)


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
def _built(name: str) -> str:
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


@blueprint.get("/s/<key:public_key>.js")
def loader(public_key: str) -> ResponseReturnValue:
    """The script that a shop's pages hold, with this shop's settings."""
    return _loader(shop_with(public_key), "loader.js")


@blueprint.get("/s/<key:public_key>/klaviyo.js")
def klaviyo_loader(public_key: str) -> ResponseReturnValue:
    """The same for pages that hold Klaviyo's snippet: it understands the calls that stand there."""
    return _loader(shop_with(public_key), "klaviyo.js")


@blueprint.get("/s/<key:public_key>/bigcommerce.js")
def bigcommerce_script(public_key: str) -> ResponseReturnValue:
    """What a BigCommerce store's pages hold: it finds the products there and brings the loader, by its own address."""
    shop_with(public_key)
    return _for_everyone(_script("bigcommerce.js"))


def _loader(shop: Shop, name: str) -> Response:
    response = _script(name)
    response.set_data(response.get_data(as_text=True).replace(SETTINGS_MARK, _json(_settings(shop))))
    return _for_everyone(response)


def _script(name: str) -> Response:
    """A file of the build. Not found: 503, and the page sees to it that nothing is missed."""
    try:
        return Response(_built(name), mimetype="text/javascript")
    except FileNotFoundError:
        abort(Response("/* Stockbell: the widget is not built; run 'make setup'. */", 503, mimetype="text/javascript"))


@blueprint.get("/s/<key:public_key>.json")
def loader_settings(public_key: str) -> ResponseReturnValue:
    """The settings alone, for pages with a pinned loader; asked for when somebody opens the form."""
    return _for_everyone(Response(_json(_settings(shop_with(public_key))), mimetype="application/json"))


@blueprint.get("/s/<key:public_key>.css")
def look(public_key: str) -> ResponseReturnValue:
    """A shop's look for the pages that shoppers see here; `style-src 'self'` lets no style stand in the page itself."""
    shop = shop_with(public_key)
    rules = [f"{name}: {value}; " for name, value in _look(shop).items()]
    if shop.widget_accent:
        rules.append(f"--accent-strong: color-mix(in srgb, {shop.widget_accent} 85%, #888); ")
    if shop.widget_radius is not None:
        rules.append("border-radius: var(--radius); ")
    return _for_everyone(Response(f".narrow :is(button, .button) {{ {''.join(rules)}}}\n", mimetype="text/css"))


def _json(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, separators=(",", ":"))


def _for_everyone(response: Response) -> Response:
    """Of any page, for a few minutes, as small as the browser can take it."""
    response.headers["Cache-Control"] = f"public, max-age={LOADER_SECONDS}"
    _open_to_all(response)
    response.add_etag()
    response.make_conditional(request)
    return response


def _open_to_all(response: Response) -> None:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    compress(response)


def _settings(shop: Shop) -> dict[str, Any]:
    """What the widget needs to know of a shop (`Settings` in widget/src/types.d.ts); what is usual is left out."""
    # A page's own style sheet goes before the shop's settings.
    look = [f"{name}:var(--stockbell{name[1:]},{value})" for name, value in _look(shop).items()]
    known: dict[str, Any] = {
        "look": ";".join(look),
        "fields": list(shop.widget_fields),
        "texts": shop.widget_texts,
        "events": shop.widget_events,
    }
    basics = {"host": runtime().settings.public_url, "key": shop.public_key, "locale": shop.locale}
    return {**basics, **{name: value for name, value in known.items() if value}}


def _look(shop: Shop) -> dict[str, str]:
    """What the shop has settled of the button's look, as custom properties."""
    look = {}
    if shop.widget_accent:
        look = {"--accent": shop.widget_accent, "--on-accent": _text_on(shop.widget_accent)}
    if shop.widget_radius is not None:
        look["--radius"] = f"{shop.widget_radius}px"
    return look


def _text_on(colour: str) -> str:
    """Black or white, whichever can be read better on a colour."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return "#fff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < DARK else "#000"


@blueprint.get("/widget/<path:name>")
def asset(name: str) -> ResponseReturnValue:
    """A file of the widget; its folder's name is the hash of all that is in it.

    A loader of another build, which a browser still has or a shop has pinned, gets the present one's file.
    """
    try:
        path = file_of(name) if ASSET.fullmatch(name) else None
    except FileNotFoundError:  # nothing is built
        path = None
    if path is None or not path.is_file():
        abort(404)
    response = Response(path.read_bytes(), mimetype="text/javascript")
    is_own = path == DIST / name
    lasting = f"max-age={IMMUTABLE_SECONDS}, immutable" if is_own else f"max-age={LOADER_SECONDS}"
    response.headers["Cache-Control"] = f"public, {lasting}"
    _open_to_all(response)
    return response


def shop_with(public_key: str) -> Shop:
    """The shop with this key; else the request ends with 404."""
    with autocommit() as database:
        shop = shops.by_public_key(database, public_key)
    if shop is None:
        abort(404)
    return shop
