"""One rehearsal from its begin to its end: restore, try the plan, tear down, and the report in every case."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from rq.timeouts import JobTimeoutException
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from dashboard.backups.restoring import service as restoring
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.jobs.run import Run, RunCancelledError, RunStoppedError
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations import service as migrations
from dashboard.schema_migrations.fleet import by_alembic
from dashboard.schema_migrations.fleet.models import FleetPlan
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.rehearsal import service, trying
from dashboard.schema_migrations.rehearsal.models import Rehearsal, RehearsalOutcome
from dashboard.schema_migrations.rehearsal.service import Road
from dashboard.schema_migrations.rehearsal.trying import Trial

log = structlog.get_logger()
LONGEST_HOURS = 12
# Of the whole bar, the restore.
RESTORED, ALL = 70, 100


@dataclass(frozen=True)
class Chosen:
    """One tenant of the restored server that is tried."""

    tenant: str
    schema: str
    bytes: int


class _Share:
    """A run whose progress is the first part of a longer one."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.check_cancelled, self.log = run.check_cancelled, run.log

    def progress(self, done: int, total: int, text: str = "") -> None:
        self.run.progress(RESTORED * min(done, total) // max(total, 1), ALL, text)


def perform(run: Run, settings: Settings, plan: FleetPlan, *, tenants: int, canary: str) -> Rehearsal:
    """Rehearse a plan and return its report, which is committed. Raises only what has to end the run."""
    row = service.open_rehearsal(plan, actor=run.actor, run_id=run.id)
    try:
        with _scratch(run, row, settings) as url:
            _try(run, row, plan, url, tenants, canary)
    except BaseException as error:
        if not isinstance(error, RunStoppedError | DashboardError):
            log.warning("rehearsal_broke", rehearsal=row.id, exc_info=error)
        service.close(row, RehearsalOutcome.BROKEN, words_of(error))
        if isinstance(error, RunStoppedError):
            raise
    return row


def words_of(error: BaseException) -> str:
    """Say what ended a rehearsal, which is never the plan's fault."""
    if isinstance(error, RunCancelledError):
        return "Cancelled while it ran."
    if isinstance(error, RunStoppedError):
        return "Its worker was stopped in the middle."
    if isinstance(error, JobTimeoutException):
        return "It took longer than its limit and was stopped."
    if isinstance(error, DashboardError):
        return f"{error.message} {error.fix}".strip()
    return f"{type(error).__name__}: {error}"


@contextmanager
def _scratch(run: Run, row: Rehearsal, settings: Settings) -> Iterator[str]:
    """The latest backup on a scratch server, as its owner login; it is taken down at the end."""
    run.progress(0, ALL, "Choosing the backup")
    with control_transaction() as session:
        restore = restoring.plan(
            session, settings, purpose="rehearsal", target=TargetSpec(), actor=run.actor, run_id=run.id
        )
    db.session.commit()  # planning read with it, and nothing may stay open for the hours that follow
    service.save(row, restore_id=restore.id)
    try:
        server = restoring.bring_back(restore, settings, _Share(run), hours=LONGEST_HOURS)
        db.session.commit()
        owner = make_url(settings.database_direct_url)
        yield server.url(owner.database or "", owner.username or "")
    finally:
        service.tear_down(restore.id)


def _try(run: Run, row: Rehearsal, plan: FleetPlan, url: str, tenants: int, canary: str) -> None:
    """Run the plan in each chosen schema; one that fails does not keep the others from being tried."""
    road = Road(plan)
    if not road.is_down:
        bring_shared_forward(url, run.log)
    found: list[dict[str, Any]] = []
    chosen = choose(trying.read_sizes(url), tenants, canary)
    for number, one in enumerate(chosen):
        run.progress(RESTORED + (ALL - RESTORED) * number // len(chosen), ALL, f"Trying {one.schema}")
        found.append(try_one(url, one, road, run.check_cancelled))
        run.log(line_of(found[-1]))
        service.save(row, schemas=[*found])
    outcome, reason = judge(found)
    service.close(row, outcome, reason)


def choose(sizes: list[tuple[str, str, int]], tenants: int, canary: str) -> list[Chosen]:
    """Return the largest tenants and the canary, the smallest if none is named: a run begins with that one.

    Raises ConflictError when the backup has no tenant.
    """
    rows = [Chosen(*size) for size in sizes]
    picked = rows[: max(tenants, 1)]
    first = [row for row in rows if row.tenant == canary] or rows[-1:]
    picked += [row for row in first if row not in picked]
    if not picked:
        raise ConflictError("The backup holds no tenant to try the plan on.", fix="Make a backup first.")
    return picked


def judge(found: list[dict[str, Any]]) -> tuple[RehearsalOutcome, str]:
    """Say how it went: failed where PostgreSQL refused a statement, broken where nothing could be tried."""
    if bad := [one for one in found if one["error"]]:
        first = bad[0]
        more = f" ({len(bad)} of {len(found)} tenants failed)" if len(bad) > 1 else ""
        return RehearsalOutcome.FAILED, f"{first['tenant']}: {first['error']['words']}{more}"
    if not any(one["steps"] for one in found):
        notes = "; ".join(f"{one['tenant']}: {one['note']}" for one in found)
        return (
            RehearsalOutcome.BROKEN,
            f"The backup has no tenant on which the plan has anything to do. {notes}",
        )
    return RehearsalOutcome.PASSED, ""


def line_of(found: dict[str, Any]) -> str:
    """One line for the run's log."""
    if found["error"]:
        return f"{found['schema']}: {found['error']['words']}"
    return f"{found['schema']}: {found['note'] or 'every step done'}, {found['milliseconds']:.0f} ms"


def try_one(url: str, one: Chosen, road: Road, tick: Callable[[], None]) -> dict[str, Any]:
    """Run the steps a schema still has to do; the first that fails ends it. Returns the row of the report."""
    revision = trying.read_revision(url, one.schema)
    begin = road.where(revision)
    row: dict[str, Any] = {
        **vars(one),
        "revision": revision,
        "note": begin.left_out,
        "steps": [],
        "error": {},
    }
    if begin.first_to:
        _forward(url, History.TENANT, one.schema, begin.first_to)
        row["note"] = f"brought from {revision or 'nothing'} to {begin.first_to} first, as the fleet is"
    elif not begin.left_out and begin.step:
        row["note"] = f"stands at {revision} in the backup: {begin.step} of {len(road.steps)} steps left out"
    with Trial(url, one.schema, by_alembic.runner(road.scripts), tick) as trial:
        for step in road.steps[begin.step :]:
            tried = trial.run(step)
            row["steps"].append(tried.row())
            if tried.error:
                row["error"] = tried.error
                break
    row["milliseconds"] = round(sum(step["milliseconds"] for step in row["steps"]), 2)
    return row


def bring_shared_forward(url: str, say: Callable[[str], None]) -> None:
    """Bring the shared tables of the restored server to the code's head, as a release does before."""
    if _forward(url, History.SHARED, "public", "head"):
        say("The shared tables of the backup were brought to the head of the code first.")


def _forward(url: str, history: History, schema: str, to: str) -> bool:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://", 1))
    try:
        with engine.begin() as connection:
            return migrations.upgrade(connection, history, schema, to)
    except SQLAlchemyError as error:
        words = f"{schema} of the backup could not be brought to {to} before the rehearsal: {error}"
        raise ConflictError(words, fix="Make a backup, then rehearse again.") from error
    finally:
        engine.dispose()
