"""`/mailbox`: what the local mailbox has kept. Only in development, as it shows everyone's mail."""

from flask import Blueprint, Flask, Response, abort, current_app, render_template, request
from flask.typing import ResponseReturnValue

from plugin.mailbox.store import KeptMail, MailStore
from plugin.runtime import read_address
from plugin.web.parts import runtime

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
# A mail's own styles are inline; it is shown in a frame that may run nothing.
MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: http: data:; sandbox allow-popups"
    " allow-popups-to-escape-sandbox; frame-ancestors 'self'"
)


def init_app(app: Flask) -> None:
    """Add the routes, in development."""
    settings = app.extensions["stockbell"].settings
    if settings.allow_loopback:
        app.register_blueprint(blueprint)


def store() -> MailStore:
    """The mailbox of this installation."""
    return MailStore(runtime().settings.home / "mailbox")


@blueprint.get("")
def index() -> ResponseReturnValue:
    """The newest mails."""
    mails = store().newest()
    settings = runtime().settings
    return render_template(
        "mailbox/index.html",
        mails=mails,
        total=store().count(),
        reload=request.args.get("reload"),
        in_use=settings.smtp_url == read_address(settings, "smtp_url"),
    )


@blueprint.get("/<key>")
def show(key: str) -> ResponseReturnValue:
    """One mail."""
    response = Response(render_template("mailbox/show.html", mail=_mail(key)))
    response.headers["Content-Security-Policy"] = current_app.config["PAGE_POLICY"] + "; frame-src 'self'"
    return response


@blueprint.get("/<key>/html")
def html(key: str) -> ResponseReturnValue:
    """The HTML part, for the frame."""
    response = Response(_mail(key).body("html"), mimetype="text/html")
    response.headers["Content-Security-Policy"] = MAIL_POLICY
    return response


@blueprint.get("/<key>/source")
def source(key: str) -> ResponseReturnValue:
    """The mail as it came."""
    return Response(_mail(key).message.as_bytes(), mimetype="text/plain")


def _mail(key: str) -> KeptMail:
    mail = store().find(key)
    if mail is None:
        abort(404)
    return mail
