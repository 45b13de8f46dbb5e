"""Reads the sums that figures are computed from, of several families in one query, to be folded further."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import sums
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters


@dataclass
class Bucket:
    """Sums of a family's measures that add up; a measure no fact had is missing."""

    n: int = 0
    measures: dict[str, Decimal] = field(default_factory=dict)

    def add(self, other: "Bucket") -> None:
        """Add another bucket to this one."""
        self.n += other.n
        mine = self.measures
        for name, value in other.measures.items():
            mine[name] = mine[name] + value if name in mine else value

    def figure(self, kpi: Kpi, keys: tuple[Any, ...] = ()) -> Figure:
        """What a KPI is, over this bucket."""
        count = self.measures.get(kpi.count, 0) if kpi.count else self.n
        return Figure(keys, sums.value_of(kpi, self.measures), int(count))


Buckets = dict[tuple[Any, ...], Bucket]


def together(parts: Sequence[Bucket]) -> Bucket:
    """Return all of them added up; a single one is itself, and is not to be changed."""
    if len(parts) == 1:
        return parts[0]
    total = Bucket()
    for part in parts:
        total.add(part)
    return total


def fold(
    buckets: Mapping[tuple[Any, ...], Bucket], key: Callable[[tuple[Any, ...]], Any]
) -> dict[Any, Bucket]:
    """Add buckets up by a part of their key; a part None is left out."""
    folded: dict[Any, Bucket] = defaultdict(Bucket)
    for keys, bucket in buckets.items():
        part = key(keys)
        if part is not None:
            folded[part].add(bucket)
    return dict(folded)


def read(session: Session, kpis: Iterable[Kpi], filters: Filters, by: Sequence[By]) -> dict[str, Buckets]:
    """Return the sums that KPIs are computed from in one query, by family and then by `by`."""
    known: dict[str, dict[str, str]] = {}  # by family: each measure that is asked for, and its column
    for kpi in kpis:
        known.setdefault(kpi.family, {}).update((name, kpi.facts.column(name)) for name in kpi.measures)
    where, binds = sums.narrowed(filters)
    keys = "".join(f", {key}" for key in by)
    is_of_subjects = filters.is_of_subjects(by)
    table = "kpi_subject_sum" if is_of_subjects else "kpi_sum"
    kept_as = sums.kept_of_subjects if is_of_subjects else sums.kept_as
    kept = {kept_as(name, filters, by): name for name in known}
    columns = sorted({column for measures in known.values() for column in measures.values()})
    added = "".join(f", sum({column})" for column in columns)
    rows = session.connection().exec_driver_sql(
        f"SELECT family{keys}, sum(n){added} FROM {table} WHERE family = ANY(%(families)s) AND {where}"  # noqa: S608
        f" GROUP BY family{keys}",
        {"families": list(kept), **binds},
    )
    first = 2 + len(by)  # the family, what it is by, and n come before the sums
    places = {
        family: [(name, first + columns.index(column)) for name, column in measures.items()]
        for family, measures in known.items()
    }
    found: dict[str, Buckets] = {name: {} for name in known}
    for row in rows.fetchall():
        name = kept[row[0]]
        measured = {measure: row[place] for measure, place in places[name] if row[place] is not None}
        found[name][tuple(row[1 : first - 1])] = Bucket(int(row[first - 1]), measured)
    return found
