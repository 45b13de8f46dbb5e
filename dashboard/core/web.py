"""Owns the gate of every request: which permission an endpoint needs and who may pass."""

from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode

from flask import Flask, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError

from dashboard.core.errors import ForbiddenError, NotFoundError, UnavailableError
from dashboard.core.people import current_user

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"
_MARK = "steward_permission"


def requires(permission: str) -> Callable[[View], View]:
    """Mark a view with the permission (`desk.entity.action`) it needs."""

    def mark(view: View) -> View:
        setattr(view, _MARK, permission)
        return view

    return mark


def public(view: View) -> View:
    """Mark a view that anyone may open, logged in or not."""
    setattr(view, _MARK, PUBLIC)
    return view


def set_permission(app: Flask, endpoint: str, permission: str) -> None:
    """Give an endpoint its permission where the view cannot carry a mark (Flask-Admin's)."""
    app.extensions.setdefault("permissions", {})[endpoint] = permission


def permission_of(app: Flask, endpoint: str) -> str | None:
    """Return the permission an endpoint needs; None means it was forgotten and is refused."""
    if endpoint == "static":
        return PUBLIC
    given: dict[str, str] = app.extensions.setdefault("permissions", {})
    return given.get(endpoint) or getattr(app.view_functions.get(endpoint), _MARK, None)


def can(permission: str) -> bool:
    """Whether the current operator holds the permission, for the tenant of this request."""
    if not current_user.is_authenticated:
        return False
    tenant = getattr(g, "tenant", None)
    return bool(current_user.can(permission, tenant.slug if tenant else None))


def identify() -> None:
    """Recognise the person first; with the control database away everybody is a stranger, and it is said."""
    try:
        bool(current_user.is_authenticated)
    except OperationalError:
        g.control_away = True
        g._login_user = current_app.extensions["login_manager"].anonymous_user()  # noqa: SLF001  # Flask-Login's cache


def init_app(app: Flask) -> None:
    """Guard all endpoints. Register it after everything that sets `g.tenant`."""
    app.before_request(_guard)
    app.add_template_global(can, "can")


def _guard() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # the router answers 404 or 405
    permission = permission_of(current_app, request.endpoint)
    if permission == PUBLIC:
        return None
    if permission is None:
        raise ForbiddenError(f"The page {request.endpoint} declares no permission and is closed.")
    if getattr(g, "control_away", False):
        raise UnavailableError(
            "control database", "Steward's own database does not answer, so nobody can be recognised."
        )
    if not current_user.is_authenticated:
        return _ask_to_log_in()
    if not can(permission):
        raise _refusal(permission)
    return None


def _ask_to_log_in() -> ResponseReturnValue:
    here = request.full_path.rstrip("?") if request.method == "GET" else request.path
    return redirect(f"{url_for('users.login')}?{urlencode({'next': here})}")


def _refusal(permission: str) -> ForbiddenError | NotFoundError:
    """Say what is missing; hide a tenant from people who have no grant in it."""
    tenant = getattr(g, "tenant", None)
    if tenant and not current_user.knows_tenant(tenant.slug):
        return NotFoundError("There is no such tenant, or you have no access to it.")
    return ForbiddenError(
        f"Your roles do not include {permission}" + (f" in {tenant.name}." if tenant else "."),
        fix="Ask an administrator for a role that includes it.",
    )
