"""Links in messages. GET shows a page and changes nothing; POST acts, without cookie or redirect (RFC 8058)."""

from flask import Blueprint, Flask, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, RowMapping

from plugin.domain import shops, subscriptions
from plugin.domain.shops import Shop
from plugin.mail import links
from plugin.mail.links import Purpose
from plugin.runtime import now
from plugin.web.parts import runtime

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


@blueprint.get("/u/<token>")
def unsubscribe_page(token: str) -> ResponseReturnValue:
    """Ask what is to end."""
    with runtime().engine.connect() as database:
        shop, row = _find(database, token, "unsubscribe")
        suppressed = subscriptions.is_suppressed(database, shop.id, row["email"])
    return render_template("links/unsubscribe.html", shop=shop, item=row, suppressed=suppressed, done="")


@blueprint.post("/u/<token>")
def unsubscribe(token: str) -> ResponseReturnValue:
    """End alerts: all of this shop (one click, and without a word of what), or only this one."""
    action = request.form.get("action", "all")
    with runtime().engine.begin() as database:
        shop, row = _find(database, token, "unsubscribe")
        if action == "this":
            subscriptions.leave(database, shop.id, row["id"], now())
        elif action == "allow":
            subscriptions.allow_again(database, shop.id, row["email"])
        else:
            action = "all"
            subscriptions.suppress(database, shop.id, row["email"], now())
    return render_template(
        "links/unsubscribe.html", shop=shop, item=row, suppressed=action == "all", done=action
    )


@blueprint.get("/c/<token>")
def confirm_page(token: str) -> ResponseReturnValue:
    """Ask for the click: a mail scanner that opens links must not confirm."""
    with runtime().engine.connect() as database:
        shop, row = _find(database, token, "confirm")
    return render_template("links/confirm.html", shop=shop, item=row, outcome="")


@blueprint.post("/c/<token>")
def confirm(token: str) -> ResponseReturnValue:
    """Confirm the address."""
    with runtime().engine.begin() as database:
        shop, row = _find(database, token, "confirm")
        outcome = subscriptions.confirm(database, shop, row["id"], now())
    return render_template("links/confirm.html", shop=shop, item=row, outcome=outcome.value)
