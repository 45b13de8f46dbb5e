"""Owns the move of outbox rows of the ERP cluster into runs, each exactly once."""

from uuid import uuid4

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import DashboardError, ForbiddenError
from dashboard.jobs.dispatch import dispatch
from dashboard.jobs.models import JobRun, Outbox, RunStatus
from dashboard.jobs.registry import get_job
from dashboard.jobs.service import new_run
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import Tenant

BATCH = 100


def move() -> int:
    """Turn a batch of outbox rows into runs; returns how many rows were taken.

    The run is committed before its row is deleted. A crash between leaves the row, and the run's unique
    outbox id turns the second try into nothing.
    """
    with Session(db.engines["owner"]) as erp, erp.begin():
        batch = select(Outbox).order_by(Outbox.created_at).limit(BATCH).with_for_update(skip_locked=True)
        rows = list(erp.scalars(batch))
        if not rows:
            return 0
        slugs = {tenant.role_name: tenant.slug for tenant in erp.scalars(select(Tenant))}
        for row in rows:
            _store(row, slugs.get(row.role_name))
        erp.execute(delete(Outbox).where(Outbox.id.in_([row.id for row in rows])))
    return len(rows)


def _store(row: Outbox, tenant: str | None) -> None:
    run = _run_for(row, tenant)
    columns = {
        column.key: getattr(run, column.key)
        for column in JobRun.__mapper__.column_attrs
        if getattr(run, column.key) is not None
    }
    once = insert(JobRun).values(**columns).on_conflict_do_nothing(index_elements=["outbox_id"])
    with control_transaction() as session:
        stored = session.scalar(once.returning(JobRun))
    if stored is not None and stored.status == RunStatus.QUEUED:
        dispatch(stored)


def _run_for(row: Outbox, tenant: str | None) -> JobRun:
    """Build the run; a row that may not become one is kept as a failed run, for people to see."""
    try:
        spec = get_job(row.job)
        if tenant is None:
            raise ForbiddenError(f"The outbox row was written by {row.role_name}, which is no tenant's role.")
        if not spec.outbox:
            raise ForbiddenError(f"{spec.title} cannot be asked for through the outbox.")
        return new_run(spec, row.args, actor=row.actor, tenant=tenant, outbox_id=row.id)
    except DashboardError as refused:
        return JobRun(
            id=uuid4(),
            job=row.job,
            title=row.job,
            args=row.args,
            queue="default",
            status=RunStatus.FAILED,
            error=refused.message,
            actor=row.actor,
            tenant=tenant,
            outbox_id=row.id,
            finished_at=row.created_at,
        )
