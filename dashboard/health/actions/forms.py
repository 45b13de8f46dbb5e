"""The forms of actions and of maintenance windows."""

from typing import Any
from zoneinfo import available_timezones

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField, TextAreaField, TimeField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import AnyOf, DataRequired, Length, ValidationError

from dashboard.health.actions.models import MaintenanceWindow
from dashboard.health.actions.windows import WEEKDAYS, spelled

NOW = "now"
ONE, ALL = "one", "all"


def _trimmed(typed: str | None) -> str | None:
    return " ".join(typed.split()) if typed else typed


class ReasonForm(FlaskForm):
    """Why; kept in the log beside what was done."""

    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why: whoever looks at the log later wants to know."), Length(max=500)],
        filters=[_trimmed],
        description="Kept in the log of operations, with your name.",
    )


class MaintenanceForm(ReasonForm):
    """Where and when as well."""

    scope = RadioField("Where", default=ONE)
    when = SelectField("When", default=NOW)

    def offer(self, schema: str, windows: list[MaintenanceWindow], *, everywhere: bool) -> None:
        """Fill the choices in."""
        self.scope.choices = [SelectChoice(ONE, f"Only in {schema}")]
        if everywhere:
            self.scope.choices.append(SelectChoice(ALL, "In every tenant that has it, one after another"))
        self.when.choices = [SelectChoice(NOW, "Now")]
        self.when.choices += [
            SelectChoice(str(window.id), f"{window.name}: {spelled(window)}") for window in windows
        ]

    @property
    def window_id(self) -> int | None:
        """The window that was chosen; None for now."""
        return None if self.when.data == NOW else int(self.when.data)


DAYS = [
    SelectChoice("", "Every day"),
    *(SelectChoice(str(day), name) for day, name in enumerate(WEEKDAYS)),
]


class WindowForm(FlaskForm):
    """A time of the week."""

    name = StringField("Name", [DataRequired("Give it a name."), Length(max=60)], filters=[_trimmed])
    weekday = SelectField("Opens on", choices=DAYS)
    starts = TimeField("From", [DataRequired("When does it open?")])
    ends = TimeField(
        "To",
        [DataRequired("When does it close?")],
        description="Earlier than From: on the next day. What runs then is stopped, and goes on next time.",
    )
    zone = StringField(
        "Time zone",
        [DataRequired("Name a zone."), AnyOf(available_timezones(), message="Such as Europe/Berlin or UTC.")],
        default="UTC",
    )

    def validate_ends(self, field: Any) -> None:
        """It has to last."""
        if field.data == self.starts.data:
            raise ValidationError("It has to be another time than the beginning.")

    def values(self) -> dict[str, Any]:
        """The columns of the window."""
        weekday = int(self.weekday.data) if self.weekday.data else None
        return {"weekday": weekday} | {name: self[name].data for name in ("name", "starts", "ends", "zone")}
