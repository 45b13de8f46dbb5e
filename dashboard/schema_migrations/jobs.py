"""The job that reads at which revision everything stands."""

from dashboard.core.config import get_settings
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.schema_migrations.reading import refresh_heads


@job(
    "schema_migrations.read_heads",
    title="Read migration heads",
    queue="default",
    permission="database.migrations.view",
    lock="schema_migrations.read_heads",
    timeout=60,
    quiet=True,
)
def read_heads(_run: Run) -> dict[str, object]:
    """Read the heads of control database, shared tables and every tenant (every 60 s)."""
    return refresh_heads(get_settings())
