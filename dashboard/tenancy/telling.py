"""Tells people of maintenance: a banner on every page, and what they typed when their tenant is read-only."""

from http import HTTPStatus

from flask import Flask, g, render_template, request
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import InternalError

from dashboard.core import errors
from dashboard.core.db import db
from dashboard.core.filters import when
from dashboard.tenancy import notices, scope
from dashboard.tenancy.notices import Notice

READ_ONLY = "25006"  # read_only_sql_transaction, PostgreSQL appendix A
REFUSED = "Nothing was saved: {name} is read-only now."
ELSEWHERE = "Nothing was saved: the database takes no changes now; it may be a standby."
JSON = "application/json"
SECRET = frozenset({"csrf_token", "password"})


def init_app(app: Flask) -> None:
    """Give templates the banners, and answer PostgreSQL's refusal of a change."""
    app.add_template_global(maintenance_banners, "maintenance_banners")
    app.add_template_global(is_read_only, "is_read_only")
    app.register_error_handler(InternalError, refused)


def is_read_only() -> bool:
    """Whether what one sends from this page would be refused now."""
    return scope.is_read_only(db.session())


def maintenance_banners() -> list[dict[str, object]]:
    """What the reader of this page is told: of the tenant the page belongs to, and of all."""
    tenant = db.session().info.get("tenant")
    return [
        {"kind": "warning" if notice.is_read_only else "info", "text": words(notice)}
        for notice in notices.told_to(tenant)
    ]


def words(notice: Notice) -> Markup:
    """A notice with when it holds, and what it means for who works now."""
    begins, ends = when(notice.starts_at), when(notice.ends_at) if notice.ends_at else ""
    if notice.is_ahead(notices.now()):
        span = Markup("From {} to {}").format(begins, ends) if ends else Markup("From {}").format(begins)
        told = Markup("{}: {}").format(span, notice.message.rstrip("."))
        return told + ". Nothing can be saved during that time." if notice.is_read_only else told
    told = Markup("{}.").format(notice.message.rstrip("."))
    if notice.is_read_only:
        told += " Read-only: you can look at everything, nothing can be saved."
    return told + Markup(" Until {}.").format(ends) if ends else told


def is_refusal(error: BaseException) -> bool:
    """Whether PostgreSQL refused a change because the transaction is read-only."""
    return getattr(getattr(error, "orig", None), "pgcode", None) == READ_ONLY


def refused(error: InternalError) -> ResponseReturnValue:
    """Say why nothing was saved and hand back what was typed, to be sent again from here."""
    if not is_refusal(error):
        raise error
    session = db.session()
    session.rollback()
    tenant = session.info.get("tenant")
    message = REFUSED.format(name=tenant.name) if tenant and scope.is_read_only(session) else ELSEWHERE
    # A standby where a primary was expected: the next try finds the new primary.
    status = HTTPStatus.SERVICE_UNAVAILABLE if error.connection_invalidated else HTTPStatus.CONFLICT
    wants_json = request.accept_mimetypes.best_match(["text/html", JSON]) == JSON
    if request.method == "GET" or wants_json:
        return errors.render(status, message, fix="Try again when it is over.")
    page = render_template(
        "tenants/read_only.html",
        message=message,
        typed=[(name, value) for name, value in request.form.items(multi=True) if name not in SECRET],
        files=[file.filename for file in request.files.values() if file.filename],
        address=request.full_path.rstrip("?"),
        request_id=g.get("request_id", ""),
    )
    return page, status
