"""What outside a schema refers to what is inside it, and would follow it when it is renamed.

Views of reports and publications are bound anew to the schema that takes the name. What cannot be is named,
and nothing is swapped.
"""
# ruff: noqa: S608

from dataclasses import dataclass

from sqlalchemy import Connection, text

from dashboard.tenancy.scope import quote

INSIDE = """
WITH ns AS (SELECT oid FROM pg_namespace WHERE nspname = :schema),
inside AS (
    SELECT 'pg_class'::regclass AS class, c.oid FROM pg_class c JOIN ns ON c.relnamespace = ns.oid
    UNION ALL SELECT 'pg_proc'::regclass, p.oid FROM pg_proc p JOIN ns ON p.pronamespace = ns.oid
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t JOIN ns ON t.typnamespace = ns.oid
)
"""
VIEWS = f"""
{INSIDE}
SELECT DISTINCT v.oid::regclass::text AS name, v.relkind AS kind,
    pg_get_viewdef(v.oid) AS definition, v.reloptions AS options, pg_has_role(v.relowner, 'USAGE') AS is_ours
FROM pg_depend d JOIN inside i ON d.refclassid = i.class AND d.refobjid = i.oid
JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
JOIN pg_class v ON v.oid = r.ev_class
WHERE v.relnamespace NOT IN (SELECT oid FROM ns) ORDER BY 1
"""
# Foreign keys and functions elsewhere are bound to the very tables: nothing binds them anew quietly.
OTHERS = f"""
{INSIDE}
SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0)
FROM pg_depend d JOIN inside i ON d.refclassid = i.class AND d.refobjid = i.oid
LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
LEFT JOIN pg_class tc ON tc.oid = t.tgrelid
WHERE coalesce(k.connamespace, p.pronamespace, c.relnamespace, tc.relnamespace) NOT IN (SELECT oid FROM ns)
    AND coalesce(c.relnamespace::regnamespace::text, '') <> 'pg_toast' ORDER BY 1
"""
PUBLISHED = """
SELECT p.pubname AS publication, c.relname AS table_name,
    pg_has_role(p.pubowner, 'USAGE') AND to_jsonb(r) ->> 'prqual' IS NULL
        AND to_jsonb(r) ->> 'prattrs' IS NULL AS can_move  -- columns that came with 15
FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid JOIN pg_class c ON c.oid = r.prrelid
WHERE c.relnamespace = CAST(:schema AS regnamespace) ORDER BY 1, 2
"""
PUBLISHED_SCHEMA = """
SELECT p.pubname FROM pg_publication_namespace n JOIN pg_publication p ON p.oid = n.pnpubid
WHERE n.pnnspid = CAST(:schema AS regnamespace) ORDER BY 1
"""
HAS_SCHEMA_PUBLICATIONS = 15  # major version that brought FOR TABLES IN SCHEMA


@dataclass(frozen=True)
class View:
    """A view elsewhere that reads from the schema, as text that names it."""

    name: str
    definition: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class References:
    """What has to be bound anew, and what cannot be."""

    views: tuple[View, ...]
    published: tuple[tuple[str, str], ...]
    obstacles: tuple[str, ...]


def read(connection: Connection, schema: str) -> References:
    """Look for what would follow the schema; needs an empty search_path."""
    given = {"schema": schema}
    views, obstacles = [], []
    for row in connection.execute(text(VIEWS), given):
        if row.kind == "v" and row.is_ours:
            views.append(View(row.name, row.definition, tuple(row.options or ())))
        else:
            obstacles.append(f"{'view' if row.kind == 'v' else 'materialized view'} {row.name}")
    obstacles += connection.scalars(text(OTHERS), given)
    published = []
    for row in connection.execute(text(PUBLISHED), given):
        if row.can_move:
            published.append((row.publication, row.table_name))
        else:
            obstacles.append(f"publication {row.publication} of {row.table_name}")
    if int((connection.dialect.server_version_info or (0,))[0]) >= HAS_SCHEMA_PUBLICATIONS:
        names = connection.scalars(text(PUBLISHED_SCHEMA), given)
        obstacles += [f"publication {name} of the schema" for name in names]
    return References(tuple(views), tuple(published), tuple(obstacles))


def bind_anew(connection: Connection, found: References, live: str, aside: str) -> None:
    """After the names have changed: lead views and publications to the schema that is live now."""
    for view in found.views:
        options = f" WITH ({', '.join(view.options)})" if view.options else ""
        # the text comes from the catalog and names the live schema, whichever that is
        connection.exec_driver_sql(
            f"CREATE OR REPLACE VIEW {view.name}{options} AS {view.definition}".replace("%", "%%")
        )
    for publication, table in found.published:
        names = quote(connection, publication), quote(connection, table)
        old, new = (f"{quote(connection, schema)}.{names[1]}" for schema in (aside, live))
        connection.exec_driver_sql(f"ALTER PUBLICATION {names[0]} DROP TABLE {old}")
        connection.exec_driver_sql(f"ALTER PUBLICATION {names[0]} ADD TABLE {new}")
