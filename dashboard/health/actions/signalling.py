"""Carries out what was asked of one session, and logs it. Commits: it is the body of a job."""

from datetime import datetime

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.health.actions import queries, service, signals, starting
from dashboard.health.actions.models import Status

FORCEABLE = " It can be done nevertheless, with a stronger confirmation: interrupt."


def perform(settings: Settings, action_id: int) -> dict[str, object]:
    """Send the signal. What is refused is an outcome, told on the action's page."""
    action = queries.get_action(action_id)
    if action.status != Status.QUEUED:
        return {"outcome": f"It is {action.status} already."}
    starting.stamp_start(action)
    db.session.commit()  # a signal is not sent twice
    pid, started = action.target["pid"], datetime.fromisoformat(action.target["started"])
    try:
        outcome = signals.send(settings.database_direct_url, action.kind, pid, started, forced=action.forced)
        service.finish(action, Status.DONE, outcome)
    except signals.ProtectedSessionError as error:
        outcome = str(error) + FORCEABLE
        service.finish(action, Status.FAILED, outcome)
    except signals.SignalRefusedError as error:
        outcome = str(error)
        service.finish(action, Status.FAILED, outcome)
    db.session.commit()
    return {"outcome": outcome}
