"""A page of insights made by hand, for what exports and mails do with one."""

from datetime import UTC, date, datetime
from decimal import Decimal

from dashboard.core.charts import Chart, Series
from dashboard.kpis import periods
from dashboard.kpis.choices import Choices
from dashboard.kpis.filters import Selection
from dashboard.kpis.pages.page import Cell, Column, Page, PageChart, Table, Tile

AS_OF = datetime(2026, 4, 15, 6, 30, tzinfo=UTC)
SELECTION = Selection(Choices((), (), (), "EUR"), periods.read({"period": "3m"}, date(2026, 4, 15)))
SPEND = Chart(
    "bar",
    "Spend by month",
    ("Feb 2026", "Mar 2026", "Apr 2026"),
    (
        Series("Metal", (Decimal("1200.50"), None, Decimal(900))),
        Series("=HYPERLINK(1)", (0, 5, None)),
    ),
    unit="EUR",
    category_title="Month",
)
NOTHING = Chart("line", "Price index", (), (), empty="Nobody has quoted yet.")
TILES = (
    Tile(
        "otif", "On time in full", "81.3 %", Decimal("81.25"), "%", 16, "lines on time ÷ lines due",
        "3.1 points less", "worse", "95 %", "missed",
    ),
    Tile("ppm", "Defects", "no data", None, "ppm", 0, "rejected ÷ received"),
)  # fmt: skip
SUPPLIERS = Table(
    "ranking",
    "Ranking",
    (Column("Supplier", is_number=False), Column("OTIF")),
    (
        (Cell("北京铸造 <b>"), Cell("91 %", Decimal(91))),
        (Cell("-1+cmd|calc"), Cell("no data")),
    ),
)


def page(*, charts: tuple[PageChart, ...] | None = None) -> Page:
    """A page with all there is: figures with and without a value, a gap, an empty chart, risky names."""
    both = (PageChart("spend", SPEND), PageChart("index", NOTHING))
    return Page(
        "suppliers",
        "Suppliers",
        SELECTION,
        AS_OF,
        TILES,
        both if charts is None else charts,
        (SUPPLIERS,),
        ("Receipts corrected later are not undone.",),
    )
