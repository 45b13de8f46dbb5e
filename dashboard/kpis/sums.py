"""Reads KPI values: any KPI, by any of the things facts are added up by, out of the sums or directly.

A filter by supplier (customer, product) reads the sums by subject; a median reads how many facts each bin
has, and by subject the facts themselves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal, localcontext
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from dashboard.kpis import bins, composites
from dashboard.kpis.adding import all_of, bins_of, regions_of, whole_of
from dashboard.kpis.asking import Terms
from dashboard.kpis.bins import Chunk, Ranked
from dashboard.kpis.families import Family
from dashboard.kpis.registry import Kpi
from dashboard.kpis.remembering import remembered

By = Literal["org_id", "month", "category_id", "region", "subject_id"]
DIGITS = 50
EXACT = Context(prec=DIGITS)
COUNTED = "sum(n)::bigint, sum(s1)::text"
"""Of the rows that count bins: how many facts a chunk of them has, and each bin's as digits."""
AHEAD = timedelta(hours=14)
"""How much earlier a day begins where it begins first."""
LAST_MONTH = (
    "SELECT max(k.month) FROM kpi_sum AS k WHERE k.family = %(family)s AND k.org_id = ANY(%(orgs)s)"
    " AND k.month BETWEEN %(first)s AND %(last)s"
)


@dataclass(frozen=True)
class Filters:
    """What a page is about. Months are first days, both included. No organization: none; else any."""

    org_ids: tuple[int, ...]
    first: date
    last: date
    category_ids: tuple[int, ...] = ()
    regions: tuple[str, ...] = ()
    subject_id: int | None = None
    subject_ids: tuple[int, ...] = ()
    """Only these, when they are named; for figures by subject."""

    @property
    def of_everyone(self) -> "Filters":
        """The same months and categories, of all regions and subjects: what each of them is held against."""
        return replace(self, regions=(), subject_id=None, subject_ids=())

    def is_of_subjects(self, by: Sequence[str] = ()) -> bool:
        """Whether it takes sums by subject to answer."""
        return self.subject_id is not None or bool(self.subject_ids) or "subject_id" in by

    def is_narrow(self, by: Sequence[str] = ()) -> bool:
        """Whether categories or regions are told apart."""
        return bool(self.regions or self.category_ids or {"category_id", "region"} & set(by))


class Figure(NamedTuple):
    """A value with what it was grouped by and the number of records behind it; None is "no data"."""

    keys: tuple[Any, ...]
    value: Decimal | None
    n: int


@dataclass(frozen=True)
class Histogram:
    """Facts in the order of their bins, with what they were grouped by."""

    keys: tuple[Any, ...]
    ranked: Ranked


@dataclass(frozen=True)
class _Source:
    """Where figures are read: what follows FROM, the prefix of the measures' columns, the number of facts."""

    table: str
    prefix: str
    facts: str
    family: str = ""
    binds: Mapping[str, Any] | None = None

    def column(self, family: Family, measure: str) -> str:
        return family.column(measure, self.prefix) if self.prefix else measure


@remembered
def read(session: Session, kpi: Kpi, filters: Filters, by: Sequence[By] = ()) -> list[Figure]:
    """Return a KPI's figures. Without `by` it is exactly one, over everything the filters let through."""
    if kpi.kind == "composite":
        return composites.read(session, kpi, filters, by)
    if kpi.kind == "median":
        return [_median(one) for one in histograms(session, kpi, filters, by)]
    if filters.is_of_subjects(by):
        kept = kept_of_subjects(kpi.family, filters, by)
        return _add(session, kpi, _Source("kpi_subject_sum", "s", "sum(n)::bigint", kept), filters, by)
    kept = kept_as(kpi.family, filters, by)
    return _add(session, kpi, _Source("kpi_sum", "s", "sum(n)::bigint", kept), filters, by)


def direct(session: Session, kpi: Kpi, filters: Filters, terms: Terms, by: Sequence[By] = ()) -> list[Figure]:
    """Return what `read` should, computed straight from the records. Composite KPIs have only their parts."""
    source = _Source(f"({kpi.facts.sql}) AS f", "", "count(*)", binds=terms.binds())
    if kpi.kind == "level" and "month" not in by:
        filters = until(filters, terms.as_of)
        filters = replace(filters, first=max(filters.first, filters.last))
    if kpi.kind == "median":
        return [_median(one) for one in _count(session, source, filters, by)]
    return _add(session, kpi, source, filters, by)


@remembered
def histograms(session: Session, kpi: Kpi, filters: Filters, by: Sequence[By] = ()) -> list[Histogram]:
    """Return how many facts of the KPI's family each bin has. Without `by` it is exactly one."""
    if filters.is_of_subjects(by):
        source = _Source("kpi_fact", "m", "count(*)", kpi.family)
    else:
        source = _Source("kpi_sum", "s", COUNTED, kept_as(bins_of(kpi.family), filters, by))
    return _count(session, source, filters, by)


def kept_as(name: str, filters: Filters, by: Sequence[str] = ()) -> str:
    """Name the rows of kpi_sum that answer in the fewest: of all regions, of all categories, of both."""
    has_categories = bool(filters.category_ids) or "category_id" in by
    if filters.regions or "region" in by:
        return name if has_categories else regions_of(name)
    return whole_of(name) if has_categories else all_of(name)


def kept_of_subjects(name: str, filters: Filters, by: Sequence[str] = ()) -> str:
    """Name the rows of kpi_subject_sum that answer in the fewest: one per month and subject, if they do."""
    return name if filters.is_narrow(by) else all_of(name)


