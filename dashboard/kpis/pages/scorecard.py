"""Suppliers (customers) beside each other: the largest ones, each with every figure kept by supplier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from statistics import median

from sqlalchemy import select

from dashboard.core.charts import Chart, Series
from dashboard.erp.sales.models import Customer
from dashboard.erp.suppliers.models import Supplier
from dashboard.kpis import buckets, sums
from dashboard.kpis.families import Subject
from dashboard.kpis.pages import breakdown, largest, reading, wording
from dashboard.kpis.pages.context import Context
from dashboard.kpis.pages.page import Cell, Column, PageChart, Table
from dashboard.kpis.registry import KPIS, Kpi
from dashboard.kpis.sums import Figure

SHOWN = 20
"""As many suppliers a scorecard has: what there is of them is read by category and month."""
GRADE = "reliability"


@dataclass(frozen=True)
class Sort:
    """Whom a scorecard is about: the word for them, by which KPI they are large, and where they are kept."""

    subject: Subject
    plural: str
    size: str
    model: type[Supplier] | type[Customer]


SUPPLIERS = Sort("supplier", "suppliers", "spend", Supplier)
CUSTOMERS = Sort("customer", "customers", "revenue", Customer)


@dataclass(frozen=True)
class Ranking:
    """The suppliers shown, in order, with their figures by code."""

    sort: Sort
    size: Kpi
    kpis: Sequence[Kpi]
    names: Mapping[int, str]
    order: Sequence[int]
    figures: Mapping[str, Mapping[int, Figure]]
    is_cut: bool
    """There are more of them."""

    def value(self, code: str, supplier: int) -> Decimal | None:
        """A supplier's value of a KPI."""
        figure = self.figures.get(code, {}).get(supplier)
        return figure.value if figure else None

    def count(self, code: str, supplier: int) -> int:
        """How many records stand behind it."""
        figure = self.figures.get(code, {}).get(supplier)
        return figure.n if figure else 0


def read(context: Context, sort: Sort = SUPPLIERS) -> Ranking | None:
    """Read the ranking in four queries; None where no KPI of the page is kept by supplier."""
    kpis = [
        kpi
        for kpi in context.kpis
        if kpi.facts.subject == sort.subject and _is_quick(kpi) and kpi.code in context.readings
    ]
    size = next((kpi for kpi in kpis if kpi.code == sort.size), next(iter(kpis), None))
    if size is None:
        return None
    found = largest.find(context.session, size, context.selection.sums, SHOWN + 1)
    shown = found[:SHOWN]
    figures = _figures(context, kpis, shown)
    order = _ordered(context.rank, figures, shown)
    is_cut = len(found) > SHOWN
    return Ranking(sort, size, kpis, _names(context, sort, shown), order, figures, is_cut=is_cut)


def table(context: Context, ranking: Ranking) -> Table:
    """The scorecard: a row per supplier, with a column per KPI; a column's title puts them in its order."""
    sort = ranking.sort
    columns = [Column(sort.subject.capitalize(), is_number=False)]
    columns += [
        Column(
            kpi.title + (f" ({unit})" if (unit := context.unit(kpi)) else ""),
            hint=kpi.formula,
            url=context.links.page(context.name, context.arguments(rank=kpi.code)),
            is_sorted=kpi.code == (context.rank or ranking.size.code),
        )
        for kpi in ranking.kpis
    ]
    more = (
        f"The {SHOWN} {sort.plural} largest by {ranking.size.title.lower()}; a column puts them in its order"
    )
    return Table(
        name="scorecard",
        title="Scorecard",
        columns=tuple(columns),
        rows=[_row(context, ranking, supplier) for supplier in ranking.order],
        subtitle=more if ranking.is_cut else f"All {sort.plural} with records in this period",
        empty=breakdown.why_empty(context),
    )


