"""Puts a tenant away: closed, dumped, proven, then dropped in one transaction; or left as it was.

The archive's row is written before the schema goes and counts only once it has gone. Whoever comes after a
crash believes the registry: a tenant that still stands is opened again and the dump forgotten, else the work
is finished.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg2
from psycopg2 import errors
from sqlalchemy import Connection, delete, func, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.backups.copies import archives
from dashboard.backups.copies.archives import ArchiveError, Source
from dashboard.backups.copies.place import place_of
from dashboard.backups.copies.setup import programs_of, workshop
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.files.store import StoreError
from dashboard.jobs.run import Run
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.fleet import locking
from dashboard.schema_migrations.models import SchemaHead
from dashboard.servers import ServerError
from dashboard.settings.queries import value
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Tenant, TenantRef, TenantStatus
from dashboard.tenancy.scope import quote
from dashboard.tenants.lifecycle import dumping, files, keeping, queries, registration, suspending
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.tenants.rewinding import queries as rewinds
from dashboard.tenants.rewinding import references
from dashboard.tenants.rewinding.naming import OURS

ALL = 100
LOCK_SECONDS = (1, 2, 5, 5)
BESIDE = "SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :schema) AND nspname ~ :ending"
ARCHIVED, DELETED = "archived", "deleted"
GROUP = "steward_tenant"
HISTORY = "row_history"
ROLE = "SELECT 1 FROM pg_roles WHERE rolname = :name"


@dataclass(frozen=True)
class Order:
    """What is to be put away, and why; `kind` is archived or deleted."""

    tenant: TenantRef
    kind: str
    reason: str
    settings: Settings

    @property
    def is_final(self) -> bool:
        """Whether the registry forgets the tenant."""
        return self.kind == DELETED


def put_away(run: Run, order: Order) -> TenantArchive:
    """Do all of it. Whatever fails before the drop leaves the tenant as it was."""
    if give_up(run.id, order.tenant, order.settings):  # an attempt that was killed had closed it
        order = replace(order, tenant=tenancy.get_tenant(order.tenant.slug))
    with held(order.tenant):
        refuse_obstacles(order.tenant)
        try:
            _close(run, order)
            archive = _keep(run, order)
            run.progress(95, ALL, f"Dropping {order.tenant.schema}")
            _drop(order, archive)
        except BaseException:
            give_up(run.id, order.tenant, order.settings)
            raise
    finish(archive, order.settings)
    run.progress(ALL, ALL, "Done")
    return archive


@contextmanager
def held(tenant: TenantRef) -> Iterator[None]:
    """Keep migrations out of the schema meanwhile. Raises ConflictError while one is at work in it."""
    with closing(psycopg2.connect(archives.libpq(str(_owner_url())))) as link:
        link.autocommit = True
        with link.cursor() as at, locking.held(at, tenant.schema) as is_held:
            if not is_held:
                raise ConflictError(
                    f"A migration is at work in {tenant.name}.",
                    fix="Wait until it has ended, then ask again.",
                )
            yield


def _owner_url() -> str:
    return db.engines["owner"].url.render_as_string(hide_password=False)


def refuse_obstacles(tenant: TenantRef) -> None:
    """Raise ConflictError where something else stands on the schema, or beside it."""
    with control_transaction() as session:
        rewind = rewinds.find_open(session, tenant.slug)
    with db.engines["owner"].begin() as connection:
        connection.exec_driver_sql("SET LOCAL search_path TO ''")
        beside = connection.scalars(text(BESIDE), {"schema": f"{tenant.schema}__", "ending": OURS.pattern})
        found = [f"schema {name}" for name in beside]
        used = references.read(connection, tenant.schema)
        found += [*used.obstacles, *(f"view {view.name}" for view in used.views)]
    if rewind is not None:
        found.insert(0, f"rewind {rewind.id}, which is {rewind.status}")
    if found:
        raise ConflictError(
            f"{tenant.name} is still needed by: {', '.join(found)}.",
            fix="Discard the rewind, drop the views or publications, then ask again.",
        )


def marker(run_id: UUID) -> str:
    """How a tenant's reason says which run has closed it."""
    return f"(run {run_id})"


def _close(run: Run, order: Order) -> None:
    """Close it unless somebody had done that before; wait until nobody is at work in it."""
    if order.tenant.status == TenantStatus.ACTIVE:
        run.progress(0, ALL, "Closing it to people and jobs")
        doing = "deleted" if order.is_final else "archived"
        reason = f"It is being {doing}: {order.reason} {marker(run.id)}"
        with db.engines["owner"].begin() as connection:
            suspending.set_status(
                connection, order.tenant, TenantStatus.SUSPENDED, reason, was=TenantStatus.ACTIVE
            )
            suspending.close(connection, order.tenant)
        tenancy.forget()
        suspending.stop_jobs(order.tenant.slug, actor=run.actor)
    suspending.wait_until_quiet(order.tenant, run.check_cancelled)


