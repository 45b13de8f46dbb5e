"""Says on `/metrics` what fires."""

from collections.abc import Iterable

from dashboard.alerts import queries
from dashboard.alerts.models import AlertState
from dashboard.metrics.exposition import Family


def alerts() -> Iterable[Family]:
    """Return every alert that is pending or fires, how many do, and when the rules were last judged."""
    active = Family("steward_alert_active", "An alert that is pending or firing (1), by rule and subject.")
    known = Family("steward_alerts", "Alerts by state and severity.")
    judged = Family("steward_alerts_judged_timestamp_seconds", "When the alert rules were last judged.")
    counts = {(state, severity): 0 for state in AlertState for severity in ("warning", "critical")}
    for alert in queries.list_alerts():
        counts[AlertState(alert.state), alert.severity] += 1
        if alert.state != AlertState.OK:
            labels = {"rule": alert.rule, "subject": alert.subject, "severity": alert.severity}
            active.add(1, state=str(alert.state), **labels)
    for (state, severity), count in counts.items():
        known.add(count, state=state.value, severity=severity)
    at = queries.evaluated_at()
    judged.add(at.timestamp() if at else None)
    return [active, known, judged]
