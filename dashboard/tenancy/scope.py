"""Owns isolation: every transaction of a tenant starts as its role and in its schema.

PostgreSQL refuses what the role may not see; the application's filters are not the wall. See docs/adr/0002.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, event
from sqlalchemy.orm import Session, SessionTransaction
from sqlalchemy.sql.elements import quoted_name

from dashboard.core.db import db
from dashboard.tenancy import notices
from dashboard.tenancy.models import TenantRef

_TENANT = "tenant"
_ACTOR = "actor"
_REQUEST = "request_id"
_MAY_WRITE = "may_write"  # even while its tenant is read-only


class TenantMixError(RuntimeError):
    """One session was asked to serve two tenants; its identity map would mix their rows."""


def bind_session(session: Session, tenant: TenantRef | None, *, actor: str, request_id: str) -> None:
    """Bind a session to a tenant for its whole life. Raises TenantMixError on a second tenant."""
    bound = session.info.get(_TENANT)
    if bound is not None and bound != tenant:
        raise TenantMixError(f"this session belongs to {bound.slug}")
    session.info.update({_TENANT: tenant, _ACTOR: actor, _REQUEST: request_id})


def bound_tenant(session: Session) -> TenantRef:
    """Return the tenant a session belongs to. Raises LookupError where it belongs to none."""
    tenant: TenantRef | None = session.info.get(_TENANT)
    if tenant is None:
        raise LookupError("this session belongs to no tenant")
    return tenant


def is_read_only(session: Session) -> bool:
    """Whether PostgreSQL refuses changes of this session's tenant now: it was announced so."""
    tenant: TenantRef | None = session.info.get(_TENANT)
    if tenant is None or session.info.get(_MAY_WRITE):
        return False
    return notices.forbids_writing(tenant) is not None


@contextmanager
def use_tenant(
    tenant: TenantRef, *, actor: str, request_id: str = "", despite_read_only: bool = False
) -> Iterator[Session]:
    """Work for a tenant outside a request: a fresh `db.session`, removed at the end, rolled back on error.

    `despite_read_only` is for the work a tenant is kept read-only for.
    """
    db.session.remove()
    session = db.session()
    bind_session(session, tenant, actor=actor, request_id=request_id)
    session.info[_MAY_WRITE] = despite_read_only
    try:
        yield session
    except BaseException:
        session.rollback()
        raise
    finally:
        db.session.remove()


def quote(connection: Connection, name: str) -> str:
    """Quote an identifier that came from the tenant registry."""
    return connection.dialect.identifier_preparer.quote(quoted_name(name, quote=True))


@event.listens_for(db.session, "after_begin")
def _enter_scope(session: Session, transaction: SessionTransaction, connection: Connection) -> None:
    """Set role and path in one round trip. SET LOCAL only: a session SET leaks through PgBouncer."""
    if transaction.nested or connection.engine.url != db.engine.url:
        return
    tenant: TenantRef | None = session.info.get(_TENANT)
    if tenant is None:
        connection.exec_driver_sql("RESET ROLE; SET LOCAL search_path TO public, pg_temp")
        return
    notices.read_if_old(connection)
    connection.exec_driver_sql(
        ("SET TRANSACTION READ ONLY; " if is_read_only(session) else "")
        + f"SET LOCAL ROLE {quote(connection, tenant.role)};"
        f" SET LOCAL search_path TO {quote(connection, tenant.schema)}, public, pg_temp;"
        " SET LOCAL steward.actor = %s; SET LOCAL steward.request_id = %s",
        (session.info[_ACTOR], session.info[_REQUEST]),
    )
