"""Reads the sums that figures are computed from, of several families in one query, to be folded further."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from dashboard.kpis import sums
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.registry import Kpi
from dashboard.kpis.remembering import kept
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
    """Return the sums that KPIs are computed from in one query, by family and then by `by`.

    What a page has asked for already is not asked again: there may be more measures than the KPIs have.
    """
    wanted: dict[str, set[str]] = defaultdict(set)
    for kpi in kpis:
        wanted[kpi.family].update(kpi.measures)
    known: dict[str, _Known] = kept(session).setdefault(("buckets", filters, tuple(by)), {})
    unknown = {
        name: names
        for name, names in wanted.items()
        if name not in known or not names <= known[name].measures
    }
    if unknown:
        known |= _ask(session, unknown, filters, by)
    return {name: known[name].found for name in wanted}


class _Known(NamedTuple):
    """What was read of a family, of these measures."""

    measures: set[str]
    found: Buckets


def _ask(
    session: Session, unknown: Mapping[str, set[str]], filters: Filters, by: Sequence[By]
) -> dict[str, _Known]:
    where, binds = sums.narrowed(filters)
    keys = "".join(f", {key}" for key in by)
    is_of_subjects = filters.is_of_subjects(by)
    table = "kpi_subject_sum" if is_of_subjects else "kpi_sum"
    kept_as = sums.kept_of_subjects if is_of_subjects else sums.kept_as
    names = {kept_as(name, filters, by): name for name in unknown}
    columns = {
        name: {measure: FAMILIES[name].column(measure) for measure in sorted(measures)}
        for name, measures in unknown.items()
    }
    summed = sorted({column for of_family in columns.values() for column in of_family.values()})
    added = "".join(f", sum({column})" for column in summed)
    rows = session.connection().exec_driver_sql(
        f"SELECT family{keys}, sum(n){added} FROM {table} WHERE family = ANY(%(families)s) AND {where}"  # noqa: S608
        f" GROUP BY family{keys}",
        {"families": list(names), **binds},
    )
    first = 2 + len(by)  # the family, what it is by, and n come before the sums
    places = {
        name: [(measure, first + summed.index(column)) for measure, column in of_family.items()]
        for name, of_family in columns.items()
    }
    known = {name: _Known(measures, {}) for name, measures in unknown.items()}
    for row in rows.fetchall():
        name = names[row[0]]
        measured = {measure: value for measure, place in places[name] if (value := row[place]) is not None}
        known[name].found[tuple(row[1 : first - 1])] = Bucket(int(row[first - 1]), measured)
    return known
