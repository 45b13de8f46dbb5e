"""Judges every rule and moves the states of the alerts. Flushes; the caller commits."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import structlog
from flask import current_app
from sqlalchemy import delete, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from dashboard.alerts import queries
from dashboard.alerts.deliveries import deciding
from dashboard.alerts.models import Alert, AlertEvent, AlertState
from dashboard.alerts.moving import (
    FLAP_WINDOW,
    Patience,
    see_breach,
    see_flapping,
    see_no_answer,
    see_nothing,
)
from dashboard.alerts.registry import Answer, Breach, Condition, Unknown, Watch
from dashboard.alerts.rules import Rule
from dashboard.core.db import db

log = structlog.get_logger()
EVERY_SECONDS = 10
LATE = timedelta(seconds=4 * EVERY_SECONDS)  # after that nobody judges, and pages say so
KEEP_EVENTS = timedelta(days=400)
LONGEST_REASON = 2000
Alerts = dict[str, Alert]  # of one rule, by subject


def rules() -> dict[str, Rule]:
    """Return the rules of this application by key."""
    found: dict[str, Rule] = current_app.extensions["alert_rules"]
    return found


def seen_within(rule: Rule) -> int:
    """Return the most seconds from breaking to firing: reading, judging, and how long it lasts."""
    return _conditions()[rule.key].every + EVERY_SECONDS + rule.for_seconds


def evaluate(now: datetime | None = None) -> dict[str, int]:
    """Judge every rule once; return how many alerts are in each state. Never two at a time: see the job.

    What people are to be told is written with it, into the outbox.
    """
    now = now or datetime.now(UTC)
    declared, conditions = rules(), _conditions()
    judged_at = queries.evaluated_at()
    is_back = judged_at is None or now - judged_at > LATE
    known = _known(declared)
    for key, rule in declared.items():
        _judge(rule, conditions[key], known.setdefault(key, {}), Watch(now, is_back=is_back))
    db.session.flush()
    db.session.execute(update(Alert).values(checked_at=now).execution_options(synchronize_session=False))
    db.session.execute(delete(AlertEvent).where(AlertEvent.at < now - KEEP_EVENTS))
    deciding.decide([alert for alerts in known.values() for alert in alerts.values()], declared, now)
    return _counted(known)


def _conditions() -> Mapping[str, Condition]:
    found: Mapping[str, Condition] = current_app.extensions["alert_conditions"]
    return found


def _known(declared: Mapping[str, Rule]) -> dict[str, Alerts]:
    """Read all alerts by rule and subject; those of rules that are no more are forgotten."""
    db.session.execute(delete(Alert).where(Alert.rule.not_in(list(declared))))
    known: dict[str, Alerts] = {}
    for alert in db.session.scalars(select(Alert).execution_options(populate_existing=True)):
        known.setdefault(alert.rule, {})[alert.subject] = alert
    return known


def _judge(rule: Rule, condition: Condition, alerts: Alerts, watch: Watch) -> None:
    """Move the alerts of one rule. The one without a subject stands for the rule itself and stays."""
    now = watch.now
    own = _alert(rule, alerts, "", now)
    answer = _ask(rule, condition, watch, own.doubt)
    if isinstance(answer, Unknown):
        for alert in alerts.values():
            see_no_answer(alert, answer, now)
        return
    patience = Patience(timedelta(seconds=rule.for_seconds), timedelta(seconds=rule.clear_seconds))
    reasons = _reasons(answer)
    for subject, reason in reasons.items():
        alert = _alert(rule, alerts, subject, now)
        if see_breach(alert, reason, patience, now):
            _remember(alert, now)
            _note_firing(alert, own, now)
    for subject in alerts.keys() - reasons.keys():
        if see_nothing(alerts[subject], patience, now):
            _remember(alerts[subject], now)
            _forget(alerts, subject)


def _note_firing(alert: Alert, own: Alert, now: datetime) -> None:
    """Remember at the rule when it fired last, and see whether it flaps."""
    if alert.state != AlertState.FIRING:
        return
    own.fired_at = now
    db.session.flush()  # this firing counts
    lately = select(func.count()).where(
        AlertEvent.rule == alert.rule,
        AlertEvent.subject == alert.subject,
        AlertEvent.state == AlertState.FIRING,
        AlertEvent.at > now - FLAP_WINDOW,
    )
    if see_flapping(alert, db.session.scalar(lately) or 0, now):
        log.info("alert_flaps", rule=alert.rule, subject=alert.subject)


def _ask(rule: Rule, condition: Condition, watch: Watch, known: str) -> Answer:
    try:
        return condition.function(replace(watch, limit=rule.threshold()))
    except SQLAlchemyError:
        raise  # the transaction is broken: the next evaluation does it all again
    except Exception as error:  # one wrong condition must not silence the others
        doubt = f"The condition itself failed: {type(error).__name__}: {error}"
        if doubt != known:  # once, not every ten seconds
            log.exception("alert_condition_failed", rule=rule.key)
        return Unknown(doubt)


def _reasons(breaches: Sequence[Breach]) -> dict[str, str]:
    return {breach.subject: breach.reason[:LONGEST_REASON].replace("\x00", "") for breach in breaches}


def _alert(rule: Rule, alerts: Alerts, subject: str, now: datetime) -> Alert:
    alert = alerts.get(subject)
    if alert is None:
        alert = Alert(rule=rule.key, subject=subject, state=AlertState.OK, since=now, checked_at=now)
        alert.reason, alert.doubt = "", ""
        alert.acknowledged_by, alert.acknowledged_note = "", ""
        alerts[subject] = alert
        db.session.add(alert)
    alert.severity = rule.severity
    return alert


def _remember(alert: Alert, now: datetime) -> None:
    db.session.add(
        AlertEvent(rule=alert.rule, subject=alert.subject, state=alert.state, reason=alert.reason, at=now)
    )
    log.info("alert", rule=alert.rule, subject=alert.subject, state=alert.state, reason=alert.reason)


def _forget(alerts: Alerts, subject: str) -> None:
    """What is over needs no row of its own: its events tell the story."""
    if subject:
        db.session.delete(alerts.pop(subject))


def _counted(known: Mapping[str, Alerts]) -> dict[str, int]:
    states = [alert.state for alerts in known.values() for alert in alerts.values()]
    return {state.value: states.count(state) for state in AlertState}
