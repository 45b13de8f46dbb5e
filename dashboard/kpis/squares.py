"""Keeps what a sum of squares over subjects is made of, so that nobody squares each supplier's year again.

What a subject adds up to over several months is squared as the product of each month with each other one:
(a + b)² = a² + b² + 2ab. Products of the same two months are kept added up over all subjects, in rows of
`kpi_sum`: `month` is the later month, `bin` how many months the earlier one lies before it, `s1` the sum.
The squares of any months in a row are then the sum of a few hundred rows, exact like every other sum.

They are kept by category, and under `…:all` over all categories. A subject belongs to one organization.
"""

from dataclasses import dataclass

from dashboard.kpis.families import Family

COLUMNS = "family, org_id, month, category_id, region, bin, n, s1"
KEYS = "org_id, subject_id, category_id"


@dataclass(frozen=True)
class Squares:
    """One kind of them: the name of its rows, the subjects' sums they are made of, and of which measure."""

    name: str
    source: str
    place: int
    has_categories: bool

    @property
    def category(self) -> str:
        """SQL of its category, over any rows with one."""
        return "category_id" if self.has_categories else "0::bigint"


def kinds(family: Family) -> tuple[Squares, ...]:
    """Both kinds of a family that declares a measure for it; none of others."""
    if not family.squared:
        return ()
    place = family.measures.index(family.squared) + 1
    return (
        Squares(name_of(family, is_by_category=True), family.name, place, has_categories=True),
        Squares(name_of(family, is_by_category=False), f"{family.name}:all", place, has_categories=False),
    )


def name_of(family: Family, *, is_by_category: bool) -> str:
    """Name the rows of a kind."""
    return f"{family.name}:squares" if is_by_category else f"{family.name}:squares:all"


def months(day: str) -> str:
    """Return SQL of the number of months until a day, so that a difference counts those between."""
    return f"(extract(year FROM {day}) * 12 + extract(month FROM {day}))::int"


def computed(kind: Squares) -> str:
    """Return the SELECT of all rows of a kind, over the sums by subject.

    A subject's months are paired within one row of arrays: joined with itself, each sum would be held
    against every other wherever the planner knows nothing yet of what was just written.
    """
    own = (
        f"SELECT {KEYS}, month, sum(s{kind.place}) AS x FROM kpi_subject_sum"  # noqa: S608
        f" WHERE family = '{kind.source}' GROUP BY {KEYS}, month HAVING sum(s{kind.place}) <> 0"
    )
    return (
        f"SELECT '{kind.name}'::text AS family, org_id, a.month, category_id, ''::text AS region,"  # noqa: S608
        f" {months('a.month')} - {months('b.month')} AS bin, 0::bigint AS n,"
        " sum(CASE a.month WHEN b.month THEN 1 ELSE 2 END * a.x * b.x) AS s1"
        f" FROM (SELECT {KEYS}, array_agg(month) AS months, array_agg(x) AS sums FROM ({own}) AS own"
        f" GROUP BY {KEYS}) AS s, unnest(s.months, s.sums) AS a (month, x),"
        " unnest(s.months, s.sums) AS b (month, x)"
        " WHERE b.month <= a.month GROUP BY org_id, category_id, a.month, b.month"
        " ORDER BY org_id, a.month, category_id"  # as pages read them
    )


def added(kind: Squares) -> str:
    """Return an upsert of what the `difference` of facts makes of a kind, over the sums as they were before.

    Where x becomes x + d, its product with an x' that becomes x' + d' grows by d(2x' + d') + d'(2x + d)
    over both orders of the two, and x² by d(2x + d). Of a subject only the categories that moved are read:
    the others' products stay, and a large supplier has forty times as many.
    """
    keys = f"org_id, subject_id, {kind.category} AS category_id, month"
    moved = (
        f"SELECT {keys}, {months('month')} AS at, sum(m{kind.place}) AS d FROM difference"  # noqa: S608
        f" GROUP BY org_id, subject_id, {kind.category}, month HAVING sum(m{kind.place}) <> 0"
    )
    # OFFSET keeps the planner from reading every sum where it knows nothing yet of what was just written.
    before = (
        f"SELECT k.*, s.month, {months('s.month')} AS at, s.x, 0 AS d"  # noqa: S608
        f" FROM (SELECT DISTINCT {KEYS} FROM moved) AS k CROSS JOIN LATERAL ("
        f" SELECT month, s{kind.place} AS x FROM kpi_subject_sum WHERE family = '{kind.source}'"
        " AND (org_id, subject_id, category_id) = (k.org_id, k.subject_id, k.category_id)"
        f" AND s{kind.place} IS NOT NULL OFFSET 0) AS s"
    )
    each = (
        f"SELECT {KEYS}, month, at, sum(x) AS x, sum(d) AS d"  # noqa: S608
        f" FROM ({before} UNION ALL SELECT {KEYS}, month, at, 0, d FROM moved) AS u"
        f" GROUP BY {KEYS}, month, at"
    )
    return (
        f"WITH moved AS MATERIALIZED ({moved}), each AS MATERIALIZED ({each})"  # noqa: S608
        f" INSERT INTO kpi_sum AS t ({COLUMNS})"
        f" SELECT '{kind.name}', c.org_id, greatest(c.month, o.month), c.category_id, '',"
        " abs(c.at - o.at), 0, sum(c.d * (2 * o.x + o.d))"
        f" FROM moved AS c JOIN each AS o USING ({KEYS}) GROUP BY 2, 3, 4, 6"
        " ON CONFLICT (family, org_id, month, category_id, region, bin) DO UPDATE SET s1 = t.s1 + excluded.s1"
    )
