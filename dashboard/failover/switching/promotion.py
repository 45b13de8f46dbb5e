"""A promotion: the primary is gone, a standby takes its place, and what is lost by that is told."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2

from dashboard.audit.service import record_operation
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError
from dashboard.core.filters import bytes_, duration
from dashboard.failover import service
from dashboard.failover.models import Kind, Rehearsal
from dashboard.failover.switching import alone, evidence, finishing
from dashboard.failover.switching.changing import Change, ChangeError
from dashboard.failover.switching.finishing import Attempt
from dashboard.failover.switching.looking import View, look
from dashboard.failover.switching.probing import first_write
from dashboard.health.queries import get_reading
from dashboard.jobs.run import Run
from dashboard.replication.service import READING

WRITES_AGAIN_SECONDS = 20.0
SETTLED_SECONDS = 1.0


@dataclass(frozen=True)
class LastSeen:
    """The primary as it last answered; `position` is where its WAL ended, in bytes."""

    name: str = ""
    position: int | None = None
    at: datetime | None = None
    synchronous_names: str = ""
    timeline: int | None = None


def perform(
    run: Run, settings: Settings, target: str, *, reason: str, despite_loss: bool, backup: bool
) -> Rehearsal:
    """Fence the primary, promote `target`, lead everything to it; return the evidence, committed.

    Raises ConflictError while nothing was changed.
    """
    evidence.check_target(settings, target)
    control = finishing.control_of(settings)
    view, last = look(settings.members), last_seen(settings)
    source = find_gone(view, target, last)
    refuse_shorter(view, source, target, despite_loss=despite_loss)
    run.check_cancelled()
    row, journal = evidence.begin(run, Kind.PROMOTION, source, target, reason)
    service.save(row, timeline_before=last.timeline)
    attempt = Attempt(run, settings, row, Change(settings.members, control, journal, source, target))
    with evidence.told(settings, row, attempt.change):
        if view.writers != [target]:
            _take_over(attempt, last, despite_loss=despite_loss)
        timeline = attempt.change.look().server(target).timeline
        service.save(row, timeline_after=timeline)
        alone.begin(settings, row)
        _note_outage(attempt, last)
        attempt.follow(last.synchronous_names, backup=backup)
        attempt.end()
    return row


def find_gone(view: View, target: str, last: LastSeen) -> str:
    """Return the primary that does not answer. Raises ConflictError while one takes writes."""
    writers = [name for name in view.writers if name != target]
    if writers:
        raise ConflictError(
            f"{writers[0]} answers and takes writes: nothing has to be promoted.",
            fix="To change the primary, switch over: that loses nothing.",
        )
    if not view.answers(target):
        raise ConflictError(f"{target} does not answer: {view.members[target].error}")
    if last.name and last.name != target:
        return last.name
    silent = [name for name in view.members if name != target and not view.answers(name)]
    return silent[0] if len(silent) == 1 else ""


def refuse_shorter(view: View, source: str, target: str, *, despite_loss: bool) -> None:
    """Raise ConflictError when another standby has more than the chosen one."""
    if despite_loss or not view.answers(target):
        return
    own = view.server(target).position
    others = {
        name: view.server(name).position
        for name in view.members
        if name not in (source, target) and view.answers(name)
    }
    best = max(others, key=lambda name: others[name], default="")
    if best and others[best] > own:
        raise ConflictError(
            f"{best} has received {bytes_(others[best] - own)} of WAL that {target} has not.",
            fix=f"Promote {best}, or say that {target} shall be taken despite the loss.",
        )


def last_seen(settings: Settings) -> LastSeen:
    """Return what the last readings say of the primary."""
    reading = get_reading(READING)
    values: Mapping[str, Any] = reading.values if reading and reading.taken_at else {}
    row: Mapping[str, Any] = values.get("last_primary") or values.get("primary") or {}
    first = settings.primary.name if settings.primary else ""
    name = values.get("primary_name") or (values.get("last_synchronous") or {}).get("primary") or first
    return LastSeen(
        str(name),
        int(row["position"]) if row.get("position") is not None else None,
        row.get("clock_at"),
        str(row.get("synchronous_names") or ""),
        row.get("timeline"),
    )


def _take_over(attempt: Attempt, last: LastSeen, *, despite_loss: bool) -> None:
    change = attempt.change
    if change.source:
        with change.steps.step("fence", f"Making sure that {change.source} is down and stays down") as step:
            change.control.fence(change.source)
            step.text = f"{change.source} is down and held"
    with change.steps.step("loss", f"Reading what {change.target} has") as step:
        time.sleep(SETTLED_SECONDS)  # what is still under way arrives
        view = change.look()
        try:
            refuse_shorter(view, change.source, change.target, despite_loss=despite_loss)
        except ConflictError as error:
            raise ChangeError(f"{error.message} {error.fix} {change.source} is held down.") from error
        step.text = _tell_loss(attempt, last, view.server(change.target).position)
    change.promote()


def _tell_loss(attempt: Attempt, last: LastSeen, position: int) -> str:
    """Say what may be lost: what the primary was last seen to have, and the standby has not."""
    if last.position is None or last.at is None:
        return "What is lost is not known: the primary was never read."
    missing = max(0, last.position - position)
    service.save(attempt.row, lost_bytes=missing)
    ago = duration((datetime.now(UTC) - last.at).total_seconds())
    service.note(attempt.row, last_seen={"position": last.position, "at": last.at.isoformat()})
    if missing:
        return f"{bytes_(missing)} of WAL that the primary had {ago} ago are missing"
    return f"Everything the primary had {ago} ago is there; what it wrote after that may be missing"


def _note_outage(attempt: Attempt, last: LastSeen) -> None:
    """From the last time the primary was seen to the first write that goes through."""
    with attempt.change.steps.step("outage", "Writing through the address of the application") as step:
        written = None
        with suppress(psycopg2.Error):
            written = first_write(attempt.settings.database_direct_url, WRITES_AGAIN_SECONDS)
        if written is None:
            step.state, step.text = "failed", "No write went through."
            attempt.note_failed("The address of the database does not lead to the new primary.")
            return
        step.text = "Writes go through again"
        if last.at is not None:
            seconds = max(0.0, (written - last.at).total_seconds())
            service.save(attempt.row, outage_ms=round(1000 * seconds, 1))
            step.text += f", {duration(seconds)} after the primary was last seen"


def rejoin(run: Run, settings: Settings, member: str, *, reason: str) -> dict[str, object]:
    """Let one server follow the primary again. Raises ConflictError."""
    evidence.check_target(settings, member)
    writers = look(settings.members).writers
    if not writers or writers[0] == member:
        raise ConflictError(f"There is no primary that {member} could follow.")
    change = Change(
        settings.members, finishing.control_of(settings), evidence.Telling(run), member, writers[0]
    )
    done = change.rejoin(member)
    record_operation("failover.rejoin", member, actor=run.actor, primary=writers[0], reason=reason)
    evidence.refresh(settings)
    if done is None:
        raise ConflictError(f"{member} does not follow {writers[0]}; the log of this run says why.")
    return {"how": done.how, "discarded_bytes": done.discarded_bytes}
