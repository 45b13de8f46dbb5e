"""Reads how one supplier performs: each figure with the number of observations behind it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.charts import Chart, Series
from dashboard.core.filters import number, percent
from dashboard.erp.suppliers.models import Supplier

PERIOD = timedelta(days=730)
_SQL = Path(__file__).with_name("sql")
_SCORECARD = text((_SQL / "scorecard.sql").read_text())
_SPEND = text((_SQL / "spend.sql").read_text())


@dataclass(frozen=True)
class Figure:
    """One figure as text (None: no data), what it counts, and its observations."""

    title: str
    value: str | None
    text: str
    n: int


@dataclass(frozen=True)
class Year:
    """Spend of a calendar year in the organization's currency; `without_rate` receipt lines are not in it."""

    year: int
    spend: Decimal | None
    orders: int
    without_rate: int


@dataclass(frozen=True)
class Scorecard:
    """Everything the card shows."""

    since: date
    figures: tuple[Figure, ...]
    chart: Chart


def read(session: Session, supplier: Supplier) -> Scorecard:
    """Read the scorecard of the last two years. Takes one query."""
    since = (datetime.now(UTC) - PERIOD).date()
    values = {"supplier_id": supplier.id, "org_id": supplier.org_id, "since": since}
    row = session.execute(_SCORECARD, values).one()
    return Scorecard(since, (_reliability(supplier), *_figures(row)), _chart(row))


def spend_by_year(session: Session, supplier_id: int) -> list[Year]:
    """Spend by year, the newest first, six at most. Takes one query."""
    return [Year(*row) for row in session.execute(_SPEND, {"supplier_id": supplier_id})]


def _reliability(supplier: Supplier) -> Figure:
    known = supplier.reliability is not None
    value = f"{number(supplier.reliability, 1)} of 100" if known else None
    return Figure("Reliability", value, "as recorded", supplier.score_n)


def _figures(row: Any) -> tuple[Figure, ...]:
    full = "in full" if row.full_pct == 100 else f"at least {number(row.full_pct)} %"
    late = f", {row.tolerance} days of grace" if row.tolerance else ""
    spread = "" if row.lead_spread is None else f", spread {number(row.lead_spread, 1)}"
    hours = "" if row.response_hours is None else f", median {number(row.response_hours, 0)} h"
    return (
        Figure(
            "On time in full", _share(row.good, row.due), f"lines {full} by the day promised{late}", row.due
        ),
        Figure("Defects", _ppm(row.defect_ppm), "of a million received", row.received_lines),
        Figure("Lead time", _days(row.lead_bias), f"days against the quote{spread}", row.lead_lines),
        Figure(
            "Response", _share(row.answered, row.asked), f"invitations answered in time{hours}", row.asked
        ),
        Figure("Price", _index(row.price_index), "of the median bid, where three or more bid", row.bids),
    )


def _share(part: int, whole: int) -> str | None:
    return percent(Decimal(part) / whole) if whole else None


def _ppm(value: Decimal | None) -> str | None:
    return None if value is None else f"{number(value, 0)} ppm"


def _days(value: Decimal | None) -> str | None:
    return None if value is None else f"{'+' if value > 0 else ''}{number(value, 1)}"


def _index(value: float | None) -> str | None:
    return None if value is None else percent(value)


def _chart(row: Any) -> Chart:
    shares = [Decimal(100 * good) / lines for _, good, lines in row.quarters]
    return Chart(
        "bar",
        "On time in full by quarter",
        [quarter for quarter, _, _ in row.quarters],
        [Series("On time in full", shares)],
        unit="%",
        category_title="Quarter promised",
        empty="No order line was due yet.",
    )
