"""Reads what a page needs in few queries: the sums of all its families at once, folded into figures."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.kpis import bins, buckets, sums
from dashboard.kpis.buckets import Bucket, Buckets
from dashboard.kpis.filters import Selection
from dashboard.kpis.models import KpiState
from dashboard.kpis.pages.page import Point
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters

FOLDED = frozenset({"ratio", "sum", "mean", "deviation"})
"""Kinds whose value comes from sums that add up, so that a year's is folded from its months'."""
LEVEL = "level"
"""The kind whose value is that of its last month."""


@dataclass(frozen=True)
class Reading:
    """A KPI over the selection, over what it is compared with, and by month."""

    kpi: Kpi
    now: Figure
    before: Figure | None
    months: tuple[Point, ...]
    months_before: tuple[Point, ...] = ()


def read_all(
    session: Session, kpis: Sequence[Kpi], selection: Selection, focus: Kpi | None = None
) -> dict[str, Reading]:
    """Return each KPI over the selection; all that can be folded in one query, the rest one by one.

    A composite has its course by month only when it is the focus: each month of it is computed anew.
    """
    foldable = [kpi for kpi in kpis if kpi.kind in {*FOLDED, LEVEL}]
    whole = _whole(selection)
    found = buckets.read(session, foldable, whole, ("month",)) if foldable else {}
    added = _adding(found)
    readings = {}
    for kpi in kpis:
        if not fits(kpi, selection):
            continue
        if kpi in foldable:
            readings[kpi.code] = _folded(kpi, added, selection)
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


Adding = Callable[[str, bool, tuple[date, ...]], Bucket]
"""Gives the sums of a family over months; of a level those of the last one that has any."""


def _adding(found: Mapping[str, Buckets]) -> Adding:
    """Add months up once for all KPIs of a family."""

    @cache
    def over(family: str, is_level: bool, months: tuple[date, ...]) -> Bucket:  # noqa: FBT001
        known = [found[family][month,] for month in months if (month,) in found[family]]
        return buckets.together(known[-1:] if is_level else known)

    return over


def _folded(kpi: Kpi, added: Adding, selection: Selection) -> Reading:
    return _of_spans(kpi, selection, lambda months: added(kpi.family, kpi.kind == LEVEL, months).figure(kpi))


def _counted(session: Session, kpi: Kpi, selection: Selection) -> Reading:
    """A median: from how many records each bin has, by month."""
    found = sums.histograms(session, kpi, _whole(selection), ("month",))
    by_month = {one.keys[0]: one.ranked for one in found}

    def over(months: tuple[date, ...]) -> Figure:
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


def _of_spans(kpi: Kpi, selection: Selection, over: Callable[[tuple[date, ...]], Figure]) -> Reading:
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
