"""Reads what a schema consists of: tables, rights, owners, rules, functions. Rows are another matter."""

import hashlib
from pathlib import Path

from sqlalchemy import Connection, text

DEFINITION = (Path(__file__).with_name("sql") / "definition.sql").read_text()
NOBODY = "-"  # neither a role nor a schema is called that

Object = tuple[str, str, str]


def read_objects(
    connection: Connection, schema: str, *, role: str = NOBODY, other: str = NOBODY
) -> list[Object]:
    """Return (kind, name, definition) of everything in a schema, sorted, names of its own left out.

    Runs in the caller's transaction with an empty search_path, which it sets for that transaction.
    """
    connection.exec_driver_sql("SET LOCAL search_path TO ''")
    rows = connection.execute(text(DEFINITION), {"schema": schema, "role": role, "other": other})
    return [(str(row.kind), str(row.name), str(row.body)) for row in rows]


def fingerprint(connection: Connection, schema: str, *, role: str) -> str:
    """Return one hash over all definitions of a tenant's schema; equal for equal schemas."""
    digest = hashlib.sha256()
    for found in read_objects(connection, schema, role=role):
        digest.update("\x1f".join(found).encode() + b"\x1e")
    return digest.hexdigest()


def differences(connection: Connection, one: str, other: str) -> list[str]:
    """What is not the same in two schemas of one role, as `kind name`."""
    left = set(read_objects(connection, one, other=other))
    right = set(read_objects(connection, other, other=one))
    return sorted({f"{kind} {name}" for kind, name, _body in left ^ right})
