"""Turns pg_dump's text of one tenant schema into DDL for any: names become placeholders, rights come along.

Text in, text out: neither a connection nor a session.
"""

import hashlib
import re
from collections.abc import Iterable
from itertools import groupby

SCHEMA, ROLE, LOGIN = "@schema@", "@role@", "@login@"
MARK = "@mark@"
"""Makes a name that nothing else in the database has: 12 characters that follow from the schema's name."""
SEALER = "steward_sealer"

# What stands around the statements: pg_dump's own headings, its settings, its orders to psql.
HEADING = re.compile(r"\n*^--\n(?:-- .*\n)+--\n+", re.MULTILINE)
NOISE = re.compile(
    r"^(?:SET [a-z_]+ = .*;|SELECT pg_catalog\.set_config\(.*\);|-- Dumped .*|\\(?:un)?restrict .*)\n+",
    re.MULTILINE,
)
GRANT = re.compile(r"^GRANT (?P<rights>[A-Z,]+) ON (?P<kind>TABLE|SEQUENCE) (?P<target>\S+) TO (?P<to>\S+);$")

# A function with a body in SQL or between dollars, and what may be done with it; of the braces, its name
# and arguments.
FUNCTION = r"^CREATE FUNCTION {} (?:(?!^CREATE ).)*?(?:\bAS (\$\w*\$).*?\1|^ +BEGIN ATOMIC\n.*?^END);\n"
CALLED = re.compile(rf"\bEXECUTE FUNCTION {SCHEMA}\.(\w{{1,50}})\(")
TRIGGER = re.compile(r"^CREATE (?:CONSTRAINT )?TRIGGER .*?;\n", re.MULTILINE | re.DOTALL)
RIGHTS = r"^(?:GRANT|REVOKE) [^\n]+ ON FUNCTION {} [^\n]+;\n"

# Default privileges come last, as in the dump: what the tables were granted is all they are granted.
HEAD = f"CREATE ROLE {ROLE} NOLOGIN IN ROLE steward_tenant ROLE {LOGIN};\n"
BECOME_SEALER = (
    f"SELECT pg_advisory_xact_lock(hashtext('{SEALER}'));\n"
    f"GRANT {SEALER} TO CURRENT_USER;\n"
    f"GRANT USAGE, CREATE ON SCHEMA {SCHEMA} TO {SEALER};\n"
)
BACK = (
    "SET LOCAL ROLE NONE;\n"
    f"REVOKE CREATE ON SCHEMA {SCHEMA} FROM {SEALER};\n"
    f"REVOKE {SEALER} FROM CURRENT_USER;\n"
)
SETTINGS = "SET LOCAL check_function_bodies TO off;\nSET LOCAL search_path TO '';\n"


def render(dump: str, *, name: str, owner: str, revision: str, sealed: Iterable[tuple[str, str]]) -> str:
    """Return the DDL with placeholders. `name` is the template's schema and role, `owner` who dumped it.

    `sealed` (kind, name) is what is handed to the role of sealed prices in the end.
    """
    body = NOISE.sub("", HEADING.sub("\n", dump))
    own = re.escape(owner)
    body = re.sub(rf"^GRANT [A-Z,]+ ON .* TO {own};\n", "", body, flags=re.MULTILINE)
    body = body.replace(f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} ", "ALTER DEFAULT PRIVILEGES ")
    body = _triggers_apart(_with_placeholders(_grants_together(body), name))
    body, sealing = _sealed_apart(body, sealed)
    version = f"INSERT INTO {SCHEMA}.alembic_version (version_num) VALUES ('{revision}');\n"  # noqa: S608
    return f"{HEAD}{SETTINGS}{body.strip()}\n{version}{sealing}"


def fill(ddl: str, *, schema: str, role: str, login: str) -> str:
    """Return the statements for one schema; the names are quoted already."""
    mark = hashlib.sha256(schema.encode()).hexdigest()[:12]
    return ddl.replace(SCHEMA, schema).replace(ROLE, role).replace(LOGIN, login).replace(MARK, mark)


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


def _triggers_apart(body: str) -> str:
    """Let the functions of triggers have names of their own until all triggers are made.

    To find one by its name, PostgreSQL reads all of that name in all schemas, each with its text: 40 ms for
    a thousand tenants. To rename one, it looks into the one schema only.
    """
    names = sorted(set(CALLED.findall(body)))
    end = max((found.end() for found in TRIGGER.finditer(body)), default=0)
    made, rest = body[:end], body[end:]
    for name in names:
        plain = re.escape(f"{SCHEMA}.{name}")
        made = re.sub(
            rf"(?<=FUNCTION ){plain}(?=\(\))|(?<=EXECUTE FUNCTION ){plain}(?=\()",
            rf"{SCHEMA}.{name}_{MARK}",
            made,
        )
    renaming = (f"ALTER FUNCTION {SCHEMA}.{name}_{MARK}() RENAME TO {name};\n" for name in names)
    return "".join([made, *renaming, rest])


def _sealed_apart(body: str, sealed: Iterable[tuple[str, str]]) -> tuple[str, str]:
    """Return the DDL without what is sealed, and what makes that; at the very end, for no creation passes it.

    The role of sealed prices makes its functions itself: to hand one over, PostgreSQL would read all of its
    name in all schemas, 20 ms for a thousand tenants.
    """
    handed, made = [], []
    for kind, name in sealed:
        found = re.search(FUNCTION.format(re.escape(f"{SCHEMA}.{name}")), body, re.MULTILINE | re.DOTALL)
        if kind == "function" and found:
            rights = re.compile(RIGHTS.format(re.escape(f"{SCHEMA}.{name}")), re.MULTILINE)
            made += [found[0], *rights.findall(body)]
            body = rights.sub("", body.replace(found[0], ""))
        else:
            target = f'{SCHEMA}."{name}"' if kind == "table" else f"{SCHEMA}.{name}"
            handed.append(f"ALTER {kind.upper()} {target} OWNER TO {SEALER};\n")
    if not handed and not made:
        return body, ""
    return body, "".join([BECOME_SEALER, *handed, f"SET LOCAL ROLE {SEALER};\n", *made, BACK])
