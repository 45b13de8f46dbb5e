"""The probe of replication, and the check of settings."""

from dashboard.core.config import get_settings
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.replication import service, settings_review
from dashboard.replication.synchronous import steering

VIEW = "database.replication.view"


@job(
    "replication.probe",
    title="Read replication",
    queue="probes",
    permission=VIEW,
    lock="replication.probe",
    timeout=30,
    quiet=True,
)
def probe(_run: Run) -> dict[str, object]:
    """Read every server, and do what has to follow: degrade, restore, keep a loss (every 10 s)."""
    settings = get_settings()
    states = service.refresh(settings)
    decision = steering.follow(settings)
    return {"standbys": states, "step": decision.step.value, "reason": decision.reason}


@job(
    "replication.check_settings",
    title="Check the settings of all servers",
    queue="probes",
    permission=VIEW,
    lock="replication.check_settings",
    timeout=30,
    quiet=True,
)
def check_settings(_run: Run) -> dict[str, object]:
    """Compare every server's settings with what the strategy asks (every 30 s)."""
    return {"servers": settings_review.review(get_settings())}
