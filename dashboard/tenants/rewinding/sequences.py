"""Sets the sequences of a restored schema back to what they stood at.

PostgreSQL writes a sequence's state into the WAL 32 values ahead, so that it jumps in recovery. One that did
shows no values left of those logged; what it gave out is told by the newest row or the newest of the history.
"""
# ruff: noqa: S608

from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, text

from dashboard.tenancy.scope import quote

LOGGED_AHEAD = 32  # SEQ_LOG_VALS in src/backend/commands/sequence.c
OWNED = """
SELECT s.oid::regclass::text AS sequence, s.relname AS name, t.oid::regclass::text AS source,
    t.relname AS table_name,
    quote_ident(a.attname) AS column_name, q.seqincrement AS step, q.seqstart AS start
FROM pg_sequence q JOIN pg_class s ON s.oid = q.seqrelid
JOIN pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
    AND d.refclassid = 'pg_class'::regclass
JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE s.relnamespace = CAST(:schema AS regnamespace) AND q.seqincrement > 0 ORDER BY 1
"""
ALL = """
SELECT s.relname FROM pg_class s
WHERE s.relkind = 'S' AND s.relnamespace = CAST(:schema AS regnamespace) ORDER BY 1
"""
FREE = """
SELECT s.relname FROM pg_sequence q JOIN pg_class s ON s.oid = q.seqrelid
WHERE s.relnamespace = CAST(:schema AS regnamespace) AND NOT EXISTS (
    SELECT FROM pg_depend d
    WHERE d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
ORDER BY 1
"""


@dataclass(frozen=True)
class SetBack:
    """What was done: how many were set back, and those of no table, whose true value nobody knows."""

    count: int
    unknown: tuple[str, ...]


def jumped(scratch: Connection, schema: str) -> set[str]:
    """The sequences of a recovered schema whose state was taken from the WAL."""
    names = scratch.scalars(text(ALL), {"schema": schema}).all()
    inside = quote(scratch, schema)
    return {
        name
        for name in names
        if scratch.scalar(text(f"SELECT is_called AND log_cnt = 0 FROM {inside}.{quote(scratch, name)}"))
    }


def set_back(connection: Connection, schema: str, chosen: set[str]) -> SetBack:
    """Set back the chosen sequences that are at most 32 ahead of the rows.

    Needs an empty search_path, and that no policy hides rows from the caller yet.
    """
    history = f"{quote(connection, schema)}.row_history"
    has_history = bool(connection.scalar(text("SELECT to_regclass(:name)"), {"name": history}))
    count = 0
    for row in connection.execute(text(OWNED), {"schema": schema}).mappings().all():
        if row["name"] in chosen:
            told = _told(connection, history, row["table_name"]) if has_history else None
            count += _set_back_one(connection, row, told)
    unknown = [name for name in connection.scalars(text(FREE), {"schema": schema}) if name in chosen]
    return SetBack(count, tuple(unknown))


def _told(connection: Connection, history: str, table: str) -> int | None:
    query = text(f"SELECT max(record_id) FROM {history} WHERE table_name = :name")
    newest: int | None = connection.scalar(query, {"name": table})
    return newest


def _set_back_one(connection: Connection, row: RowMapping, told: int | None) -> bool:
    newest = connection.scalar(text(f"SELECT max({row['column_name']}) FROM {row['source']}"))
    used = max((value for value in (newest, told) if value is not None), default=None)
    lowest = used if used is not None else row["start"] - row["step"]
    last = connection.scalar(text(f"SELECT last_value FROM {row['sequence']}"))
    if not lowest < last <= lowest + LOGGED_AHEAD * row["step"]:
        return False
    values = {
        "name": row["sequence"],
        "value": row["start"] if used is None else used,
        "called": used is not None,
    }
    connection.execute(text("SELECT setval(CAST(:name AS regclass), :value, :called)"), values)
    return True
