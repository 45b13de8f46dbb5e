"""Computes how much of the spend lies with how few suppliers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import registry, squares
from dashboard.kpis.composites import composite
from dashboard.kpis.periods import Span
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters, condition, kept_as

DECIMALS = 6


@composite("concentration")
def read(session: Session, _kpi: Kpi, filters: Filters, by: Sequence[By]) -> list[Figure]:
    """Return the sum of squared shares of spend over suppliers; n: the lines received."""
    keys = ", ".join(by)
    query, binds = _kept(filters, by) if _is_kept(filters, by) else _of_suppliers(filters, by)
    rows = session.connection().exec_driver_sql(
        f"SELECT {keys}{', ' * bool(by)}round(sum(xx) / nullif(sum(x) * sum(x), 0), {DECIMALS}),"  # noqa: S608
        f" coalesce(sum(n), 0) FROM ({query}) AS added" + (f" GROUP BY {keys} ORDER BY {keys}" if by else ""),
        binds,
    )
    return [Figure(tuple(row[:-2]), row[-2], int(row[-1])) for row in rows]


def _is_kept(filters: Filters, by: Sequence[By]) -> bool:
    """Whether squares are kept for it: over all suppliers, of all categories or of each alone."""
    is_of_some = filters.regions or filters.is_of_subjects()
    is_each_alone = "category_id" in by or len(filters.category_ids) < 2
    return not is_of_some and is_each_alone and not {"region", "subject_id"} & set(by)


def _kept(filters: Filters, by: Sequence[By]) -> tuple[str, dict[str, Any]]:
    """Return SQL with the spend, and with the squares of its months: both months are within the filter."""
    kpi = registry.get("spend")
    where, binds = condition(kpi, filters)
    columns = "".join(f"{name}, " for name in by)
    spend, lines = kpi.facts.column(kpi.numerator), kpi.facts.column(kpi.count)
    kept = kept_as(kpi.family, filters, by)
    products = squares.name_of(kpi.facts, is_by_category="category_id" in by or bool(filters.category_ids))
    reach = "1" if "month" in by else "reach.most"
    named = where.replace("%(family)s", "%(squares)s")
    # Month by month, so that the index leaves out the products with months before the filter. Those whose
    # facts have gone stay as 0, and are no group of their own.
    query = (
        f"SELECT {columns}{spend} AS x, {lines} AS n, NULL::numeric AS xx FROM kpi_sum WHERE {where}"  # noqa: S608
        f" UNION ALL SELECT {columns}NULL, NULL, s1"
        " FROM unnest(%(months)s::date[]) WITH ORDINALITY AS reach (later, most) CROSS JOIN LATERAL ("
        f" SELECT org_id, month, category_id, s1 FROM kpi_sum WHERE {named} AND month = reach.later"
        f" AND bin < {reach} AND s1 <> 0 OFFSET 0) AS k"
    )
    months = Span(filters.first, filters.last).months
    return query, {**binds, "family": kept, "squares": products, "months": list(months)}


def _of_suppliers(filters: Filters, by: Sequence[By]) -> tuple[str, dict[str, Any]]:
    """Return SQL with what each supplier was paid, and its square."""
    kpi = registry.get("spend")
    where, binds = condition(kpi, filters)
    columns = ", ".join(dict.fromkeys([*by, "subject_id"]))
    spend, lines = kpi.facts.column(kpi.numerator), kpi.facts.column(kpi.count)
    return (
        f"SELECT {columns}, sum({spend}) AS x, sum({lines}) AS n, sum({spend}) * sum({spend}) AS xx"  # noqa: S608
        f" FROM kpi_subject_sum WHERE {where} GROUP BY {columns}"
    ), binds