def _keep(run: Run, order: Order) -> TenantArchive:
    """Dump, prove, store, and note it. Raises UnavailableError where the dump cannot be made or kept."""
    taken, revision = registration.take(order.tenant)
    settings, place = order.settings, place_of(order.settings)
    url = settings.backup_url or settings.database_direct_url
    key = f"tenants/{order.kind}-{order.tenant.slug}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{run.id.hex[:8]}.dump"
    try:
        place.check()  # before the work of hours, not after it
        with workshop(settings) as folder:
            path = folder / "archive"
            source = Source(url, order.tenant.schema)
            made = dumping.dump_and_prove(source, path, programs_of(settings), _teller(run))
            run.log(f"{made.size_bytes:,} bytes, rows: {sum(made.counts.values()):,}, SHA-256 {made.sha256}")
            run.progress(90, ALL, "Putting the dump in place")
            place.put_file(key, path)
    except (ArchiveError, StoreError, ServerError, OSError) as error:
        reason = " ".join(filter(None, (str(error), getattr(error, "fix", ""))))
        raise UnavailableError(
            "archive", f"{order.tenant.name} could not be dumped, so it stays as it was. {reason}"
        ) from error
    days = value(keeping.KEEP_DAYS)
    row = TenantArchive(
        kind=order.kind,
        tenant_id=order.tenant.id,
        slug=order.tenant.slug,
        name=order.tenant.name,
        schema_name=order.tenant.schema,
        role_name=order.tenant.role,
        revision=revision,
        registration=taken,
        counts=made.counts,
        path=key,
        bytes=made.size_bytes,
        sha256=made.sha256,
        verified_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(days=days) if order.is_final else None,
        actor=run.actor,
        run_id=run.id,
    )
    with control_transaction() as session:
        session.add(row)
    return row


def _teller(run: Run) -> dumping.Tell:
    def tell(what: str, share: float) -> None:
        run.check_cancelled()
        run.progress(5 + round(85 * share), ALL, what)

    return tell


def _drop(order: Order, archive: TenantArchive) -> None:
    """Schema, role and registration go together. Raises ConflictError where something holds on to them."""
    for attempt, seconds in enumerate(LOCK_SECONDS, 1):
        try:
            with db.engines["owner"].begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout TO '{seconds}s'")
                refuse_changed(connection, order.tenant, archive.counts)
                _drop_all(connection, order)
        except DBAPIError as error:
            is_last = attempt == len(LOCK_SECONDS)
            if isinstance(error.orig, errors.LockNotAvailable | errors.DeadlockDetected) and not is_last:
                continue
            if is_put_away(archive):
                return  # the connection died at the commit, which had taken effect
            words = str(error.orig).strip().replace("\n", " ")
            raise ConflictError(
                f"PostgreSQL does not let {order.tenant.schema} go: {words}", fix="It stays as it was."
            ) from error
        else:
            tenancy.forget()
            return


