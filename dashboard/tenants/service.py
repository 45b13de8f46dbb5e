"""Creates tenants: all of it or nothing, since PostgreSQL's DDL and roles are transactional."""

import re
import unicodedata
import zlib

from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.schema_migrations import service as migrations
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Domain, Tenant, TenantRef
from dashboard.tenancy.scope import quote

COLOURS = ("#2563eb", "#0f766e", "#b45309", "#7c3aed", "#be123c", "#4d7c0f", "#0369a1", "#a21caf")
SLUG = re.compile(r"[a-z][a-z0-9-]{0,39}")


def create_tenant(name: str, slug: str = "", *, domain: str = "", actor: str = "system") -> TenantRef:
    """Create a tenant with its role, schema, tables, grants and primary domain in one transaction.

    Raises InvalidInputError for an unusable name, slug or domain, ConflictError for a taken one.
    """
    name, slug = _checked(name, slug)
    with migrations.locked_connection("owner") as connection:
        _refuse_taken(connection, slug, domain)
        identity = _free_identity(connection, slug)
        with Session(connection) as session:
            tenant = Tenant(
                name=name,
                slug=slug,
                schema_name=identity,
                role_name=identity,
                colour=_colour(slug),
                status="active",
            )
            session.add(tenant)
            session.flush()
            session.add(Domain(tenant_id=tenant.id, host=domain or f"{slug}.localhost", is_primary=True))
            session.flush()
            ref = tenant.ref
        _create_schema(connection, ref)
        migrations.upgrade_tenant(connection, ref, actor=actor)
    tenancy.forget()
    record_operation("tenant.create", slug, tenant=slug, actor=actor)
    return ref


def _checked(name: str, slug: str) -> tuple[str, str]:
    name = " ".join(name.split())
    if not name or len(name) > 120:
        raise InvalidInputError(
            "A tenant needs a name of 1 to 120 characters.", fields={"name": "1 to 120 characters."}
        )
    slug = slug or slug_of(name)
    if not SLUG.fullmatch(slug):
        message = "Lower-case letters, digits and hyphens; a letter first; 40 at most."
        raise InvalidInputError(
            f"The short name {slug!r} cannot be used. {message}", fields={"slug": message}
        )
    return name, slug


def slug_of(name: str) -> str:
    """Propose a short name: ASCII, lower case, hyphens; `tenant` when nothing of the name is left."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-0123456789")[:40].rstrip("-") or "tenant"


def _refuse_taken(connection: Connection, slug: str, domain: str) -> None:
    if connection.scalar(text("SELECT 1 FROM public.tenant WHERE slug = :slug"), {"slug": slug}):
        message = f"The short name {slug!r} is taken by another tenant."
        raise ConflictError(message, fields={"slug": message})
    host = domain or f"{slug}.localhost"
    if connection.scalar(text("SELECT 1 FROM public.domain WHERE host = :host"), {"host": host}):
        message = f"The domain {host!r} is taken by another tenant."
        raise ConflictError(message, fields={"domain": message})


def _free_identity(connection: Connection, slug: str) -> str:
    """A name that neither a schema nor a role of the cluster has; it never changes afterwards."""
    base = "tenant_" + slug.replace("-", "_")
    taken = text(
        "SELECT 1 FROM pg_roles WHERE rolname = :n UNION SELECT 1 FROM pg_namespace WHERE nspname = :n"
    )
    candidates = [base, *(f"{base}_{number}" for number in range(2, 1000))]
    return next(name for name in candidates if not connection.scalar(taken, {"n": name}))


def _create_schema(connection: Connection, tenant: TenantRef) -> None:
    """Role without login that owns nothing; rights on what the owner will create in the schema."""
    role, schema = quote(connection, tenant.role), quote(connection, tenant.schema)
    login = quote(connection, make_url(get_settings().database_url).username or "")
    defaults = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT"
    connection.exec_driver_sql(
        f"CREATE ROLE {role} NOLOGIN IN ROLE steward_tenant; GRANT {role} TO {login};"
        f" CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {role};"
        f" {defaults} SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role};"
        f" {defaults} USAGE, SELECT ON SEQUENCES TO {role}"
    )


def _colour(slug: str) -> str:
    return COLOURS[zlib.crc32(slug.encode()) % len(COLOURS)]
