"""Jobs of rehearsals: the rehearsal itself, and clearing away after those that died."""

from dashboard.core.config import get_settings
from dashboard.core.errors import ConflictError, UnavailableError
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.rehearsal import queries, running, service
from dashboard.schema_migrations.rehearsal.models import RehearsalOutcome

RUN = "database.migrations.run"


@job(
    queries.JOB,
    title="Rehearse a plan on a restored copy",
    queue="restores",
    permission=RUN,
    lock=queries.JOB,
    timeout=running.LONGEST_HOURS * 3600,
)
def rehearse(run: Run, *, plan_id: int, tenants: int = 3, canary: str = "") -> dict[str, object]:
    """Restore the latest backup to a scratch server and run the plan there on the largest tenants."""
    made = running.perform(run, get_settings(), service.get_plan(plan_id), tenants=tenants, canary=canary)
    if made.outcome == RehearsalOutcome.FAILED:
        raise ConflictError(
            f"The plan failed on a restored copy. {made.reason}", fix="The plan's page says where."
        )
    if made.outcome != RehearsalOutcome.PASSED:
        raise UnavailableError("the rehearsal", f"The rehearsal broke by itself. {made.reason}")
    run.progress(running.ALL, running.ALL, "Every step passed")
    slowest = max(schema["milliseconds"] for schema in made.schemas)
    return {"rehearsal": made.id, "tenants": len(made.schemas), "slowest_ms": slowest}


@job(
    "rehearsal.keep",
    title="Clear away after rehearsals that died",
    queue="restores",
    permission=RUN,
    lock="rehearsal.keep",
    timeout=600,
    quiet=True,
)
def keep(_run: Run) -> dict[str, object]:
    """Close rehearsals without a worker and remove their scratch servers (every 60 s)."""
    with control_transaction() as session:
        return {"closed": service.clear_dead(session)}
