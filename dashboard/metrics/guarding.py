"""Decides who may read `/metrics`: the bearer of the token; without a token this machine alone."""

import hmac
import ipaddress

from flask import Request, Response

from dashboard.core.config import Settings

PLAIN = "text/plain; charset=utf-8"
FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Via")


def refuse(request: Request, settings: Settings) -> Response | None:
    """Return the answer to a stranger: 401 where there is a token, 404 where there is nothing to guess at."""
    if settings.metrics_token:
        if _bears(request, settings.metrics_token):
            return None
        said = {"WWW-Authenticate": "Bearer"}
        return Response("Show the token in STEWARD_METRICS_TOKEN.\n", 401, said, content_type=PLAIN)
    if _is_local(request):
        return None
    return Response("Not found.\n", 404, content_type=PLAIN)


def _bears(request: Request, token: str) -> bool:
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())


def _is_local(request: Request) -> bool:
    """Whether it comes from this machine itself; a proxy on it speaks for others and says so in a header."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
