"""Finds the subjects with the largest sums without adding up all of them.

Of each month only the largest are looked at, along an index. Whoever is in none of these lists has at most
the sum of the lists' last amounts; when the last one shown has more, nobody is missing. Else the lists are
made longer.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import sums
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import Filters

DEEPER = 4
"""How many times longer the lists become when they did not suffice."""
TOPS = """
WITH tops AS MATERIALIZED (
    SELECT o.org_id, m.month, top.subject_id, top.amount
    FROM unnest(%(orgs)s::bigint[]) AS o (org_id)
    CROSS JOIN generate_series(%(first)s::date, %(last)s::date, interval '1 month') AS m (month)
    CROSS JOIN LATERAL (
        SELECT k.subject_id, k.{column} AS amount FROM kpi_subject_sum AS k
        WHERE k.family = %(family)s AND k.family LIKE '%%:all' AND k.org_id = o.org_id
            AND k.month = m.month::date AND k.subject_id > 0
        ORDER BY k.{column} DESC NULLS LAST LIMIT %(depth)s
    ) AS top
),
ends AS (
    SELECT count(*) = %(depth)s AS is_cut, greatest(min(coalesce(amount, 0)), 0) AS amount
    FROM tops GROUP BY org_id, month
)
SELECT subject_id, sum({column}) AS amount, (SELECT sum(amount) FROM ends WHERE is_cut) AS missed
FROM kpi_subject_sum WHERE {where} AND subject_id = ANY(ARRAY(SELECT DISTINCT subject_id FROM tops))
GROUP BY subject_id ORDER BY amount DESC NULLS LAST, subject_id LIMIT %(size)s
"""
EVERY = """
SELECT subject_id, sum({column}) AS amount, NULL AS missed FROM kpi_subject_sum
WHERE {where} AND subject_id > 0
GROUP BY subject_id ORDER BY amount DESC NULLS LAST, subject_id LIMIT %(size)s
"""


def find(session: Session, kpi: Kpi, filters: Filters, size: int) -> list[int]:
    """Return the subjects with the largest numerators of a KPI, the largest first; those without any last."""
    kept = sums.kept_of_subjects(kpi.family, filters)
    query = EVERY if kept == kpi.family else TOPS
    depth, rows = 4 * size, _ask(session, kpi, filters, query, size, 4 * size)
    while not _is_sure(rows, size):
        depth *= DEEPER
        rows = _ask(session, kpi, filters, query, size, depth)
    return [row.subject_id for row in rows]


def _ask(session: Session, kpi: Kpi, filters: Filters, query: str, size: int, depth: int) -> Sequence[Any]:
    where, binds = sums.condition(kpi, filters)
    binds |= {"family": sums.kept_of_subjects(kpi.family, filters), "size": size, "depth": depth}
    statement = query.format(column=kpi.facts.column(kpi.numerator), where=where)
    return session.connection().exec_driver_sql(statement, binds).fetchall()


def _is_sure(rows: Sequence[Any], size: int) -> bool:
    """Whether nobody who was not looked at can belong to them; always when no list was cut."""
    if not rows or rows[0].missed is None:
        return True
    last = rows[-1].amount
    return len(rows) == size and last is not None and last > rows[0].missed
