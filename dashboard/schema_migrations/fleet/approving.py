"""Approves a plan by its hash and starts a run of it. Flushes; the caller commits and asks for the job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.audit.service import record_operation
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.schema_migrations.fleet import planning
from dashboard.schema_migrations.fleet.models import OPEN, FleetPlan, FleetRun, PlanStatus
from dashboard.tenancy import queries as tenancy

TYPED = 8  # characters of the hash: nobody types them by habit
REASON = 10
STALE = "The files have changed since this plan was made: what would run is not what was shown."
STALE_FIX = "Make a new plan and look at that one."


@dataclass(frozen=True)
class Options:
    """How a run goes about the fleet. Shares are of all schemas, reached with the end of each wave."""

    canary: str = ""
    shares: tuple[float, ...] = (0.05, 0.25, 1.0)
    workers: int = 3
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """Return what a run keeps."""
        return {**self.more, "canary": self.canary, "shares": list(self.shares), "workers": self.workers}


def has_danger(plan: FleetPlan) -> bool:
    """Whether a finding says that people would feel it, so that an approval must say why."""
    return any(finding.get("level") == "danger" for finding in plan.findings)


def approve(session: Session, plan: FleetPlan, *, sql_hash: str, actor: str, note: str = "") -> None:
    """Let a plan be run. `sql_hash` is what was typed: the hash, or its first eight characters and more.

    Raises InvalidInputError for a hash that is not this plan's or a missing note, ConflictError for a plan
    that is not a draft or is stale.
    """
    typed, note = sql_hash.strip().lower(), note.strip()
    if plan.status != PlanStatus.DRAFT:
        raise ConflictError(f"Plan {plan.id} is {plan.status}: only a draft can be approved.")
    if len(typed) < TYPED or not plan.sql_hash.startswith(typed):
        message = f"That is not the hash of plan {plan.id}. Type its first {TYPED} characters."
        raise InvalidInputError(message, fields={"sql_hash": message})
    if has_danger(plan) and len(note) < REASON:
        message = f"The plan has dangerous findings: say in at least {REASON} characters why it may run."
        raise InvalidInputError(message, fields={"note": message})
    if planning.mark_stale(session, plan):
        raise ConflictError(STALE, fix=STALE_FIX)
    plan.status, plan.approved_by, plan.approval_note = PlanStatus.APPROVED, actor, note
    plan.approved_at = datetime.now(UTC)
    session.flush()
    record_operation("fleet.approve", f"plan {plan.id}", actor=actor, sql_hash=plan.sql_hash, note=note)


def start(
    session: Session, plan: FleetPlan, *, options: Options, actor: str, backup_skipped: str = ""
) -> FleetRun:
    """Open a run of an approved plan. Without `backup_skipped` it begins with a verified backup.

    Raises ConflictError while another run is open or the plan is not approved or stale, InvalidInputError
    for options that make no sense.
    """
    reason = backup_skipped.strip()
    _check_options(options, reason, is_skipped=bool(backup_skipped))
    if plan.status == PlanStatus.STALE or planning.mark_stale(session, plan):
        raise ConflictError(STALE, fix=STALE_FIX)
    if plan.status != PlanStatus.APPROVED:
        raise ConflictError(f"Plan {plan.id} is {plan.status}: only an approved plan can be run.")
    if found := session.scalar(select(FleetRun).where(FleetRun.status.in_(OPEN))):
        raise ConflictError(
            f"Run {found.id} is {found.status}.", fix="Finish or cancel it first: two would block each other."
        )
    run = FleetRun(plan_id=plan.id, options=options.as_row(), backup_skipped=reason, actor=actor)
    session.add(run)
    try:
        session.flush()
    except IntegrityError as error:  # another one was quicker by a moment
        raise ConflictError("Another run has just been started.") from error
    record_operation(
        "fleet.start", f"run {run.id}", actor=actor, plan=plan.id, backup_skipped=reason, **options.as_row()
    )
    return run


def _check_options(options: Options, reason: str, *, is_skipped: bool) -> None:
    wrong: dict[str, str] = {}
    if is_skipped and len(reason) < REASON:
        wrong["reason"] = f"Say in at least {REASON} characters why there is no backup; it stays on record."
    if options.canary and options.canary not in {tenant.slug for tenant in tenancy.list_tenants()}:
        wrong["canary"] = "There is no such tenant."
    shares = options.shares
    if not shares or any(not 0 < share <= 1 for share in shares) or list(shares) != sorted(set(shares)):
        wrong["waves"] = "Rising shares from 1 to 100 per cent."
    elif shares[-1] != 1:
        wrong["waves"] = "The last wave must reach 100 per cent: the whole fleet."
    if wrong:
        raise InvalidInputError(" ".join(wrong.values()), fields=wrong)
