"""The forms of the restore page: what to aim at, and a new restore point."""

from datetime import datetime
from typing import Any

from flask_wtf import FlaskForm
from wtforms import DateTimeLocalField, IntegerField, RadioField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from dashboard.backups.restoring.models import RestorePoint, Target
from dashboard.backups.restoring.planning import TargetSpec
from dashboard.core.filters import viewer_zone

# Browsers leave the seconds out when they are zero.
FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S.%f"]
KINDS = [
    SelectChoice(Target.LATEST.value, "The latest: all the repository holds"),
    SelectChoice(Target.TIME.value, "A moment"),
    SelectChoice(Target.POINT.value, "A restore point"),
]
MAX_HOURS = 24 * 14


class RestoreForm(FlaskForm):
    """The target. Times are the person's own; the page says from when until when one may choose."""

    kind = RadioField("Restore to", choices=KINDS, default=Target.LATEST.value)
    at = DateTimeLocalField("Moment", [Optional()], format=FORMATS)
    point = SelectField("Restore point", [Optional()], validate_choice=False)
    backup_id = SelectField("Start from", [Optional()], validate_choice=False)
    hours = IntegerField(
        "Keep for hours", [InputRequired(), NumberRange(1, MAX_HOURS, "From 1 hour to 14 days.")], default=24
    )

    def offer(self, points: list[RestorePoint], backups: list[Any]) -> None:
        """Fill the pickers."""
        none = SelectChoice("", "Choose a restore point")
        self.point.choices = [none, *(SelectChoice(point.name, point.name) for point in points)]
        newest = SelectChoice("", "The newest backup before the target")
        kept = [SelectChoice(row.backup_id, f"{row.backup_id}, {row.kind}") for row in backups]
        self.backup_id.choices = [newest, *kept]

    def target(self) -> TargetSpec:
        """Return what was chosen."""
        kind = Target(self.kind.data or Target.LATEST)
        typed: datetime | None = self.at.data if kind == Target.TIME else None
        at = typed.replace(tzinfo=viewer_zone()) if typed else None
        return TargetSpec(kind, at, (self.point.data or "") if kind == Target.POINT else "")


class PointForm(FlaskForm):
    """A new restore point."""

    name = StringField("Name", [InputRequired("A restore point needs a name."), Length(max=63)])
    reason = StringField("Why", [Optional(), Length(max=200)])
