"""The forms of the synchronous copy: what is wanted, and giving it up."""

from collections.abc import Iterable, Mapping

from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import InputRequired, Length

from dashboard.core.config import Member
from dashboard.replication.models import Restore
from dashboard.replication.synchronous.declared import (
    AUTOMATIC,
    BY_HAND,
    DEGRADE_AFTER,
    NEAREST,
    OFF,
    ON,
    RESTORE,
    STANDBY,
    SYNCHRONOUS,
)

LONGEST = 1000


class SynchronousForm(FlaskForm):
    """Whether commits wait for a copy, for which, and what happens when it is away."""

    synchronous = RadioField(
        "Synchronous copy",
        choices=[
            SelectChoice(ON, "On: a commit waits until a second server has it"),
            SelectChoice(OFF, "Off: it does not wait"),
        ],
        validators=[InputRequired()],
    )
    standby = SelectField("Commits wait for", validate_choice=False, default=NEAREST)
    degrade_after = StringField(
        "When it is away, go on without it after",
        [InputRequired("Write a length of time, or never."), Length(max=50)],
        description="Such as 30 s or 2 min; never: somebody decides each time, and commits stand until then.",
    )
    restore = RadioField(
        "Wait for it again",
        choices=[
            SelectChoice(AUTOMATIC, "As soon as it has caught up"),
            SelectChoice(BY_HAND, "When somebody says so"),
        ],
        validators=[InputRequired()],
    )

    def offer(self, members: Iterable[Member], held: str) -> None:
        """Fill the picker with the members and with what is held now, which may name several."""
        nearest = SelectChoice(NEAREST, "The nearest: any in the primary's region")
        named = [SelectChoice(row.name, f"{row.name}: zone {row.zone}, {row.region}") for row in members]
        known = {NEAREST, *(row.name for row in members)}
        self.standby.choices = [nearest, *named, *([] if held in known else [SelectChoice(held, held)])]

    def fill(self, shown: Mapping[str, str]) -> None:
        """Show what holds now; `shown` are the settings as people write them."""
        self.synchronous.data, self.standby.data = shown[SYNCHRONOUS], shown[STANDBY]
        self.degrade_after.data, self.restore.data = shown[DEGRADE_AFTER], shown[RESTORE]

    def written(self) -> dict[str, str]:
        """Return what was written, by setting."""
        return {
            STANDBY: self.standby.data or NEAREST,
            DEGRADE_AFTER: self.degrade_after.data or "",
            RESTORE: self.restore.data or AUTOMATIC,
            SYNCHRONOUS: self.synchronous.data or OFF,
        }


class DegradeForm(FlaskForm):
    """Why commits shall go on with one copy, and how that ends."""

    reason = TextAreaField(
        "Why",
        [InputRequired("Say why."), Length(max=LONGEST)],
        description="Kept with the period for good: what is wrong with the standby, who decided.",
    )
    restore = RadioField(
        "Wait for the copy again",
        choices=[
            SelectChoice(Restore.AUTOMATIC.value, "As soon as it has caught up"),
            SelectChoice(Restore.BY_HAND.value, "When somebody says so"),
        ],
        default=Restore.AUTOMATIC.value,
        validators=[InputRequired()],
    )
