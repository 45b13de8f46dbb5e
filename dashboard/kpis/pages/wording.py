"""Writes values as people read them: with their unit, and differences with their direction."""

from decimal import Decimal

from dashboard.core.charts import NO_DATA
from dashboard.core.filters import SPACE
from dashboard.kpis.pages.page import Tone, Verdict
from dashboard.kpis.registry import Kpi

MILLION, BILLION = 1_000_000, 1_000_000_000
HOURS_A_DAY = 24
LONG_HOURS = 72
# What changed by less than this share of what it was has not changed in a way that matters.
SAME = Decimal("0.005")


def write(kpi: Kpi, value: Decimal | None, currency: str) -> str:
    """A value with its unit; amounts of millions short."""
    if value is None:
        return NO_DATA
    if kpi.unit == "money":
        return f"{_short(value)}{SPACE}{currency}"
    if kpi.unit == "hours":
        return _hours(value)
    text = f"{value:z,.{kpi.decimals}f}"
    return text if kpi.unit in {"", "index"} else f"{text}{SPACE}{kpi.unit}"


def unit_of(kpi: Kpi, currency: str) -> str:
    """The unit of a KPI's numbers in charts and tables; '' for an index."""
    return {"money": currency, "index": "", "hours": "days"}.get(kpi.unit, kpi.unit)


def plain(kpi: Kpi, value: Decimal | None) -> float | None:
    """A value as charts and tables show it, in `unit_of`, rounded."""
    if value is None:
        return None
    shown = value / HOURS_A_DAY if kpi.unit == "hours" else value
    return round(float(shown), 2 if kpi.unit == "money" else max(kpi.decimals, 1)) + 0.0  # never -0


def entered(kpi: Kpi, shown: Decimal) -> Decimal:
    """A value somebody entered in `unit_of`, in the unit of the KPI."""
    return round(shown * HOURS_A_DAY, 2) if kpi.unit == "hours" else shown


def to_enter(kpi: Kpi, value: Decimal) -> Decimal:
    """A value to be changed in `unit_of`; entered again it is the same."""
    return round(value / HOURS_A_DAY, 4) if kpi.unit == "hours" else value


def from_one(value: Decimal | None) -> float | None:
    """How many percent a value lies above 1 (below: negative), as charts show it."""
    return None if value is None else round(float(100 * (value - 1)), 1) + 0.0  # never -0


def change(kpi: Kpi, now: Decimal | None, before: Decimal | None) -> tuple[str, Tone]:
    """The difference in words and whether it is good; nothing where one of the two is missing."""
    if now is None or before is None:
        return "", ""
    if kpi.unit == "%":
        text = f"{_signed(now - before, 1)}{SPACE}points"
    elif before == 0:
        return ("unchanged", "same") if now == 0 else ("", "")
    else:
        text = f"{_signed(100 * (now - before) / abs(before), 1)}{SPACE}%"
    if abs(now - before) <= SAME * abs(before):
        return text, "same"
    if kpi.better == "neither":
        return text, ""
    return text, "better" if (now > before) == (kpi.better == "higher") else "worse"


def verdict(kpi: Kpi, value: Decimal | None, target: Decimal | None) -> Verdict:
    """Whether a value keeps its target; '' where one is missing or neither direction is better."""
    if value is None or target is None or kpi.better == "neither":
        return ""
    is_met = value >= target if kpi.better == "higher" else value <= target
    return "met" if is_met else "missed"


def _hours(hours: Decimal) -> str:
    if abs(hours) < LONG_HOURS:
        return f"{hours:z,.0f}{SPACE}h"
    return f"{hours / HOURS_A_DAY:z,.1f}{SPACE}days"


def _short(amount: Decimal) -> str:
    for size, letter in ((BILLION, "bn"), (MILLION, "m")):
        if abs(amount) >= size:
            return f"{amount / size:z,.2f}{SPACE}{letter}"
    return f"{amount:z,.0f}"


def _signed(value: Decimal, digits: int) -> str:
    text = f"{value:+z,.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}")


def bare(kpi: Kpi, value: Decimal | None) -> str:
    """A value for a column whose title says the unit."""
    shown = plain(kpi, value)
    if shown is None:
        return NO_DATA
    return f"{shown:z,.{0 if kpi.unit == 'money' else kpi.decimals}f}"
