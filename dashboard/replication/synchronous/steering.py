"""Switches the synchronous copy on, off, away and back, and keeps what that cost. The job commits."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.health.models import thaw
from dashboard.health.queries import get_reading
from dashboard.health.service import plain, store_reading
from dashboard.jobs.locks import try_lock
from dashboard.replication.models import Cause, DurabilityLoss, Restore, position_of
from dashboard.replication.queries import find_open_loss
from dashboard.replication.service import EVERY_SECONDS, READING, observe
from dashboard.replication.synchronous import configuring, deciding
from dashboard.replication.synchronous.configuring import Applied, ConfiguringError, NotAllowedError
from dashboard.replication.synchronous.deciding import Decision, Step
from dashboard.replication.synchronous.durability import close_loss, open_loss
from dashboard.replication.synchronous.wanted import names_in, parameter

LOCK = "replication.synchronous"
STEERING = "replication.steering"
STEWARD = "system"
CONFIRMED_SECONDS, POLL_SECONDS = 8.0, 0.2
Values = Mapping[str, Any]


def apply_wanted(settings: Settings, *, actor: str) -> dict[str, object]:
    """Make the primary do what the settings say. Raises ConflictError where that would freeze commits."""
    values = _look(settings)
    names = values["wanted"]["names"]
    if names:
        return _switch_on(settings, values, actor)
    applied = _apply(settings, values, "", action="replication.asynchronous", actor=actor)
    loss = find_open_loss()
    if loss is not None:
        _close(loss, applied, actor, "It was switched off.")
    return _told(applied)


def degrade(
    settings: Settings,
    *,
    actor: str,
    reason: str,
    cause: Cause = Cause.OPERATOR,
    restore: Restore = Restore.AUTOMATIC,
) -> dict[str, object]:
    """Let commits go on without the synchronous copy, and keep since when and why."""
    values = _look(settings)
    waited_for = list(names_in(values["primary"]["synchronous_names"]))
    if not waited_for:
        raise ConflictError("Commits wait for no standby: there is nothing to give up.")
    applied = _apply(settings, values, "", action="replication.degrade", actor=actor, reason=reason)
    lost = {"since": applied.at, "since_lsn": applied.lsn, "actor": actor, "reason": reason}
    loss = open_loss(waited_for, values, cause=cause, restore=restore, **lost)
    return _told(applied) | {"loss": loss.id, "commits": loss.commits}


def restore(settings: Settings, *, actor: str) -> dict[str, object]:
    """Let commits wait for the copy again. Raises ConflictError while no wanted standby has caught up."""
    values = _look(settings)
    if not values["wanted"]["names"]:
        raise ConflictError("A synchronous copy is not wanted: the setting is off.")
    return _switch_on(settings, values, actor)


def follow(settings: Settings, now: datetime | None = None) -> Decision:
    """Do what has to follow from the last reading, and keep whether it could be done."""
    reading = get_reading(READING)
    is_fresh = reading is not None and reading.taken_at is not None and not reading.is_stale
    values = {**reading.values, "taken_at": reading.taken_at} if reading and is_fresh else {}
    decision = deciding.decide(values, find_open_loss(), now or datetime.now(UTC))
    trouble: dict[str, Any] = {}
    if decision.step is not Step.NOTHING:
        trouble = _do(settings, values, decision)
    store_reading(
        STEERING, {"step": decision.step, "reason": decision.reason, **trouble}, every=EVERY_SECONDS
    )
    return decision


def _do(settings: Settings, values: Values, decision: Decision) -> dict[str, Any]:
    """Do one step; what a person does at the same moment has precedence."""
    with try_lock(LOCK) as lock:
        if lock is None:
            return {}
        try:
            _steps(settings, values, decision)
        except (ConfiguringError, DashboardError) as error:
            return {"trouble": str(error), "sql": getattr(error, "sql", "")}
    return {}


def _steps(settings: Settings, values: Values, decision: Decision) -> None:
    loss = find_open_loss()
    if decision.step is Step.DEGRADE:
        how = Restore.AUTOMATIC if values["wanted"]["restores"] else Restore.BY_HAND
        degrade(settings, actor=STEWARD, reason=decision.reason, cause=Cause.AUTOMATIC, restore=how)
    elif decision.step is Step.NOTE:
        _note(values, decision.reason)
    elif decision.step is Step.RESTORE:
        restore(settings, actor=STEWARD)
    elif loss is not None:
        close_loss(loss, lsn=values["primary"]["lsn"], by=STEWARD, how=decision.reason)


def _note(values: Values, reason: str) -> None:
    """Keep a loss that nobody told Steward of. What was done by hand is not undone by itself."""
    last = values.get("last_synchronous") or {}
    has_moved = bool(last) and last["primary"] != values["primary_name"]
    how = Restore.AUTOMATIC if has_moved and values["wanted"]["restores"] else Restore.BY_HAND
    since = values["unsafe_since_at"]
    open_loss(values["wanted"]["names"], values, cause=Cause.FOUND, restore=how, since=since, reason=reason)
    record_operation("replication.durability_lost", values["primary_name"], actor=STEWARD, reason=reason)


def _switch_on(settings: Settings, values: Values, actor: str) -> dict[str, object]:
    names = values["wanted"]["names"]
    near = deciding.caught_up(values)
    if not near:
        raise ConflictError(
            f"None of {', '.join(names)} streams and has caught up: every commit would freeze at once.",
            fix="Bring the standby back first; its line on the page says what is wrong with it.",
        )
    applied = _apply(settings, values, parameter(names), action="replication.synchronous", actor=actor)
    confirming = _wait_confirmed(settings, applied.lsn)
    loss = find_open_loss()
    if loss is not None and confirming:
        _close(loss, applied, actor, f"{', '.join(confirming)} confirms commits again.")
    return _told(applied) | {"confirming": confirming}


def _wait_confirmed(settings: Settings, lsn: str) -> list[str]:
    """Return who confirms commits and has all that was written before; none when that takes too long.

    A loss that stays open for that is closed by a later look.
    """
    deadline = time.monotonic() + CONFIRMED_SECONDS
    while True:
        values = _look(settings)
        names = deciding.confirming(values, position_of(lsn))
        if names or time.monotonic() > deadline:
            return names
        time.sleep(POLL_SECONDS)


def _close(loss: DurabilityLoss, applied: Applied, actor: str, how: str) -> None:
    close_loss(loss, lsn=applied.lsn, by=actor, how=how, at=applied.at)


def _look(settings: Settings) -> Values:
    """Ask the servers now: a reading may be ten seconds old."""
    reading = get_reading(READING)
    values: Values = thaw(plain(observe(settings, reading.values if reading else {})))
    if not values["primary"]:
        raise ConflictError(f"The primary does not answer: {values['primary_error']}")
    return values


def _apply(
    settings: Settings, values: Values, value: str, *, action: str, actor: str, reason: str = ""
) -> Applied:
    """Change the primary, and log it before: what was tried must not be lost with this process."""
    name = values["primary_name"]
    before = values["primary"]["synchronous_names"]
    record_operation(action, name, actor=actor, before=before, after=value, reason=reason)
    server = next((member.url for member in settings.members if member.name == name), "")
    return configuring.set_synchronous(configuring.address(settings.database_direct_url, server), value)


def _told(applied: Applied) -> dict[str, object]:
    return {"before": applied.before, "after": applied.after, "lsn": applied.lsn}


def explain(error: ConfiguringError, login: str) -> DashboardError:
    """Return the error for people: what to run, and how Steward may do it itself next time."""
    fix = f"As a superuser on the primary:\n{error.sql}"
    if isinstance(error, NotAllowedError):
        fix += f"\nTo let Steward do it (PostgreSQL 15 and newer), once:\n{configuring.grants(login)}"
    return DashboardError(str(error), fix=fix)
