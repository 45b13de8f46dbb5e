"""Reads what a page needs in few queries: the sums of all its families at once, folded here into figures."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.kpis import bins, sums
from dashboard.kpis.filters import Selection
from dashboard.kpis.models import KpiState
from dashboard.kpis.pages.page import Point
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters

FOLDED = frozenset({"ratio", "sum", "mean", "deviation"})
"""Kinds whose value comes from sums that add up, so that a year's is folded from its months'."""
LEVEL = "level"
"""The kind whose value is that of its last month."""


@dataclass
class Bucket:
    """Sums of a family's measures that add up; a measure no fact had is missing."""

    n: int = 0
    measures: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: "Bucket") -> None:
        """Add another bucket to this one."""
        self.n += other.n
        mine = self.measures
        for name, value in other.measures.items():
            mine[name] = mine[name] + value if name in mine else value

    def figure(self, kpi: Kpi, keys: tuple[Any, ...] = ()) -> Figure:
        """What a KPI is, over this bucket."""
        count = self.measures.get(kpi.count, Decimal(0)) if kpi.count else self.n
        return Figure(keys, sums.value_of(kpi, self.measures), int(count))


Buckets = dict[tuple[Any, ...], Bucket]


@dataclass(frozen=True)
class Reading:
    """A KPI over the selection, over what it is compared with, and by month."""

    kpi: Kpi
    now: Figure
    before: Figure | None
    months: tuple[Point, ...]
    months_before: tuple[Point, ...] = ()


def fold(
    buckets: Mapping[tuple[Any, ...], Bucket], key: Callable[[tuple[Any, ...]], Any]
) -> dict[Any, Bucket]:
    """Add buckets up by a part of their key; a part None is left out."""
    folded: dict[Any, Bucket] = defaultdict(Bucket)
    for keys, bucket in buckets.items():
        part = key(keys)
        if part is not None:
            folded[part].add(bucket)
    return dict(folded)


def read_buckets(
    session: Session, kpis: Iterable[Kpi], filters: Filters, by: Sequence[By]
) -> dict[str, Buckets]:
    """Return the sums that KPIs are computed from in one query, by family and then by `by`."""
    known: dict[str, dict[str, str]] = {}  # by family: each measure that is asked for, and its column
    for kpi in kpis:
        known.setdefault(kpi.family, {}).update((name, kpi.facts.column(name)) for name in kpi.measures)
    where, binds = _condition(filters)
    keys = "".join(f", {key}" for key in by)
    is_of_subjects = filters.subject_id is not None or "subject_id" in by
    table = "kpi_subject_sum" if is_of_subjects else "kpi_sum"
    kept_as = sums.kept_of_subjects if is_of_subjects else sums.kept_as
    kept = {kept_as(name, filters, by): name for name in known}
    columns = sorted({column for measures in known.values() for column in measures.values()})
    added = "".join(f", sum({column})" for column in columns)
    rows = session.connection().exec_driver_sql(
        f"SELECT family{keys}, sum(n){added} FROM {table} WHERE {where} GROUP BY family{keys}",  # noqa: S608
        {"families": list(kept), **binds},
    )
    first = 2 + len(by)  # the family, what it is by, and n come before the sums
    places = {
        family: [(name, first + columns.index(column)) for name, column in measures.items()]
        for family, measures in known.items()
    }
    found: dict[str, Buckets] = {name: {} for name in known}
    for row in rows:
        name = kept[row[0]]
        measured = {measure: row[place] for measure, place in places[name] if row[place] is not None}
        found[name][tuple(row[1 : first - 1])] = Bucket(int(row[first - 1]), measured)
    return found


def read_all(
    session: Session, kpis: Sequence[Kpi], selection: Selection, focus: Kpi | None = None
) -> dict[str, Reading]:
    """Return each KPI over the selection; all that can be folded in one query, the rest one by one.

    A composite has its course by month only when it is the focus: each month of it is computed anew.
    """
    foldable = [kpi for kpi in kpis if kpi.kind in {*FOLDED, LEVEL}]
    whole = _whole(selection)
    found = read_buckets(session, foldable, whole, ("month",)) if foldable else {}
    readings = {}
    for kpi in kpis:
        if not fits(kpi, selection):
            continue
        if kpi in foldable:
            readings[kpi.code] = _folded(kpi, found[kpi.family], selection)
        elif kpi.kind == "median":
            readings[kpi.code] = _counted(session, kpi, selection)
        else:
            readings[kpi.code] = _asked(session, kpi, selection, has_course=kpi is focus)
    return readings


