"""Creates tenants: all of it or nothing, since PostgreSQL's DDL and roles are transactional.

A spare is renamed; without one the release's DDL is replayed; where that cannot be, Alembic runs the history.
"""

import time
from enum import StrEnum

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from dashboard.audit.service import record_operation
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.schema_migrations import service as migrations
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import naming
from dashboard.tenants.creating.blueprint import BlueprintError
from dashboard.tenants.creating.locking import creating
from dashboard.tenants.creating.registering import Registered, register, wanted
from dashboard.tenants.creating.template import create_by_alembic

log = structlog.get_logger()
NOTE_REVISION = (
    "INSERT INTO public.tenant_revision (tenant_id, to_revision, applied_by, duration_ms)"
    " VALUES (%(tenant)s, %(revision)s, %(actor)s, %(ms)s)"
)


class Way(StrEnum):
    """How a tenant's schema came to be."""

    SPARE = "spare"
    BLUEPRINT = "blueprint"
    ALEMBIC = "alembic"


def create_tenant(name: str, slug: str = "", *, domain: str = "", actor: str = "system") -> TenantRef:
    """Create a tenant with its role, schema, tables, grants and primary domain in one transaction.

    Raises InvalidInputError for an unusable name, slug or domain, ConflictError for a taken one.
    """
    asked = wanted(name, slug, domain)
    started = time.monotonic()
    with creating() as connection:
        registered = register(connection, asked, actor)
        way = _furnish(connection, registered, actor)
    ref = registered.ref
    log.info("tenant_created", slug=ref.slug, way=way.value, ms=round((time.monotonic() - started) * 1000, 1))
    tenancy.forget()
    record_operation("tenant.create", ref.slug, tenant=ref.slug, actor=actor, way=way.value)
    if way is Way.SPARE:
        jobs.enqueue("tenants.keep_spares", actor=SYSTEM_ACTOR)
    return ref


def make_schema(connection: Connection, schema: str, role: str) -> str:
    """Make an empty schema at this release's head with its role and rights; returns the revision.

    In the caller's transaction, which belongs to the owner's login; its search_path is empty afterwards. The
    registry and the ledger are the caller's. Raises BlueprintError where this release has no DDL to replay.
    """
    blueprint = blueprints.find(connection)
    if blueprint is None:
        raise BlueprintError("The DDL of this release has not been made yet.", fix="Run tenants.keep_spares.")
    blueprints.replay(connection, blueprint, schema, role)
    return blueprint.revision


def _furnish(connection: Connection, registered: Registered, actor: str) -> Way:
    """Give a registered tenant its schema, the quickest way there is."""
    started, ref = time.monotonic(), registered.ref
    if registered.spare:
        connection.exec_driver_sql(naming.renaming_schema(connection, registered.spare, ref.schema))
        return Way.SPARE
    if _replay(connection, ref):
        migrations.note_head(connection, ref.schema, blueprints.head(), tenant_id=ref.id)
        values = {"tenant": ref.id, "revision": blueprints.head(), "actor": actor}
        connection.exec_driver_sql(NOTE_REVISION, values | {"ms": _milliseconds(started)})
        return Way.BLUEPRINT
    create_by_alembic(connection, ref, actor=actor)
    return Way.ALEMBIC


def _replay(connection: Connection, ref: TenantRef) -> bool:
    """Whether the release's DDL made the schema; why not is in the log."""
    reason = "there is no blueprint of this release yet"
    blueprint = blueprints.find(connection)
    if blueprint:
        try:
            with connection.begin_nested():
                blueprints.replay(connection, blueprint, ref.schema, ref.role)
        except (BlueprintError, DBAPIError) as error:
            reason = str(error).strip().splitlines()[0]
        else:
            return True
    log.warning("tenant_by_alembic", slug=ref.slug, reason=reason)
    return False


def _milliseconds(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