def condition(kpi: Kpi, filters: Filters) -> tuple[str, dict[str, Any]]:
    """Return WHERE and binds that choose the rows of a filter; of a level those of its last month."""
    return _of_kind(kpi, _condition(kpi.family, filters))


def _of_kind(kpi: Kpi, condition: tuple[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """A level is that of its last month."""
    where, binds = condition
    return (f"{where} AND month = ({LAST_MONTH})" if kpi.kind == "level" else where), binds


def until(filters: Filters, as_of: datetime) -> Filters:
    """Return the filters without the months that have begun nowhere on Earth by then."""
    newest = (as_of.astimezone(UTC) + AHEAD).date().replace(day=1)
    return replace(filters, last=min(filters.last, newest))


def value_of(kpi: Kpi, sums: Mapping[str, Decimal | None]) -> Decimal | None:
    """Compute the value from sums by measure; None without a denominator, or a sum without any record."""
    above = sums.get(kpi.numerator)
    if above is None:
        return None
    if kpi.kind in {"sum", "level"}:
        is_empty = kpi.count in sums and not sums[kpi.count]
        return None if is_empty else EXACT.multiply(kpi.factor, above)
    below = sums.get(kpi.denominator)
    if kpi.kind in {"ratio", "mean"}:
        return EXACT.divide(EXACT.multiply(kpi.factor, above), below) if below else None
    if kpi.kind == "deviation":
        with localcontext(EXACT):
            return _deviation(kpi, above, below, sums.get(kpi.extra))
    raise NotImplementedError(kpi.kind)


def _deviation(kpi: Kpi, squares: Decimal, n: Decimal | None, total: Decimal | None) -> Decimal | None:
    """Of the sample: one record, or none, has no deviation."""
    if n is None or total is None or n < 2:
        return None
    return kpi.factor * (max(Decimal(0), squares - total * total / n) / (n - 1)).sqrt()


def _add(session: Session, kpi: Kpi, source: _Source, filters: Filters, by: Sequence[By]) -> list[Figure]:
    columns = [f"sum({source.column(kpi.facts, name)})::numeric" for name in kpi.measures]
    condition = _condition(source.family, filters)
    if source.family and "month" not in by:
        condition = _of_kind(kpi, condition)
    rows = _select(session, source, condition, by, [*columns, source.facts])
    return sorted((_figure(kpi, tuple(row), len(by)) for row in rows), key=itemgetter(0))


def _figure(kpi: Kpi, row: tuple[Any, ...], keys: int) -> Figure:
    sums = dict(zip(kpi.measures, row[keys:-1], strict=True))
    n = sums[kpi.count] if kpi.count else row[-1]
    return Figure(row[:keys], value_of(kpi, sums), int(n or 0))


def _count(session: Session, source: _Source, filters: Filters, by: Sequence[By]) -> list[Histogram]:
    found: dict[tuple[Any, ...], dict[int, Any]] = {} if by else {(): {}}
    is_packed = source.facts == COUNTED
    where, binds = _condition(source.family, filters)
    condition = f"{where} AND bin >= 0", binds
    for row in _select(session, source, condition, (*by, "bin"), [source.facts]):
        place, n, *packed = row[len(by) :]
        found.setdefault(tuple(row[: len(by)]), {})[place] = Chunk(n, tuple(packed)) if is_packed else n
    return [
        Histogram(keys, Ranked(counted if is_packed else bins.pack(counted)))
        for keys, counted in sorted(found.items(), key=itemgetter(0))
    ]


def _median(one: Histogram) -> Figure:
    return Figure(one.keys, one.ranked.percentile(Decimal("0.5")), one.ranked.n)


def _select(
    session: Session,
    source: _Source,
    condition: tuple[str, dict[str, Any]],
    by: Sequence[str],
    columns: Sequence[str],
) -> Sequence[Any]:
    """Return rows in no order: there are more of them than of what they are put together to."""
    where, binds = condition
    keys = ", ".join(by)
    return (
        session.connection()
        .exec_driver_sql(
            f"SELECT {', '.join([*by, *columns])} FROM {source.table} WHERE {where}"  # noqa: S608
            + (f" GROUP BY {keys}" if by else ""),
            {**(source.binds or {}), **binds},
        )
        .fetchall()
    )


def narrowed(filters: Filters) -> tuple[str, dict[str, Any]]:
    """Return the condition and binds that choose what the filters let through, of any family."""
    parts = ["org_id = ANY(%(orgs)s)", "month BETWEEN %(first)s AND %(last)s"]
    binds: dict[str, Any] = {"orgs": list(filters.org_ids), "first": filters.first, "last": filters.last}
    if filters.category_ids:
        parts.append("category_id = ANY(%(categories)s)")
        binds["categories"] = list(filters.category_ids)
    if filters.regions:
        parts.append("region = ANY(%(regions)s)")
        binds["regions"] = list(filters.regions)
    if filters.subject_id is not None:
        parts.append("subject_id = %(subject)s")
        binds["subject"] = filters.subject_id
    if filters.subject_ids:
        parts.append("subject_id = ANY(%(subjects)s)")
        binds["subjects"] = list(filters.subject_ids)
    return " AND ".join(parts), binds


def _condition(family: str, filters: Filters) -> tuple[str, dict[str, Any]]:
    where, binds = narrowed(filters)
    return (f"family = %(family)s AND {where}" if family else where), {"family": family, **binds}
