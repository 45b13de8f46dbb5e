"""Reviews what a plan would run: locks, time, dangers and the way back; as plain rows for the plan."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.linting.facts import Facts


@dataclass(frozen=True)
class Review:
    """The review of a plan, in the shape of FleetPlan's columns. Times in milliseconds for one schema.

    findings: step, statement, rule, level (danger, warning, note), message, advice
    locks: step, statement, lock, table, rows, bytes, estimate_ms (None: unknown), reason
    `step` is the step's number, `statement` the place within its statements, from 0.
    """

    findings: list[dict[str, Any]] = field(default_factory=list)
    locks: list[dict[str, Any]] = field(default_factory=list)
    estimate_ms: float | None = None
    is_reversible: bool = True
    irreversible_reason: str = ""


def review(steps: Sequence[Step], facts: Facts) -> Review:
    """Review the rendered steps of a tenant plan against the largest schemas of the fleet."""
    raise NotImplementedError
