"""The theme snippet's script, the widget's files, and the hosted form for pages without JavaScript."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, abort, render_template, request, send_from_directory
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy import RowMapping

from plugin.domain import shops, variants
from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop
from plugin.web.joining import sign_up
from plugin.web.parts import autocommit, runtime
from plugin.web.schemas import MOST_LOCALE_CHARS, SubscriptionRequestSchema
from plugin.web.words import Words

DIST = Path(__file__).parents[2] / "widget" / "dist"
CONFIG_MARK = '"__STOCKBELL_CONFIG__"'
LOADER_SECONDS = 300
IMMUTABLE_SECONDS = 365 * 24 * 3600

blueprint = Blueprint("widget", __name__)


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(blueprint)


@cache
def _built() -> tuple[str, str]:
    """The loader's text and the form's file name.

    Raises:
        FileNotFoundError: the widget has not been built.
    """
    manifest = json.loads((DIST / "manifest.json").read_text("utf-8"))
    return (DIST / manifest["loader"]).read_text("utf-8"), manifest["form"]


@blueprint.get("/s/<key:public_key>.js")
def loader(public_key: str) -> ResponseReturnValue:
    """The script that a shop's pages hold, with this shop's look."""
    shop = _shop(public_key)
    try:
        script, form = _built()
    except FileNotFoundError:
        return Response("/* Stockbell: the widget is not built; run 'make setup'. */", 503, mimetype="text/javascript")
    response = Response(script.replace(CONFIG_MARK, json.dumps(_config(shop, form))), mimetype="text/javascript")
    response.headers["Cache-Control"] = f"public, max-age={LOADER_SECONDS}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.add_etag()
    return response.make_conditional(request)


def _config(shop: Shop, form: str) -> dict[str, Any]:
    host = runtime().settings.public_url
    return {
        "api": f"{host}/api/v1/storefront/{shop.public_key}",
        "form": f"{host}/widget/{form}",
        "hosted": f"{host}/n/{shop.public_key}/",
        "locale": shop.locale,
        "look": {},
        "marketing": False,
        "texts": {},
    }


@blueprint.get("/widget/<path:name>")
def asset(name: str) -> ResponseReturnValue:
    """A file of the widget; its name holds its content's hash."""
    if not name.endswith(".js") or not (DIST / name).is_file():
        abort(404)
    response = send_from_directory(DIST, name, mimetype="text/javascript", max_age=IMMUTABLE_SECONDS)
    response.headers["Cache-Control"] = f"public, max-age={IMMUTABLE_SECONDS}, immutable"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@blueprint.get("/n/<key:public_key>/<id:variant_id>")
def hosted_form(public_key: str, variant_id: str) -> ResponseReturnValue:
    """The form as a page of its own, for shops' pages without JavaScript."""
    shop = _shop(public_key)
    return _form_page(shop, _item(shop, variant_id))


@blueprint.post("/n/<key:public_key>/<id:variant_id>")
def post_hosted_form(public_key: str, variant_id: str) -> ResponseReturnValue:
    """Sign up through the page."""
    shop = _shop(public_key)
    email, trap = request.form.get("email", ""), request.form.get("website", "")
    item = _item(shop, variant_id)
    wish = {"variant_id": variant_id, "email": email, "locale": _language()}
    try:
        data = SubscriptionRequestSchema().load(wish)
    except ValidationError:
        return _form_page(shop, item, email=email, error="form_no_address"), 422
    if not trap:
        sign_up(shop, data, lambda: _shop(public_key))
    return _form_page(shop, item, joined=True)


def _form_page(shop: Shop, item: RowMapping, *, email: str = "", error: str = "", joined: bool = False) -> str:
    return render_template(
        "hosted_form.html",
        shop=shop,
        item=item,
        in_stock=is_sellable(item["available"], shop.rules_with(item["overrides"])),
        email=email,
        error=error,
        joined=joined,
        say=Words.of(*request.accept_languages.values(), shop.locale),
    )


def _language() -> str:
    return (request.accept_languages.best or "")[:MOST_LOCALE_CHARS]


def _item(shop: Shop, variant_id: str) -> RowMapping:
    with autocommit() as database:
        item = variants.item(database, shop.id, variant_id)
    if item is None:
        abort(404)
    return item


def _shop(public_key: str) -> Shop:
    with autocommit() as database:
        shop = shops.by_public_key(database, public_key)
    if shop is None:
        abort(404)
    return shop
