"""The forms of answers: a note, and a silence."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, HiddenField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import DataRequired, Length, Optional

from dashboard.alerts.answers import LONGEST_NOTE, Wanted
from dashboard.alerts.rules import Rule
from dashboard.core.filters import viewer_zone

FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"]
HOUR = 3600
LENGTHS = (
    (HOUR // 2, "30 minutes"),
    (HOUR, "1 hour"),
    (4 * HOUR, "4 hours"),
    (12 * HOUR, "12 hours"),
    (24 * HOUR, "1 day"),
    (7 * 24 * HOUR, "7 days"),
)


class NoteForm(FlaskForm):
    """What to tell the others with an acknowledgement."""

    rule = HiddenField()
    subject = HiddenField()
    note = StringField(
        "Note",
        [Length(max=LONGEST_NOTE)],
        description="What you are doing about it, or where it is being worked on. It may be left out.",
    )


class SilenceForm(FlaskForm):
    """About what, from when, for how long or until when, and why. Times are the person's own."""

    rule = SelectField("Rule", description="For a maintenance of everything: every rule.")
    subject = StringField(
        "Only for",
        [Length(max=200)],
        description="One subject, as the alert names it: a standby, a slot. All of them when left out.",
    )
    starts_at = DateTimeLocalField(
        "From", [Optional()], format=FORMATS, description="At once when left out; ahead for maintenance."
    )
    length = SelectField(
        "For", choices=[SelectChoice(*choice) for choice in LENGTHS], coerce=int, default=HOUR
    )
    ends_at = DateTimeLocalField(
        "Or until", [Optional()], format=FORMATS, description="Counts instead of the length when given."
    )
    reason = StringField(
        "Reason",
        [DataRequired("Say why nobody need be told."), Length(max=LONGEST_NOTE)],
        description="Shown beside what is silenced.",
    )

    def offer(self, rules: Mapping[str, Rule]) -> None:
        """Fill the picker."""
        self.rule.choices = [("", "Every rule"), *((key, rule.title) for key, rule in rules.items())]

    def wanted(self) -> Wanted:
        """Return what was written."""
        starts_at, ends_at = _moment(self.starts_at.data), _moment(self.ends_at.data)
        if ends_at is None:
            ends_at = (starts_at or datetime.now(UTC)) + timedelta(seconds=self.length.data)
        subject = (self.subject.data or "").strip()
        return Wanted(self.rule.data or "", subject or None, starts_at, ends_at, self.reason.data or "")


def _moment(typed: datetime | None) -> datetime | None:
    """A typed time in the zone of the person who typed it."""
    return typed.replace(tzinfo=viewer_zone()) if typed else None
