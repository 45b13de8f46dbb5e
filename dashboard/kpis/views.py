"""The Insights page and its downloads."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.caching import caches
from dashboard.core.charts import Chart
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.core.filters import zone
from dashboard.core.web import requires
from dashboard.kpis import charts, periods, queries
from dashboard.kpis.figures import Figures, Org
from dashboard.kpis.periods import Period

blueprint = Blueprint("insights", __name__, url_prefix="/t/<tenant>/insights")
RISKY = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Selection:
    """What the address asks for: organizations, the chosen one (or None for all) and the period."""

    orgs: list[Org]
    chosen: Org | None
    period: Period

    @property
    def shown(self) -> list[Org]:
        """The organizations whose figures are shown."""
        return [self.chosen] if self.chosen else self.orgs

    @property
    def arguments(self) -> dict[str, str]:
        """The selection as it stands in an address."""
        period = self.period
        span = {"months": str(period.months)} if period.months else _span(period)
        return span | ({"org": str(self.chosen.id)} if self.chosen else {})


@blueprint.get("/")
@requires("insights.overview.view")
def index() -> ResponseReturnValue:
    """Show the charts; a period that cannot be read is named, and the usual one shown."""
    error = ""
    try:
        selection = _selection()
    except InvalidInputError as invalid:
        error = invalid.message
        selection = _selection(default_period=True)
    figures = _figures(selection)
    page = render_template(
        "kpis/index.html",
        selection=selection,
        figures=figures,
        charts=charts.build(figures, selection.period),
        choices=periods.CHOICES,
        error=error,
    )
    return page, 422 if error else 200


@blueprint.get("/<name>.csv")
@requires("insights.overview.view")
def download(name: str) -> ResponseReturnValue:
    """Send the numbers of one chart."""
    selection = _selection()
    built = charts.build(_figures(selection), selection.period)
    found = next((item.chart for item in built if item.name == name), None)
    if found is None:
        raise NotFoundError("There is no such chart.")
    headers = {"Content-Disposition": f'attachment; filename="{found.file_name}.csv"'}
    return Response(_csv(found), mimetype="text/csv", headers=headers)


def _selection(*, default_period: bool = False) -> Selection:
    orgs = queries.list_orgs()
    asked = request.args.get("org", "")
    chosen = next((org for org in orgs if str(org.id) == asked), None)
    if asked and chosen is None:
        raise NotFoundError("There is no such organization.", fix="Choose one in the filter.")
    today = _today(chosen or next(iter(orgs), None))
    return Selection(orgs, chosen, periods.read({} if default_period else request.args, today))


def _today(org: Org | None) -> date:
    return datetime.now(zone(org.time_zone) if org else UTC).date()


def _figures(selection: Selection) -> Figures:
    period = selection.period
    orgs = ",".join(str(org.id) for org in selection.shown)
    key = f"insights:{period.first}:{period.last}:{orgs}"
    return caches.reports.get_or(key, lambda: queries.read_figures(selection.shown, period))


def _span(period: Period) -> dict[str, str]:
    return {"from": period.first.isoformat(), "to": period.last.isoformat()}


def _csv(chart: Chart) -> Iterator[str]:
    unit = f" ({chart.unit})" if chart.unit else ""
    yield _csv_line([chart.category_title, *(f"{series.name}{unit}" for series in chart.series)])
    for index, category in enumerate(chart.categories):
        values = [series.values[index] for series in chart.series]
        yield _csv_line([category, *("" if value is None else value for value in values)])


def _csv_line(cells: Sequence[object]) -> str:
    """Write one line; text that a spreadsheet would run as a formula is kept as text."""
    line = io.StringIO()
    csv.writer(line).writerow(
        f"'{cell}" if isinstance(cell, str) and cell.startswith(RISKY) else cell for cell in cells
    )
    return line.getvalue()
