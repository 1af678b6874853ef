"""Headers on every answer, and the session cookie."""

from flask import Flask, Request, Response, current_app, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from plugin.web.parts import runtime

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' https: data:; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; connect-src 'self'; object-src 'none'"
)
LOOPBACK_PICTURES = "img-src 'self' https: data: http://127.0.0.1:* http://localhost:*"
HSTS_SECONDS = 2 * 365 * 24 * 3600


def init_app(app: Flask) -> None:
    """Set cookie rules and headers."""
    secure = _is_https(app)
    app.config.update(
        SESSION_COOKIE_NAME="__Host-stockbell" if secure else "stockbell",
        SESSION_COOKIE_SECURE=secure,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
    )
    settings = app.extensions["stockbell"].settings
    # In development shops are on this machine, and so are the pictures of their products.
    loopback = PAGE_POLICY.replace("img-src 'self' https: data:", LOOPBACK_PICTURES)
    app.config["PAGE_POLICY"] = loopback if settings.allow_loopback else PAGE_POLICY
    app.session_interface = _PageSessions()
    app.after_request(_add_headers)


NO_SESSIONS = ("/api/", "/webhooks/", "/shopify/")
"""Programs have none, and their requests are not searched for one; frames in a platform's admin keep no cookie."""


class _PageSessions(SecureCookieSessionInterface):
    """Sessions are for people's pages on our own origin."""

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """An empty session for programs."""
        return SecureCookieSession() if request.path.startswith(NO_SESSIONS) else super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing where there is none."""
        if not request.path.startswith(NO_SESSIONS):
            super().save_session(app, session, response)


def _is_https(app: Flask) -> bool:
    public_url: str = app.extensions["stockbell"].settings.public_url
    return public_url.startswith("https://")


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "no-referrer" if request.path[:3] in {"/u/", "/c/"} else "same-origin")
    headers.setdefault("Content-Security-Policy", current_app.config["PAGE_POLICY"])
    if response.mimetype in {"text/html", "application/json"}:
        headers.setdefault("Cache-Control", "no-store")
    if runtime().settings.public_url.startswith("https://"):
        headers.setdefault("Strict-Transport-Security", f"max-age={HSTS_SECONDS}; includeSubDomains")
    return response
