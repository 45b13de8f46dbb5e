"""Timed work of promises: judging them, looking at what no other probe reads, following chains, reporting."""

from datetime import UTC, datetime

from dashboard.compliance import history, looking, reports
from dashboard.compliance.facts import Facts
from dashboard.compliance.judging import count, judge_all
from dashboard.core.config import get_settings
from dashboard.core.errors import ConflictError
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

VIEW, RUN = "database.promises.view", "database.promises.run"


@job(
    "compliance.judge",
    title="Judge all promises",
    queue="default",
    permission=VIEW,
    lock="compliance.judge",
    timeout=120,
    quiet=True,
)
def judge(_run: Run) -> dict[str, object]:
    """Judge every promise and keep what changed (every 60 s)."""
    now = datetime.now(UTC)
    lines = judge_all(Facts(get_settings(), now))
    found: dict[str, object] = {state.value: number for state, number in count(lines).items()}
    return found | dict(history.record(lines, now))


@job(
    "compliance.look",
    title="Look at logins and the guards of history",
    queue="probes",
    permission=VIEW,
    lock="compliance.look",
    timeout=120,
    quiet=True,
)
def look(_run: Run) -> dict[str, object]:
    """Read from the primary what no other probe stores (every 5 min)."""
    error = looking.look(get_settings())
    return {"error": error} if error else {}


@job(
    "compliance.follow",
    title="Follow the chains of evidence",
    queue="default",
    permission=VIEW,
    lock="compliance.follow",
    timeout=600,
    quiet=True,
)
def follow(run: Run) -> dict[str, object]:
    """Follow both chains of hashes from their first link to the last (every 15 min)."""
    broken = looking.follow()
    for line in broken:
        run.log(line)
    return {"broken": broken}


@job(
    "compliance.report",
    title="Make the monthly report of promises",
    queue="default",
    permission=RUN,
    lock="compliance.report",
    timeout=600,
)
def report(run: Run) -> dict[str, object]:
    """Judge all promises, set the report and seal it behind the one before."""
    state = reports.examine_chain()
    if state.broken:
        raise ConflictError(
            f"Report {state.broken.number}: {state.broken.reason}",
            fix="The page of reports says what to do about a broken chain.",
        )
    row = reports.make(get_settings(), actor=run.actor)
    return {"number": row.number, "sha256": row.sha256}
