"""The widget's form as a page of its own, for shops' pages on which no script runs; in the same words and languages."""

import re
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from babel.dates import format_timedelta
from flask import Blueprint, Flask, abort, render_template, request
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy import RowMapping

from plugin import widget_build
from plugin.domain import variants
from plugin.domain.rules import is_sellable
from plugin.domain.shops import Shop
from plugin.web.errors import APIError
from plugin.web.joining import sign_up
from plugin.web.parts import autocommit, shop_with
from plugin.web.schemas import MOST_LOCALE_CHARS, SubscriptionRequestSchema

FROM_RIGHT_TO_LEFT = {"ar", "he"}

blueprint = Blueprint("hosted_form", __name__)


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(blueprint)


def _words(shop: Shop) -> tuple[str, Mapping[str, str]]:
    """The first language of the browser's that there are texts in, else the shop's, else English; and the texts."""
    wanted = [_base(tag) for tag in (*request.accept_languages.values(), shop.locale)]
    language = next((tag for tag in wanted if tag in widget_build.texts()), "en")
    return language, {**widget_build.texts()[language], **shop.widget_texts.get(language, {})}


def _base(tag: str) -> str:
    """`de` for `de-AT`, `nb` for all that is Norwegian, as in the widget."""
    base = tag.lower().replace("_", "-").partition("-")[0]
    return "nb" if base in {"no", "nn"} else base


@blueprint.get("/n/<key:public_key>/<id:variant_id>")
def hosted_form(public_key: str, variant_id: str) -> ResponseReturnValue:
    """The form."""
    shop = shop_with(public_key)
    return _page(shop, _item(shop, variant_id))


@blueprint.post("/n/<key:public_key>/<id:variant_id>")
def post_hosted_form(public_key: str, variant_id: str) -> ResponseReturnValue:
    """Sign up."""
    shop = shop_with(public_key)
    item = _item(shop, variant_id)
    asked = ("email", "website", *shop.widget_fields)
    typed = {
        name: request.form.get(name, "") if name in asked else "" for name in ("email", "phone", "quantity", "website")
    }
    wish = {
        "variant_id": variant_id,
        "email": typed["email"],
        "phone": typed["phone"],
        "quantity": _number(typed["quantity"]),
        "locale": (request.accept_languages.best or "")[:MOST_LOCALE_CHARS],
        "marketing_consent": "marketing" in asked and "marketing_consent" in request.form,
    }
    try:
        data = SubscriptionRequestSchema().load(wish)
    except ValidationError as error:
        return _page(shop, item, typed, wrong=error.messages_dict), 422
    if not typed["website"]:
        try:
            sign_up(shop, data, lambda: shop_with(public_key))
        except APIError as error:
            if error.status != HTTPStatus.TOO_MANY_REQUESTS:
                raise
            return _page(shop, item, typed, wait_seconds=int(error.headers["Retry-After"])), 429, error.headers
    return _page(shop, item, typed, joined=True)


def _number(text: str) -> int | str | None:
    """As the schema takes it, or refuses it."""
    text = text.strip()
    return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text or None


def _page(
    shop: Shop,
    item: RowMapping,
    typed: Mapping[str, str] | None = None,
    *,
    wrong: Mapping[str, list[str]] | None = None,
    wait_seconds: int = 0,
    joined: bool = False,
) -> str:
    language, say = _words(shop)
    typed, mistakes = typed or {}, {}
    for field, messages in (wrong or {}).items():
        is_missing = field == "email" and not typed["email"].strip()
        mistakes[field] = say.get("emailMissing" if is_missing else f"{field}Invalid") or " ".join(messages)
    warning = ""
    if wait_seconds:
        when = format_timedelta(timedelta(seconds=wait_seconds), add_direction=True, locale=language)
        warning = say["tooMany"].replace("{when}", when)
    return render_template(
        "hosted_form.html",
        shop=shop,
        item=item,
        in_stock=is_sellable(item["available"], shop.rules_with(item["overrides"])),
        say=say,
        language=language,
        direction="rtl" if language in FROM_RIGHT_TO_LEFT else "ltr",
        typed=typed,
        mistakes=mistakes,
        warning=warning,
        marketing="marketing_consent" in request.form,
        joined=joined,
    )


def _item(shop: Shop, variant_id: str) -> RowMapping:
    with autocommit() as database:
        item = variants.item(database, shop.id, variant_id)
    if item is None:
        abort(404)
    return item
