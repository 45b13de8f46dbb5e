"""Compares what two schemas consist of: tables, rights, owners, rules, functions. Rows are another matter."""

from pathlib import Path

from sqlalchemy import Connection, text

DEFINITION = (Path(__file__).with_name("sql") / "definition.sql").read_text()


def differences(connection: Connection, one: str, other: str) -> list[str]:
    """What is not the same in both, as `kind name`; needs an empty search_path."""
    left, right = _read(connection, one, other), _read(connection, other, one)
    return sorted({f"{kind} {name}" for kind, name, _body in left ^ right})


def _read(connection: Connection, schema: str, other: str) -> set[tuple[str, str, str]]:
    rows = connection.execute(text(DEFINITION), {"schema": schema, "other": other})
    return {(str(row.kind), str(row.name), str(row.body)) for row in rows}
