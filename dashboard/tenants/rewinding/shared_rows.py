"""Puts back rows of shared tables that a tenant's old state refers to and that were removed since.

Rows that are there stay as they are: other tenants use them. Names come from the catalog and are quoted.
"""
# ruff: noqa: S608

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

NAMES = """(SELECT array_agg(quote_ident(a.attname) ORDER BY k.place)
        FROM unnest(c.{key}) WITH ORDINALITY AS k(num, place)
        JOIN pg_attribute a ON a.attrelid = c.{table} AND a.attnum = k.num)"""
REFERENCES = f"""
SELECT c.conrelid::regclass::text AS source, c.confrelid::regclass::text AS target,
    {NAMES.format(key="conkey", table="conrelid")} AS columns,
    {NAMES.format(key="confkey", table="confrelid")} AS keys
FROM pg_constraint c JOIN pg_class s ON s.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid
WHERE c.contype = 'f' AND t.relnamespace <> CAST(:inside AS regnamespace)
    AND ({{whose}}) ORDER BY 1, 2
"""
FROM_SCHEMA = REFERENCES.format(whose="s.relnamespace = CAST(:inside AS regnamespace)")
FROM_TABLE = REFERENCES.format(whose="s.oid = CAST(:source AS regclass) AND c.conrelid <> c.confrelid")
COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = CAST(:target AS regclass) AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
"""
BATCH = 1000


@dataclass(frozen=True)
class Reference:
    """A foreign key out of the schema (or out of a shared table into another one)."""

    source: str
    target: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]


def put_back(scratch: Connection, live: Connection, schema: str) -> dict[str, int]:
    """Insert what is missing of the rows that `schema` of the scratch server refers to.

    Both connections must have an empty search_path. Returns how many by table; the caller commits `live`.
    """
    done: dict[str, int] = {}
    for reference in _references(scratch, FROM_SCHEMA, schema):
        query = _referred_to(reference, reference.source)
        found = scratch.execution_options(yield_per=BATCH).execute(text(query))
        for rows in found.scalars().partitions(BATCH):
            _insert(scratch, live, reference.target, list(rows), done)
    return {table: count for table, count in done.items() if count}


def _insert(scratch: Connection, live: Connection, table: str, rows: list[Any], done: dict[str, int]) -> None:
    """What a shared row itself refers to comes first."""
    given = {"rows": json.dumps(rows)}
    populated = f"jsonb_populate_recordset(NULL::{table}, CAST(:rows AS jsonb))"
    for reference in _references(scratch, FROM_TABLE, "pg_catalog", table):
        query = _referred_to(reference, populated)
        if parents := list(scratch.scalars(text(query), given)):
            _insert(scratch, live, reference.target, parents, done)
    columns = live.scalar(text(COLUMNS), {"target": table})
    insert = f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns} FROM {populated}"
    result: Any = live.execute(text(f"{insert} ON CONFLICT DO NOTHING"), given)
    done[table] = done.get(table, 0) + result.rowcount


def _references(scratch: Connection, query: str, schema: str, source: str = "") -> list[Reference]:
    rows = scratch.execute(text(query), {"inside": schema, "source": source}).mappings()
    return [
        Reference(row["source"], row["target"], tuple(row["columns"]), tuple(row["keys"])) for row in rows
    ]


def _referred_to(reference: Reference, source: str) -> str:
    pairs = zip(reference.columns, reference.keys, strict=True)
    meets = " AND ".join(f"s.{column} = r.{key}" for column, key in pairs)
    return f"SELECT to_jsonb(r) FROM {reference.target} r WHERE EXISTS (SELECT FROM {source} s WHERE {meets})"
