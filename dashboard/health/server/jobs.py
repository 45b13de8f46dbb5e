"""The job that installs an extension."""

from dashboard.audit.service import record_operation
from dashboard.core.config import get_settings
from dashboard.health import refreshing
from dashboard.health.server.extensions import enable_extension
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run


@job(
    "server.enable_extension",
    title="Install an extension",
    queue="database",
    permission="database.server.run",
    lock="server.enable_extension",
    timeout=120,
)
def enable(run: Run, *, name: str) -> dict[str, object]:
    """Install an extension of the strategy as the database's owner, and read the inventory anew."""
    settings = get_settings()
    run.log(f"CREATE EXTENSION {name}")
    enable_extension(settings.database_direct_url, name)
    record_operation("extension.enable", name, actor=run.actor)
    return {"failed": refreshing.refresh_inventory(settings)}
