"""What the builder of a page works with: the selection, its figures and targets, and where marks lead."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property

from sqlalchemy.orm import Session

from dashboard.kpis import periods
from dashboard.kpis.filters import Selection
from dashboard.kpis.pages import wording
from dashboard.kpis.pages.links import NoLinks
from dashboard.kpis.pages.page import Tile
from dashboard.kpis.pages.reading import Reading
from dashboard.kpis.periods import Span
from dashboard.kpis.registry import Kpi


@dataclass(frozen=True)
class Context:
    """One page in the making."""

    session: Session
    name: str
    selection: Selection
    links: NoLinks
    kpis: Sequence[Kpi]
    readings: Mapping[str, Reading]
    targets: Mapping[str, Decimal]
    as_of: datetime | None
    focus: Kpi | None = None
    rank: str = ""

    @property
    def currency(self) -> str:
        """The display currency."""
        return self.selection.choices.currency

    def unit(self, kpi: Kpi) -> str:
        """The unit of a KPI's numbers on this page."""
        return wording.unit_of(kpi, self.currency)

    def arguments(self, **changes: str) -> dict[str, str]:
        """What stands in the address of this page, changed; '' takes an argument out."""
        changed = self.here.copy()
        if "from" in changes:
            changed.pop("period", None)
        for name, value in changes.items():
            if value:
                changed[name] = value
            else:
                changed.pop(name, None)
        return changed

    @cached_property
    def here(self) -> dict[str, str]:
        """What stands in the address of this page; not to be changed."""
        focus = {"kpi": self.focus.code} if self.focus else {}
        return {name: value for name, value in (self.selection.arguments | focus).items() if value}

    def narrow(self, code: str, **changes: str) -> str:
        """From a mark to this page for what the mark stands for; from there to the proof of the number."""
        there = self.arguments(**changes)
        if there != self.here:
            return self.links.page(self.name, there)
        return self.links.proof(code, self.selection.arguments)

    def narrow_month(self, code: str, month: date) -> str:
        """From the mark of a month to the page of that month; from there to the proof."""
        if self.selection.period.span == Span(month, month):
            return self.links.proof(code, self.selection.arguments)
        return self.narrow(code, **periods.only(month))


def tile(context: Context, kpi: Kpi, group: str = "", page: str = "") -> Tile | None:
    """The tile of a KPI; None where the selection names something it is not kept by."""
    reading = context.readings.get(kpi.code)
    if reading is None:
        return None
    now = reading.now.value
    target = context.targets.get(kpi.code)
    before = reading.before.value if reading.before else None
    change, tone = wording.change(kpi, now, before)
    arguments = context.selection.arguments
    return Tile(
        code=kpi.code,
        title=kpi.title,
        text=wording.write(kpi, now, context.currency),
        value=now,
        unit=context.currency if kpi.unit == "money" else kpi.unit,
        n=reading.now.n,
        formula=kpi.formula,
        change=change,
        tone=tone,
        target=wording.write(kpi, target, context.currency) if target is not None else "",
        verdict=wording.verdict(kpi, now, target),
        trend=reading.months,
        url=context.links.page(page or context.name, arguments | {"kpi": kpi.code}),
        proof_url=context.links.proof(kpi.code, arguments),
        group=group,
        is_focus=context.focus is kpi,
    )
