"""Makes a tenant of another one: under its final name from the start, known to the registry at the very end.

Until then its schema carries a comment that names the run, by which the sweep finds what a killed one left.
"""

import re
from dataclasses import dataclass
from uuid import UUID

import psycopg2
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from dashboard.backups.copies import archives
from dashboard.backups.copies.archives import ArchiveError
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.files.store import StoreError
from dashboard.jobs.run import Run
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.models import TenantRevision
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Domain, Tenant, TenantRef, TenantStatus
from dashboard.tenancy.scope import quote
from dashboard.tenants.creating import blueprint as blueprints
from dashboard.tenants.creating import naming
from dashboard.tenants.creating.locking import creating
from dashboard.tenants.creating.registering import wanted
from dashboard.tenants.creating.service import make_schema
from dashboard.tenants.creating.template import make_blueprint
from dashboard.tenants.lifecycle import dumping, files, renaming, suspending
from dashboard.tenants.lifecycle.copying import Copier
from dashboard.tenants.rewinding import swapping

ALL = 100
MADE_BY = re.compile(r"being cloned by run ([0-9a-f-]{36})")
LEFT = """
SELECT n.nspname, obj_description(n.oid, 'pg_namespace') FROM pg_namespace n
WHERE obj_description(n.oid, 'pg_namespace') LIKE 'being cloned by run %'
    AND NOT EXISTS (SELECT FROM public.tenant t WHERE t.schema_name = n.nspname)
"""
TAKEN = """
SELECT to_regnamespace(:name) IS NOT NULL OR to_regrole(:name) IS NOT NULL
    OR EXISTS (SELECT FROM public.tenant WHERE :name IN (schema_name, role_name))
"""
SHOWN = 5


@dataclass(frozen=True)
class Clone:
    """What the new tenant is called and takes along."""

    name: str
    slug: str
    with_data: bool
    open_at_once: bool


@dataclass(frozen=True)
class Cloned:
    """The new tenant, how many rows and files it got, and which files were not there."""

    tenant: TenantRef
    rows: int
    files: int
    missing: list[str]


def clone(run: Run, source: TenantRef, asked: Clone, settings: Settings) -> Cloned:
    """Do all of it, or leave nothing. Raises ConflictError, UnavailableError."""
    renaming.check_free(0, asked.slug)
    name = _make(run, source, asked)
    try:
        rows, copied, missing = 0, 0, list[str]()
        if asked.with_data:
            rows = _copy_rows(run, source, name, settings)
            copied, missing = _copy_files(run, source, name)
        run.progress(97, ALL, "Registering it")
        tenant = _register(run, source, asked, name)
    except BaseException as error:
        remove(name, run.id)
        if isinstance(error, ArchiveError | StoreError | psycopg2.Error):
            raise UnavailableError("clone", f"{source.name} was not cloned. {str(error).strip()}") from error
        raise
    run.progress(ALL, ALL, "Cloned")
    return Cloned(tenant, rows, copied, missing)


def _make(run: Run, source: TenantRef, asked: Clone) -> str:
    """Make the empty schema under a name of its own, closed to everybody. Returns the name."""
    run.progress(0, ALL, "Making the schema")
    with db.engines["owner"].connect() as connection:
        has_blueprint = blueprints.find(connection) is not None
    if not has_blueprint:
        make_blueprint()
    with creating() as connection:
        name = _free_name(connection, asked.slug)
        revision = make_schema(connection, name, name)
        if asked.with_data:
            _check_alike(connection, source, name, revision)
        role, login = quote(connection, name), quote(connection, blueprints.app_login())
        connection.exec_driver_sql(f"REVOKE {role} FROM {login}")
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {role} IS 'being cloned by run {run.id}'")
    return name


def _free_name(connection: Connection, slug: str) -> str:
    """A name that neither schema nor role nor tenant has; it is the clone's for good."""
    for name in naming.candidates(slug):
        if not connection.scalar(text(TAKEN), {"name": name}):
            return name
    raise ConflictError(f"All names that follow from {slug} are taken.")


def _check_alike(connection: Connection, source: TenantRef, name: str, revision: str) -> None:
    """Rows go over as they are, so both must have the same tables. Raises ConflictError."""
    before = migrations.current(connection, History.TENANT, source.schema)
    connection.exec_driver_sql("SET LOCAL search_path TO ''")
    if before != revision:
        raise ConflictError(
            f"{source.name} is at migration {before}, this release at {revision}.",
            fix="Migrate it first, then clone it.",
        )
    live = set(definition.read_objects(connection, source.schema, role=source.role))
    new = set(definition.read_objects(connection, name, role=name))
    differing = sorted(
        {f"{kind} {of}" for kind, of, _body in live ^ new if kind in {"table", "column", "constraint"}}
    )
    if differing:
        more = f" and {len(differing) - SHOWN} more" if len(differing) > SHOWN else ""
        raise ConflictError(
            f"{source.name} is not what its migration says: {', '.join(differing[:SHOWN])}{more}.",
            fix="Look under Migrations, Drift, and put it right first.",
        )


