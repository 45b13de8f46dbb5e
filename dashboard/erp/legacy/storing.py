"""Writes the selected rows into one organization, and counts them there afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from dashboard.core.db import TenantModel
from dashboard.erp import models

SOURCE = "sourcing-agent"
MODELS: Mapping[str, Any] = {
    "supplier": models.Supplier,
    "rfq": models.Rfq,
    "quote": models.Quote,
    "message": models.Message,
    "kpi": models.KpiValue,
}
Rows = Mapping[str, dict[str, Any]]
Ids = dict[str, int]


def external(entity: str, key: str) -> str:
    """Return the key under which a legacy row is known here."""
    return f"{SOURCE}/{entity}/{key}"


def stored_ids(session: Session, org_id: int, entity: str) -> Ids:
    """Return our ids of the rows loaded so far, by their legacy key."""
    model, prefix = MODELS[entity], external(entity, "")
    query = select(model.external_key, model.id).where(
        model.org_id == org_id, model.external_key.startswith(prefix, autoescape=True)
    )
    return {key.removeprefix(prefix): number for key, number in session.execute(query)}


def count_stored(session: Session, org_id: int, entity: str) -> int:
    """Count the rows of an entity that came by import."""
    model = MODELS[entity]
    query = select(func.count()).where(
        model.org_id == org_id, model.external_key.startswith(external(entity, ""), autoescape=True)
    )
    return session.scalar(query) or 0


def write(session: Session, model: type[TenantModel], rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert rows and return their ids in the same order."""
    if not rows:
        return []
    table: Any = model.__table__
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return list(session.scalars(statement, list(rows)))


def categories(session: Session, org_id: int, names: Iterable[str | None]) -> Ids:
    """Return the ids of top categories by name, making those that are missing."""
    category = models.ProductCategory
    query = select(category.name, category.id).where(
        category.org_id == org_id, category.parent_id.is_(None), category.deleted_at.is_(None)
    )
    ids: Ids = dict(session.execute(query).all())
    wanted = sorted({name for name in names if name and name not in ids})
    taken = set(session.scalars(select(category.code).where(category.org_id == org_id)))
    rows = [{"org_id": org_id, "name": name, "code": _free(name, taken)} for name in wanted]
    return ids | dict(zip(wanted, write(session, category, rows), strict=True))


def _free(name: str, taken: set[str]) -> str:
    base = "".join(sign for sign in name.upper() if sign.isalnum())[:12] or "CATEGORY"
    code = next(c for c in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if c not in taken)
    taken.add(code)
    return code


def suppliers(session: Session, org_id: int, rows: Rows) -> Ids:
    """Write suppliers."""
    ids = categories(session, org_id, (row["category"] for row in rows.values()))
    values = [
        {
            **{name: value for name, value in row.items() if name != "category"},
            "org_id": org_id,
            "category_id": ids.get(row["category"]),
            "external_key": external("supplier", key),
        }
        for key, row in rows.items()
    ]
    return dict(zip(rows, write(session, models.Supplier, values), strict=True))


def rfqs(session: Session, org_id: int, rows: Rows, currency: str) -> Ids:
    """Write requests with their one line. Sent means sent when made: the agent kept no other time."""
    ids = categories(session, org_id, (row["category"] for row in rows.values()))
    values = [
        {
            "org_id": org_id,
            "title": row["title"],
            "description": row["description"],
            "category_id": ids.get(row["category"]),
            "status": row["status"],
            "deadline": row["deadline"],
            "currency": currency,
            "sent_at": _sent_at(row),
            "created_at": row["created_at"],
            "external_key": external("rfq", key),
        }
        for key, row in rows.items()
    ]
    numbers = write(session, models.Rfq, values)
    lines = [
        {
            "org_id": org_id,
            "rfq_id": number,
            "position": 1,
            "description": row["title"],
            "quantity": row["quantity"],
            "target_price": row["target_price"],
        }
        for number, row in zip(numbers, rows.values(), strict=True)
    ]
    write(session, models.RfqLine, lines)
    return dict(zip(rows, numbers, strict=True))


