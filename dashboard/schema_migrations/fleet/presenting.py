"""Brings what a plan keeps into the order people read it: by step and statement, and by danger."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from dashboard.schema_migrations.fleet.highlighting import highlight
from dashboard.schema_migrations.fleet.models import FleetPlan, TaskStatus
from dashboard.schema_migrations.fleet.planning import DOWN, losses
from dashboard.schema_migrations.fleet.queries import TaskRow
from dashboard.schema_migrations.fleet.steps import Step, from_rows

LEVELS = {
    "danger": ("Dangerous: people would feel it, or data is lost", "critical"),
    "warning": ("Look twice", "warning"),
    "note": ("Good to know", "info"),
}
REPORT = (
    *("schema", "tenant", "wave", "state", "from revision", "to revision", "milliseconds", "attempts"),
    *("waits for locks", "finished at", "message"),
)


@dataclass(frozen=True)
class StatementView:
    """One statement with the locks it takes and what was found about it."""

    sql: Markup
    locks: list[dict[str, Any]]
    findings: list[dict[str, Any]]


@dataclass(frozen=True)
class StepView:
    """What is run and committed together."""

    step: Step
    statements: list[StatementView]

    @property
    def how(self) -> str:
        """How it is run, in words."""
        if self.step.by_alembic:
            return "reads data, so Alembic runs it schema by schema"
        return "one transaction" if self.step.transactional else "outside a transaction"


def steps_of(plan: FleetPlan) -> list[StepView]:
    """Return a plan's steps with each statement's locks and findings."""
    return [
        StepView(
            step,
            [
                StatementView(
                    highlight(statement),
                    _at(plan.locks, step.number, place),
                    _at(plan.findings, step.number, place),
                )
                for place, statement in enumerate(step.statements)
            ],
        )
        for step in from_rows(plan.steps)
    ]


def _at(rows: list[dict[str, Any]], step: int, statement: int) -> list[dict[str, Any]]:
    return [row for row in rows if row.get("step") == step and row.get("statement") == statement]


def findings_by_level(plan: FleetPlan) -> list[tuple[str, str, list[Mapping[str, Any]]]]:
    """Return heading, tone and findings of each level that has any, the worst first."""
    grouped = {level: [row for row in plan.findings if row.get("level") == level] for level in LEVELS}
    return [(*LEVELS[level], list(rows)) for level, rows in grouped.items() if rows]


def losses_of(plan: FleetPlan) -> list[str]:
    """Return what a downgrade drops; upgrades are judged by their findings."""
    return losses(from_rows(plan.steps)) if plan.direction == DOWN else []


def report_line(task: TaskRow, to: str) -> tuple[object, ...]:
    """Return a schema's line of the report, in the order of REPORT."""
    reached = to if task.status == TaskStatus.DONE else task.from_revision
    finished = task.finished_at.isoformat(timespec="seconds") if task.finished_at else ""
    return (
        *(task.schema, task.name, task.wave, task.status, task.from_revision or "", reached or ""),
        *(round(task.duration_ms, 1), task.attempts, task.lock_waits, finished, task.error),
    )
