"""Changes the host names that lead to a tenant; exactly one stays the primary one."""

from sqlalchemy import Connection, delete, insert, select, update

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Domain, TenantRef


def change_domain(tenant: TenantRef, action: str, host: str, *, actor: str) -> None:
    """Add, remove or make primary. Raises ConflictError (taken) or InvalidInputError (impossible)."""
    with db.engines["owner"].begin() as connection:
        {"add": _add, "remove": _remove, "make_primary": _make_primary}[action](connection, tenant, host)
    tenancy.forget()
    record_operation(f"domain.{action}", host, tenant=tenant.slug, actor=actor)


def _add(connection: Connection, tenant: TenantRef, host: str) -> None:
    if connection.scalar(select(Domain.id).where(Domain.host == host)):
        raise ConflictError(f"The domain {host} is taken.", fields={"host": "taken"})
    connection.execute(insert(Domain).values(tenant_id=tenant.id, host=host))


def _remove(connection: Connection, tenant: TenantRef, host: str) -> None:
    rule = delete(Domain).where(
        Domain.tenant_id == tenant.id, Domain.host == host, Domain.is_primary.is_(False)
    )
    if not connection.execute(rule).rowcount:
        raise InvalidInputError(
            f"{host} is the primary domain or not one of this tenant; make another one primary first."
        )


def _make_primary(connection: Connection, tenant: TenantRef, host: str) -> None:
    mine = Domain.tenant_id == tenant.id
    connection.execute(update(Domain).where(mine).values(is_primary=False))
    if not connection.execute(
        update(Domain).where(mine, Domain.host == host).values(is_primary=True)
    ).rowcount:
        raise InvalidInputError(f"{host} is not a domain of this tenant.")
