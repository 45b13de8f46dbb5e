"""The job that judges the rules, and what judges them when no job can run."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from dashboard.alerts import queries, service
from dashboard.core.db import db
from dashboard.jobs.locks import try_lock
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

log = structlog.get_logger()
EVALUATE = "alerts.evaluate"
MISSED = timedelta(seconds=2 * service.EVERY_SECONDS)


@job(
    EVALUATE,
    title="Judge the alert rules",
    queue="probes",
    permission="database.alerts.run",
    lock=EVALUATE,
    timeout=30,
    quiet=True,
)
def evaluate(_run: Run) -> dict[str, object]:
    """Judge every rule by what is stored (every 10 s)."""
    return {**service.evaluate()}


def evaluate_if_missed(renew: Callable[[], object]) -> bool:
    """Judge in this process when the job has not: without the broker or a worker no job runs.

    `renew` reads anew, before that, what can be read without them. Returns whether it judged.
    """
    try:
        at = queries.evaluated_at()
        if at is not None and datetime.now(UTC) - at < MISSED:
            return False
        with try_lock(EVALUATE) as lock:
            if lock is None:
                return False
            renew()
            service.evaluate()
            db.session.commit()
    except Exception as error:  # noqa: BLE001  # the watch must outlive whatever it meets
        log.warning("alerts_not_judged", error=f"{type(error).__name__}: {error}")
        return False
    finally:
        db.session.remove()
    return True
