"""Owns the list of ways out of a tenant that are tried, and what counts as PostgreSQL's refusal. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

DENIED = "42501"  # insufficient_privilege, PostgreSQL appendix A
NO_TABLE, NO_FUNCTION = "42P01", "42883"
# The data stood in the way, not a permission: whoever gets so far is in.
PAST_PERMISSIONS = ("21", "22", "23")


class Verdict(StrEnum):
    """How an attempt ended. What could not be tried is not refused."""

    REFUSED = "refused"
    ALLOWED = "allowed"
    DOCUMENTED = "documented"
    UNTRIED = "untried"


@dataclass(frozen=True)
class Attempt:
    """One way out: statements sent at once as the tenant's role; the last one must be refused.

    `refusals` are the SQLSTATEs that count as a refusal. `shared_login` marks what a login that belongs to
    all tenants may do when whole statements of somebody else are run, see docs/adr/0002.
    """

    title: str
    statement: str
    refusals: frozenset[str] = frozenset({DENIED})
    shared_login: bool = False

    def judge(self, state: str | None) -> Verdict:
        """What PostgreSQL's answer means; None: it did as it was told."""
        if state is None:
            return Verdict.DOCUMENTED if self.shared_login else Verdict.ALLOWED
        if state in self.refusals:
            return Verdict.REFUSED
        return Verdict.ALLOWED if state.startswith(PAST_PERMISSIONS) else Verdict.UNTRIED


@dataclass(frozen=True)
class Target:
    """Another tenant to break into: quoted role and schema, and a quoted name of each kind of thing."""

    role: str
    schema: str
    things: Mapping[str, str] = field(default_factory=dict)


def of_kinds(target: Target) -> Iterator[Attempt]:
    """Each kind of thing of the other tenant, read and written."""
    names = {kind: f"{target.schema}.{name}" for kind, name in target.things.items()}
    titles = {"r": "table", "p": "partitioned table", "v": "view", "m": "materialized view"}
    for kind, noun in titles.items():
        if kind in names:
            yield Attempt(f"read another tenant's {noun}", f"SELECT * FROM {names[kind]} LIMIT 1")  # noqa: S608
    if "r" in names:
        yield Attempt("add to another tenant's table", f"INSERT INTO {names['r']} DEFAULT VALUES")
        yield Attempt("delete from another tenant's table", f"DELETE FROM {names['r']} WHERE false")  # noqa: S608
        yield Attempt("copy another tenant's table out", f"COPY {names['r']} TO STDOUT")
    if "S" in names:
        yield Attempt("move another tenant's sequence", f"SELECT nextval({literal(names['S'])})")
    if "function" in names:
        yield Attempt(
            "find another tenant's function", f"SELECT {literal(names['function'])}::regprocedure::oid"
        )
    if "type" in names:
        yield Attempt("use another tenant's type", f"SELECT NULL::{names['type']}")
    yield Attempt("create in another tenant's schema", f"CREATE TABLE {target.schema}.probe (id int)")


def of_roles(target: Target, own_role: str, owner: str) -> Iterator[Attempt]:
    """Becoming somebody else."""
    yield Attempt("become another tenant", f"SET LOCAL ROLE {target.role}", shared_login=True)
    yield Attempt("become the owner", f"SET LOCAL ROLE {owner}")
    yield Attempt("log in as another tenant", f"SET LOCAL SESSION AUTHORIZATION {target.role}")
    yield Attempt("join another tenant's role", f"GRANT {target.role} TO {own_role}")
    yield Attempt("become a superuser", f"ALTER ROLE {own_role} SUPERUSER")
    yield Attempt("make a role", "CREATE ROLE steward_probe")
    if "r" in target.things:
        table = f"{target.schema}.{target.things['r']}"
        yield Attempt(
            "step back to the application's login and read",
            f"RESET ROLE; SELECT * FROM {table} LIMIT 1",  # noqa: S608
        )


def of_paths(target: Target) -> Iterator[Attempt]:
    """Moving the search path, in a statement of its own and inside a query."""
    if "r" in target.things:
        yield Attempt(
            "move the search path and read",
            f"SET LOCAL search_path TO {target.schema}; SELECT * FROM {target.things['r']} LIMIT 1",  # noqa: S608
            frozenset({DENIED, NO_TABLE}),
        )
    schema = literal(target.schema)
    yield Attempt("move the search path in a query", f"SELECT set_config('search_path', {schema}, true)")
    yield Attempt("change the role in a query", f"SELECT set_config('role', {literal(target.role)}, true)")


def of_functions() -> Iterator[Attempt]:
    """Functions that run a text as a query, or reach the server's files, programs and other connections."""
    yield Attempt("run a query in a function", "SELECT query_to_xml('SELECT 1', true, true, '')")
    yield Attempt("dump a schema as XML", "SELECT schema_to_xml('public', true, true, '')")
    yield Attempt("read a file of the server", "SELECT pg_read_file('postgresql.conf')")
    yield Attempt("list the server's files", "SELECT pg_ls_dir('.')")
    yield Attempt("load a file of the server", "SELECT lo_import('postgresql.conf')")
    yield Attempt("copy a file of the server", "COPY public.outbox (id) FROM 'postgresql.conf'")
    yield Attempt("run a program on the server", "COPY (SELECT 1) TO PROGRAM 'true'")
    yield Attempt("connect elsewhere", "SELECT dblink('dbname=postgres', 'SELECT 1')", _unless_there())
    yield Attempt("install an extension", "CREATE EXTENSION dblink")


def _unless_there() -> frozenset[str]:
    """A function that is not installed lets nobody out either; PostgreSQL's words say so."""
    return frozenset({DENIED, NO_FUNCTION})


def of_own_place() -> Iterator[Attempt]:
    """Shared tables, and what a tenant must not do at home."""
    yield Attempt("list the tenants", "SELECT * FROM public.tenant")
    yield Attempt("list the domains", "SELECT * FROM public.domain")
    yield Attempt("read what others asked for", "SELECT * FROM public.outbox LIMIT 1")
    yield Attempt("create in the shared schema", "CREATE TABLE public.probe (id int)")
    yield Attempt("create in its own schema", "CREATE TABLE probe (id int)")
    yield Attempt("make a temporary table", "CREATE TEMPORARY TABLE probe (id int)")
    yield Attempt("rewrite its history", "DELETE FROM row_history")
    yield Attempt("forge its history", "INSERT INTO row_history (table_name, record_id) VALUES ('probe', 1)")
    yield Attempt("move its version", "DELETE FROM alembic_version")


def all_attempts(target: Target | None, own_role: str, owner: str) -> list[Attempt]:
    """Every way that is tried as a tenant; without another tenant there is nowhere to go."""
    found = [*of_functions(), *of_own_place()]
    if target is None:
        return found
    return [*of_kinds(target), *of_roles(target, own_role, owner), *of_paths(target), *found]


def literal(text: str) -> str:
    """Quote a text for SQL."""
    return "'" + text.replace("'", "''") + "'"
