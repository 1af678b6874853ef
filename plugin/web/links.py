"""Links in messages. GET shows a page and changes nothing; POST acts without cookie or redirect (RFC 8058)."""

from flask import Blueprint, Flask, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from plugin.db import in_transaction
from plugin.domain import leaving, shops, subscriptions
from plugin.domain.shops import Shop
from plugin.mail import links
from plugin.mail.links import Purpose
from plugin.runtime import now
from plugin.web.parts import runtime
from plugin.web.words import Words

blueprint = Blueprint("links", __name__)


def init_app(app: Flask) -> None:
    """Add the routes."""
    app.register_blueprint(blueprint)


def _find(database: Connection, token: str, purpose: Purpose) -> tuple[Shop, RowMapping]:
    number = links.subscription_of(token)
    row = None if number is None else subscriptions.find(database, number)
    # An unknown number is checked too, against a key that nothing was made with: no difference in time.
    link_key = row["link_key"] if row else b"\0" * 16
    if not links.is_valid(token, runtime().secret_key, purpose, link_key) or row is None:
        abort(404)
    shop = shops.by_id(database, row["shop_id"])
    if shop is None:
        abort(404)
    return shop, row


@blueprint.get("/u/<key:token>")
def unsubscribe_page(token: str) -> ResponseReturnValue:
    """Ask what is to end."""
    with runtime().engine.connect() as database:
        shop, row = _find(database, token, "unsubscribe")
        suppressed = leaving.is_suppressed(database, shop.id, row["email"])
    return _page("links/unsubscribe.html", shop, row, "all" if suppressed else "ask")


@blueprint.post("/u/<key:token>")
def unsubscribe(token: str) -> ResponseReturnValue:
    """End alerts: all of this shop (one click, and without a word of what), or only this one."""
    action = request.form.get("action", "all")
    shop, row, outcome = in_transaction(runtime().engine, lambda database: _unsubscribe(database, token, action))
    return _page("links/unsubscribe.html", shop, row, outcome)


def _unsubscribe(database: Connection, token: str, action: str) -> tuple[Shop, RowMapping, str]:
    shop, row = _find(database, token, "unsubscribe")
    if action == "this":
        leaving.leave(database, shop.id, row["id"], now())
        return shop, row, action
    if action == "allow":
        leaving.allow_again(database, shop.id, row["email"])
        # An address that has bounced is not for the link to allow again.
        return shop, row, "all" if leaving.is_suppressed(database, shop.id, row["email"]) else action
    leaving.suppress(database, shop.id, row["email"], now())
    return shop, row, "all"


@blueprint.get("/c/<key:token>")
def confirm_page(token: str) -> ResponseReturnValue:
    """Ask for the click: a mail scanner that opens links must not confirm."""
    with runtime().engine.connect() as database:
        shop, row = _find(database, token, "confirm")
    known = {"unconfirmed": "ask", "waiting": "waiting", "released": "waiting"}
    return _page("links/confirm.html", shop, row, known.get(row["state"], "ended"))


@blueprint.post("/c/<key:token>")
def confirm(token: str) -> ResponseReturnValue:
    """Confirm the address."""
    with runtime().engine.begin() as database:
        shop, row = _find(database, token, "confirm")
        outcome = subscriptions.confirm(database, shop, row["id"], now())
    return _page("links/confirm.html", shop, row, outcome.value)


def _page(template: str, shop: Shop, row: RowMapping, outcome: str) -> str:
    say = Words.of(row["locale"], shop.locale)
    return render_template(template, shop=shop, item=row, outcome=outcome, say=say)
