"""Names what rows are about: organizations, categories, suppliers, and the records themselves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.models import Customer, Organization, Product, ProductCategory, Supplier
from dashboard.kpis.families import Family
from dashboard.kpis.proof.rows import Row

SUBJECTS: Mapping[str, Any] = {"supplier": Supplier, "customer": Customer, "product": Product}


@dataclass(frozen=True)
class Named:
    """A row with its names; `opens` is the id of the record whose page shows it, None where there is none."""

    row: Row
    title: str
    opens: int | None
    organization: str
    subject: str
    category: str


def name(session: Session, family: Family, rows: Sequence[Row]) -> list[Named]:
    """Return the rows with their names, in the same order."""
    titles = _titles(session, family, [row.record_id for row in rows])
    orgs = _names(session, Organization, {row.org_id for row in rows})
    categories = _names(session, ProductCategory, {row.category_id for row in rows})
    model = SUBJECTS.get(family.subject)
    subjects = _names(session, model, {row.subject_id for row in rows}) if model else {}
    return [
        Named(
            row,
            *titles.get(row.record_id, (f"No. {row.record_id}", None)),
            orgs.get(row.org_id, ""),
            subjects.get(row.subject_id, ""),
            categories.get(row.category_id, ""),
        )
        for row in rows
    ]


def _titles(session: Session, family: Family, records: Sequence[int]) -> dict[int, tuple[str, int | None]]:
    if not family.record_sql or not records:
        return {}
    found = session.connection().exec_driver_sql(family.record_sql, {"records": list(records)})
    return {row[0]: (row[1], row[2]) for row in found}


def _names(session: Session, model: Any, ids: Iterable[int]) -> dict[int, str]:
    label = model.path if model is ProductCategory else model.name
    found = session.execute(select(model.id, label).where(model.id.in_(set(ids) - {0})))
    return {row[0]: row[1] for row in found}
