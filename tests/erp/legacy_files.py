"""Writes small files of the legacy sourcing agent, with one fault of each of the seven kinds."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

AT = "2025-09-01T08:00:00Z"
Row = dict[str, Any]


def supplier(**fields: Any) -> Row:
    return {
        "name": "Müller Polymers",
        "email": "sales@example.com",
        "phone": "",
        "category": "Metals",
        "region": "Germany",
        "reliability": 93.5,
        "capabilities": {"moq": 100},
        "created_at": AT,
    } | fields


def rfq(**fields: Any) -> Row:
    return {
        "title": "Brackets",
        "description": "",
        "category": "Metals",
        "quantity": 500,
        "target_price": "17.16",
        "status": "open",
        "deadline": "2025-09-22T08:00:00Z",
        "created_at": AT,
    } | fields


def quote(**fields: Any) -> Row:
    return {
        "rfq": 1,
        "supplier": 1,
        "price": "5.00",
        "currency": "USD",
        "lead_time": 9,
        "status": "pending",
        "details": {},
        "created_at": AT,
    } | fields


def message(**fields: Any) -> Row:
    return {"supplier": 1, "rfq": None, "sender": "agent", "content": "Hello", "created_at": AT} | fields


def kpi(**fields: Any) -> Row:
    return {"name": "savings_pct", "value": 5.99, "period": "2025-01", "created_at": AT} | fields


def good() -> dict[str, dict[int, Row]]:
    return {
        "supplier": {1: supplier(), 2: supplier(name="北方 Pack", category="Packaging", email="")},
        "rfq": {1: rfq(), 2: rfq(title="Boxes", status="awarded"), 3: rfq(title="Later", status="draft")},
        "quote": {
            1: quote(details={"incoterm": "EXW", "warranty": "1 year"}),
            2: quote(supplier=2, status="rejected"),
            3: quote(rfq=2, status="accepted", details={"incoterm": "by ship"}),
        },
        "message": {1: message(), 2: message(rfq=1, sender="supplier", content="<b>see attached</b>")},
        "kpi": {1: kpi(), 2: kpi(period="2025-02"), 3: kpi(name="Avg lead-time")},
    }


def faulty() -> dict[str, dict[int, Row]]:
    """The good rows, and seven that are to be refused."""
    rows = good()
    rows["supplier"] |= {
        9004: supplier(name=""),
        9005: supplier(reliability=140, capabilities="not json"),
    }
    rows["rfq"][9006] = rfq(deadline="31/02/2026")
    rows["quote"] |= {9001: quote(), 9002: quote(rfq=99999), 9003: quote(rfq=3, price="-4")}
    rows["kpi"][9007] = kpi(value="n/a", period="2025-13")
    return rows


def write_json(path: Path, rows: dict[str, dict[int, Row]]) -> Path:
    items = [
        {"model": f"api.{entity}", "pk": key, "fields": fields}
        for entity, table in rows.items()
        for key, fields in table.items()
    ]
    path.write_text(json.dumps([*items, {"model": "auth.user", "pk": 1, "fields": {}}]))
    return path


def write_sqlite(path: Path, rows: dict[str, dict[int, Row]]) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE auth_user (id integer primary key)")
        for entity, table in rows.items():
            names = list(next(iter(table.values())))
            columns = [f"{name}_id" if name in {"rfq", "supplier"} else name for name in names]
            connection.execute(f"CREATE TABLE api_{entity} (id integer primary key, {', '.join(columns)})")
            marks = ", ".join("?" * (len(names) + 1))
            for key, fields in table.items():
                values = [_stored(fields[name]) for name in names]
                connection.execute(f"INSERT INTO api_{entity} VALUES ({marks})", [key, *values])
    return path


def _stored(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


WRITERS = {"JSON": write_json, "SQLite": write_sqlite}
