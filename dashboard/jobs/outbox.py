"""Owns the move of outbox rows of the ERP cluster into runs, each exactly once."""

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
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
        slugs = dict(erp.execute(select(Tenant.role_name, Tenant.slug)).tuples().all())
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
    """Build the run; a row that names no job it may is kept as a failed run, for people to see."""
    try:
        spec = get_job(row.job)
        run = new_run(spec, row.args, actor=row.actor, tenant=tenant, outbox_id=row.id)
        error = "" if spec.outbox else "This job cannot be asked for through the outbox."
    except DashboardError as refused:
        run = JobRun(job=row.job, title=row.job, args=row.args, queue="default", actor=row.actor)
        run.tenant, run.outbox_id, error = tenant, row.id, refused.message
    if tenant is None:
        error = error or f"The outbox row was written by {row.role_name}, which is no tenant's role."
    if error:
        run.status, run.error = RunStatus.FAILED, error
    return run
