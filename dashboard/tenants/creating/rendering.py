"""Turns pg_dump's text of one tenant schema into DDL for any: names become placeholders, rights come along.

Text in, text out: neither a connection nor a session.
"""

import re
from collections.abc import Iterable
from itertools import groupby

SCHEMA, ROLE, LOGIN = "@schema@", "@role@", "@login@"
SEALER = "steward_sealer"

# What stands around the statements: pg_dump's own headings, its settings, its orders to psql.
HEADING = re.compile(r"\n*^--\n(?:-- .*\n)+--\n+", re.MULTILINE)
NOISE = re.compile(
    r"^(?:SET [a-z_]+ = .*;|SELECT pg_catalog\.set_config\(.*\);|-- Dumped .*|\\(?:un)?restrict .*)\n+",
    re.MULTILINE,
)
GRANT = re.compile(r"^GRANT (?P<rights>[A-Z,]+) ON (?P<kind>TABLE|SEQUENCE) (?P<target>\S+) TO (?P<to>\S+);$")

# Default privileges come last, as in the dump: what the tables were granted is all they are granted.
HEAD = f"CREATE ROLE {ROLE} NOLOGIN IN ROLE steward_tenant ROLE {LOGIN};\n"
SETTINGS = "SET LOCAL check_function_bodies TO off;\nSET LOCAL search_path TO '';\n"


def render(dump: str, *, name: str, owner: str, revision: str, sealed: Iterable[tuple[str, str]]) -> str:
    """Return the DDL with placeholders. `name` is the template's schema and role, `owner` who dumped it.

    `sealed` (kind, name) is what is handed to the role of sealed prices in the end.
    """
    body = NOISE.sub("", HEADING.sub("\n", dump))
    own = re.escape(owner)
    body = re.sub(rf"^GRANT [A-Z,]+ ON .* TO {own};\n", "", body, flags=re.MULTILINE)
    body = body.replace(f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} ", "ALTER DEFAULT PRIVILEGES ")
    body = _with_placeholders(_grants_together(body), name)
    version = f"INSERT INTO {SCHEMA}.alembic_version (version_num) VALUES ('{revision}');\n"  # noqa: S608
    return f"{HEAD}{SETTINGS}{body.strip()}\n{version}{_sealing(sealed)}"


def fill(ddl: str, *, schema: str, role: str, login: str) -> str:
    """Return the statements for one schema; the names are quoted already."""
    return ddl.replace(SCHEMA, schema).replace(ROLE, role).replace(LOGIN, login)


def _grants_together(body: str) -> str:
    """One statement grants the same to one role on many tables: a hundred fewer to parse and plan."""
    lines = body.split("\n")
    found = [match for line in lines if (match := GRANT.match(line))]
    rest = [line for line in lines if not GRANT.match(line)]

    def alike(match: re.Match[str]) -> tuple[str, ...]:
        return match["kind"], match["rights"], match["to"]

    # in the order of the dump, which is that of the rights in the catalog
    order = {key: place for place, key in reversed(list(enumerate(map(alike, found))))}
    grants = [
        f"GRANT {rights} ON {kind} {', '.join(match['target'] for match in matches)} TO {to};"
        for (kind, rights, to), matches in groupby(sorted(found, key=lambda one: order[alike(one)]), alike)
    ]
    return "\n".join([*rest, *grants])


def _with_placeholders(body: str, name: str) -> str:
    """A schema stands before a dot or after SCHEMA; the role, of the same name, stands anywhere else."""
    plain = re.escape(name)
    body = re.sub(rf"\b{plain}(?=\.)|(?<=SCHEMA ){plain}\b", SCHEMA, body)
    return re.sub(rf"\b{plain}\b", ROLE, body)


def _sealing(sealed: Iterable[tuple[str, str]]) -> str:
    """Hand tables and functions over at the very end: the lock it needs lets no other creation pass."""
    tables, functions = (
        ", ".join("'" + name.replace("'", "''") + "'" for kind, name in sealed if kind == wanted)
        for wanted in ("table", "function")
    )
    if not tables and not functions:
        return ""
    return (
        f"SET LOCAL search_path TO {SCHEMA}, public, pg_temp;\n"
        f"SELECT public.seal_off(ARRAY[{tables}]::text[], ARRAY[{functions}]::text[]);\n"
        "SET LOCAL search_path TO '';\n"
    )
