"""Owns the view across tenants: for each the KPIs of an area, and a chart of one of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dashboard.core.charts import Chart, Series
from dashboard.kpis.pages import overview, wording
from dashboard.kpis.pages.page import Tone
from dashboard.kpis.registry import Area, Kpi
from dashboard.kpis.tenants_view import queries
from dashboard.kpis.tenants_view.models import Headline
from dashboard.kpis.tenants_view.service import EVERY_SECONDS
from dashboard.tenancy.models import TenantRef

STALE_AFTER = timedelta(seconds=3 * EVERY_SECONDS)


@dataclass(frozen=True)
class Cell:
    """A figure of a tenant in words; `text` is "no data" where there is none."""

    text: str
    change: str = ""
    tone: Tone = ""
    target: str = ""
    verdict: str = ""
    n: int = 0


@dataclass(frozen=True)
class Row:
    """A tenant with its figures. `month` is '' before it was ever read."""

    tenant: TenantRef
    month: str
    as_of: datetime | None
    is_stale: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class View:
    """The whole page."""

    area: Area
    kpis: tuple[Kpi, ...]
    focus: Kpi | None
    rows: tuple[Row, ...]
    chart: Chart | None

    @property
    def unread(self) -> list[str]:
        """The names of the tenants without a figure as yet."""
        return [row.tenant.name for row in self.rows if row.as_of is None]


def build(tenants: Sequence[TenantRef], area: str, code: str, now: datetime | None = None) -> View:
    """Put together the KPIs of an area over some tenants; unknown ones give way to the first."""
    headlines = overview.headlines()
    areas = list(dict.fromkeys(kpi.area for kpi in headlines))
    chosen: Area = next((each for each in areas if each == area), "suppliers")
    kpis = tuple(kpi for kpi in headlines if kpi.area == chosen)
    found = queries.list_headlines([tenant.id for tenant in tenants], [kpi.code for kpi in kpis])
    focus = next((kpi for kpi in kpis if kpi.code == code), next(iter(kpis), None))
    rows = tuple(_row(tenant, kpis, found, now or datetime.now(UTC)) for tenant in tenants)
    chart = _chart(focus, tenants, found) if focus else None
    return View(chosen, kpis, focus, rows, chart)


def _row(
    tenant: TenantRef, kpis: Sequence[Kpi], found: dict[tuple[int, str], Headline], now: datetime
) -> Row:
    known = [found[key] for kpi in kpis if (key := (tenant.id, kpi.code)) in found]
    moments = [each.as_of for each in known]
    as_of = min((moment for moment in moments if moment), default=None) if None not in moments else None
    is_stale = any(now - each.read_at > STALE_AFTER for each in known)
    month = f"{known[0].month:%b %Y}" if known else ""
    return Row(
        tenant, month, as_of, is_stale, tuple(_cell(kpi, found.get((tenant.id, kpi.code))) for kpi in kpis)
    )


def _cell(kpi: Kpi, row: Headline | None) -> Cell:
    if row is None:
        return Cell(wording.write(kpi, None, ""))
    change, tone = wording.change(kpi, row.value, row.previous)
    target = wording.write(kpi, row.target, row.currency) if row.target is not None else ""
    return Cell(wording.write(kpi, row.value, row.currency), change, tone, target, row.verdict, row.n)


def _chart(kpi: Kpi, tenants: Sequence[TenantRef], found: dict[tuple[int, str], Headline]) -> Chart:
    """Bars of the tenants that can be compared: amounts in the currency most of them have."""
    known = [(tenant, found[key]) for tenant in tenants if (key := (tenant.id, kpi.code)) in found]
    counted = Counter(row.currency for _, row in known)
    currency = min(counted, key=lambda code: (-counted[code], code), default="")
    is_money = kpi.unit == "money"
    shown = [(tenant, row) for tenant, row in known if not is_money or row.currency == currency]
    left_out = len(known) - len(shown)
    drawn = sorted(shown, key=lambda pair: (pair[1].value is None, -(pair[1].value or 0), pair[0].name))
    values = [wording.plain(kpi, row.value) for _, row in drawn]
    return Chart(
        "bars",
        f"{kpi.title} by tenant",
        [tenant.name for tenant, _ in drawn],
        [Series(kpi.title, values)],
        unit=wording.unit_of(kpi, currency),
        subtitle=f"{left_out} with another currency are in the table only" if left_out else "",
        category_title="Tenant",
        empty="No tenant has figures for the last whole month yet.",
    )
