"""Finds the target or budget that holds for what a page shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.models import Organization, ProductCategory
from dashboard.kpis import registry, sums
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import Filters

MOST = 200
"""As many targets a list shows."""


@dataclass(frozen=True)
class Places:
    """The organizations there are, and above each category its parent."""

    orgs: frozenset[int]
    parents: Mapping[int, int | None]

    def above(self, category: int) -> list[int]:
        """The category and those it lies in, the nearest first."""
        found: list[int] = []
        step: int | None = category
        while step is not None and step not in found:
            found.append(step)
            step = self.parents.get(step)
        return found


@dataclass(frozen=True)
class Row:
    """A target as it is weighed: `months` is how many it is for."""

    org_id: int | None
    category_id: int | None
    first: date
    last: date
    value: Decimal
    is_budget: bool

    def share(self) -> Fraction:
        """What of it belongs to each of its months: all of a target, an even part of a budget."""
        return Fraction(self.value) / (count_months(self.first, self.last) if self.is_budget else 1)


def is_additive(kpi: Kpi) -> bool:
    """Whether the KPI's values add up over months and organizations, and so do its targets."""
    return kpi.kind == "sum"


def find(session: Session, codes: Iterable[str], filters: Filters) -> dict[str, Decimal]:
    """Return the target by code for what `filters` choose; a KPI without one is left out.

    A rate, mean or median has the target of the last month shown: the one for the narrowest category, then
    the organization's own, then that for all; it also holds for each supplier and region. An amount has
    the sum of its months' targets, or of its share of budgets where a month has no target; every month
    must have one, for exactly the organizations and category shown, and none is made up for a supplier
    or region.
    """
    kpis = [registry.get(code) for code in codes]
    rows = _rows(session, [kpi.code for kpi in kpis], filters)
    places = _places(session) if rows else Places(frozenset(), {})
    found = {
        kpi.code: (_amount if is_additive(kpi) else _level)(rows.get(kpi.code, []), filters, places)
        for kpi in kpis
    }
    return {code: value for code, value in found.items() if value is not None}


@dataclass(frozen=True)
class Held:
    """A target or budget with its names and what came of it.

    `so_far`: what of it was due by now; `actual`: the KPI over its months up to now.
    """

    row: KpiTarget
    kpi: Kpi
    organization: str
    category: str
    so_far: Decimal | None
    actual: Decimal | None


def list_held(session: Session, today: date) -> list[Held]:
    """Return the targets and budgets, the newest months first, MOST of them at most."""
    found = session.execute(
        select(KpiTarget, Organization.name, ProductCategory.path)
        .outerjoin(Organization, Organization.id == KpiTarget.org_id)
        .outerjoin(ProductCategory, ProductCategory.id == KpiTarget.category_id)
        .where(KpiTarget.code.in_(registry.KPIS))
        .order_by(KpiTarget.last_month.desc(), KpiTarget.code, KpiTarget.id)
        .limit(MOST)
    ).all()
    places = _places(session) if found else Places(frozenset(), {})
    return [
        _held(session, row, (organization or "", category or ""), places, today.replace(day=1))
        for row, organization, category in found
    ]


def _held(session: Session, row: KpiTarget, names: tuple[str, str], places: Places, month: date) -> Held:
    kpi = registry.get(row.code)
    last = min(row.last_month, month)
    if last < row.first_month:
        return Held(row, kpi, *names, None, None)
    below = [key for key in places.parents if row.category_id in places.above(key)]
    filters = Filters(
        (row.org_id,) if row.org_id is not None else tuple(sorted(places.orgs)),
        row.first_month,
        last,
        category_ids=tuple(below) if row.category_id is not None else (),
    )
    so_far = row.value
    if is_additive(kpi):
        whole, passed = count_months(row.first_month, row.last_month), count_months(row.first_month, last)
        so_far = row.value * passed / (whole if row.is_budget else 1)
    return Held(row, kpi, *names, so_far, sums.read(session, kpi, filters)[0].value)


def count_months(first: date, last: date) -> int:
    """Return how many months there are from the first to the last, both counted."""
    return (last.year - first.year) * 12 + last.month - first.month + 1


def _rows(session: Session, codes: Sequence[str], filters: Filters) -> dict[str, list[Row]]:
    months = (KpiTarget.first_month, KpiTarget.last_month)
    chosen = (KpiTarget.code, KpiTarget.org_id, KpiTarget.category_id, *months)
    rows = session.execute(
        select(*chosen, KpiTarget.value, KpiTarget.is_budget)
        .where(
            KpiTarget.code.in_(codes),
            KpiTarget.first_month <= filters.last,
            KpiTarget.last_month >= filters.first,
        )
        .order_by(KpiTarget.id.desc())
    )
    found: dict[str, list[Row]] = {}
    for row in rows:
        one = Row(row.org_id, row.category_id, row.first_month, row.last_month, row.value, row.is_budget)
        found.setdefault(row.code, []).append(one)
    return found


def _places(session: Session) -> Places:
    orgs = session.scalars(select(Organization.id).where(Organization.deleted_at.is_(None)))
    rows = session.execute(select(ProductCategory.id, ProductCategory.parent_id))
    return Places(frozenset(orgs), {row.id: row.parent_id for row in rows})


def _level(rows: Sequence[Row], filters: Filters, places: Places) -> Decimal | None:
    orgs = set(filters.org_ids)
    shared = _shared(filters, places)
    fitting = [
        row
        for row in rows
        if not row.is_budget
        and row.first <= filters.last <= row.last
        and (row.org_id is None or orgs == {row.org_id})
        and (row.category_id is None or row.category_id in shared)
    ]
    if not fitting:
        return None
    return min(
        fitting,
        key=lambda row: (
            shared.index(row.category_id) if row.category_id is not None else len(shared),
            row.org_id is None,
        ),
    ).value


def _amount(rows: Sequence[Row], filters: Filters, places: Places) -> Decimal | None:
    if filters.regions or filters.subject_id is not None:
        return None
    category: int | None = None
    if filters.category_ids:
        category = next((each for each in _shared(filters, places) if each in filters.category_ids), None)
        if category is None:
            return None
    fitting = [row for row in rows if row.category_id == category]
    months = [_amount_of(month, fitting, filters, places) for month in _months(filters.first, filters.last)]
    known = [amount for amount in months if amount is not None]
    total = sum(known, Fraction())
    return Decimal(total.numerator) / total.denominator if len(known) == len(months) else None


def _amount_of(month: date, rows: Sequence[Row], filters: Filters, places: Places) -> Fraction | None:
    """The amount for a month: that for all organizations when all are shown, else those of each."""
    holding = sorted((row for row in rows if row.first <= month <= row.last), key=lambda row: row.is_budget)
    for_all = [row for row in holding if row.org_id is None]
    if for_all and places.orgs <= set(filters.org_ids):
        return for_all[0].share()
    own = [next((row for row in holding if row.org_id == org), None) for org in filters.org_ids]
    known = [row.share() for row in own if row is not None]
    return sum(known, Fraction()) if known and len(known) == len(own) else None


def _shared(filters: Filters, places: Places) -> list[int]:
    """The categories that hold everything the filter chooses, the narrowest first."""
    if not filters.category_ids:
        return []
    first, *others = (places.above(category) for category in filters.category_ids)
    return [category for category in first if all(category in each for each in others)]


def _months(first: date, last: date) -> Iterator[date]:
    for index in range(count_months(first, last)):
        years, month = divmod(first.month - 1 + index, 12)
        yield date(first.year + years, month + 1, 1)
