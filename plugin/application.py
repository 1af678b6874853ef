"""`create_app`: puts the web application together; nothing is connected at import."""

from collections.abc import Callable
from typing import Any

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from plugin.runtime import Runtime
from plugin.settings import Settings
from plugin.web import (
    errors,
    health,
    hosted_form,
    links,
    mailbox,
    merchant,
    merchant_api,
    openapi,
    routing,
    security,
    shopify,
    storefront,
    webhooks,
    widget,
)

SESSION_DAYS = 14
MOST_BODY_BYTES = 2 * 1024 * 1024


class Application(Flask):
    """Flask without a look at every call whether it is a coroutine: none of ours is."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function itself."""
        return func


def create_app(settings: Settings | None = None, runtime: Runtime | None = None) -> Flask:
    """The Flask application.

    Args:
        settings: what the environment decides; read from it when absent.
        runtime: the parts to use, for tests; made from `settings` when absent.

    Raises:
        SettingsError: a variable has a value that cannot be used.
    """
    runtime = runtime or Runtime(settings or Settings.from_environment())
    app = Application("plugin", static_folder="static", template_folder="templates")
    app.config.update(
        SECRET_KEY=runtime.secret_key,
        MAX_CONTENT_LENGTH=MOST_BODY_BYTES,
        PERMANENT_SESSION_LIFETIME=SESSION_DAYS * 24 * 3600,
        WTF_CSRF_TIME_LIMIT=None,
        JSON_SORT_KEYS=False,
    )
    app.extensions["stockbell"] = runtime
    if runtime.settings.trusted_proxies:
        hops = runtime.settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    for part in (routing, security, links, widget, hosted_form, mailbox, merchant, shopify):
        part.init_app(app)
    api = openapi.make_api(app)
    for blueprint in (health.blueprint, storefront.blueprint, merchant_api.blueprint, webhooks.blueprint):
        api.register_blueprint(blueprint)
    errors.register_handlers(app)  # after the API's own, so that every error has one shape
    return app
