"""Who is asking: connects Flask-Login to the sessions in the control database."""

from typing import Any

from flask import Flask, session
from flask_login import AnonymousUserMixin, LoginManager, UserMixin, current_user, login_user, logout_user

from dashboard.core.errors import ForbiddenError
from dashboard.users import queries, roles, sessions
from dashboard.users.models import Operator
from dashboard.users.queries import Identity


class CurrentOperator(UserMixin):
    """The person of this request; `current_user` in views and templates."""

    def __init__(self, identity: Identity, token: str) -> None:
        self.id = identity.operator_id
        self.email = identity.email
        self.name = identity.name
        self.timezone = identity.timezone
        self.locale = identity.locale
        self.session_id = identity.session_id
        self.grants = identity.grants
        self._token = token

    def get_id(self) -> str:
        """Return what the cookie carries: the session's token, not the person's id."""
        return self._token

    def can(self, permission: str, tenant: str | None = None) -> bool:
        """Whether the grants include a permission, for the tenant with this slug where it belongs to one."""
        return roles.is_allowed(self.grants, permission, tenant)

    def knows_tenant(self, slug: str) -> bool:
        """Whether any grant opens this tenant."""
        return roles.knows_tenant(self.grants, slug)


class Visitor(AnonymousUserMixin):
    """Somebody who is not logged in, and may do nothing."""

    email = ""
    name = ""
    timezone = "UTC"
    locale = "en"
    grants: tuple[roles.GrantRef, ...] = ()

    def can(self, _permission: str, _tenant: str | None = None) -> bool:
        """Return False."""
        return False

    def knows_tenant(self, _slug: str) -> bool:
        """Return False."""
        return False


def init_app(app: Flask) -> None:
    """Recognise people by the session token in their cookie."""
    manager = LoginManager(app)
    manager.login_view = "users.login"
    manager.anonymous_user = Visitor
    manager.session_protection = None  # type: ignore[assignment]  # sessions live on the server; a phone changes its address
    manager.user_loader(load_operator)


def current_operator() -> CurrentOperator:
    """Return the person of this request, in views that only people who are logged in can open."""
    operator = current_user._get_current_object()  # noqa: SLF001
    if not isinstance(operator, CurrentOperator):
        raise ForbiddenError("Log in first.")
    return operator


def load_operator(token: str) -> CurrentOperator | None:
    """Return the person of a session token. One query, and one write a minute."""
    identity = queries.find_identity(token)
    if identity is None:
        return None
    if identity.seconds_since_seen >= sessions.SEEN_EVERY_SECONDS:
        sessions.touch_session(identity.session_id)
    return CurrentOperator(identity, token)


def log_in(operator: Operator, *, ip: str, user_agent: str, is_remembered: bool) -> None:
    """Start a session in the database and in a fresh cookie: nothing of the visitor's cookie is kept."""
    token = sessions.start_session(operator, ip=ip, user_agent=user_agent, is_remembered=is_remembered)
    last_tenant: Any = session.get("tenant")
    session.clear()
    session.permanent = is_remembered
    if last_tenant:
        session["tenant"] = last_tenant
    login_user(_Starting(token))


def log_out() -> None:
    """Forget the person in the cookie."""
    logout_user()
    session.clear()


class _Starting(UserMixin):
    """What Flask-Login needs of a person whose session is not committed yet."""

    def __init__(self, token: str) -> None:
        self._token = token

    def get_id(self) -> str:
        return self._token
