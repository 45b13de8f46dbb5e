"""Owns the list of KPIs that code computes from the sums of others; no other KPI has code of its own."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy.orm import Session

from dashboard.kpis.registry import Kpi

if TYPE_CHECKING:
    from dashboard.kpis.sums import By, Figure, Filters

Compute = Callable[[Session, Kpi, "Filters", Sequence["By"]], list["Figure"]]

Explain = Callable[[Session, "Filters"], str]

COMPOSITES: dict[str, "Compute"] = {}
EXPLANATIONS: dict[str, "Explain"] = {}
"""For some of them: the formula with the numbers put in, '' when there is no data."""


def composite(code: str) -> Callable[["Compute"], "Compute"]:
    """Register a function as the way to read a KPI: it answers exactly as `sums.read` does."""

    def register(compute: "Compute") -> "Compute":
        if code in COMPOSITES:
            raise ValueError(f"there are two ways to compute {code}")
        COMPOSITES[code] = compute
        return compute

    return register


def read(session: Session, kpi: Kpi, filters: "Filters", by: Sequence["By"] = ()) -> list["Figure"]:
    """Return the figures of a composite KPI; without `by` exactly one."""
    return COMPOSITES[kpi.code](session, kpi, filters, by)


def explain(session: Session, kpi: Kpi, filters: "Filters") -> str:
    """Write how a composite KPI's one figure came about; '' where its code does not tell."""
    return EXPLANATIONS[kpi.code](session, filters) if kpi.code in EXPLANATIONS else ""
