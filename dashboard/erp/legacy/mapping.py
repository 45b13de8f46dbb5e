"""Owns the mapping: what a row of the legacy agent becomes here."""

import re
from typing import Any

from dashboard.erp.legacy import checking
from dashboard.erp.legacy.checking import Checked

_CODE = re.compile(r"[^a-z0-9]+")


def supplier(row: Checked) -> dict[str, Any]:
    """Read a supplier; `category` is still a name."""
    return {
        "name": row.get("name", checking.needed),
        "email": row.get("email", checking.address),
        "phone": row.get("phone", checking.words),
        "category": row.get("category", checking.words),
        "region": row.get("region", checking.words),
        "reliability": row.get("reliability", checking.optional, checking.percentage),
        "capabilities": row.get("capabilities", checking.document),
        "created_at": row.get("created_at", checking.moment),
    }


def rfq(row: Checked) -> dict[str, Any]:
    """Read a request; `quantity` and `target_price` will be its one line, named by the title."""
    return {
        "title": row.get("title", checking.needed),
        "description": row.get("description", checking.words, checking.LONG),
        "category": row.get("category", checking.words),
        "quantity": row.get("quantity", checking.above_zero),
        "target_price": row.get("target_price", checking.optional, checking.not_below, 0),
        "status": row.get("status", checking.known, checking.RFQ_STATUS),
        "deadline": row.get("deadline", checking.optional, checking.moment),
        "created_at": row.get("created_at", checking.moment),
    }


def quote(row: Checked) -> dict[str, Any]:
    """Read a quote; the incoterm goes to its column, other details to the custom fields."""
    details = dict(row.get("details", checking.document) or {})
    incoterm = details.get("incoterm")
    is_term = isinstance(incoterm, str) and re.fullmatch(r"[A-Z]{3}", incoterm)
    if is_term:
        del details["incoterm"]
    return {
        "rfq": str(row.fields.get("rfq_id")),
        "supplier": str(row.fields.get("supplier_id")),
        "price": row.get("price", checking.not_below, 0),
        "currency": row.get("currency", checking.currency),
        "lead_time_days": row.get("lead_time", checking.optional, checking.days),
        "status": row.get("status", checking.known, checking.QUOTE_STATUS),
        "incoterm": incoterm if is_term else None,
        "custom_fields": details,
        "created_at": row.get("created_at", checking.moment),
    }


def message(row: Checked) -> dict[str, Any]:
    """Read a message; the agent wrote outwards."""
    about = row.fields.get("rfq_id")
    return {
        "supplier": str(row.fields.get("supplier_id")),
        "rfq": None if about is None else str(about),
        "direction": row.get("sender", checking.known, checking.DIRECTIONS),
        "body": row.get("content", checking.needed, checking.LONG),
        "sent_at": row.get("created_at", checking.moment),
    }


def kpi(row: Checked) -> dict[str, Any]:
    """Read a KPI value; its name is the definition's code."""
    name = row.get("name", checking.needed)
    return {
        "name": name,
        "code": code_of(name or ""),
        "value": row.get("value", checking.number),
        "period": row.get("period", checking.period),
        "created_at": row.get("created_at", checking.moment),
    }


def code_of(name: str) -> str:
    """Make a code of a KPI's name: lower case, digits and underscores, a letter first."""
    code = _CODE.sub("_", name.lower()).strip("_")
    return code if code[:1].isalpha() else f"kpi_{code}".rstrip("_")


READERS = {"supplier": supplier, "rfq": rfq, "quote": quote, "message": message, "kpi": kpi}
