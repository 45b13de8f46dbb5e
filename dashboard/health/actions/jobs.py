"""RQ entry points of safe actions."""

from dashboard.core.config import get_settings
from dashboard.health.actions import performing, signalling, starting
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

PERMISSION = "database.actions.run"


@job(
    starting.SIGNAL,
    title="Cancel a query or end a session",
    queue="probes",  # at once, whatever the other workers are busy with; it takes seconds at most
    permission=PERMISSION,
    timeout=30,
)
def signal(_run: Run, *, action: int) -> dict[str, object]:
    """Do it to the one session that was meant."""
    return signalling.perform(get_settings(), action)


@job(
    starting.PERFORM,
    title="Maintain tables or indexes",
    queue="restores",  # it may take hours, and backups must not wait for it
    permission=PERMISSION,
    lock="actions.perform",
    timeout=12 * 3600,
    resumable=True,
)
def perform(run: Run, *, action: int) -> dict[str, object]:
    """Work on one schema after another, until all are done or the time is over."""
    return performing.perform(get_settings(), run, action)


@job(
    "actions.look_after",
    title="Open maintenance windows",
    queue="probes",
    permission=PERMISSION,
    lock="actions.look_after",
    timeout=30,
    quiet=True,
)
def look_after(_run: Run) -> dict[str, object]:
    """Start what waits for a window that is open, settle what broke."""
    return dict(starting.look_after_all(get_settings()))
