"""Reads what schemas consist of: tables, rights, owners, rules, functions. Rows are another matter.

The one fingerprint of the product: the server hashes many schemas at once, or objects are read and hashed.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, TextClause, text

SQL = Path(__file__).with_name("sql")
DEFINITION = (SQL / "definition.sql").read_text()
OBJECTS = text(DEFINITION + (SQL / "objects.sql").read_text())
HASHES = text(DEFINITION + (SQL / "hashes.sql").read_text())
NOBODY = "-"  # neither a role nor a schema is called that
SETTINGS = "SET LOCAL search_path TO ''; SET LOCAL work_mem TO '64MB'; SET LOCAL jit TO off"
ITSELF = "schema"  # the kind of the one object that says who owns and may enter the schema

Object = tuple[str, str, str]


def read_objects(
    connection: Connection, schema: str, *, role: str = NOBODY, other: str = NOBODY
) -> list[Object]:
    """Return (kind, name, definition) of everything in a schema, sorted, names of its own left out.

    Runs in the caller's transaction with an empty search_path, which it sets for that transaction.
    """
    rows = _run(connection, OBJECTS, {schema: role}, other)
    return [(str(kind), str(name), str(body)) for kind, name, body in rows]


def fingerprint(connection: Connection, schema: str, *, role: str) -> str:
    """Return one hash over all definitions of a tenant's schema; equal for equal schemas."""
    return hash_of(read_objects(connection, schema, role=role))


def fingerprints(connection: Connection, roles: Mapping[str, str]) -> dict[str, str]:
    """Return the fingerprint of each schema that exists among the keys; `roles` gives each schema's role.

    Hashed by the server, in the caller's transaction like `read_objects`; it locks views until its end.
    """
    return {str(schema): str(found) for schema, found in _run(connection, HASHES, roles, NOBODY)}


def hash_of(objects: Iterable[Object]) -> str:
    """Hash objects in the order of `read_objects`."""
    digest = hashlib.sha256()
    for found in objects:
        digest.update("\x1f".join(found).encode() + b"\x1e")
    return digest.hexdigest()


def differences(connection: Connection, one: str, other: str) -> list[str]:
    """What is not the same in two schemas of one role, as `kind name`; who may enter them is left out."""
    left = set(read_objects(connection, one, other=other))
    right = set(read_objects(connection, other, other=one))
    return sorted({f"{kind} {name}" for kind, name, _body in left ^ right if kind != ITSELF})


def _run(connection: Connection, statement: TextClause, roles: Mapping[str, str], other: str) -> list[Any]:
    connection.exec_driver_sql(SETTINGS)
    bound = {"schemas": list(roles), "roles": list(roles.values()), "others": [other] * len(roles)}
    return list(connection.execute(statement, bound))
