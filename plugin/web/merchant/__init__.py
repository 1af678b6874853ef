"""The merchant's pages."""

from flask import Flask
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect

from plugin.web.errors import APIError, answer
from plugin.web.merchant import account
from plugin.web.merchant.door import set_door
from plugin.web.merchant.views import blueprint as pages
from plugin.web.merchant.views import init_front_door

__all__ = ["init_app", "pages"]

STALE = "This form is too old. Go back, load the page again and repeat what you did."


def init_app(app: Flask) -> None:
    """Add the pages; each of their forms is protected against cross-site requests."""
    app.config["WTF_CSRF_CHECK_DEFAULT"] = False  # only these pages have a session to protect
    CSRFProtect(app)
    app.register_blueprint(account.blueprint)
    app.register_blueprint(pages)
    with app.app_context():
        set_door(pages.name, account.door)
    init_front_door(app)
    app.register_error_handler(CSRFError, _stale_form)


def _stale_form(_error: CSRFError) -> ResponseReturnValue:
    return answer(APIError(400, STALE))
