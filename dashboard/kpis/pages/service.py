"""Builds a page of insights for anyone: a browser, an export, a mail. Ten to fifteen short queries each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy.orm import Session

from dashboard.core.errors import NotFoundError
from dashboard.kpis import filters, targets
from dashboard.kpis.filters import Selection
from dashboard.kpis.pages import breakdown, market, overview, reading, sales, scorecard, sourcing, stock
from dashboard.kpis.pages.context import Context, tile
from dashboard.kpis.pages.links import NoLinks
from dashboard.kpis.pages.page import Page, PageChart, Table
from dashboard.kpis.registry import Area, Kpi, of_area
from dashboard.kpis.remembering import answers

Extras = tuple[list[PageChart], list[Table]]
NOT_YET = "The figures are being computed. They appear here with the first refresh, usually within a minute."
NO_ORGANIZATION = "There is no organization yet. Figures belong to one: create it in Records."

OF_TODAY = "stock"
"""The family of what is known of the present day only."""


@dataclass(frozen=True)
class Kind:
    """A page there is: its name in addresses and permissions, its area (None: all of them)."""

    name: str
    title: str
    icon: str
    area: Area | None
    extras: Callable[[Context], Extras]

    @property
    def endpoint(self) -> str:
        """The view that shows it."""
        return f"insights_{self.name}.page" if self.area else "insights.index"


def build(
    session: Session,
    name: str,
    args: Mapping[str, str],
    links: NoLinks | None = None,
    today: date | None = None,
) -> Page:
    """Return a page for an address's arguments. Raises NotFoundError, InvalidInputError."""
    kind = PAGES.get(name)
    if kind is None:
        raise NotFoundError("There is no such page of insights.")
    selection = filters.read(session, args, today)
    with answers(session):
        context = _context(session, kind, selection, args, links or NoLinks())
        charts, tables = kind.extras(context)
        tiles = (
            [each for each in (tile(context, kpi) for kpi in context.kpis) if each is not None]
            if kind.area
            else overview.tiles(context)
        )
    return Page(
        name=name,
        title=kind.title,
        selection=selection,
        as_of=context.as_of,
        tiles=tuple(tiles),
        charts=tuple(_in_rows(charts)),
        tables=tuple(tables),
        notes=_notes(context, today),
    )


def _context(
    session: Session, kind: Kind, selection: Selection, args: Mapping[str, str], links: NoLinks
) -> Context:
    kpis: Sequence[Kpi] = of_area(kind.area) if kind.area else overview.chosen(args.get("tiles", ""))
    focus = _focus(kpis, args.get("kpi", "")) if kind.area else None
    readings = reading.read_all(session, kpis, selection, focus)
    return Context(
        session=session,
        name=kind.name,
        selection=selection,
        links=links,
        kpis=kpis,
        readings=readings,
        targets=targets.find(session, list(readings), selection.sums),
        as_of=reading.read_as_of(session, {kpi.family for kpi in kpis}),
        focus=focus,
        rank=args.get("rank", ""),
    )


def _focus(kpis: Sequence[Kpi], asked: str) -> Kpi | None:
    """The KPI asked for, else the first of the page."""
    return next((kpi for kpi in kpis if kpi.code == asked), next(iter(kpis), None))


def _notes(context: Context, today: date | None) -> tuple[str, ...]:
    """What a reader must know before comparing numbers."""
    found = [] if context.selection.orgs else [NO_ORGANIZATION]
    if context.as_of is None:
        return tuple(found) or (NOT_YET,)  # without an organization nothing is being computed
    running = (today or context.as_of.date()).replace(day=1)
    if context.selection.period.span.first <= running <= context.selection.period.span.last:
        found.append(f"{running:%B %Y} is still running: what it adds up to is not yet complete.")
    now = [kpi.title for kpi in context.kpis if kpi.family == OF_TODAY and kpi.code in context.readings]
    if now:
        found.append(f"Of today only, without earlier months and nothing to compare with: {', '.join(now)}.")
    return tuple(found)


def _in_rows(charts: Sequence[PageChart]) -> list[PageChart]:
    """Widen each chart that would stand alone in its row of two."""
    placed: list[PageChart] = []
    is_waiting = False
    for one in charts:
        if one.is_wide and is_waiting:
            placed[-1] = replace(placed[-1], is_wide=True)
        placed.append(one)
        is_waiting = not one.is_wide and not is_waiting
    if is_waiting:
        placed[-1] = replace(placed[-1], is_wide=True)
    return placed


def _of_overview(context: Context) -> Extras:
    return overview.courses(context), []


def _of_area(
    *specials: Callable[[Context], list[PageChart]],
    tables: Callable[[Context], list[Table]] | None = None,
) -> Callable[[Context], Extras]:
    """The course of the KPI in focus, what only this page has, and the focus by everything else."""

    def extras(context: Context) -> Extras:
        focus = context.focus
        first = (
            [PageChart("trend", breakdown.trend(context, focus), is_wide=True)]
            if focus and focus.code in context.readings
            else []
        )
        special = [chart for make in specials for chart in make(context)]
        return first + special + breakdown.charts(context), tables(context) if tables else []

    return extras


def _of_suppliers(context: Context) -> Extras:
    charts, _ = _of_area()(context)
    ranking = scorecard.read(context)
    if ranking is None:
        return charts, []
    quadrant = scorecard.quadrant(context, ranking)
    return charts[:1] + ([quadrant] if quadrant else []) + charts[1:], [scorecard.table(context, ranking)]


PAGES = {
    kind.name: kind
    for kind in (
        Kind("overview", "Overview", "chart-bar", None, _of_overview),
        Kind("suppliers", "Supplier performance", "truck-delivery", "suppliers", _of_suppliers),
        Kind("market", "Market", "chart-candle", "market", _of_area(market.charts)),
        Kind("sourcing", "Sourcing", "gavel", "sourcing", _of_area(sourcing.charts)),
        Kind("stock", "Stock", "packages", "stock", _of_area(stock.charts, tables=stock.tables)),
        Kind("sales", "Sales", "shopping-cart", "sales", _of_area(tables=sales.tables)),
    )
}
