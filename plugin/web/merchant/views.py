"""Sign-in, and one page per shop: the rules, the lines, what needs a look."""

from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus

from flask import Blueprint, Flask, abort, current_app, flash, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from plugin.domain import catalog, merchants, overview, shops
from plugin.domain.errors import FieldError
from plugin.domain.shops import Shop
from plugin.runtime import now
from plugin.snippet_check import Finding, check_page, is_well
from plugin.web import actions, limits
from plugin.web.errors import APIError
from plugin.web.merchant.forms import CheckPageForm, SettingsForm, SignInForm
from plugin.web.parts import runtime
from plugin.web.schemas import CONTROL

blueprint = Blueprint("merchant", __name__, url_prefix="/merchant")
View = Callable[..., ResponseReturnValue]


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
    return redirect(url_for("merchant.sign_in"))


def with_shop(view: View) -> View:
    """Hand the view its shop; a shop that is not the merchant's is not found."""

    @wraps(view)
    def wrapped(shop_id: int, **options: object) -> ResponseReturnValue:
        shop = next((shop for shop in _own_shops() if shop.id == shop_id), None)
        if shop is None:
            abort(404)
        return view(shop, **options)

    return wrapped


@blueprint.before_request
def own_forms_only() -> None:
    """Refuse forms that did not come from these pages."""
    current_app.extensions["csrf"].protect()


def init_front_door(app: Flask) -> None:
    """The address without a path leads to the merchant's pages."""
    app.add_url_rule("/", "front_door", lambda: redirect(url_for("merchant.home")))


@blueprint.before_request
def signed_in_only() -> ResponseReturnValue | None:
    """Send strangers to the sign-in page."""
    if request.endpoint != "merchant.sign_in" and "merchant" not in session:
        return redirect(url_for("merchant.sign_in"))
    return None


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """The merchant's only shop, or the choice."""
    own = _own_shops()
    if len(own) == 1:
        return redirect(url_for("merchant.shop_page", shop_id=own[0].id))
    return render_template("merchant/home.html", shops=own)


@blueprint.get("/shops/<int:shop_id>/")
@with_shop
def shop_page(shop: Shop) -> ResponseReturnValue:
    """Everything about one shop."""
    return _page(shop)


@blueprint.post("/shops/<int:shop_id>/settings")
@with_shop
def settings(shop: Shop) -> ResponseReturnValue:
    """Save the settings; nothing is sent because of it."""
    form = SettingsForm()
    if not form.validate_on_submit():
        return _page(shop, form), 422
    with runtime().engine.connect() as database:
        by = merchants.email_of(database, session["merchant"])
    changed = actions.change_settings(shop, form.changes(shop), by)
    with runtime().engine.connect() as database:
        notifiable = overview.waiting(database, changed).notifiable
    offer = f" {notifiable:,} wait for what can be bought now: notify them below, if you like." if notifiable else ""
    flash(f"Saved. Changing settings never sends anything by itself.{offer}")
    return redirect(url_for("merchant.shop_page", shop_id=shop.id))


@blueprint.post("/shops/<int:shop_id>/notify-now")
@with_shop
def notify_now(shop: Shop) -> ResponseReturnValue:
    """Let people out of one line now."""
    variant_id = request.form.get("variant_id", "")
    if CONTROL.search(variant_id):
        abort(404)
    try:
        notified = actions.notify_now(shop, variant_id)
    except APIError as error:
        if error.status != HTTPStatus.CONFLICT:
            raise
        flash(error.message)
        return redirect(url_for("merchant.shop_page", shop_id=shop.id))
    people = "1 person is" if notified == 1 else f"{notified:,} people are"
    flash(f"{people} being told." if notified else "Nobody was told: it cannot be bought now, or nobody waits.")
    return redirect(url_for("merchant.shop_page", shop_id=shop.id))


@blueprint.post("/shops/<int:shop_id>/messages/<int:message_id>/try-again")
@with_shop
def try_again(shop: Shop, message_id: int) -> ResponseReturnValue:
    """Drive a dead message once more."""
    if not actions.try_again(shop, message_id):
        abort(404)
    flash("The message is on its way again.")
    return redirect(url_for("merchant.shop_page", shop_id=shop.id))


@blueprint.post("/shops/<int:shop_id>/sync")
@with_shop
def sync(shop: Shop) -> ResponseReturnValue:
    """Read the feed now."""
    with runtime().engine.begin() as database:
        catalog.make_due(database, shop.id, now())
    runtime().doorbell.sync_catalog(shop.id)
    flash("The feed is being read. Load this page again in a moment.")
    return redirect(url_for("merchant.shop_page", shop_id=shop.id))


@blueprint.post("/shops/<int:shop_id>/check-page")
@with_shop
def check(shop: Shop) -> ResponseReturnValue:
    """Look whether the snippet works on a page of the shop."""
    form = CheckPageForm()
    if form.validate_on_submit():
        try:
            limits.check_page_look(shop)
            return _page(shop, check_form=form, findings=check_page(runtime(), shop, form.page.data))
        except FieldError as error:
            form.page.errors = [f"This {error.message}."]
        except APIError as error:
            form.page.errors = ["Too many checks. Wait a minute, then try again."]
            return _page(shop, check_form=form), error.status, error.headers
    return _page(shop, check_form=form), 422


def _own_shops() -> list[Shop]:
    if "own_shops" not in g:
        with runtime().engine.connect() as database:
            g.own_shops = shops.of_merchant(database, session["merchant"])
    own: list[Shop] = g.own_shops
    return own


def _page(
    shop: Shop,
    form: SettingsForm | None = None,
    check_form: CheckPageForm | None = None,
    findings: Sequence[Finding] = (),
) -> str:
    with runtime().engine.connect() as database:
        return render_template(
            "merchant/shop.html",
            shop=shop,
            form=form or SettingsForm.of(shop),
            check_form=check_form or CheckPageForm(formdata=None),
            findings=findings,
            well=is_well(findings),
            waiting=overview.waiting(database, shop),
            failed_webhooks=overview.failed_webhooks(database, shop.id),
            counts=overview.message_counts(database, shop.id),
            dead=overview.dead_letters(database, shop.id),
            uncertain=overview.uncertain(database, shop.id),
            syncs=catalog.last_syncs(database, shop.id),
            public_url=runtime().settings.public_url,
        )
