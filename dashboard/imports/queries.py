"""Reads of imports: the list, one of them, and its rows by outcome."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.changes.models import ChangeSet
from dashboard.core.errors import NotFoundError
from dashboard.imports.models import ImportRow, ImportRun
from dashboard.jobs.models import FINISHED, JobRun
from dashboard.jobs.store import control_transaction

PAGE_SIZE = 50
SHOWN = 100


def get_run(session: Session, run_id: int) -> ImportRun:
    """Return an import. Raises NotFoundError."""
    found = session.get(ImportRun, run_id)
    if found is None:
        raise NotFoundError("There is no such import.")
    return found


def list_runs(session: Session, before: int | None) -> Sequence[ImportRun]:
    """The newest imports, one more than a page when there are older ones."""
    query = select(ImportRun).order_by(ImportRun.id.desc()).limit(PAGE_SIZE + 1)
    return list(session.scalars(query if before is None else query.where(ImportRun.id < before)))


def undone_among(session: Session, runs: Sequence[ImportRun]) -> set[int]:
    """Which of the imports are taken back as things stand."""
    change_sets = [run.change_set_id for run in runs if run.change_set_id]
    undone = select(ChangeSet.id).where(ChangeSet.id.in_(change_sets), ChangeSet.undone_at.is_not(None))
    found = set(session.scalars(undone))
    return {run.id for run in runs if run.change_set_id in found}


def rows_of(session: Session, run: ImportRun, outcome: str) -> Sequence[ImportRow]:
    """The first rows of an outcome."""
    query = select(ImportRow).where(ImportRow.run_id == run.id, ImportRow.outcome == outcome)
    return list(session.scalars(query.order_by(ImportRow.line).limit(SHOWN)))


def find_job_run(run: ImportRun) -> JobRun | None:
    """The job that works or worked on it."""
    if not run.run_id:
        return None
    with control_transaction() as session:
        return session.get(JobRun, UUID(run.run_id))


def is_over(job_run: JobRun | None) -> bool:
    """Whether no job works on it any more."""
    return job_run is None or job_run.status in FINISHED
