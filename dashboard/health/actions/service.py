"""Writes down what people ask for and how it goes on. Flushes; views and jobs commit."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.health.actions import queries, targets
from dashboard.health.actions.kinds import KINDS, get_kind
from dashboard.health.actions.models import MaintenanceAction, Status

# What a person may make of an action: the state it has to be in, and the one it gets.
MOVES: Mapping[str, tuple[tuple[Status, ...], Status]] = {
    "pause": ((Status.QUEUED, Status.RUNNING), Status.PAUSED),
    "resume": ((Status.PAUSED,), Status.QUEUED),
    "start": ((Status.DEFERRED,), Status.QUEUED),
    "cancel": ((Status.DEFERRED, Status.QUEUED, Status.RUNNING, Status.PAUSED), Status.CANCELLED),
}
DID = {"pause": "paused", "resume": "resumed", "start": "started before its window", "cancel": "cancelled"}


def ask(
    kind: str,
    target: Mapping[str, Any],
    *,
    reason: str,
    actor: str,
    everywhere: bool = False,
    window_id: int | None = None,
    forced: bool = False,
    undo_of: int | None = None,
) -> MaintenanceAction:
    """Write an action down, to be done at once or in a window. Raises ConflictError, InvalidInputError."""
    chosen = get_kind(kind)
    if not reason.strip():
        raise InvalidInputError("Say why: it is kept in the log.", fields={"reason": "Say why."})
    if everywhere and not targets.is_of_a_tenant(target):
        raise InvalidInputError("Only what is in a tenant's schema can be done in every tenant.")
    if chosen.is_signal and window_id is not None:
        raise InvalidInputError("A session cannot wait for a window.")
    same = queries.find_same(kind, target, everywhere=everywhere)
    if same is not None:
        raise ConflictError(
            f"The same was asked for by {same.actor} and is not over.", fix="Look at Database → Actions."
        )
    action = MaintenanceAction(
        kind=kind,
        target=dict(target),
        everywhere=everywhere,
        forced=forced,
        reason=reason.strip(),
        actor=actor,
        status=Status.QUEUED if window_id is None else Status.DEFERRED,
        window_id=window_id,
        undo_of=undo_of,
    )
    db.session.add(action)
    db.session.flush()
    note(action, "asked")
    return action


def move(action: MaintenanceAction, what: str, *, actor: str) -> None:
    """Pause, resume, start or cancel an action. Raises ConflictError when its state does not allow it."""
    before, after = MOVES[what]
    db.session.refresh(action, with_for_update=True)
    if action.status not in before:
        raise ConflictError(f"This action is {action.status}: it cannot be {DID[what]} now.")
    is_running = action.status == Status.RUNNING
    action.status = after
    if what == "cancel":
        action.outcome = f"Cancelled by {actor}."
        if not is_running:
            action.finished_at = func.clock_timestamp()
    db.session.flush()
    note(action, DID[what], actor=actor)


def finish(action: MaintenanceAction, status: Status, outcome: str) -> None:
    """Close an action, and log how it ended."""
    action.status, action.outcome = status, outcome.replace("\x00", "")
    action.finished_at = func.clock_timestamp()
    db.session.flush()
    note(action, str(status), outcome=action.outcome)


def note(action: MaintenanceAction, step: str, *, actor: str = "", **more: Any) -> None:
    """Log a step of an action with who asked and why."""
    record_operation(
        f"{KINDS[action.kind].about}.{action.kind}",
        targets.name(action.target, everywhere=action.everywhere),
        actor=actor or action.actor,
        step=step,
        number=action.id,
        reason=action.reason,
        forced=action.forced,
        **more,
    )