def fits(kpi: Kpi, selection: Selection) -> bool:
    """Whether a KPI knows the supplier that the selection names: not all are kept by supplier."""
    return selection.supplier is None or kpi.facts.subject == "supplier"


def read_by(session: Session, kpi: Kpi, filters: Filters, by: Sequence[By]) -> dict[tuple[Any, ...], Figure]:
    """Return a KPI's figures by their keys."""
    return {figure.keys: figure for figure in sums.read(session, kpi, filters, by)}


def read_as_of(session: Session, families: Iterable[str]) -> datetime | None:
    """Return up to when the figures of all these families are known; None before one was ever computed."""
    states = {row.family: row.as_of for row in session.execute(select(KpiState.family, KpiState.as_of))}
    moments = [states.get(family) for family in families]
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


def _folded(kpi: Kpi, found: Buckets, selection: Selection) -> Reading:
    def over(months: Sequence[date]) -> Figure:
        known = [found[(month,)] for month in months if (month,) in found]
        if kpi.kind == LEVEL or len(known) == 1:
            return (known or [Bucket()])[-1].figure(kpi)
        total = Bucket()
        for bucket in known:
            total.add(bucket)
        return total.figure(kpi)

    return _of_spans(kpi, selection, over)


def _counted(session: Session, kpi: Kpi, selection: Selection) -> Reading:
    """A median: from how many records each bin has, by month."""
    found = sums.histograms(session, kpi, _whole(selection), ("month",))
    by_month = {one.keys[0]: one.ranked for one in found}

    def over(months: Sequence[date]) -> Figure:
        counted = bins.together([by_month[month] for month in months if month in by_month])
        return Figure((), counted.percentile(Decimal("0.5")), counted.n)

    return _of_spans(kpi, selection, over)


def _asked(session: Session, kpi: Kpi, selection: Selection, *, has_course: bool) -> Reading:
    """A KPI that only its own code can compute: for the whole time, for the compared one, and by month."""
    (now,) = sums.read(session, kpi, selection.sums)
    compared = selection.compared
    before = sums.read(session, kpi, compared)[0] if compared else None
    if not has_course:
        return Reading(kpi, now, before, ())
    found = {figure.keys[0]: figure for figure in sums.read(session, kpi, _whole(selection), ("month",))}
    empty = Figure((), None, 0)
    monthly = _of_spans(kpi, selection, lambda months: found.get(months[0], empty))
    return replace(monthly, now=now, before=before)


def _of_spans(kpi: Kpi, selection: Selection, over: Callable[[Sequence[date]], Figure]) -> Reading:
    """A reading by what `over` says of any months."""
    span = selection.period.span
    before = span.compared(selection.compare)
    return Reading(
        kpi,
        over(span.months),
        over(before.months) if before else None,
        tuple(Point(month, over((month,)).value) for month in span.months),
        tuple(Point(month, over((month,)).value) for month in before.months) if before else (),
    )


def _whole(selection: Selection) -> Filters:
    """The selection and what it is compared with, in one span."""
    compared = selection.compared
    first = min(selection.sums.first, compared.first) if compared else selection.sums.first
    return replace(selection.sums, first=first)


def _condition(filters: Filters) -> tuple[str, dict[str, Any]]:
    where = ["family = ANY(%(families)s)", "org_id = ANY(%(orgs)s)", "month BETWEEN %(first)s AND %(last)s"]
    binds: dict[str, Any] = {"orgs": list(filters.org_ids), "first": filters.first, "last": filters.last}
    if filters.category_ids:
        where.append("category_id = ANY(%(categories)s)")
        binds["categories"] = list(filters.category_ids)
    if filters.regions:
        where.append("region = ANY(%(regions)s)")
        binds["regions"] = list(filters.regions)
    if filters.subject_id is not None:
        where.append("subject_id = %(subject)s")
        binds["subject"] = filters.subject_id
    if filters.subject_ids:
        where.append("subject_id = ANY(%(subjects)s)")
        binds["subjects"] = list(filters.subject_ids)
    return " AND ".join(where), binds