def refuse_changed(connection: Connection, tenant: TenantRef, counts: dict[str, int]) -> None:
    """Raise ConflictError where a transaction that was open before the closing wrote after the dump."""
    parts = [name for name in counts if name == HISTORY or name.startswith(f"{HISTORY}_")]
    if not parts:
        return
    name = f"{quote(connection, tenant.schema)}.{HISTORY}"
    connection.exec_driver_sql(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
    if connection.scalar(text(f"SELECT count(*) FROM {name}")) != sum(counts[name] for name in parts):  # noqa: S608
        raise ConflictError(
            f"{tenant.name} was changed after its dump had begun, so it stays as it was.", fix="Ask again."
        )


def _drop_all(connection: Connection, order: Order) -> None:
    tenant = order.tenant
    names = quote(connection, tenant.schema), quote(connection, tenant.role)
    connection.exec_driver_sql(f"DROP SCHEMA {names[0]} CASCADE")
    # The bare role keeps the name for as long as the tenant may come back.
    is_kept = order.is_final and value(keeping.KEEP_DAYS)
    connection.exec_driver_sql(f"REVOKE {GROUP} FROM {names[1]}" if is_kept else f"DROP ROLE {names[1]}")
    if order.is_final:
        connection.execute(delete(Tenant).where(Tenant.id == tenant.id))
        return
    connection.execute(delete(SchemaHead).where(SchemaHead.schema_name == tenant.schema))
    connection.execute(
        update(Tenant)
        .where(Tenant.id == tenant.id)
        .values(status=TenantStatus.ARCHIVED, status_reason=order.reason, status_since=func.clock_timestamp())
    )


def finish(archive: TenantArchive, settings: Settings) -> None:
    """What follows from a drop; harmless to repeat."""
    tenancy.forget()
    if archive.kind != DELETED:
        return
    if all(tenant.slug != archive.slug for tenant in tenancy.list_tenants()):
        registration.drop_grants(archive.slug)  # else they are those of whoever has the name now
    if archive.expires_at is not None and archive.expires_at <= datetime.now(UTC):
        forget(archive, settings)


def past_tenant(archive: TenantArchive) -> TenantRef:
    """The tenant of an archive as it was put away, whether or not the registry knows it."""
    names = archive.slug, archive.name, archive.schema_name, archive.role_name
    return TenantRef(
        archive.tenant_id, *names, archive.registration["tenant"]["colour"], TenantStatus.ARCHIVED
    )


def find_made(run_id: UUID) -> TenantArchive | None:
    """The archive that a run has written already, if it came that far."""
    with control_transaction() as session:
        return session.scalar(select(TenantArchive).where(TenantArchive.run_id == run_id))


def is_put_away(archive: TenantArchive) -> bool:
    """Whether the tenant of an archive is gone from its schema: the registry knows."""
    with Session(db.engines["owner"]) as session:
        status = session.scalar(select(Tenant.status).where(Tenant.id == archive.tenant_id))
    return status == TenantStatus.ARCHIVED or (status is None and archive.kind == DELETED)


def give_up(run_id: UUID, tenant: TenantRef, settings: Settings) -> bool:
    """Open a tenant again that this run had closed, and forget its dump; True when there was something."""
    made = find_made(run_id)
    if made is not None and (made.restored_at is not None or is_put_away(made)):
        return False  # it was dropped after all: the connection died at the commit
    with db.engines["owner"].begin() as connection:
        opened = connection.execute(
            update(Tenant)
            .where(
                Tenant.id == tenant.id,
                Tenant.status == TenantStatus.SUSPENDED,
                Tenant.status_reason.endswith(marker(run_id), autoescape=True),
            )
            .values(status=TenantStatus.ACTIVE, status_reason="", status_since=func.clock_timestamp())
        )
        if opened.rowcount:
            suspending.reopen(connection, tenant)
    tenancy.forget()
    if made is not None:
        place_of(settings).delete(made.path)
        with control_transaction() as session:
            session.execute(delete(TenantArchive).where(TenantArchive.id == made.id))
    return bool(opened.rowcount) or made is not None


def to_deleted(archive: TenantArchive, tenant: TenantRef, *, actor: str, run_id: UUID) -> TenantArchive:
    """Delete an archived tenant: its archive becomes the last dump, and the registry forgets it."""
    taken = archive.registration | registration.take_names(tenant)
    days = value(keeping.KEEP_DAYS)
    values: dict[str, Any] = {
        "kind": DELETED,
        "registration": taken,
        "expires_at": datetime.now(UTC) + timedelta(days=days),
        "actor": actor,
        "run_id": run_id,
    }
    with control_transaction() as session:
        session.execute(update(TenantArchive).where(TenantArchive.id == archive.id).values(**values))
    with db.engines["owner"].begin() as connection:
        if not connection.scalar(text(ROLE), {"name": tenant.role}):
            connection.exec_driver_sql(f"CREATE ROLE {quote(connection, tenant.role)} NOLOGIN")
        connection.execute(
            delete(Tenant).where(Tenant.id == tenant.id, Tenant.status == TenantStatus.ARCHIVED)
        )
    return queries.get_archive(archive.id)


def forget(archive: TenantArchive, settings: Settings) -> None:
    """Remove a dump, and the uploaded files unless a tenant of that schema lives. Raises StoreError."""
    place_of(settings).delete(archive.path)
    if archive.kind == DELETED and archive.restored_at is None:
        files.remove_all(archive.schema_name)
        _free_name(archive)
    with control_transaction() as session:
        session.execute(
            update(TenantArchive).where(TenantArchive.id == archive.id).values(gone_at=func.clock_timestamp())
        )


def _free_name(archive: TenantArchive) -> None:
    """Drop the bare role that kept the name of a deleted tenant."""
    with db.engines["owner"].begin() as connection:
        taken = select(Tenant.id).where(Tenant.role_name == archive.role_name)
        if connection.scalar(taken) is None:
            connection.exec_driver_sql(f"DROP ROLE IF EXISTS {quote(connection, archive.role_name)}")
