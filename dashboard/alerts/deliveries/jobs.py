"""The job that sends what is in the outbox, and what sends it when no job can run."""

from datetime import UTC, datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy.orm.exc import StaleDataError

from dashboard.alerts.deliveries import queries, sending
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs.registry import job
from dashboard.jobs.run import Run

log = structlog.get_logger()
DELIVER = "alerts.deliver"
EVERY_SECONDS = 10
MISSED = timedelta(seconds=2 * EVERY_SECONDS)
BATCH = 100


@job(
    DELIVER,
    title="Send alerts by mail and webhook",
    queue="default",
    permission="database.alerts.run",
    lock=DELIVER,
    timeout=600,
    quiet=True,
)
def deliver(_run: Run | None) -> dict[str, object]:
    """Send what is due; each message is kept as sent, or as failed with its reason, before the next."""
    settings: Settings = current_app.extensions["steward_settings"]
    sent = failed = 0
    while sent + failed < BATCH and (delivery := sending.claim()) is not None:
        db.session.commit()
        failure = sending.send(delivery, settings)
        try:
            sending.note(delivery, failure)
            db.session.commit()
        except StaleDataError:  # its route was deleted meanwhile, and it with it
            db.session.rollback()
        sent, failed = sent + (failure is None), failed + (failure is not None)
    return {"sent": sent, "failed": failed}


def deliver_if_missed() -> bool:
    """Send in this process what no job has sent: without the broker or a worker none runs."""
    try:
        due_at = queries.oldest_due_at()
        if due_at is None or datetime.now(UTC) - due_at < MISSED:
            return False
        deliver(None)
    except Exception as error:  # noqa: BLE001  # the watch must outlive whatever it meets
        log.warning("alerts_not_sent", error=f"{type(error).__name__}: {error}")
        return False
    finally:
        db.session.remove()
    return True
