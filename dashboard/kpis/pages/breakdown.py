"""The charts every page has about the KPI in focus: by month, by category, by region, by organization."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from dashboard.core.charts import Chart, Series
from dashboard.kpis import buckets, periods
from dashboard.kpis.pages import reading, wording
from dashboard.kpis.pages.context import Context
from dashboard.kpis.pages.page import PageChart, Point
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import Figure

SHOWN = 15
EMPTY = "No record counts for it in this period. Choose a longer one, or fewer filters."
NOT_COMPUTED = "The figures are being computed; they appear here with the first refresh."


def charts(context: Context) -> list[PageChart]:
    """Everything about the KPI in focus but its trend: two queries, a third for several organizations."""
    kpi = context.focus
    if kpi is None or kpi.code not in context.readings:
        return []
    found = by_month_and_category(context, kpi)
    names = {each.id: each.path for each in context.selection.choices.categories}
    made = [PageChart("categories", _by_category(context, kpi, found, names))]
    regions = reading.read_by(context.session, kpi, context.selection.sums, ("region",))
    if set(regions) != {("",)}:  # what has no region at all is no chart
        made.append(PageChart("regions", _by_region(context, kpi, regions)))
    if len(context.selection.orgs) > 1:
        made.append(PageChart("organizations", _by_organization(context, kpi)))
    if context.selection.period.span.count > 1:
        made.append(PageChart("map", _map(context, kpi, found, names), is_wide=True))
    return made


Figures = dict[tuple[Any, ...], Figure]


def trend(context: Context, kpi: Kpi) -> Chart:
    """A KPI by month, beside what it is compared with and its target."""
    read = context.readings[kpi.code]
    span = context.selection.period.span
    links = [context.narrow_month(kpi.code, month) for month in span.months]
    series = [Series(kpi.title, _plain(kpi, read.months), links)]
    before = span.compared(context.selection.compare)
    if before and any(point.value is not None for point in read.months_before):
        series.append(Series(before.title, _plain(kpi, read.months_before), style="dashed"))
    target = context.targets.get(kpi.code)
    if target is not None:
        is_total = kpi.kind == "sum"
        each = target / span.count if is_total else target
        name = "Target (even share)" if is_total else "Target"
        series.append(Series(name, [wording.plain(kpi, each)] * span.count, style="dashed"))
    return Chart(
        kind="bar" if kpi.kind == "sum" else "line",
        title=f"{kpi.title} by month",
        categories=[periods.month_title(month) for month in span.months],
        category_title="Month",
        series=series,
        unit=context.unit(kpi),
        is_scaled=kpi.is_around_one,
        as_of=context.as_of,
        empty=why_empty(context),
    )


def why_empty(context: Context) -> str:
    """The reason a chart has nothing to draw."""
    return EMPTY if context.as_of else NOT_COMPUTED


def by_month_and_category(context: Context, kpi: Kpi) -> dict[str, Figures]:
    """The figures of a KPI by month and category, and by category alone, in one query where they add up.

    The categories with most records at least have their months.
    """
    filters = context.selection.sums
    if kpi.kind in reading.FOLDED:
        cells = buckets.read(context.session, [kpi], filters, ("month", "category_id"))[kpi.family]
        folded = buckets.fold(cells, lambda keys: (keys[1],))
        categories = {keys: bucket.figure(kpi, keys) for keys, bucket in folded.items()}
        shown = {figure.keys[0] for figure in _most(categories)}
        return {
            "cells": {keys: bucket.figure(kpi, keys) for keys, bucket in cells.items() if keys[1] in shown},
            "categories": categories,
        }
    return {
        "cells": reading.read_by(context.session, kpi, filters, ("month", "category_id")),
        "categories": reading.read_by(context.session, kpi, filters, ("category_id",)),
    }


def _most(categories: Figures) -> list[Figure]:
    return sorted(categories.values(), key=lambda figure: -figure.n)[:SHOWN]


def bars(
    context: Context,
    kpi: Kpi,
    figures: Iterable[Figure],
    name_of: Callable[[Any], str],
    link_of: Callable[[Any], str],
    what: str,
) -> Chart:
    """A KPI by something; the ones with most records where they are many, the largest value first."""
    known = [figure for figure in figures if figure.value is not None]
    shown = sorted(known, key=lambda figure: -figure.n)[:SHOWN]
    shown.sort(key=lambda figure: (-(figure.value or Decimal(0)), name_of(figure.keys[0])))
    notes = ["Percent above or below 1"] if kpi.is_around_one else []
    notes += [f"The {SHOWN} with most records of {len(known):,}"] if len(known) > SHOWN else []
    links = [link_of(figure.keys[0]) for figure in shown]
    return Chart(
        kind="bars",
        title=f"{kpi.title} by {what}",
        subtitle=". ".join(notes),
        categories=[f"{name_of(figure.keys[0])} ({figure.n:,})" for figure in shown],
        category_title=f"{what.capitalize()} (records)",
        series=[_lengths(kpi, [figure.value for figure in shown], links)],
        unit="%" if kpi.is_around_one else context.unit(kpi),
        as_of=context.as_of,
        empty=why_empty(context),
    )


def _lengths(kpi: Kpi, values: list[Decimal | None], links: list[str]) -> Series:
    """What bars show: of what lies around 1 the distance from there, or all of them would look alike."""
    if kpi.is_around_one:
        return Series("Above 1 (below: negative)", [wording.from_one(each) for each in values], links)
    return Series(kpi.title, [wording.plain(kpi, each) for each in values], links)


def _by_category(context: Context, kpi: Kpi, found: Mapping[str, Figures], names: Mapping[int, str]) -> Chart:
    def link(category: int) -> str:
        return context.narrow(kpi.code, category=str(category)) if category else ""

    return bars(
        context, kpi, found["categories"].values(), lambda key: names.get(key, "None"), link, "category"
    )


def _by_region(context: Context, kpi: Kpi, figures: Figures) -> Chart:
    def link(region: str) -> str:
        return context.narrow(kpi.code, region=region) if region else ""

    return bars(context, kpi, figures.values(), lambda key: key or "None", link, "region")


def _by_organization(context: Context, kpi: Kpi) -> Chart:
    figures = reading.read_by(context.session, kpi, context.selection.sums, ("org_id",))
    names = {org.id: org.name for org in context.selection.orgs}

    def link(org: int) -> str:
        return context.narrow(kpi.code, org=str(org))

    return bars(context, kpi, figures.values(), lambda key: names.get(key, ""), link, "organization")


def _map(context: Context, kpi: Kpi, found: Mapping[str, Figures], names: Mapping[int, str]) -> Chart:
    """A cell for each month and category; the categories with most records."""
    months = context.selection.period.span.months
    most = _most(found["categories"])
    shown = sorted((names.get(figure.keys[0], "None"), figure.keys[0]) for figure in most)
    return Chart(
        kind="heat",
        title=f"{kpi.title} by category and month",
        categories=[periods.month_title(month) for month in months],
        category_title="Month",
        series=[
            Series(name, *_row(context, kpi, found["cells"], category, months)) for name, category in shown
        ],
        unit=context.unit(kpi),
        subtitle="Where there is no cell there is no data",
        middle=1 if kpi.is_around_one else None,
        as_of=context.as_of,
        empty=why_empty(context),
    )


def _row(
    context: Context, kpi: Kpi, cells: Figures, category: int, months: tuple[date, ...]
) -> tuple[list[float | None], list[str]]:
    figures = [cells.get((month, category)) for month in months]
    values = [wording.plain(kpi, figure.value if figure else None) for figure in figures]
    links = [
        context.narrow(kpi.code, category=str(category or ""), **periods.only(month)) for month in months
    ]
    return values, links


def _plain(kpi: Kpi, points: tuple[Point, ...]) -> list[float | None]:
    return [wording.plain(kpi, point.value) for point in points]
