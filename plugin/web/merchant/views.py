"""One page per shop: the rules, the lines, what needs a look. Behind several doors (`door.py`)."""

import json
from collections.abc import Callable, Sequence
from functools import wraps
from http import HTTPStatus

from flask import Blueprint, Flask, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from integrations import platform_adapter
from plugin.domain import (
    access,
    catalog,
    catalog_schedule,
    installations,
    overview,
    personal_data,
    shops,
    subscriptions,
)
from plugin.domain.errors import FieldError
from plugin.domain.shops import Shop
from plugin.runtime import now
from plugin.snippet_check import Finding, check_page, is_well
from plugin.vault import VaultError
from plugin.web import actions, limits
from plugin.web.errors import APIError
from plugin.web.merchant.door import enter, visitor
from plugin.web.merchant.forms import CheckPageForm, SettingsForm, settings_form
from plugin.web.parts import runtime
from plugin.web.schemas import CONTROL, MOST_NUMBER

SUBSCRIBERS_A_PAGE = 100
MOST_DIGITS = 18
blueprint = Blueprint("merchant", __name__, url_prefix="/merchant")
View = Callable[..., ResponseReturnValue]


def with_shop(view: View) -> View:
    """Hand the view its shop; a shop that is not the merchant's is not found."""

    @wraps(view)
    def wrapped(shop_id: int, **options: object) -> ResponseReturnValue:
        shop = next((shop for shop in visitor().shops if shop.id == shop_id), None)
        if shop is None:
            abort(404)
        return view(shop, **options)

    return wrapped


blueprint.before_request(enter)


def init_front_door(app: Flask) -> None:
    """The address without a path leads to the merchant's pages."""
    app.add_url_rule("/", "front_door", lambda: redirect(url_for("merchant.home")))


@blueprint.get("/")
def home() -> ResponseReturnValue:
    """The merchant's only shop, or the choice."""
    own = visitor().shops
    if len(own) != 1:
        return render_template("merchant/home.html", shops=own)
    if visitor().is_embedded:  # a frame cannot be sent elsewhere without losing what lets it in
        return _page(own[0])
    return redirect(url_for(".shop_page", shop_id=own[0].id))


@blueprint.get("/shops/<int:shop_id>/")
@with_shop
def shop_page(shop: Shop) -> ResponseReturnValue:
    """Everything about one shop."""
    return _page(shop)


@blueprint.post("/shops/<int:shop_id>/settings")
@with_shop
def settings(shop: Shop) -> ResponseReturnValue:
    """Save the settings; nothing is sent because of it."""
    form = settings_form(shop)()
    if not form.validate_on_submit():
        return _page(shop, form), 422
    try:
        changed = actions.change_settings(shop, form.changes(shop), visitor().name)
    except APIError as error:
        for name in set(error.fields or ()) & {field.name for field in form}:
            form[name].errors = (error.fields or {})[name]
        return _page(shop, form), error.status
    with runtime().engine.connect() as database:
        notifiable = overview.waiting(database, changed).notifiable
    people = "1 person waits" if notifiable == 1 else f"{notifiable:,} people wait"
    offer = f" {people} for what can be bought now: notify them below, if you like." if notifiable else ""
    return _done(changed, f"Saved. Changing settings never sends anything by itself.{offer}")


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
        return _done(shop, error.message)
    people = "1 person is" if notified == 1 else f"{notified:,} people are"
    told = f"{people} being told." if notified else "Nobody was told: it cannot be bought now, or nobody waits."
    return _done(shop, told)


@blueprint.post("/shops/<int:shop_id>/messages/<int:message_id>/try-again")
@with_shop
def try_again(shop: Shop, message_id: int) -> ResponseReturnValue:
    """Drive a dead message once more."""
    if not actions.try_again(shop, message_id):
        abort(404)
    return _done(shop, "The message is on its way again.")


@blueprint.post("/shops/<int:shop_id>/sync")
@with_shop
def sync(shop: Shop) -> ResponseReturnValue:
    """Read the feed now."""
    with runtime().engine.begin() as database:
        catalog_schedule.make_due(database, shop.id, now())
    runtime().doorbell.sync_catalog(shop.id)
    return _done(shop, f"The {'feed' if shop.feed else 'catalog'} is being read. Load this page again in a moment.")


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


@blueprint.get("/shops/<int:shop_id>/subscribers")
@with_shop
def subscribers(shop: Shop) -> ResponseReturnValue:
    """Who asked for what, newest last, page by page."""
    after = request.args.get("after", "0")
    start = int(after) if after.isdecimal() and len(after) < MOST_DIGITS else 0
    with runtime().engine.connect() as database:
        rows = subscriptions.page_with_items(database, shop.id, after=start, limit=SUBSCRIBERS_A_PAGE)
    following = rows[-1]["id"] if len(rows) == SUBSCRIBERS_A_PAGE else None
    return render_template("merchant/subscribers.html", shop=shop, rows=rows, next=following, after=start)


@blueprint.get("/shops/<int:shop_id>/data-requests/<int:number>")
@with_shop
def data_file(shop: Shop, number: int) -> ResponseReturnValue:
    """What is kept about the person of a data request, as a file."""
    if number > MOST_NUMBER:
        abort(404)
    try:
        with runtime().engine.connect() as database:
            found = personal_data.data_file(database, runtime().vault, shop.id, number)
    except VaultError as error:
        raise APIError(410, f"Whom this request is about cannot be read any more: {error}") from error
    if found is None:
        abort(404)
    content = json.dumps(found, ensure_ascii=False, indent=2)
    answer = Response(content, mimetype="application/json")
    answer.headers["Content-Disposition"] = f"attachment; filename=data-request-{number}.json"
    return answer


@blueprint.post("/shops/<int:shop_id>/hide-welcome")
@with_shop
def hide_welcome(shop: Shop) -> ResponseReturnValue:
    """The first steps are done, or are not wanted."""
    with runtime().engine.begin() as database:
        shops.hide_welcome(database, shop.id)
        found = shops.by_id(database, shop.id)
    return _done(found or shop, "The first steps are hidden.")


def _places(database: Connection, shop: Shop) -> list[tuple[str, str]]:
    """The locations that can be chosen: those that sell online, and any that is chosen already."""
    known = installations.locations(database, shop.id)
    names = {each.location_id: each.name for each in known if each.sells_online}
    gone = {each: f"{each} (does not sell online)" for each in shop.locations or () if each not in names}
    return [*names.items(), *gone.items()]


def _done(shop: Shop, message: str) -> ResponseReturnValue:
    """Say what was done, on the shop's page."""
    flash(message)
    return _page(shop) if visitor().is_embedded else redirect(url_for(".shop_page", shop_id=shop.id))


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
            form=form or settings_form(shop).of(shop),
            check_form=check_form or CheckPageForm(formdata=None),
            findings=findings,
            well=is_well(findings),
            waiting=overview.waiting(database, shop),
            failed_webhooks=overview.failed_webhooks(database, shop.id),
            counts=overview.message_counts(database, shop.id),
            dead=overview.dead_letters(database, shop.id),
            uncertain=overview.uncertain(database, shop.id),
            syncs=catalog.last_syncs(database, shop.id),
            can=platform_adapter(shop.platform).capabilities,
            places=_places(database, shop),
            has_access=access.is_granted(database, shop.id, frozenset()),
            data_requests=personal_data.requests(database, shop.id),
            public_url=runtime().settings.public_url,
        )
