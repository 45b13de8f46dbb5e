"""The form of a target or budget."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, DecimalField, HiddenField, MonthField, SelectField, StringField
from wtforms.fields.choices import SelectChoice  # type: ignore[attr-defined]  # newer than the stubs
from wtforms.validators import InputRequired, Length, NumberRange

from dashboard.kpis import registry
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.pages import wording
from dashboard.kpis.registry import KPIS, Kpi
from dashboard.kpis.targets.service import Wanted

MOST = 10**16
"""As large as a value may be entered: the column holds less than a hundred times it, a day is 24 hours."""
Named = Sequence[tuple[int, str]]


class TargetForm(FlaskForm):
    """What a KPI should be, for whom and when."""

    code = SelectField("KPI")
    value = DecimalField(
        "Value",
        [InputRequired("Enter a number."), NumberRange(-MOST, MOST, "This number is too large.")],
        places=None,
        description="In the unit that stands behind the KPI; amounts in the display currency.",
    )
    is_budget = BooleanField(
        "A budget for the whole time, shared out evenly over its months",
        description="Otherwise it is a target and holds in each month.",
    )
    first_month = MonthField("From", [InputRequired("Enter a month as 2026-01.")])
    last_month = MonthField("To", [InputRequired("Enter a month as 2026-12.")])
    org_id = SelectField(
        "Organization", description="Of a rate or mean an organization's own counts before that for all."
    )
    category_id = SelectField("Category", description="It holds for what lies below it, too.")
    note = StringField("Note", [Length(max=500)], description="Who agreed to it, and where.")
    version = HiddenField(default="0")

    def offer(self, orgs: Named, categories: Named, currency: str) -> None:
        """Fill the pickers; amounts are in the currency."""
        titles = sorted(KPIS.values(), key=lambda kpi: kpi.title)
        self.code.choices = [SelectChoice(kpi.code, _named(kpi, currency)) for kpi in titles]
        self.org_id.choices = _choices("All organizations", orgs)
        self.category_id.choices = _choices("All categories", categories)

    def fill(self, found: KpiTarget | None, today: date) -> None:
        """Show what holds; a new one is for the calendar year."""
        if found is None:
            self.first_month.data, self.last_month.data = (
                today.replace(month=1, day=1),
                today.replace(month=12, day=1),
            )
            return
        value = wording.to_enter(registry.get(found.code), found.value)
        self.code.data, self.value.data, self.note.data = found.code, _written(value), found.note
        self.org_id.data, self.category_id.data = str(found.org_id or ""), str(found.category_id or "")
        self.first_month.data, self.last_month.data = found.first_month, found.last_month
        self.is_budget.data, self.version.data = found.is_budget, str(found.version)

    def wanted(self) -> Wanted:
        """What the form asks for; it has been validated."""
        first: Any = self.first_month.data
        last: Any = self.last_month.data
        value: Any = self.value.data
        return Wanted(
            code=self.code.data,
            org_id=int(self.org_id.data) if self.org_id.data else None,
            category_id=int(self.category_id.data) if self.category_id.data else None,
            first=first,
            last=last,
            value=wording.entered(KPIS[self.code.data], value),
            is_budget=bool(self.is_budget.data),
            note=self.note.data or "",
        )


def _named(kpi: Kpi, currency: str) -> str:
    """A KPI with the unit its value is entered in."""
    unit = wording.unit_of(kpi, currency)
    return f"{kpi.title} ({unit})" if unit else kpi.title


def _written(value: Decimal) -> Decimal:
    """A value without the noughts behind its point, and not in powers of ten as normalize() leaves it."""
    return Decimal(f"{value.normalize():f}")


def _choices(everything: str, named: Named) -> list[SelectChoice]:
    return [SelectChoice("", everything), *(SelectChoice(str(key), name) for key, name in named)]