def _sent_at(row: dict[str, Any]) -> datetime | None:
    made: datetime = row["created_at"]
    return None if row["status"] == "draft" else made


def quotes(session: Session, org_id: int, rows: Rows, rfq_ids: Ids, supplier_ids: Ids) -> None:
    """Write quotes, each with one line on the request's one line."""
    asked = _lines_of(session, org_id, {rfq_ids[row["rfq"]] for row in rows.values()})
    values = [
        {
            "org_id": org_id,
            "rfq_id": rfq_ids[row["rfq"]],
            "supplier_id": supplier_ids[row["supplier"]],
            "submitted_at": row["created_at"],
            "external_key": external("quote", key),
            **{
                name: row[name]
                for name in (
                    "status",
                    "currency",
                    "lead_time_days",
                    "incoterm",
                    "custom_fields",
                    "created_at",
                )
            },
        }
        for key, row in rows.items()
    ]
    numbers = write(session, models.Quote, values)
    lines = []
    for number, row in zip(numbers, rows.values(), strict=True):
        line, quantity = asked[rfq_ids[row["rfq"]]]
        offer = {"quantity": quantity, "unit_price": row["price"], "lead_days": row["lead_time_days"]}
        lines.append({"org_id": org_id, "quote_id": number, "rfq_line_id": line, **offer})
    write(session, models.QuoteLine, lines)


def _lines_of(session: Session, org_id: int, rfq_ids: set[int]) -> dict[int, tuple[int, Any]]:
    line = models.RfqLine
    query = select(line.rfq_id, line.id, line.quantity).where(line.org_id == org_id).order_by(line.id.desc())
    return {rfq: (number, quantity) for rfq, number, quantity in session.execute(query) if rfq in rfq_ids}


def messages(session: Session, org_id: int, rows: Rows, rfq_ids: Ids, supplier_ids: Ids) -> None:
    """Write messages."""
    values = [
        {
            "org_id": org_id,
            "supplier_id": supplier_ids[row["supplier"]],
            "rfq_id": rfq_ids[row["rfq"]] if row["rfq"] else None,
            "direction": row["direction"],
            "body": row["body"],
            "sent_at": row["sent_at"],
            "created_at": row["sent_at"],
            "external_key": external("message", key),
        }
        for key, row in rows.items()
    ]
    write(session, models.Message, values)


def kpis(session: Session, org_id: int, rows: Rows) -> None:
    """Write KPI values, with definitions for the names that have none."""
    definition = models.KpiDefinition
    query = select(definition.code, definition.id).where(
        definition.org_id == org_id, definition.deleted_at.is_(None)
    )
    ids: Ids = dict(session.execute(query).all())
    names = {row["code"]: row["name"] for row in rows.values() if row["code"] not in ids}
    made = [
        {"org_id": org_id, "code": code, "name": name.replace("_", " ").capitalize()}
        for code, name in names.items()
    ]
    ids |= dict(zip(names, write(session, definition, made), strict=True))
    values = [
        {
            "org_id": org_id,
            "definition_id": ids[row["code"]],
            "period": row["period"],
            "value": row["value"],
            "created_at": row["created_at"],
            "external_key": external("kpi", key),
        }
        for key, row in rows.items()
    ]
    write(session, models.KpiValue, values)


def taken_kpis(session: Session, org_id: int) -> set[tuple[str, str]]:
    """Return code and period of the values that are there."""
    query = (
        select(models.KpiDefinition.code, models.KpiValue.period)
        .join(models.KpiValue, models.KpiValue.definition_id == models.KpiDefinition.id)
        .where(models.KpiDefinition.org_id == org_id, models.KpiValue.deleted_at.is_(None))
    )
    return {(code, period) for code, period in session.execute(query)}


def taken_pairs(session: Session, org_id: int) -> set[tuple[int, int]]:
    """Return RFQ and supplier of the live quotes."""
    quote = models.Quote
    query = select(quote.rfq_id, quote.supplier_id).where(quote.org_id == org_id, quote.deleted_at.is_(None))
    return {(rfq, supplier) for rfq, supplier in session.execute(query)}
