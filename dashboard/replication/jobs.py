"""The probe of replication."""

from dashboard.core.config import get_settings
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.replication import service


@job(
    "replication.probe",
    title="Read replication",
    queue="probes",
    permission="database.replication.view",
    lock="replication.probe",
    timeout=30,
    quiet=True,
)
def probe(_run: Run) -> dict[str, object]:
    """Read the primary and every expected standby (every 10 s)."""
    states = service.refresh(get_settings())
    return {"standbys": states}
