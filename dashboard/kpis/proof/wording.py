"""Says how a number was made: the formula with the sums put in, and values with every digit."""

from decimal import Decimal

from dashboard.core.charts import NO_DATA
from dashboard.kpis.proof.numbers import Made
from dashboard.kpis.registry import Kpi

DIGITS = 12
SQUARE_ROOT, DIVIDED, SUM = "√", "÷", "Σ"
MEASURES = {
    "otif_hits": "lines on time in full",
    "otif_lines": "lines due",
    "lead_gap": "days off the quoted lead time",
    "lead_squares": "squares of days off the quoted lead time",
    "lead_lines": "lines with a lead time",
    "lead_hits": "lines that kept their lead time",
    "accurate": "accurate lines",
    "closed": "lines of closed orders",
    "rejected": "quantity rejected",
    "received": "quantity received",
    "inspected": "lines received",
    "clean": "lines without a rejection",
    "managed": "managed spend",
    "maverick": "maverick spend",
    "gap": "paid above standard cost",
    "standard": "value at standard cost",
    "index_sum": "price index of each bid",
    "index_bids": "bids",
    "level_bid_value": "value bid",
    "level_standard_value": "value at standard cost",
    "level_bids": "bids",
    "single_bids": "requests with one quote",
    "decided": "requests with a quote and their bidding over",
    "offers": "quotes",
    "compared": "lines with a baseline",
    "saved": "baseline less awarded value",
    "value_at_end": "value at the end of the month",
    "value_days": "stock value of all days",
    "shipped_cost": "cost of goods shipped",
    "old_value": "value of old stock",
    "aged_value": "value of stock",
    "below": "products below their point",
    "with_point": "products with a point",
    "advised": "products advised",
    "costed_revenue": "revenue with a known cost",
    "costed_lines": "lines with a known cost",
}
"""What measures are called whose names say too little."""
TIMES, MINUS = "\N{MULTIPLICATION SIGN}", "\N{MINUS SIGN}"


def exact(value: Decimal | None) -> str:
    """Write a value with its decimals, twelve of them at most, and no zeros at the end."""
    if value is None:
        return NO_DATA
    text = f"{value:,.{DIGITS}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_unit(kpi: Kpi, value: Decimal | None, currency: str) -> str:
    """Write a value with every digit and its unit."""
    unit = {"money": currency, "index": ""}.get(kpi.unit, kpi.unit)
    return f"{exact(value)} {unit}".strip() if value is not None else NO_DATA


def measure(name: str) -> str:
    """Name a measure."""
    return MEASURES.get(name) or name.replace("_", " ")


def worked(kpi: Kpi, made: Made, currency: str) -> str:
    """Write the formula with the numbers put in, as one could type it into a calculator."""
    if made.value is None:
        return f"there is nothing to put in, so there is {NO_DATA}"
    result = with_unit(kpi, made.value, currency)
    if kpi.kind == "composite":
        return f"computed from the figures below = {result}"
    if kpi.kind == "median":
        return f"the middle of {made.included:,} values in order = {result}"
    above, below, extra = (_term(made, name) for name in (kpi.numerator, kpi.denominator, kpi.extra))
    factor = f"{kpi.factor} {TIMES} " if kpi.factor != 1 else ""
    if kpi.kind in {"sum", "level"}:
        return f"{factor}{SUM} {above} = {result}"
    if kpi.kind == "deviation":
        inner = f"({SUM}x² {above} {MINUS} ({SUM}x {extra})² {DIVIDED} {below}) {DIVIDED} ({below} {MINUS} 1)"
        return f"{factor}{SQUARE_ROOT}({inner}) = {result}"
    return f"{factor}{above} {DIVIDED} {below} = {result}"


def _term(made: Made, name: str) -> str:
    return f"{exact(made.measures.get(name))} [{measure(name)}]" if name else ""
