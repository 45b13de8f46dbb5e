"""Owns what every response and cookie carries: CSP with nonces, security headers, CSRF, request ids."""

import secrets
import uuid
from http import HTTPStatus

from flask import Flask, Response, g, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.middleware.proxy_fix import ProxyFix

from dashboard.core import errors
from dashboard.core.config import Settings

SESSION_LIFETIME_SECONDS = 30 * 86_400
HSTS_SECONDS = 365 * 86_400
POLICY = (
    "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; font-src 'self';"
    " connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: the CSRF check over HTTPS reads the referrer of our own pages.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

csrf = CSRFProtect()


def init_app(app: Flask, settings: Settings) -> None:
    """Secure cookies, forms and headers of the whole app."""
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.config.update(cookie_settings(settings), WTF_CSRF_TIME_LIMIT=None)
    csrf.init_app(app)
    app.register_error_handler(CSRFError, _form_expired)
    app.before_request(_give_request_id)
    app.after_request(_add_headers)
    app.add_template_global(csp_nonce, "csp_nonce")


def cookie_settings(settings: Settings) -> dict[str, object]:
    """Return Flask's cookie options; over HTTPS the `__Host-` prefix ties the cookie to this very host."""
    # Browsers do not keep cookies apart by port, so two Stewards on one host need two names.
    name = "__Host-steward" if settings.is_https else f"steward_{settings.port}"
    return {
        "SESSION_COOKIE_NAME": name,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SESSION_COOKIE_PATH": "/",
        "SESSION_REFRESH_EACH_REQUEST": False,
        "PERMANENT_SESSION_LIFETIME": SESSION_LIFETIME_SECONDS,
    }


def csp_nonce() -> str:
    """Return the nonce scripts of this response must carry."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    return str(g.csp_nonce)


def _give_request_id() -> None:
    """Name the request. Never taken from outside: a visitor must not choose what the logs say."""
    g.request_id = uuid.uuid4().hex


def _add_headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    # a file somebody uploaded goes out under a policy of its own, the strictest there is
    response.headers.setdefault("Content-Security-Policy", POLICY.format(nonce=csp_nonce()))
    response.headers["X-Request-Id"] = g.get("request_id", "")
    if request.url.startswith("https://"):
        response.headers["Strict-Transport-Security"] = f"max-age={HSTS_SECONDS}"
    if not (request.endpoint or "").endswith("static"):
        response.headers["Cache-Control"] = "no-store"
    return response


def _form_expired(_error: CSRFError) -> ResponseReturnValue:
    return errors.render(
        HTTPStatus.BAD_REQUEST,
        "This form is no longer valid: it was open for too long, or you have logged in or out since.",
        fix="Nothing was saved. Go back, copy what you typed, reload the page and send it again.",
    )
