"""Jobs: try an import out, load it."""

from collections.abc import Callable

from dashboard.core.db import db
from dashboard.core.errors import DashboardError, ForbiddenError, NotFoundError
from dashboard.imports import service
from dashboard.imports.models import ImportRun, ImportStatus
from dashboard.imports.targets import Target, targets
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.users.service import operator_can

PERMISSION = "records.import_run.create"


@job(
    "imports.check",
    title="Try an import out",
    queue="records",
    permission=PERMISSION,
    lock="imports:{tenant}:{import_run}",
    timeout=3600,
    resumable=True,
)
def check(run: Run, *, import_run: int) -> dict[str, object]:
    """Find out what importing a file would do."""
    return _do(run, import_run, _try_out)


@job(
    "imports.load",
    title="Import a file",
    queue="records",
    permission=PERMISSION,
    lock="imports:{tenant}:{import_run}",
    timeout=3600,
    resumable=True,
)
def load(run: Run, *, import_run: int) -> dict[str, object]:
    """Import a file in one transaction: killed in the middle it leaves nothing and starts again."""
    return _do(run, import_run, _load)


def _try_out(run: Run, stored: ImportRun, target: Target) -> None:
    service.try_out(db.session(), stored, target, _say(run, stored))


def _load(run: Run, stored: ImportRun, target: Target) -> None:
    with run.step("load") as step:
        if step.is_new:
            service.load(db.session(), stored, target, job_run=str(run.id), say=_say(run, stored))


def _say(run: Run, stored: ImportRun) -> Callable[[int], None]:
    total = stored.total
    return lambda count: run.progress(count, max(total, count + 1), "Reading rows")


def _do(run: Run, import_run: int, work: Callable[[Run, ImportRun, Target], None]) -> dict[str, object]:
    stored = _find(import_run)
    target = targets().get(stored.entity)
    if target is None:
        raise NotFoundError("Nothing can be imported there any more.")
    _demand(run, stored)
    run.progress(0, stored.total or 1, "Reading rows")
    try:
        work(run, stored, target)
        db.session.commit()
    except DashboardError as error:
        db.session.rollback()
        failed = _find(import_run)
        failed.status, failed.error = ImportStatus.FAILED, f"{error.message} {error.fix}".strip()
        db.session.commit()
        raise
    run.progress(stored.total, stored.total, "Done")
    names = ("total", "created", "changed", "same", "refused")
    return {name: getattr(stored, name) for name in names}


def _find(import_run: int) -> ImportRun:
    stored = db.session.get(ImportRun, import_run)
    if stored is None:
        raise NotFoundError("There is no such import.")
    return stored


def _demand(run: Run, stored: ImportRun) -> None:
    """The person may have lost the right since the page was open."""
    for action in ("create", *(["edit"] if stored.match_on else [])):
        permission = f"records.{stored.entity}.{action}"
        if not operator_can(run.actor, permission, run.tenant):
            raise ForbiddenError(f"{run.actor} may not import this: it needs {permission}.")
