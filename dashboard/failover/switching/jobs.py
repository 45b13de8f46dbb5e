"""Jobs of the change of primary for real: by wish, in an emergency, and bringing a former primary back."""

from dashboard.core.config import get_settings
from dashboard.core.errors import ConflictError
from dashboard.failover.models import Rehearsal, Status
from dashboard.failover.switching import promotion, switchover
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

RUN = "database.failover.run"
# One change at a time, whatever its kind.
LOCK = "failover.change"
LONGEST_SECONDS = 12 * 3600


@job(
    "failover.switch_over",
    title="Switch over to another primary",
    queue="urgent",  # behind an hour's backup nobody would know when it begins
    permission=RUN,
    lock=LOCK,
    timeout=LONGEST_SECONDS,
)
def switch_over(run: Run, *, target: str, reason: str = "", backup: bool = True) -> dict[str, object]:
    """Make a standby the primary in order; a change that was cut off half-way is finished."""
    return _told(switchover.perform(run, get_settings(), target, reason=reason, backup=backup))


@job(
    "failover.promote",
    title="Promote a standby: the primary is gone",
    queue="urgent",
    permission=RUN,
    lock=LOCK,
    timeout=LONGEST_SECONDS,
)
def promote(
    run: Run, *, target: str, reason: str = "", despite_loss: bool = False, backup: bool = True
) -> dict[str, object]:
    """Fence the primary that does not answer and let a standby take writes.

    `despite_loss` takes this standby although another one has more.
    """
    made = promotion.perform(
        run, get_settings(), target, reason=reason, despite_loss=despite_loss, backup=backup
    )
    return _told(made)


@job(
    "failover.rejoin",
    title="Let a server follow the primary again",
    queue="database",
    permission=RUN,
    lock=LOCK,
    timeout=LONGEST_SECONDS,
)
def rejoin(run: Run, *, member: str, reason: str = "") -> dict[str, object]:
    """Rewind a former primary, or copy it anew, and let it follow."""
    return promotion.rejoin(run, get_settings(), member, reason=reason)


def _told(made: Rehearsal) -> dict[str, object]:
    if made.status != Status.DONE:
        raise ConflictError(made.error, fix="docs/runbooks/switchover.md says what to do from there.")
    return {"failover": made.id, "outage_ms": made.outage_ms, "lost_rows": made.lost_rows}
