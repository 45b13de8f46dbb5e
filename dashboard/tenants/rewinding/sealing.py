"""Keeps sealed prices sealed: ownership by the sealer's role, and openings that were put off since.

The owner login is no member of that role. It makes itself one for the length of a transaction, as the
migration does, and nobody else sees it in between.
"""

from sqlalchemy import Connection, text

from dashboard.tenancy.scope import quote

SEALER = "steward_sealer"
# Functions first by name and arguments, as ALTER FUNCTION wants them.
OWNED_BY_OTHERS = """
SELECT 'table' AS kind, c.relname::text AS name, c.relowner::regrole::text AS owner FROM pg_class c
WHERE c.relnamespace = CAST(:schema AS regnamespace) AND c.relkind IN ('r', 'p', 'v', 'm')
    AND c.relowner <> :owner
UNION ALL
SELECT 'function', format('%I(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
    p.proowner::regrole::text
FROM pg_proc p WHERE p.pronamespace = CAST(:schema AS regnamespace) AND p.proowner <> :owner ORDER BY 1, 2
"""
SCHEMA_OWNER = "SELECT nspowner FROM pg_namespace WHERE nspname = :schema"


def owned_by_others(connection: Connection, schema: str) -> list[tuple[str, str, str]]:
    """What in a schema belongs to another role than the schema: kind, name, role."""
    owner = connection.scalar(text(SCHEMA_OWNER), {"schema": schema})
    rows = connection.execute(text(OWNED_BY_OTHERS), {"schema": schema, "owner": owner})
    return [tuple(row) for row in rows]


def seal_off(connection: Connection, schema: str, found: list[tuple[str, str, str]]) -> list[str]:
    """Hand over in a restored schema what the sealer owned; returns what belonged to any other role."""
    sealed = [(kind, name) for kind, name, owner in found if owner == SEALER]
    if sealed:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {quote(connection, schema)}, public, pg_temp")
        # a public function of the shared history: names in it are those of the schema in force
        values = {
            "tables": [name for kind, name in sealed if kind == "table"],
            "functions": [name for kind, name in sealed if kind == "function"],
        }
        connection.execute(
            text("SELECT public.seal_off(CAST(:tables AS text[]), CAST(:functions AS text[]))"), values
        )
        connection.exec_driver_sql("SET LOCAL search_path TO ''")
    return [f"{kind} {name} ({owner})" for kind, name, owner in found if owner != SEALER]


BACK = f"REVOKE {SEALER} FROM CURRENT_USER"


def become_sealer(connection: Connection) -> None:
    """Act with the rights of the sealer inside the caller's transaction, until `BACK` is executed in it."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:role))"), {"role": SEALER})
    connection.exec_driver_sql(f"GRANT {SEALER} TO CURRENT_USER")


def count_openings(connection: Connection, schema: str, *, of: str) -> int | None:
    """How many openings are earlier in `schema` than in `of`, where they are still to come; None: no seals.

    Needs the rights of the sealer.
    """
    name = f"{quote(connection, schema)}.rfq_seal"
    if not connection.scalar(text("SELECT to_regclass(:name)"), {"name": name}):
        return None
    later = _later(connection, of)
    return connection.scalar(text(f"SELECT count(*) FROM {name} AS own, {later}")) or 0  # noqa: S608


def putting_off(connection: Connection, schema: str, *, of: str) -> str:
    """The statement that makes those openings hold in `schema` too: going back opens no bid early."""
    name = f"{quote(connection, schema)}.rfq_seal"
    return f"UPDATE {name} AS own SET opens_at = other.opens_at FROM {_later(connection, of)}"  # noqa: S608


def _later(connection: Connection, of: str) -> str:
    return (
        f"{quote(connection, of)}.rfq_seal AS other WHERE other.rfq_id = own.rfq_id"
        " AND other.opens_at > own.opens_at AND other.opens_at > clock_timestamp()"
    )
