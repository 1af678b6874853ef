"""Merchants sign in with address and password where their platform has no admin of its own."""

from flask import Blueprint, current_app, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue

from plugin.domain import merchants, shops
from plugin.web import limits
from plugin.web.errors import APIError
from plugin.web.merchant.door import Visitor
from plugin.web.merchant.forms import SignInForm
from plugin.web.parts import runtime
from plugin.web.schemas import CONTROL

blueprint = Blueprint("account", __name__, url_prefix="/merchant")


@blueprint.before_request
def own_forms_only() -> None:
    """Refuse forms that did not come from these pages."""
    current_app.extensions["csrf"].protect()


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> ResponseReturnValue:
    """Ask for address and password."""
    form = SignInForm()
    if form.validate_on_submit():
        try:
            limits.check_sign_in(form.email.data)
        except APIError as error:
            form.password.errors = ["Too many tries. Wait a minute, then try again."]
            return render_template("merchant/sign_in.html", form=form), 429, error.headers
        if _sign_in(form.email.data, form.password.data):
            return redirect(url_for("merchant.home"))
        form.password.errors = ["Address and password do not belong together."]
    return render_template("merchant/sign_in.html", form=form), 422 if form.is_submitted() else 200


def _sign_in(email: str, password: str) -> bool:
    """Begin a session, when address and password belong together."""
    if CONTROL.search(email):
        return False
    with runtime().engine.connect() as database:
        merchant_id = merchants.sign_in(database, email, password)
    if merchant_id is None:
        return False
    session.clear()
    session.permanent = True
    session["merchant"] = merchant_id
    return True


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End the session."""
    session.clear()
    return redirect(url_for("account.sign_in"))


def door() -> Visitor | ResponseReturnValue:
    """Let in who has signed in; strangers are sent to the sign-in page."""
    own_forms_only()
    if "merchant" not in session:
        return redirect(url_for("account.sign_in"))
    with runtime().engine.connect() as database:
        own = shops.of_merchant(database, session["merchant"])
        return Visitor(own, merchants.email_of(database, session["merchant"]) if own else "")
