"""The forms of a new version and of the display currency."""

from collections.abc import Mapping, Sequence
from types import new_class
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import DataRequired, Length

from dashboard.kpis.registry import Kpi, Parameter

PREFIX = "value_"
Orgs = Sequence[tuple[int, str]]


class RevisionForm(FlaskForm):
    """For whom, and why; the fields of the parameters come with the KPI."""

    org_id = SelectField("For", description="An organization's own version counts before that for all.")
    reason = TextAreaField(
        "Reason",
        [DataRequired("Say why it changes."), Length(max=1000)],
        description="Kept with the version, for whoever asks why the number moved.",
    )

    def offer(self, orgs: Orgs) -> None:
        """Fill the picker."""
        named = [SelectChoice(str(key), name) for key, name in orgs]
        self.org_id.choices = [SelectChoice("", "All organizations"), *named]

    def fill(self, values: Mapping[str, Any]) -> None:
        """Show what holds now."""
        for name, value in values.items():
            self[PREFIX + name].data = str(value)

    @property
    def chosen(self) -> int | None:
        """The organization it is for."""
        return int(self.org_id.data) if self.org_id.data else None

    def written(self, kpi: Kpi) -> dict[str, str]:
        """What was written for each parameter."""
        return {each.name: str(self[PREFIX + each.name].data or "") for each in kpi.parameters}


class CurrencyForm(FlaskForm):
    """In which currency amounts are shown."""

    currency = SelectField(
        "Currency", description="All amounts are then computed anew at the rates of their days."
    )

    def offer(self, currencies: Sequence[tuple[str, str]], usual: str) -> None:
        """Fill the picker."""
        named = [SelectChoice(code, f"{code} {name}") for code, name in currencies]
        self.currency.choices = [SelectChoice("", f"The one most organizations have ({usual})"), *named]


def revision_form(kpi: Kpi, orgs: Orgs) -> RevisionForm:
    """Make the form of a KPI: one field for each of its parameters."""
    fields = {PREFIX + each.name: _field(each) for each in kpi.parameters}
    made = new_class("FormOfKpi", (RevisionForm,), exec_body=lambda names: names.update(fields))
    form: RevisionForm = made()
    form.offer(orgs)
    return form


def _field(parameter: Parameter) -> Field:
    if parameter.choices:
        choices = [SelectChoice(each, each.capitalize()) for each in parameter.choices]
        return SelectField(parameter.title, choices=choices, description=f"It comes as {parameter.default}.")
    unit = f" {parameter.unit}" if parameter.unit else ""
    bounds = f"From {parameter.least} to {parameter.most}{unit}."
    return StringField(
        parameter.title,
        [DataRequired("Enter a number.")],
        description=f"{bounds} It comes as {parameter.default}{unit}.",
    )
