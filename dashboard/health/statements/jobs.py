"""RQ entry points of EXPLAIN."""

from dashboard.core.config import get_settings
from dashboard.health.statements import planning
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    planning.EXPLAIN,
    title="Explain a query",
    queue="probes",  # five seconds at most, and somebody waits for it
    permission="database.statements.run",
    timeout=20,
)
def explain(_run: Run, *, plan: int) -> dict[str, object]:
    """Ask how PostgreSQL would go about a query; nothing is run."""
    return planning.perform(get_settings(), plan, may_run=False)


@job(
    planning.ANALYZE,
    title="Run and explain a query",
    queue="probes",
    permission="database.actions.run",
    timeout=20,
)
def analyze(_run: Run, *, plan: int) -> dict[str, object]:
    """Run a SELECT for at most five seconds and roll back."""
    return planning.perform(get_settings(), plan, may_run=True)
