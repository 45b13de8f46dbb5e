"""Decides who is told what after each evaluation, and writes it into the outbox. Flushes; the caller commits.

For each route the alerts that fire are compared with what it was told: new ones, ones to be said again, and
ones that are over go out as one message. Nothing depends on having seen a change happen: an alert whose
silence or night ends while it still fires is told then, and a new route hears of all that fires.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select

from dashboard.alerts import queries
from dashboard.alerts.deliveries.models import Delivery, Purpose, Route, Told
from dashboard.alerts.models import Alert, AlertState, Silence
from dashboard.alerts.rules import Rule
from dashboard.core.db import db

KEEP = timedelta(days=90)
MOST = 50  # alerts in one message; the rest are counted
DELIVERY_FAILING = "alerts.delivery_failing"
Key = tuple[str, str]
Facts = dict[str, Any]


@dataclass
class News:
    """What one route has to be told now."""

    fires: list[Facts] = field(default_factory=list)
    still: list[Facts] = field(default_factory=list)
    over: list[Facts] = field(default_factory=list)

    def content(self) -> dict[str, Any]:
        """As it is stored: the first of each, and how many more there are."""
        return {name: rows[:MOST] for name, rows in vars(self).items()} | {
            "more": sum(max(0, len(rows) - MOST) for rows in vars(self).values())
        }


def decide(alerts: Sequence[Alert], rules: Mapping[str, Rule], now: datetime) -> int:
    """Write what is to be told; return how many messages that is."""
    routes = list(db.session.scalars(select(Route).where(Route.is_active)))
    if not routes:
        return 0
    firing = {(alert.rule, alert.subject): alert for alert in alerts if alert.state == AlertState.FIRING}
    silences = queries.list_silences(now)
    written = 0
    for route in routes:
        known = {
            (row.rule, row.subject): row
            for row in db.session.scalars(select(Told).where(Told.route_id == route.id))
        }
        if news := _news(route, known, firing, rules, silences, now):
            db.session.add(Delivery(route_id=route.id, content=news.content(), created_at=now, due_at=now))
            written += 1
    if written:
        db.session.execute(delete(Delivery).where(Delivery.created_at < now - KEEP))
    db.session.flush()
    return written


def _news(
    route: Route,
    known: Mapping[Key, Told],
    firing: Mapping[Key, Alert],
    rules: Mapping[str, Rule],
    silences: Sequence[Silence],
    now: datetime,
) -> News | None:
    news = News()
    for key, alert in firing.items():
        if not _is_heard(route, alert, silences, now):
            continue
        row, facts = known.get(key), describe(alert, rules[alert.rule])
        if row is None:
            news.fires.append(facts)
            db.session.add(
                Told(route_id=route.id, rule=key[0], subject=key[1], told_at=now, times=1, facts=facts)
            )
        elif not alert.acknowledged_at and route.repeats(row.told_at, now):
            news.still.append(facts)
            row.told_at, row.times, row.facts = now, row.times + 1, facts
    for key, row in known.items():
        if key not in firing and not route.is_quiet(row.facts["severity"], now):
            news.over.append({**row.facts, "until": now.isoformat()})
            db.session.delete(row)
    return news if news.fires or news.still or news.over else None


def _is_heard(route: Route, alert: Alert, silences: Sequence[Silence], now: datetime) -> bool:
    """Whether this route is told of it now. That a route fails is not told through that route."""
    if alert.rule == DELIVERY_FAILING and alert.subject == route.name:
        return False
    is_silenced = any(silence.covers(alert.rule, alert.subject) for silence in silences)
    return (
        route.wants(alert.rule, alert.severity)
        and not is_silenced
        and not route.is_quiet(alert.severity, now)
    )


def describe(alert: Alert, rule: Rule) -> Facts:
    """Return what is told of an alert, in plain values."""
    since = alert.breached_at or alert.since
    return {
        "rule": rule.key,
        "subject": alert.subject,
        "severity": rule.severity,
        "title": rule.title,
        "reason": alert.reason,
        "since": since.isoformat(),
        "flapping": alert.flapping_since is not None,
        "means": rule.means,
        "fix": rule.fix,
        "runbook": f"docs/{rule.runbook}",
    }


def write_test(route: Route, facts: Sequence[Facts], actor: str, now: datetime) -> Delivery:
    """Put a test into the outbox: it goes the way of an alert, and says that it is none."""
    test = Delivery(
        route_id=route.id,
        purpose=Purpose.TEST,
        content={"fires": list(facts), "still": [], "over": [], "more": 0},
        actor=actor,
        created_at=now,
        due_at=now,
    )
    db.session.add(test)
    db.session.flush()
    return test
