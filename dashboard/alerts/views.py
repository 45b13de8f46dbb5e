"""The pages of alerts: what fires, what is watched, what became of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import current_app, render_template
from flask.typing import ResponseReturnValue

from dashboard.alerts import deadman, moving, queries, runbooks, service, timeline
from dashboard.alerts.deliveries import queries as deliveries
from dashboard.alerts.desk import VIEW, pages, tabs
from dashboard.alerts.models import Alert, AlertState, Silence
from dashboard.alerts.rules import Rule
from dashboard.core.errors import NotFoundError
from dashboard.core.menu import all_items
from dashboard.core.web import requires

SPAN = timedelta(days=7)


@dataclass(frozen=True)
class Watched:
    """One rule with its worst alert; `alert` is None before it was judged for the first time."""

    rule: Rule
    text: str
    within: int
    alert: Alert | None
    silence: Silence | None = None
    last_fired_at: datetime | None = None

    @property
    def state(self) -> str:
        """The word of its badge: a rule that cannot know is not simply well."""
        if self.alert is None:
            return "unknown"
        if self.silence and self.alert.state != AlertState.OK:
            return "silenced"
        if self.alert.state == AlertState.OK and self.alert.unknown_at:
            return "unknown"
        return self.alert.state


@pages.get("/database/alerts/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Everything about alerts; it keeps itself up to date."""
    return render_template("alerts/alerts.html", tabs=tabs(), **_parts())


@pages.get("/database/alerts/live")
@requires(VIEW)
def live() -> ResponseReturnValue:
    """Give the part of the page that changes."""
    return render_template("alerts/_live.html", **_parts())


@pages.get("/database/alerts/rules/<key>")
@requires(VIEW)
def rule_page(key: str) -> ResponseReturnValue:
    """Show one rule: what it means, what to do, its runbook and its history."""
    rule = service.rules().get(key)
    if rule is None:
        raise NotFoundError("There is no such alert rule.")
    now = datetime.now(UTC)
    alerts, silences = queries.list_alerts(key), queries.list_silences(now)
    return render_template(
        "alerts/rule.html",
        watched=_watched(rule, alerts, silences),
        alerts=[(row, queries.silence_of(row, silences)) for row in alerts if row.state != AlertState.OK],
        events=queries.list_events(now - SPAN, rule=key),
        rules=service.rules(),
        place=_place,
        steady=moving.STEADY,
        routes=[one for one in deliveries.list_routes() if one.is_active and one.wants(key, rule.severity)],
        runbook=runbooks.blocks(runbooks.read(rule.runbook)),
    )


def _parts() -> dict[str, Any]:
    now, rules = datetime.now(UTC), service.rules()
    alerts = [alert for alert in queries.list_alerts() if alert.rule in rules]
    silences = queries.list_silences(now)
    by_rule: dict[str, list[Alert]] = {}
    for alert in alerts:
        by_rule.setdefault(alert.rule, []).append(alert)
    begin, evaluated_at = now - SPAN, queries.evaluated_at()
    drawn = timeline.stretches(queries.list_events(begin, limit=None), alerts, begin=begin, end=now)
    return {
        "rules": rules,
        "place": _place,
        "steady": moving.STEADY,
        **_by_state(alerts, silences),
        "watched": [_watched(rule, by_rule.get(key, []), silences) for key, rule in rules.items()],
        "events": queries.list_events(begin),
        "drawn": {key: drawn[key] for key in rules if key in drawn},
        "begin": begin,
        "now": now,
        "evaluated_at": evaluated_at,
        "is_late": evaluated_at is None or now - evaluated_at > service.LATE,
        "has_routes": any(route.is_active for route in deliveries.list_routes()),
        "sign": deadman.read(current_app.extensions["steward_settings"], now),
    }


def _by_state(alerts: list[Alert], silences: list[Silence]) -> dict[str, Any]:
    """What fires, what nobody has in hand first; what is pending; and what is silenced, with its silence."""
    hidden = {(alert.rule, alert.subject): queries.silence_of(alert, silences) for alert in alerts}
    heard = [alert for alert in alerts if not hidden[alert.rule, alert.subject]]
    firing = [alert for alert in heard if alert.state == AlertState.FIRING]
    return {
        "firing": sorted(firing, key=lambda alert: alert.acknowledged_at is not None),
        "pending": [alert for alert in heard if alert.state == AlertState.PENDING],
        "silenced": [
            (alert, silence)
            for alert in alerts
            if alert.state != AlertState.OK and (silence := hidden[alert.rule, alert.subject])
        ],
        "silences": silences,
    }


def _watched(rule: Rule, alerts: list[Alert], silences: list[Silence]) -> Watched:
    """`alerts` are of this rule, the worst first."""
    worst = alerts[0] if alerts else None
    own = next((alert for alert in alerts if not alert.subject), None)
    return Watched(
        rule,
        rule.watched(),
        service.seen_within(rule),
        worst,
        queries.silence_of(worst, silences) if worst else None,
        own.fired_at if own else None,
    )


def _place(endpoint: str) -> str:
    """Return what the menu calls the desk of an endpoint."""
    desk = endpoint.partition(".")[0]
    titles = [item.title for item in all_items(current_app) if item.endpoint.partition(".")[0] == desk]
    return titles[0] if titles else desk
