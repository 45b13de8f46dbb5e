"""Reads rehearsals for the plan's page, and those whose worker died."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.backups.models import RESTORABLE, Backup
from dashboard.backups.restoring.models import Restore, RestoreStatus
from dashboard.core.db import db
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.schema_migrations.fleet.models import FleetPlan
from dashboard.schema_migrations.rehearsal.models import Rehearsal, RehearsalOutcome

JOB = "rehearsal.run"
SHOWN = 5
# From these on people wait: of the weaker ones no statement of the application takes notice.
BLOCKS_READERS = "ACCESS EXCLUSIVE"
BLOCKS_WRITERS = ("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE")


@dataclass(frozen=True)
class StepView:
    """One step over all schemas that were tried, beside what the plan expected; milliseconds."""

    step: int
    revision: str
    estimate_ms: float | None
    measured_ms: float
    wal_bytes: int
    rewritten: list[str]
    # each with: relation, mode, held_ms (the longest), blocks (what others cannot do), was_expected
    locks: list[dict[str, Any]]


@dataclass(frozen=True)
class RehearsalView:
    """One rehearsal as the plan's page shows it; `counts` says whether it was of what would run now."""

    row: Rehearsal
    counts: bool
    run: JobRun | None
    restore: Restore | None
    steps: list[StepView]
    failures: list[dict[str, Any]]

    @property
    def took(self) -> timedelta | None:
        """How long all of it took, the restore included."""
        return self.row.finished_at - self.row.started_at if self.row.finished_at else None

    @property
    def slowest_ms(self) -> float:
        """What the slowest schema took for all steps."""
        return max((schema["milliseconds"] for schema in self.row.schemas), default=0.0)


@dataclass(frozen=True)
class Rehearsals:
    """The newest rehearsals of a plan. `passed` is the newest good one of exactly this hash."""

    plan: FleetPlan
    views: list[RehearsalView]
    passed: RehearsalView | None
    under_way: JobRun | None
    has_backup: bool


def rehearsals_of(plan: FleetPlan) -> Rehearsals:
    """Return what `schema_migrations/rehearsal/_results.html` shows as `rehearsals`."""
    rows = db.session.scalars(
        select(Rehearsal).where(Rehearsal.plan_id == plan.id).order_by(Rehearsal.id.desc()).limit(SHOWN)
    )
    views = [_view(row, plan) for row in rows]
    good = (view for view in views if view.counts and view.row.outcome == RehearsalOutcome.PASSED)
    return Rehearsals(plan, views, next(good, None), find_under_way(plan), has_backup())


def find_passed(plan: FleetPlan) -> Rehearsal | None:
    """Return the newest rehearsal of exactly this SQL that passed."""
    query = select(Rehearsal).where(
        Rehearsal.sql_hash == plan.sql_hash, Rehearsal.outcome == RehearsalOutcome.PASSED
    )
    return db.session.scalar(query.order_by(Rehearsal.id.desc()).limit(1))


def find_under_way(plan: FleetPlan) -> JobRun | None:
    """Return the run that rehearses this plan now, or is about to."""
    query = select(JobRun).where(
        JobRun.job == JOB, JobRun.status.in_(ACTIVE), JobRun.args["plan_id"].as_integer() == plan.id
    )
    return db.session.scalar(query.order_by(JobRun.enqueued_at.desc()).limit(1))


def list_dead(session: Session) -> list[Rehearsal]:
    """Return rehearsals that say they run although their job's run has ended, or is not known any more."""
    alive = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
    query = select(Rehearsal).where(
        Rehearsal.outcome == RehearsalOutcome.RUNNING,
        Rehearsal.job_run_id.is_(None) | Rehearsal.job_run_id.not_in(alive),
    )
    return list(session.scalars(query))


def list_left(session: Session) -> list[Restore]:
    """Return the scratch servers of rehearsals that nobody works on any more."""
    alive = select(JobRun.id).where(JobRun.status.in_(ACTIVE))
    query = select(Restore).where(
        Restore.purpose == "rehearsal",
        Restore.status == RestoreStatus.READY,
        Restore.run_id.is_(None) | Restore.run_id.not_in(alive),
    )
    return list(session.scalars(query))


def _view(row: Rehearsal, plan: FleetPlan) -> RehearsalView:
    return RehearsalView(
        row,
        counts=row.sql_hash == plan.sql_hash,
        run=db.session.get(JobRun, row.job_run_id) if row.job_run_id else None,
        restore=db.session.get(Restore, row.restore_id) if row.restore_id else None,
        steps=_steps(row, plan),
        failures=[schema for schema in row.schemas if schema["error"]],
    )


def _steps(row: Rehearsal, plan: FleetPlan) -> list[StepView]:
    """Bring the same step of all schemas together: what the worst of them took is what counts."""
    tried: dict[int, list[dict[str, Any]]] = {}
    for schema in row.schemas:
        for step in schema["steps"]:
            tried.setdefault(step["step"], []).append(step)
    return [_step(number, rows, plan.locks) for number, rows in sorted(tried.items())]


def _step(number: int, rows: list[dict[str, Any]], planned: Iterable[dict[str, Any]]) -> StepView:
    expected = [lock for lock in planned if lock.get("step") == number]
    estimates = [lock["estimate_ms"] for lock in expected if lock.get("estimate_ms") is not None]
    return StepView(
        number,
        rows[0]["revision"],
        sum(estimates) if estimates else None,
        max(row["milliseconds"] for row in rows),
        max(row["wal_bytes"] for row in rows),
        sorted({name for row in rows for name in row["rewritten"]}),
        _locks(rows, expected),
    )


def _locks(rows: list[dict[str, Any]], expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    longest: dict[tuple[str, str], float] = {}
    for lock in (lock for row in rows for lock in row["locks"]):
        key = (lock["relation"], lock["mode"])
        longest[key] = max(longest.get(key, 0.0), lock["held_ms"])
    known = {(_bare(lock.get("table") or ""), _mode(lock.get("lock") or "")) for lock in expected}
    return [
        {
            "relation": relation,
            "mode": mode,
            "held_ms": held,
            "blocks": blocks(mode),
            "was_expected": (_bare(relation), _mode(mode)) in known,
        }
        for (relation, mode), held in longest.items()
    ]


def blocks(mode: str) -> str:
    """Say what others cannot do on a relation while this lock is held; '' for nothing they would notice."""
    if mode == BLOCKS_READERS:
        return "reads and writes"
    return "writes" if mode in BLOCKS_WRITERS else ""


def _bare(name: str) -> str:
    return name.rsplit(".", 1)[-1].strip('"')


def _mode(name: str) -> str:
    return "".join(letter for letter in name.upper() if letter.isalpha()).removesuffix("LOCK")


def has_backup() -> bool:
    """Whether the catalogue has a backup that a rehearsal could restore."""
    query = select(Backup.backup_id).where(Backup.gone_at.is_(None), Backup.status.in_(RESTORABLE)).limit(1)
    return db.session.scalar(query) is not None
