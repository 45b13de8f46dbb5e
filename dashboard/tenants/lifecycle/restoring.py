"""Brings a tenant back from its last dump: the same definitions, rights and rows, then the newest migration.

The schema is loaded while nobody can enter it; the last transaction opens it. One that was cut off before has
a schema that the registry says is archived, or does not know: the next attempt, or the sweep, drops it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.orm import Session

from dashboard.backups.copies import dumps
from dashboard.backups.copies.archives import ArchiveError
from dashboard.backups.copies.dumps import Stored
from dashboard.backups.copies.place import place_of
from dashboard.backups.copies.setup import programs_of, workshop
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.files.store import StoreError
from dashboard.jobs.run import Run
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.drift import definition
from dashboard.servers import ServerError
from dashboard.settings.queries import value
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Tenant, TenantRef, TenantStatus
from dashboard.tenancy.scope import quote
from dashboard.tenants.lifecycle import archiving, keeping, registration, suspending
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.tenants.rewinding import sealing, swapping
from dashboard.tenants.rewinding.tools import ToolError, Tools, libpq_environment, options_of

ALL = 100
TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relkind = 'r' ORDER BY 1
"""
SCHEMA = "SELECT 1 FROM pg_namespace WHERE nspname = :name"


@dataclass
class Restored:
    """What came back, and what a person should know of it."""

    tenant: TenantRef
    rows: int
    is_same: bool
    notes: list[str] = field(default_factory=list)


def bring_back(run: Run, archive: TenantArchive, settings: Settings) -> Restored:
    """Do all of it, or leave nothing. Raises ConflictError, UnavailableError."""
    ref = expected(archive)
    with archiving.held(ref):
        clear(archive)
        try:
            with workshop(settings) as folder:
                _load(run, archive, settings, folder / "archive")
            run.progress(90, ALL, "Opening it")
            restored = _open(run, archive, ref)
        except BaseException as error:
            if not is_open(archive):
                clear(archive)
            if isinstance(error, ArchiveError | StoreError | ServerError | ToolError):
                raise UnavailableError("archive", f"{archive.name} was not restored. {error}") from error
            raise
    finish(archive, restored.tenant.slug)
    run.progress(ALL, ALL, "Restored")
    return restored


def expected(archive: TenantArchive) -> TenantRef:
    """The tenant as it will be. Raises ConflictError where it lives, or another one has its schema's name."""
    with Session(db.engines["owner"]) as session:
        row = session.scalar(
            select(Tenant).where(
                (Tenant.id == archive.tenant_id) | (Tenant.schema_name == archive.schema_name)
            )
        )
    if row is None:
        if archive.kind != archiving.DELETED:
            raise ConflictError(f"The registry does not know {archive.name} any more.")
        taken = archive.registration["tenant"]
        return TenantRef(
            archive.tenant_id, taken["slug"], taken["name"], archive.schema_name, archive.role_name,
            taken["colour"], TenantStatus.ARCHIVED,
        )  # fmt: skip
    if (row.id, row.status) != (archive.tenant_id, TenantStatus.ARCHIVED):
        raise ConflictError(f"{row.name} has the schema {row.schema_name} and is {row.status}.")
    return row.ref


def is_open(archive: TenantArchive) -> bool:
    """Whether the registry says that the tenant of an archive lives."""
    with Session(db.engines["owner"]) as session:
        status = session.scalar(select(Tenant.status).where(Tenant.id == archive.tenant_id))
    return status in {TenantStatus.ACTIVE, TenantStatus.SUSPENDED}


def slug_of(archive: TenantArchive) -> str:
    """The short name of a tenant that was brought back."""
    with Session(db.engines["owner"]) as session:
        return session.scalar(select(Tenant.slug).where(Tenant.id == archive.tenant_id)) or archive.slug


def application_of(archive: TenantArchive) -> str:
    """What sessions of a load call themselves, so that those of a killed one can be ended."""
    return f"steward-archive-{archive.id}"


def clear(archive: TenantArchive) -> bool:
    """Drop what a restore that was cut off has loaded. The registry must not say that the tenant lives."""
    if is_open(archive):
        raise ConflictError(f"{archive.name} is not archived (any more).")
    owner = db.engines["owner"]
    swapping.end_sessions(owner, application_of(archive))
    with owner.begin() as connection:
        connection.exec_driver_sql("SET LOCAL lock_timeout TO '5s'")
        if not connection.scalar(text(SCHEMA), {"name": archive.schema_name}):
            return False
        connection.exec_driver_sql(f"DROP SCHEMA {quote(connection, archive.schema_name)} CASCADE")
        role = quote(connection, archive.role_name)
        # That of a deleted tenant stays, bare: it keeps the name for it.
        bare = f"REVOKE {archiving.GROUP} FROM {role}"
        connection.exec_driver_sql(bare if archive.kind == archiving.DELETED else f"DROP ROLE {role}")
    return True


