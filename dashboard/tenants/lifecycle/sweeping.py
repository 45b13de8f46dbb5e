"""Puts registry, schemas and dumps in agreement after a crash, and forgets dumps whose time has come."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import Tenant, TenantStatus
from dashboard.tenants.lifecycle import archiving, cloning, queries, renaming, restoring
from dashboard.tenants.lifecycle.models import TenantArchive

log = structlog.get_logger()
T = TypeVar("T")
RECENT = timedelta(days=2)
ENDED = ("tenants.rename", "tenants.archive", "tenants.delete", "tenants.restore")


def sweep(settings: Settings) -> dict[str, int]:
    """Settle what no job is at work on. Returns how many were settled and forgotten."""
    settled = sum(_one_by_one("clone", _remove_clone, _left_clones()))
    settled += sum(_one_by_one("run", lambda run: _settle(run, settings), _ended_badly()))
    _keep_archived_ones()
    forgotten = sum(_one_by_one("archive", lambda archive: _forget(archive, settings), _due()))
    return {"settled": settled, "forgotten": forgotten}


def _one_by_one(what: str, settle: Callable[[T], int], items: Iterable[T]) -> Iterator[int]:
    """Do it for each: one that cannot be settled now holds up no other, and the next sweep comes."""
    for item in items:
        try:
            yield settle(item)
        except ConflictError:  # somebody is at work on it again
            yield 0
        except (DashboardError, SQLAlchemyError) as error:
            log.warning("not_settled", what=what, error=str(error))
            yield 0


def _left_clones() -> list[tuple[str, UUID]]:
    left = cloning.list_left()
    with control_transaction() as session:
        active = set(session.scalars(select(JobRun.id).where(JobRun.status.in_(ACTIVE))))
    return [(name, run_id) for name, run_id in left if run_id not in active]


def _remove_clone(left: tuple[str, UUID]) -> int:
    log.info("clone_swept", schema=left[0])
    cloning.remove(*left)
    return 1


def _ended_badly() -> list[JobRun]:
    """Runs that were lost or failed lately, of tenants that no job is at work on now."""
    with control_transaction() as session:
        query = select(JobRun).where(
            JobRun.job.in_(ENDED),
            JobRun.status.in_(("lost", "failed", "cancelled")),
            JobRun.finished_at > datetime.now(UTC) - RECENT,
        )
        return [run for run in session.scalars(query) if queries.find_running(run.args["slug"]) is None]


def _settle(run: JobRun, settings: Settings) -> int:
    if run.job == "tenants.rename":
        renaming.settle(run.args["tenant_id"], run.args["slug"], run.args["names"]["slug"])
        return 0
    if run.job == "tenants.restore":
        return _clear_restore(run)
    made = archiving.find_made(run.id)
    if made is not None and (made.restored_at is not None or made.gone_at is not None):
        return 0  # what came after it has settled it
    if made is not None and archiving.is_put_away(made):
        archiving.finish(made, settings)
        return 0
    tenancy.forget()
    tenant = next((one for one in tenancy.list_tenants() if one.slug == run.args["slug"]), None)
    return int(tenant is not None and archiving.give_up(run.id, tenant, settings))


def _clear_restore(run: JobRun) -> int:
    archive = _archive_of(run)
    if archive is None or archive.restored_at is not None or archive.gone_at is not None:
        return 0
    if restoring.is_open(archive):
        restoring.finish(archive, restoring.slug_of(archive))
        return 1
    with archiving.held(restoring.expected(archive)):
        return int(restoring.clear(archive))


def _archive_of(run: JobRun) -> TenantArchive | None:
    """The archive that a restore was to load: the one that was named, else the tenant's newest."""
    if number := run.args.get("archive"):
        return queries.get_archive(number)
    tenancy.forget()
    tenant = next((one for one in tenancy.list_tenants() if one.slug == run.args["slug"]), None)
    return queries.find_archive(tenant.id) if tenant else None


def _keep_archived_ones() -> None:
    """A deletion that was broken off before the registry forgot: the archive is the only thing there is."""
    with Session(db.engines["owner"]) as erp:
        standing = list(erp.scalars(select(Tenant.id).where(Tenant.status == TenantStatus.ARCHIVED)))
    if not standing:
        return
    with control_transaction() as session:
        active = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
        session.execute(
            update(TenantArchive)
            .where(
                TenantArchive.tenant_id.in_(standing),
                TenantArchive.kind == archiving.DELETED,
                TenantArchive.restored_at.is_(None),
                TenantArchive.gone_at.is_(None),
                or_(TenantArchive.run_id.is_(None), TenantArchive.run_id.not_in(active)),
            )
            .values(kind=archiving.ARCHIVED, expires_at=None)
        )


def _due() -> list[TenantArchive]:
    query = select(TenantArchive).where(
        TenantArchive.expires_at < datetime.now(UTC), TenantArchive.gone_at.is_(None)
    )
    with control_transaction() as session:
        return list(session.scalars(query))


def _forget(archive: TenantArchive, settings: Settings) -> int:
    """Forget an archive whose time has come, unless somebody is restoring it or is about to."""
    if queries.find_running(archive.slug) is not None:
        return 0
    with archiving.held(archiving.past_tenant(archive)):
        now = queries.get_archive(archive.id)  # a restore that has just ended keeps it for longer
        if now.gone_at is not None or now.expires_at is None or now.expires_at > datetime.now(UTC):
            return 0
        archiving.forget(now, settings)
    return 1
