"""Brings every schema of the ledger to the head without a plan: new machines, and what was left behind."""

from collections.abc import Callable
from dataclasses import dataclass

from alembic.script import ScriptDirectory
from psycopg2.extensions import cursor

from dashboard.schema_migrations.fleet import ledger, tasks
from dashboard.schema_migrations.fleet.rendering import first_step, render
from dashboard.schema_migrations.fleet.running import Options, Outcome, Progress, run_fleet
from dashboard.schema_migrations.fleet.steps import Step
from dashboard.schema_migrations.fleet.tasks import FleetError

Say = Callable[[str], None]
# Session level, for as long as it takes: a second one is refused, not kept waiting.
LOCK_KEY = 7_310_003
STANDING = """
SELECT h.schema_name, h.revision
FROM public.schema_head AS h JOIN pg_namespace AS n ON n.nspname = h.schema_name
"""
NEXT_RUN = "SELECT least(coalesce(min(run_id), 0), 0) - 1 FROM public.fleet_task"


@dataclass(frozen=True)
class Speaking:
    """Hooks that hand lines on and never stop."""

    log: Say

    def stop_reason(self) -> str:
        """Go on."""
        return ""

    def progress(self, progress: Progress) -> None:
        """Keep it."""


@dataclass(frozen=True)
class Upgraded:
    """How many schemas were moved, of how many."""

    moved: int
    total: int


def bring_up(
    url: str, *, actor: str, say: Say, scripts: ScriptDirectory, options: Options | None = None
) -> Upgraded:
    """Move every schema that is behind the head of `scripts` through the runner, canary first.

    With nothing to do it costs a few short queries. Raises FleetError when a schema fails, when one stands at
    a revision this code does not know, or when somebody else is at it.
    """
    with tasks.queue(url) as at:
        at.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))
        if not (at.fetchone() or (False,))[0]:
            raise FleetError("Another upgrade is running.", fix="Wait until it has finished, then try again.")
        for found in ledger.reconcile(at):
            say(f"{found.schema}: the ledger said {found.ledger}, the schema itself says {found.actual}")
        at.execute(STANDING)
        standing = {str(schema): revision for schema, revision in at.fetchall()}
        head = scripts.get_current_head()
        behind = {schema: revision for schema, revision in standing.items() if revision != head}
        if behind:
            _run(at, url, behind, scripts, options or Options(actor=actor, scripts=scripts), say)
    return Upgraded(len(behind), len(standing))


def _run(
    at: cursor,
    url: str,
    behind: dict[str, str | None],
    scripts: ScriptDirectory,
    options: Options,
    say: Say,
) -> None:
    """Run under a number below zero, which no planned run has, and leave no tasks behind."""
    start, steps = _farthest(behind, scripts)
    at.execute(NEXT_RUN)
    run_id = int((at.fetchone() or (-1,))[0])
    try:
        tasks.create(at, run_id, steps, start=start, schemas=list(behind))
        result = run_fleet(url, run_id, steps, options, Speaking(say))
    finally:
        at.execute("DELETE FROM public.fleet_task WHERE run_id = %s", (run_id,))
    if result.outcome is not Outcome.DONE or result.counts["skipped"]:
        raise FleetError(
            f"The fleet is not at its head: {result.reason or 'a schema vanished'}.",
            fix="Mend it and run it again: it goes on where it stopped.",
        )


def _farthest(behind: dict[str, str | None], scripts: ScriptDirectory) -> tuple[str | None, list[Step]]:
    """Return the oldest revision anybody stands at with the steps from there. Raises FleetError."""
    whole = render(scripts, None, "head")
    places = {schema: first_step(whole, None, revision) for schema, revision in behind.items()}
    unknown = [f"{schema} at {behind[schema]}" for schema, place in places.items() if place is None]
    if unknown:
        raise FleetError(
            f"This code does not know where they stand: {', '.join(sorted(unknown)[:5])}.",
            fix="Use the release that migrated them, or restore.",
        )
    oldest = min(behind, key=lambda schema: places[schema] or 0)
    return behind[oldest], render(scripts, behind[oldest], "head")