def application_of(run_id: UUID) -> str:
    """What the sessions of a clone call themselves, so that those of a killed one can be ended."""
    return f"steward-clone-{run_id}"


def _copy_rows(run: Run, source: TenantRef, name: str, settings: Settings) -> int:
    url = settings.backup_url or settings.database_direct_url

    def tell(done: int, total: int, what: str) -> None:
        run.check_cancelled()
        share = 5 + 70 * done // total
        run.progress(share, ALL, f"{what}: {done / 1e6:,.1f} of about {total / 1e6:,.1f} MB")

    with dumping.snapshot(url) as (_snapshot, at):
        copier = Copier(at, source.schema, name, tell)
        rows = copier.copy(archives.libpq(settings.database_direct_url), application_of(run.id))
    run.log(f"{rows:,} rows of {len(copier.tables)} tables")
    return rows


def _copy_files(run: Run, source: TenantRef, name: str) -> tuple[int, list[str]]:
    """Copy the bytes first, then lead the rows to them; the owner is bound by no rule of history here."""
    schema = None
    with db.engines["owner"].connect() as connection:
        schema = quote(connection, name)
        keys = list(connection.scalars(text(f"SELECT storage_key FROM {schema}.attachment ORDER BY 1")))  # noqa: S608
    mine = [key for key in keys if key.startswith(f"{source.schema}/")]
    missing = files.copy_all(
        mine,
        source.schema,
        name,
        lambda done, total: run.progress(75 + 20 * done // total, ALL, f"File {done + 1} of {total}"),
    )
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {schema}.attachment DISABLE TRIGGER USER")
        connection.execute(
            text(
                f"UPDATE {schema}.attachment SET storage_key = :target || substr(storage_key, :length)"  # noqa: S608
                " WHERE starts_with(storage_key, :prefix)"
            ),
            {"target": name, "length": len(source.schema) + 1, "prefix": f"{source.schema}/"},
        )
        connection.exec_driver_sql(f"ALTER TABLE {schema}.attachment ENABLE TRIGGER USER")
    for key in missing:
        run.log(f"the bytes of {key} are missing in the original, too")
    return len(mine) - len(missing), missing


def _register(run: Run, source: TenantRef, asked: Clone, name: str) -> TenantRef:
    """The last transaction: from here on it is a tenant like any other."""
    new = wanted(asked.name, asked.slug, "")
    status, reason = TenantStatus.ACTIVE, ""
    if asked.with_data and not asked.open_at_once:
        status = TenantStatus.SUSPENDED
        reason = f"A copy of {source.name}: once resumed, it sends waiting mails and reminders of its own"
    values = {
        "name": new.name,
        "slug": new.slug,
        "schema_name": name,
        "role_name": name,
        "colour": source.colour,
        "status": status.value,
        "status_reason": reason,
        "status_since": text("clock_timestamp()"),
    }
    with creating() as connection:
        number = connection.scalar(
            insert(Tenant).values(values).on_conflict_do_nothing().returning(Tenant.id)
        )
        domain = {"tenant_id": number, "host": new.host, "is_primary": True}
        if not number or not connection.scalar(
            insert(Domain).values(domain).on_conflict_do_nothing().returning(Domain.id)
        ):
            raise ConflictError(f"The short name {new.slug} or the domain {new.host} was taken meanwhile.")
        ref = TenantRef(number, new.slug, new.name, name, name, source.colour, status)
        revision = migrations.current(connection, History.TENANT, name)
        migrations.note_head(connection, name, revision, tenant_id=number)
        connection.execute(
            insert(TenantRevision).values(
                tenant_id=number, to_revision=revision, applied_by=run.actor, duration_ms=0
            )
        )
        connection.exec_driver_sql(f"COMMENT ON SCHEMA {quote(connection, name)} IS NULL")
        if status == TenantStatus.ACTIVE:
            suspending.reopen(connection, ref)
    tenancy.forget()
    return ref


def list_left() -> list[tuple[str, UUID]]:
    """Schemas that some run is or was making, with the run."""
    with db.engines["owner"].connect() as connection:
        rows = connection.execute(text(LEFT)).all()
    return [(name, UUID(found[1])) for name, comment in rows if (found := MADE_BY.fullmatch(comment))]


def remove(name: str, run_id: UUID) -> None:
    """Drop what a clone that was broken off has made, files too. One that is registered stays."""
    owner = db.engines["owner"]
    swapping.end_sessions(owner, application_of(run_id))
    if name not in {left for left, _run in list_left()}:
        return
    files.remove_all(name)  # first: the schema is all that tells the next sweep of them
    with owner.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout TO '5s'")
        quoted = quote(connection, name)
        connection.exec_driver_sql(f"DROP SCHEMA {quoted} CASCADE; DROP ROLE IF EXISTS {quoted}")
