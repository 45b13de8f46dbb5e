"""A switchover: another server becomes the primary by wish, in order, and nothing is lost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError
from dashboard.failover import service
from dashboard.failover.models import Kind, Rehearsal
from dashboard.failover.switching import alone, evidence, finishing
from dashboard.failover.switching.changing import Change, ChangeError
from dashboard.failover.switching.control import ControlError
from dashboard.failover.switching.finishing import Attempt
from dashboard.failover.switching.looking import View, look
from dashboard.failover.switching.objections import against
from dashboard.failover.switching.probing import probing
from dashboard.failover.write_probe import WriteProbe
from dashboard.jobs.run import Run

STEADY_SECONDS = 1.0
WRITES_AGAIN_SECONDS = 20.0


def perform(run: Run, settings: Settings, target: str, *, reason: str, backup: bool) -> Rehearsal:
    """Make `target` the primary and return the evidence, committed. One that was cut off is finished.

    Raises ConflictError while nothing was changed.
    """
    evidence.check_target(settings, target)
    control = finishing.control_of(settings)
    view = look(settings.members)
    source = find_source(view, target)
    run.check_cancelled()  # the last chance: from here on it is brought to its end
    row, journal = evidence.begin(run, Kind.SWITCHOVER, source, target, reason)
    attempt = Attempt(run, settings, row, Change(settings.members, control, journal, source, target))
    with evidence.told(settings, row, attempt.change):
        former = _check(attempt, view)
        with _writing(attempt) as probe:
            moment = time.monotonic()
            timeline = _take_over(attempt, view)
            service.save(row, timeline_after=timeline)
            alone.begin(settings, row)
            if probe is not None:
                _wait_for_writes(probe)
                attempt.measure(probe, moment)
        attempt.follow(former, backup=backup)
        attempt.end()
    return row


def find_source(view: View, target: str) -> str:
    """Return who is to hand over; '' when only the end of an earlier change is left, with nobody to rejoin.

    Raises ConflictError where no order is to be found.
    """
    writers = view.writers
    if len(writers) > 1:
        raise ConflictError(
            f"{' and '.join(writers)} both take writes: two primaries lose data.",
            fix=f"Stop all but {writers[0]}, which is on the newest timeline, and let them rejoin.",
        )
    earlier = evidence.find_unfinished(target)
    if writers and writers[0] != target:
        if not view.answers(target):
            raise ConflictError(f"{target} does not answer: {view.members[target].error}")
        return writers[0]
    if earlier is not None and earlier.from_server:
        return earlier.from_server
    if writers:
        raise ConflictError(f"{target} is the primary already.")
    raise ConflictError(
        "No server takes writes, so there is nobody to switch over from.",
        fix="Start the primary if you can; otherwise promote a standby (docs/runbooks/switchover.md).",
    )


def _check(attempt: Attempt, view: View) -> str:
    """Judge what speaks against it; return whom commits wait for now. Raises ChangeError."""
    change = attempt.change
    with change.steps.step("check", f"Looking whether {change.target} can take over") as step:
        if view.writers != [change.source]:
            step.text = f"Going on with a change that was cut off. {evidence.standing_of(view)}"
            earlier = evidence.find_unfinished(change.target, attempt.row.id)
            former = str(earlier.report.get("synchronous", "")) if earlier else ""
            service.note(attempt.row, synchronous=former)
            return former
        found = against(view, change.source, change.target)
        if blocking := [one.text for one in found if one.blocks]:
            raise ChangeError(f"{' '.join(blocking)} Nothing was changed.")
        server = view.server(change.source)
        service.save(attempt.row, timeline_before=server.timeline)
        service.note(attempt.row, synchronous=server.synchronous_names, told=[one.text for one in found])
        told = " ".join(one.text for one in found)
        step.text = f"{change.target} streams and has replayed nearly everything. {told}".strip()
        return server.synchronous_names


def _take_over(attempt: Attempt, view: View) -> int:
    """From the old primary's end to the new one's first timeline: while it lasts, nothing can be written."""
    change = attempt.change
    if view.writers == [change.target]:
        return view.server(change.target).timeline
    if view.writers:
        change.prepare(view)
    try:
        change.wait_for_wal(change.stop_source())
    except (ChangeError, ControlError) as error:
        raise ChangeError(f"{error} {change.take_back()}") from error
    return change.promote()


@contextmanager
def _writing(attempt: Attempt) -> Iterator[WriteProbe | None]:
    """Write meanwhile, unless nothing can be written even now: then a change that was cut off goes on."""
    if attempt.change.look().writers != [attempt.change.source]:
        yield None
        return
    with probing(attempt.settings.database_direct_url) as probe:
        _wait_for_writes(probe)
        yield probe


def _wait_for_writes(probe: WriteProbe) -> None:
    """Let it write steadily for a moment, if it can."""
    begun = time.monotonic()
    while time.monotonic() - begun < WRITES_AGAIN_SECONDS:
        first = probe.wrote_after(begun)
        if first is not None and time.monotonic() - first.at > STEADY_SECONDS:
            return
        time.sleep(0.05)
