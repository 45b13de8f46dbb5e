"""Declares targets and budgets. The caller commits."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.erp.models import Organization, ProductCategory
from dashboard.kpis import registry
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.targets.queries import count_months, is_additive

MOST_MONTHS = 120


@dataclass(frozen=True)
class Wanted:
    """What a form asks for. Months are first days."""

    code: str
    org_id: int | None
    category_id: int | None
    first: date
    last: date
    value: Decimal
    is_budget: bool
    note: str


def get_target(session: Session, target_id: int) -> KpiTarget:
    """Return a target. Raises NotFoundError."""
    found = session.get(KpiTarget, target_id)
    if found is None:
        raise NotFoundError("There is no such target.")
    return found


def save(session: Session, found: KpiTarget | None, wanted: Wanted, version: int = 0) -> KpiTarget:
    """Add a target or change one.

    Raises InvalidInputError by field; ConflictError when it was changed meanwhile, or another one says
    something else for the same months.
    """
    _check(session, wanted)
    _refuse_twice(session, found, wanted)
    if found is None:
        found = KpiTarget()
        session.add(found)
    elif found.version != version:
        raise ConflictError("Somebody else changed this target meanwhile.", fix="Look at it again.")
    found.code, found.org_id, found.category_id = wanted.code, wanted.org_id, wanted.category_id
    found.first_month, found.last_month = wanted.first, wanted.last
    found.value, found.is_budget, found.note = wanted.value, wanted.is_budget, wanted.note.strip() or None
    session.flush()
    return found


def _check(session: Session, wanted: Wanted) -> None:
    kpi = registry.get(wanted.code)
    if wanted.first > wanted.last:
        raise _wrong("last_month", "It ends before it begins.")
    if count_months(wanted.first, wanted.last) > MOST_MONTHS:
        raise _wrong("last_month", f"At most {MOST_MONTHS} months.")
    if wanted.is_budget and not is_additive(kpi):
        raise _wrong("is_budget", "Only an amount that adds up over months has a budget; this has a target.")
    if wanted.org_id is not None and session.get(Organization, wanted.org_id) is None:
        raise _wrong("org_id", "Choose an organization of the list.")
    if wanted.category_id is not None:
        category = session.get(ProductCategory, wanted.category_id)
        if category is None or wanted.org_id not in {None, category.org_id}:
            raise _wrong("category_id", "This category belongs to another organization.")


def _refuse_twice(session: Session, found: KpiTarget | None, wanted: Wanted) -> None:
    same = (
        select(KpiTarget.id)
        .where(
            KpiTarget.code == wanted.code,
            KpiTarget.org_id.is_not_distinct_from(wanted.org_id),
            KpiTarget.category_id.is_not_distinct_from(wanted.category_id),
            KpiTarget.is_budget == wanted.is_budget,
            KpiTarget.first_month <= wanted.last,
            KpiTarget.last_month >= wanted.first,
            KpiTarget.id != (found.id if found is not None else 0),
        )
        .limit(1)
    )
    if session.scalar(same) is not None:
        raise ConflictError(
            "Another one says something else for some of these months.",
            fields={"first_month": "Another one holds in some of these months."},
        )


def _wrong(field: str, message: str) -> InvalidInputError:
    return InvalidInputError(message, fields={field: message})
