"""Lets any code that reads kept sums read sums made on the spot: of the facts, or of the records themselves.

It is how composite KPIs and medians are made again by the very code that made the number shown, without what
that code relied on. For the length of a block each statement that names the tables of sums is given queries
of the same names (WITH), which PostgreSQL takes before tables.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from dashboard.kpis import squares
from dashboard.kpis.adding import SUMS, Kept, kinds
from dashboard.kpis.asking import Terms, fact_columns, select_facts
from dashboard.kpis.families import FAMILIES

SUMMED = re.compile(r"\bkpi_(fact|sum|subject_sum)\b")


@contextmanager
def made_on_the_spot(session: Session, terms: Mapping[str, Terms | None]) -> Iterator[None]:
    """Within the block sums come from facts: a family's kept ones, or those its terms make of the records."""
    facts, binds = _facts(terms)
    connection = session.connection()

    def rewrite(*execution: Any) -> tuple[str, Any]:
        statement, parameters = execution[2], execution[3]
        if not SUMMED.search(statement):
            return statement, parameters
        rest = statement.lstrip()
        begins = re.match(r"WITH\s+(?!RECURSIVE)", rest, re.IGNORECASE)
        rest = f", {rest[begins.end() :]}" if begins else f" {rest}"
        tables = _tables(facts, f"{statement} {parameters}")
        return f"WITH {tables}{rest}", {**dict(parameters or {}), **binds}

    event.listen(connection, "before_cursor_execute", rewrite, retval=True)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", rewrite)


def _facts(terms: Mapping[str, Terms | None]) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the SELECT of each family's facts, and the binds of all of them."""
    facts, binds = {}, {}
    for family, own in terms.items():
        columns = f"SELECT '{family}'::text AS family, {fact_columns()} FROM"
        if own is None:
            facts[family] = f"{columns} kpi_fact WHERE family = '{family}'"  # our own names
            continue
        selected = select_facts(FAMILIES[family])
        for name, value in own.binds().items():
            selected = selected.replace(f"%({name})s", f"%(spot_{name}_{family})s")
            binds[f"spot_{name}_{family}"] = value
        facts[family] = f"{columns} ({selected}) AS s ({fact_columns()})"
    return facts, binds


def _tables(facts: Mapping[str, str], asked: str) -> str:
    """Return the queries that stand for the tables: of the kinds of sums that a statement names.

    PostgreSQL plans each of them with its family's whole SELECT, wherever the table is named.
    """
    queries = {_of(family): [query] for family, query in facts.items()}
    queries["kpi_fact"] = [f"SELECT * FROM {_of(family)}" for family in facts]  # noqa: S608
    for family in facts:
        squared = [kind for kind in squares.kinds(FAMILIES[family]) if f"'{kind.name}'" in asked]
        sources = {kind.source for kind in squared}
        for kept in kinds(FAMILIES[family]):
            if f"'{kept.name}'" in asked or (kept.name in sources and kept.key == "subject_id"):
                queries.setdefault(kept.table, []).append(_added(kept))
        for kind in squared:
            empty = ", ".join(_nothing(SUMS[1:]))
            made = f"SELECT s.*, {empty} FROM ({squares.computed(kind)}) AS s"  # noqa: S608
            queries.setdefault("kpi_sum", []).append(made)
    ordered = sorted(queries.items(), key=lambda one: one[0] == "kpi_sum")  # it may be made of the others
    return ", ".join(f"{name} AS NOT MATERIALIZED ({' UNION ALL '.join(parts)})" for name, parts in ordered)


def _of(family: str) -> str:
    return f"facts_of_{family}"


def _added(kept: Kept) -> str:
    """Return a kind of sums as it would be kept, of the facts of its family."""
    family = kept.name.partition(":")[0]
    added = [f"{total} AS {name}" for total, name in zip(kept.added(), kept.sums, strict=True)]
    counted = " WHERE bin >= 0" if kept.is_counted else ""
    return (
        f"SELECT '{kept.name}'::text AS family, {kept.bucket}, {kept.key_of(facts=True)} AS {kept.key},"  # noqa: S608
        f" count(*) AS n, {', '.join([*added, *_nothing(SUMS[len(kept.sums) :])])} FROM {_of(family)}"
        f"{counted} GROUP BY {kept.group(facts=True)}"
    )


def _nothing(sums: Sequence[str]) -> list[str]:
    """SQL of the sums that a kind of rows leaves empty."""
    return [f"NULL::numeric AS {total}" for total in sums]
