"""What people answer to alerts: that they have one in hand, and silences. Flushes; the view commits.

Both are logged as operations. Neither changes the record: what is wrong stays on the page and in the history.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard.alerts import queries
from dashboard.alerts.models import Alert, AlertEvent, AlertState, Silence
from dashboard.alerts.moving import forget_acknowledgement
from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError

ACKNOWLEDGED, TAKEN_BACK = "acknowledged", "taken back"
LONGEST_NOTE = 500
LONGEST_SILENCE = timedelta(days=31)
FURTHEST_START = timedelta(days=365)


@dataclass(frozen=True)
class Wanted:
    """A silence somebody asks for; `subject` None means every subject of the rule, `rule` '' every rule."""

    rule: str
    subject: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    reason: str


def acknowledge(rule: str, subject: str, note: str, *, actor: str) -> Alert:
    """Say that somebody has it in hand, until it clears. Anew: another person or note.

    Raises ConflictError when it does not fire any more.
    """
    alert = queries.find_alert(rule, subject, lock=True)
    if alert is None or alert.state == AlertState.OK:
        raise ConflictError("This alert has cleared meanwhile.", fix="There is nothing left to acknowledge.")
    note = " ".join(note.replace("\x00", "").split())
    if len(note) > LONGEST_NOTE:
        raise InvalidInputError(
            f"A note has at most {LONGEST_NOTE} characters.", fields={"note": "Too long."}
        )
    alert.acknowledged_at, alert.acknowledged_by = datetime.now(UTC), actor
    alert.acknowledged_note = note
    _remember(alert, ACKNOWLEDGED, note, actor)
    record_operation("alert.acknowledge", _target(rule, subject), actor=actor, note=note)
    return alert


def take_back(rule: str, subject: str, *, actor: str) -> None:
    """Nobody has it in hand any more: it is told again. Raises ConflictError when nobody had."""
    alert = queries.find_alert(rule, subject, lock=True)
    if alert is None or alert.acknowledged_at is None:
        raise ConflictError("Nobody has acknowledged this alert.", fix="It may have cleared meanwhile.")
    before = alert.acknowledged_by
    forget_acknowledgement(alert)
    _remember(alert, TAKEN_BACK, f"It was {before}'s.", actor)
    record_operation("alert.take_back", _target(rule, subject), actor=actor, was=before)


def silence(wanted: Wanted, rules: Collection[str], *, actor: str) -> Silence:
    """Keep silent about a rule from now, or from a moment ahead, until another.

    Raises InvalidInputError (fields rule, starts_at, ends_at, reason).
    """
    now = datetime.now(UTC)
    starts_at = wanted.starts_at or now
    if fields := _problems(wanted, rules, starts_at, now):
        raise InvalidInputError(" ".join(fields.values()), fields=fields)
    assert wanted.ends_at is not None  # noqa: S101  # for the type checker: seen above
    made = Silence(
        rule=wanted.rule,
        subject=wanted.subject if wanted.rule else None,
        starts_at=starts_at,
        ends_at=wanted.ends_at,
        reason=" ".join(wanted.reason.split()),
        actor=actor,
    )
    db.session.add(made)
    db.session.flush()
    record_operation(
        "alert.silence",
        _target(made.rule or "every rule", made.subject or ""),
        actor=actor,
        silence=made.id,
        starts_at=made.starts_at.isoformat(),
        ends_at=made.ends_at.isoformat(),
        reason=made.reason,
    )
    return made


def _problems(wanted: Wanted, rules: Collection[str], starts_at: datetime, now: datetime) -> dict[str, str]:
    fields = {}
    reason = wanted.reason.strip()
    if wanted.rule and wanted.rule not in rules:
        fields["rule"] = "There is no such rule."
    if not reason or len(reason) > LONGEST_NOTE or "\x00" in reason:
        fields["reason"] = f"Say in 1 to {LONGEST_NOTE} characters why nobody need be told."
    if starts_at > now + FURTHEST_START:
        fields["starts_at"] = "It must begin within a year."
    if wanted.ends_at is None or wanted.ends_at <= max(starts_at, now):
        fields["ends_at"] = "The end must be ahead, and after the start."
    elif wanted.ends_at - starts_at > LONGEST_SILENCE:
        fields["ends_at"] = f"At most {LONGEST_SILENCE.days} days: what nobody wants to hear of is no rule."
    return fields


def end_silence(silence_id: int, *, actor: str) -> Silence:
    """End a silence now; one that has not begun never will. Raises NotFoundError when it is over."""
    now = datetime.now(UTC)
    found = db.session.get(Silence, silence_id, with_for_update=True)
    if found is None or found.over_at <= now:
        raise NotFoundError("This silence is over already.")
    found.ended_at, found.ended_by = now, actor
    db.session.flush()
    record_operation(
        "alert.end_silence", _target(found.rule or "every rule", found.subject or ""), actor=actor
    )
    return found


def _remember(alert: Alert, state: str, reason: str, actor: str) -> None:
    db.session.add(
        AlertEvent(
            rule=alert.rule,
            subject=alert.subject,
            state=state,
            reason=reason,
            actor=actor,
            at=datetime.now(UTC),
        )
    )
    db.session.flush()


def _target(rule: str, subject: str) -> str:
    return f"{rule}: {subject}" if subject else rule
