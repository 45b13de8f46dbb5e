"""The wall: the figures that say how each area does, with the course of the most important ones."""

from dataclasses import replace

from dashboard.kpis.pages import breakdown
from dashboard.kpis.pages.context import Context, tile
from dashboard.kpis.pages.page import PageChart, Tile
from dashboard.kpis.registry import KPIS, Area, Kpi, of_area

HEADLINES: dict[Area, tuple[str, ...]] = {
    "suppliers": ("reliability", "otif", "spend", "defect_ppm"),
    "market": ("price_index", "price_level"),
    "sourcing": ("savings", "cycle_time", "single_bid"),
    "stock": ("stock_value", "stock_turnover", "below_reorder"),
    "sales": ("revenue", "margin_share", "on_time_shipment"),
}
TITLES: dict[Area, str] = {
    "suppliers": "Suppliers",
    "market": "Market",
    "sourcing": "Sourcing",
    "stock": "Stock",
    "sales": "Sales",
}
COURSES = ("spend", "otif", "savings", "revenue", "price_level", "margin")
COURSES_SHOWN = 4
FALLBACK = 2
MOST = 24


def chosen(asked: str) -> list[Kpi]:
    """The KPIs somebody chose, by their codes with commas between; the usual ones where none is known."""
    codes = dict.fromkeys(asked.split(","))
    return [KPIS[code] for code in codes if code in KPIS][:MOST] or headlines()


def headlines() -> list[Kpi]:
    """The KPIs of the wall; of an area whose usual ones are not there, its first."""
    found: list[Kpi] = []
    for area, codes in HEADLINES.items():
        usual = [KPIS[code] for code in codes if code in KPIS]
        found += usual or of_area(area)[:FALLBACK]
    return found


def tiles(context: Context) -> list[Tile]:
    """One tile for each headline, under the name of its area."""
    areas = list(TITLES)
    ordered = sorted(context.kpis, key=lambda kpi: areas.index(kpi.area))
    made = [tile(context, kpi, group=TITLES[kpi.area], page=kpi.area) for kpi in ordered]
    return [each for each in made if each is not None]


def courses(context: Context) -> list[PageChart]:
    """How the most important figures went, each leading on to the page of its area."""
    known = {kpi.code: kpi for kpi in context.kpis if kpi.code in context.readings}
    usual = [known[code] for code in COURSES if code in known]
    return [
        PageChart(kpi.code, breakdown.trend(replace(context, name=kpi.area, focus=kpi), kpi))
        for kpi in (usual or list(known.values()))[:COURSES_SHOWN]
    ]
