"""Jobs of failover: rehearse, and clear away after what died."""

from dashboard.core.config import get_settings
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.failover import queries
from dashboard.failover.models import Status
from dashboard.failover.rehearsal import keeping, running
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

RUN = "database.failover.run"
LONGEST_SECONDS = 12 * 3600


@job(
    queries.REHEARSE,
    title="Rehearse a failover",
    queue="restores",
    permission=RUN,
    lock=queries.REHEARSE,
    timeout=LONGEST_SECONDS,
)
def rehearse(run: Run, *, reason: str = "") -> dict[str, object]:
    """Try a failover on throw-away copies of the live cluster and keep what it showed."""
    made = running.perform(run, get_settings(), reason)
    if made.status == Status.FAILED:
        raise ConflictError(f"The failover failed. {made.error}", fix="Its page says what to do.")
    if made.status != Status.DONE:
        raise UnavailableError("the rehearsal", f"Rehearsal broken. {made.error}")
    return {"failover": made.id, "outage_ms": made.outage_ms, "lost_rows": made.lost_rows}


@job(
    "failover.keep",
    title="Clear away after rehearsals that died",
    queue="restores",
    permission=RUN,
    lock="failover.keep",
    timeout=600,
    quiet=True,
)
def keep(_run: Run) -> dict[str, object]:
    """Close failovers without a worker and remove the servers of rehearsals (every 60 s)."""
    return dict(vars(keeping.sweep(get_settings())))
