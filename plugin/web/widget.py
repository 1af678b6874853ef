"""The theme snippet's script, and the widget's files."""

import json
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Flask, Response, abort, request
from flask.typing import ResponseReturnValue

from plugin import widget_build
from plugin.domain.shops import Shop
from plugin.web.compression import compress
from plugin.web.parts import runtime, shop_with

SETTINGS_MARK = '"__STOCKBELL_SETTINGS__"'
LOADER_SECONDS = 300
IMMUTABLE_SECONDS = 365 * 24 * 3600
ASSET = re.compile(r"[0-9a-f]{12}/[a-z]{2,20}\.js")
LEAST_FOR_BLACK_TEXT = 0.18
"""The luminance at which black and white text have the same contrast (WCAG 2.2, "contrast ratio")."""

blueprint = Blueprint("widget", __name__)


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(blueprint)


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
    """A file of the build. Not built: 503, and what the page has put inside the element stays."""
    try:
        return Response(widget_build.built(name), mimetype="text/javascript")
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
    return "#fff" if 0.2126 * red + 0.7152 * green + 0.0722 * blue < LEAST_FOR_BLACK_TEXT else "#000"


@blueprint.get("/widget/<path:name>")
def asset(name: str) -> ResponseReturnValue:
    """A file of the widget; its folder's name is the hash of all that is in it.

    A loader of another build, which a browser still has or a shop has pinned, gets the present one's file.
    """
    try:
        path = widget_build.file_of(name) if ASSET.fullmatch(name) else None
    except FileNotFoundError:  # nothing is built
        path = None
    if path is None or not path.is_file():
        abort(404)
    response = Response(path.read_bytes(), mimetype="text/javascript")
    is_own = path == widget_build.DIST / name
    lasting = f"max-age={IMMUTABLE_SECONDS}, immutable" if is_own else f"max-age={LOADER_SECONDS}"
    response.headers["Cache-Control"] = f"public, {lasting}"
    _open_to_all(response)
    return response
