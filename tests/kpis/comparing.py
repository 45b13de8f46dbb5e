"""Compares what is kept of a family, facts and every kind of sums, with what records and facts say."""

from collections.abc import Iterator

from sqlalchemy.orm import Session

from dashboard.erp.demo import profiles
from dashboard.kpis import adding, versions
from dashboard.kpis.asking import Terms, fact_columns, select_facts
from dashboard.kpis.families import Family


def terms_of(session: Session, family: Family) -> Terms:
    return versions.terms(session, family, profiles.AS_OF)


def differences(session: Session, family: Family) -> list[tuple[object, ...]]:
    """Facts and sums that are not what the records, and the facts, say."""
    ask = session.connection().exec_driver_sql
    binds = {"family": family.name, "bins": adding.bins_of(family.name)}
    facts = (
        f"WITH fresh AS MATERIALIZED ({select_facts(family)}),"
        f" kept AS (SELECT {fact_columns()} FROM kpi_fact WHERE family = %(family)s)"
        " (TABLE fresh EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL TABLE fresh)"
    )
    found = list(ask(facts, binds | terms_of(session, family).binds()))
    for have, want in (*sums_of_facts(), *weights_of_facts(family), SQUARES, SQUARES_OF_ALL):
        found += list(ask(f"(({have}) EXCEPT ALL ({want})) UNION ALL (({want}) EXCEPT ALL ({have}))", binds))
    return [tuple(row) for row in found]


def sums_of_facts() -> Iterator[tuple[str, str]]:
    """What is kept of each kind of sums, and the same of the facts."""
    zero = ", ".join(f"coalesce(s{n}, 0)" for n in range(1, 9))
    added = ", ".join(f"coalesce(sum(m{n}), 0)" for n in range(1, 9))
    ones = "sum(rpad('1', 1 + 12 * (bin %% 64), '0')::numeric)"
    facts = "FROM kpi_fact WHERE family = %(family)s"
    for suffix, key in {
        "": "org_id, month, category_id, region",
        ":whole": "org_id, month, category_id",
        ":regions": "org_id, month, region",
        ":all": "org_id, month",
    }.items():
        of = f"WHERE family = %(family)s || '{suffix}'"
        yield (
            f"SELECT {key}, bin, n, {zero} FROM kpi_sum {of}",
            f"SELECT {key}, -1, count(*), {added} {facts} GROUP BY {key}",
        )
        yield (
            f"SELECT {key}, bin, n, s1 FROM kpi_sum WHERE family = %(bins)s || '{suffix}'",
            f"SELECT {key}, bin / 64, count(*), {ones} {facts} AND bin >= 0 GROUP BY {key}, bin / 64",
        )
        if suffix in {"", ":all"}:
            yield (
                f"SELECT {key}, subject_id, n, {zero} FROM kpi_subject_sum {of}",
                f"SELECT {key}, subject_id, count(*), {added} {facts} GROUP BY {key}, subject_id",
            )


def weights_of_facts(family: Family) -> Iterator[tuple[str, str]]:
    """What is kept of how observations lie in categories, and the same of the facts."""
    key, one = "org_id, month, subject_id", "rpad('1', 1 + 12 * (category_id %% 64)::int, '0')::numeric"
    for place, measure in enumerate(family.weighed, 1):
        added = f"sum(m{family.measures.index(measure) + 1} * {one})"
        facts = f"count(*), coalesce({added}, 0) FROM kpi_fact WHERE family = %(family)s"
        kept = "kpi_subject_sum WHERE family = %(family)s || ':weights'"
        yield (
            f"SELECT {key}, category_id, region, n, coalesce(s{place}, 0) FROM {kept}",
            f"SELECT {key}, category_id / 64, '', {facts} GROUP BY {key}, category_id / 64",
        )


def squares_of(suffix: str, category: str) -> tuple[str, str]:
    """What is kept of the products of suppliers' months, and the same of the facts of what was received."""
    product = "sum(CASE WHEN a.month = b.month THEN 1 ELSE 2 END * a.x * b.x)"
    spent = (
        f"SELECT org_id, {category} AS category, subject_id, month, sum(m1) AS x FROM kpi_fact"
        " WHERE family = 'receipts' AND family = %(family)s GROUP BY 1, 2, 3, 4"
    )
    months = "extract(year FROM y.apart) * 12 + extract(month FROM y.apart)"
    kept = f"kpi_sum WHERE family = %(family)s || ':squares{suffix}' AND s1 <> 0"
    made = (
        f"WITH spent AS ({spent}) SELECT a.org_id, a.month, a.category, ({months})::int, {product}"
        " FROM spent a JOIN spent b USING (org_id, category, subject_id),"
        " LATERAL (SELECT age(a.month, b.month) AS apart) y"
        f" WHERE b.month <= a.month GROUP BY 1, 2, 3, 4 HAVING {product} <> 0"
    )
    return f"SELECT org_id, month, category_id, bin, s1 FROM {kept}", made


SQUARES, SQUARES_OF_ALL = squares_of("", "category_id"), squares_of(":all", "0")
