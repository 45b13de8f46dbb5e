"""The form of one setting."""

from flask_wtf import FlaskForm
from wtforms import DateField, HiddenField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from dashboard.settings.queries import Held
from dashboard.settings.service import Change


class SettingForm(FlaskForm):
    """Value, who answers for it, and when the business agreed to it."""

    value = StringField("Value", validators=[InputRequired("Enter a value."), Length(max=200)])
    owner = StringField(
        "Owner", validators=[Length(max=200)], description="Who answers for it on the business side."
    )
    confirmed_on = DateField(
        "Confirmed by the business on",
        validators=[Optional()],
        description="The day the owner agreed to this value. Leave it empty until they have.",
    )
    note = TextAreaField(
        "Note",
        validators=[Length(max=2000)],
        description="Why it is what it is; where the agreement is kept.",
    )
    version = HiddenField()

    def fill(self, held: Held) -> None:
        """Show what holds now."""
        row = held.row
        self.value.data = held.definition.write(held.value)
        self.owner.data, self.note.data = (row.owner, row.note) if row else ("", "")
        self.confirmed_on.data = held.confirmed_on
        self.version.data = str(held.version)

    def change(self) -> Change:
        """Return what was written."""
        version = (self.version.data or "").strip()
        return Change(
            self.value.data or "",
            self.owner.data or "",
            self.note.data or "",
            self.confirmed_on.data,
            int(version) if version.isdigit() else -1,
        )