def _load(run: Run, archive: TenantArchive, settings: Settings, path: Path) -> None:
    run.progress(0, ALL, f"Fetching {archive.bytes / 1e6:,.1f} MB and comparing the checksum")
    place = place_of(settings)
    stored = Stored(archive.path, place.where(archive.path), archive.bytes, archive.sha256)
    dumps.fetch(stored, place, path)
    run.progress(15, ALL, "Making role and schema")
    with db.engines["owner"].begin() as connection:
        make_empty(connection, archive)
    _restore(run, archive, settings, path, "pre-data", "data", share=(20, 60))
    run.progress(60, ALL, "Counting the rows")
    _compare_counts(archive)
    _restore(run, archive, settings, path, "post-data", share=(65, 85))
    run.progress(85, ALL, "Seals and statistics")
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO ''")
        names = connection.scalars(text(TABLES), {"schema": archive.schema_name}).all()
        schema = quote(connection, archive.schema_name)
        connection.exec_driver_sql(f"ANALYZE {', '.join(f'{schema}.{quote(connection, n)}' for n in names)}")
        owned = [(kind, name, owner) for kind, name, owner in archive.registration["owned"]]
        for line in sealing.seal_off(connection, archive.schema_name, owned):
            run.log(f"It belonged to another role, now to the owner: {line}")


def make_empty(connection: Connection, archive: TenantArchive) -> None:
    """Make role and schema; the login of the application is no member of the role before the end."""
    role, schema = quote(connection, archive.role_name), quote(connection, archive.schema_name)
    if connection.scalar(text(archiving.ROLE), {"name": archive.role_name}):
        connection.exec_driver_sql(f"GRANT {archiving.GROUP} TO {role}")
    else:
        connection.exec_driver_sql(f"CREATE ROLE {role} NOLOGIN IN ROLE {archiving.GROUP}")
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO {role}")


def _restore(
    run: Run, archive: TenantArchive, settings: Settings, path: Path, *sections: str, share: tuple[int, int]
) -> None:
    url = settings.database_direct_url
    environment = libpq_environment(url, application_of(archive), settings.database_sslmode)
    done = share[0]

    def tick() -> None:
        nonlocal done
        run.check_cancelled()
        done = min(done + 1, share[1])  # pg_restore does not tell how far it is
        run.progress(done, ALL, f"Loading {' and '.join(sections)}: {len(archive.counts)} tables")

    Tools(programs_of(settings), tick).run(
        "pg_restore",
        *options_of(*sections),
        "--schema",
        archive.schema_name,
        "-d",
        environment["PGDATABASE"],
        str(path),
        environment=environment,
    )


def _compare_counts(archive: TenantArchive) -> None:
    """Every row counted in the dump's snapshot must be there. Raises ArchiveError."""
    with db.engines["owner"].begin() as connection:
        schema = quote(connection, archive.schema_name)
        found = {
            name: connection.scalar(text(f"SELECT count(*) FROM {schema}.{quote(connection, name)}"))  # noqa: S608
            for name in connection.scalars(text(TABLES), {"schema": archive.schema_name}).all()
        }
    differing = sorted(name for name, count in archive.counts.items() if found.get(name) != count)
    if differing:
        raise ArchiveError(f"Rows are missing in {', '.join(differing[:5])}.")


def _open(run: Run, archive: TenantArchive, ref: TenantRef) -> Restored:
    """The last transaction: registered, brought to the head, and opened."""
    notes: list[str] = []
    with migrations.locked_connection("owner") as connection:
        if archive.kind == archiving.DELETED:
            slug = _free_slug(connection, ref.slug)
            notes += registration.put_back(connection, archive.registration, slug)
            ref = TenantRef(ref.id, slug, ref.name, ref.schema, ref.role, ref.colour, ref.status)
        found = definition.fingerprint(connection, ref.schema, role=ref.role)
        connection.exec_driver_sql("SET LOCAL search_path TO public, pg_temp")
        is_same = found == archive.registration["fingerprint"]
        if not is_same:
            notes.append("Its definitions are not those it was archived with: look under Migrations, Drift.")
        connection.execute(
            update(Tenant)
            .where(Tenant.id == ref.id)
            .values(status=TenantStatus.ACTIVE, status_reason="", status_since=func.clock_timestamp())
        )
        migrations.note_head(connection, ref.schema, archive.revision or None, tenant_id=ref.id)
        if migrations.upgrade_tenant(connection, ref, actor=run.actor):
            notes.append(f"It was at migration {archive.revision} and was brought to the newest.")
        suspending.reopen(connection, ref)
    tenancy.forget()
    for note in notes:
        run.log(note)
    return Restored(ref, sum(archive.counts.values()), is_same, notes)


def _free_slug(connection: Connection, slug: str) -> str:
    candidates = [slug, *(f"{slug[:36]}-{number}" for number in range(2, 1000))]
    taken = text("SELECT 1 FROM public.tenant WHERE slug = :slug")
    return next(each for each in candidates if not connection.scalar(taken, {"slug": each}))


def finish(archive: TenantArchive, slug: str) -> None:
    """What follows from the opening; harmless to repeat. The dump outlives it for a while."""
    if archive.kind == archiving.DELETED:
        registration.put_back_grants(slug, archive.registration["grants"])
    expires = datetime.now(UTC) + timedelta(days=value(keeping.KEEP_DAYS))
    with control_transaction() as session:
        session.execute(
            update(TenantArchive)
            .where(TenantArchive.id == archive.id)
            .values(restored_at=func.clock_timestamp(), expires_at=expires, slug=slug)
        )