def quadrant(context: Context, ranking: Ranking) -> PageChart | None:
    """Reliability over spend: who matters and who can be relied on. None where one of them is not kept."""
    known = {kpi.code: kpi for kpi in ranking.kpis}
    size, grade = known.get(ranking.sort.size), known.get(GRADE) or known.get("otif")
    if size is None or grade is None:
        return None
    values = [(ranking.value(size.code, each), ranking.value(grade.code, each)) for each in ranking.order]
    spent = [value for value, _ in values if value is not None and value > 0]
    links = [_narrow(context, grade.code, each) for each in ranking.order]
    chart = Chart(
        kind="scatter",
        title=f"{grade.title} and spend",
        subtitle=(f"The {SHOWN} largest suppliers" if ranking.is_cut else "Each supplier once")
        + "; the lines are the middle of the spend and the target, else the mean",
        categories=[ranking.names.get(each, f"#{each}") for each in ranking.order],
        category_title="Supplier",
        series=[
            Series(size.title, [wording.plain(size, value) for value, _ in values], unit=context.unit(size)),
            Series(
                grade.title, [wording.plain(grade, value) for _, value in values], unit=context.unit(grade)
            ),
            Series("Records", [ranking.count(grade.code, each) for each in ranking.order]),
        ],
        links=links,
        floor=_floor(spent),
        cross=(float(median(spent)) if spent else None, _level(context, grade)),
        as_of=context.as_of,
        empty=breakdown.why_empty(context),
    )
    return PageChart("quadrant", chart, is_wide=True)


def _is_quick(kpi: Kpi) -> bool:
    return kpi.kind in reading.FOLDED or kpi.code == GRADE


def _figures(context: Context, kpis: Sequence[Kpi], suppliers: Sequence[int]) -> dict[str, dict[int, Figure]]:
    if not suppliers:
        return {}
    filters = replace(context.selection.sums, subject_ids=tuple(suppliers))
    folded = [kpi for kpi in kpis if kpi.kind in reading.FOLDED]
    added = buckets.read(context.session, folded, filters, ("subject_id",))
    figures = {
        kpi.code: {keys[0]: bucket.figure(kpi, keys) for keys, bucket in added[kpi.family].items()}
        for kpi in folded
    }
    for kpi in kpis:
        if kpi.kind not in reading.FOLDED:
            found = sums.read(context.session, kpi, filters, ("subject_id",))
            figures[kpi.code] = {figure.keys[0]: figure for figure in found}
    return figures


def _ordered(rank: str, figures: Mapping[str, Mapping[int, Figure]], suppliers: Sequence[int]) -> list[int]:
    """The best first by the KPI that is asked for; those without a value last, as they were."""
    kpi = KPIS.get(rank)
    if kpi is None or rank not in figures:
        return list(suppliers)
    values = {supplier: figure.value for supplier, figure in figures[rank].items()}
    sign = 1 if kpi.better == "lower" else -1

    def place(supplier: int) -> tuple[bool, Decimal]:
        value = values.get(supplier)
        return value is None, sign * (value or Decimal(0))

    return sorted(suppliers, key=place)


def _names(context: Context, sort: Sort, subjects: Sequence[int]) -> dict[int, str]:
    rows = context.session.execute(select(sort.model.id, sort.model.name).where(sort.model.id.in_(subjects)))
    return {row.id: row.name for row in rows}


def _row(context: Context, ranking: Ranking, supplier: int) -> tuple[Cell, ...]:
    name = ranking.names.get(supplier, f"#{supplier}")
    focus = context.focus.code if context.focus else ""
    is_filter = ranking.sort.subject == "supplier"  # the one sort of subject a filter can name
    leads_to = (
        _narrow(context, focus, supplier)
        if is_filter
        else context.links.record(ranking.sort.subject, supplier)
    )
    cells = [Cell(name, name, leads_to)]
    arguments = context.selection.arguments | {"supplier" if is_filter else "subject": str(supplier)}
    for kpi in ranking.kpis:
        value = ranking.value(kpi.code, supplier)
        text = wording.bare(kpi, value)
        url = context.links.proof(kpi.code, arguments) if value is not None else ""
        cells.append(Cell(text, value, url))
    return tuple(cells)


def _narrow(context: Context, code: str, supplier: int) -> str:
    return context.narrow(code, supplier=str(supplier))


def _floor(spent: Sequence[Decimal]) -> float | None:
    """Where a logarithmic scale of spend begins: a power of ten below the smallest."""
    least = min(spent, default=None)
    return float(10 ** (len(str(int(least))) - 1)) if least is not None and least >= 1 else None


def _level(context: Context, grade: Kpi) -> float | None:
    read_now = context.readings.get(grade.code)
    mean = read_now.now.value if read_now else None
    level = context.targets.get(grade.code, mean)
    return float(level) if level is not None else None
