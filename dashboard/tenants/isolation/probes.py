"""Tries to get out of tenants and reads the catalog for ways out, on connections it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import connection, cursor, quote_ident

from dashboard.tenancy.models import TenantRef
from dashboard.tenants.isolation.attempts import Attempt, Target, Verdict, all_attempts

SQL = Path(__file__).with_name("sql")
THINGS = (SQL / "things.sql").read_text()
OPENINGS = (SQL / "openings.sql").read_text()
# A hole must not make the probe wait, or anybody wait for the probe.
LIMITS = "SET LOCAL statement_timeout TO '5s'; SET LOCAL lock_timeout TO '200ms'"
# Catalogs have poor statistics while many schemas are made: nested loops over them would take minutes.
AS_SETS = "SET LOCAL enable_nestloop TO off; SET LOCAL jit TO off; SET LOCAL statement_timeout TO '120s'"
DONE = "PostgreSQL allowed it"


@dataclass(frozen=True)
class Outcome:
    """What was tried and what PostgreSQL said: SQLSTATE (empty when it obeyed) and its first line."""

    title: str
    statement: str
    verdict: Verdict
    state: str
    answer: str


@dataclass(frozen=True)
class Opening:
    """A way out that the catalog shows: whose things are open (empty: everybody's), to whom, and what."""

    slug: str
    sort: str
    who: str
    what: str


def read_things(link: connection, schemas: Sequence[str], round_: int) -> dict[str, dict[str, str]]:
    """One quoted name of each kind of thing, by schema."""
    found: dict[str, dict[str, str]] = {}
    with link.cursor() as at:
        at.execute(f"{AS_SETS}; {THINGS}", {"schemas": list(schemas), "round": round_})
        for schema, kind, name in at.fetchall():
            found.setdefault(schema, {})[kind] = name
    return found


def read_openings(link: connection, login: str) -> list[Opening]:
    """Every right, membership, property and function through which a tenant could reach another."""
    with link.cursor() as at:
        at.execute(f"{AS_SETS}; {OPENINGS}", {"login": login})
        return [Opening(*row) for row in at.fetchall()]


def is_shared(link: connection, roles: Sequence[str]) -> bool:
    """Whether the login belongs to more than one tenant's role, so that it could change between them."""
    with link.cursor() as at:
        at.execute(
            "SELECT count(*) FROM pg_auth_members AS m JOIN pg_roles AS r ON r.oid = m.roleid"
            " WHERE m.member = (SELECT oid FROM pg_roles WHERE rolname = session_user)"
            " AND r.rolname = ANY (%s)",
            (list(roles),),
        )
        row = at.fetchone()
        return bool(row and row[0] > 1)


def aim(link: connection, other: TenantRef, things: Mapping[str, str]) -> Target:
    """Another tenant as a target."""
    return Target(quote_ident(other.role, link), quote_ident(other.schema, link), things)


def try_out(link: connection, tenant: TenantRef, target: Target | None, owner: str) -> list[Outcome]:
    """Try every way out as the tenant's role on a connection of the application's login; nothing is kept.

    Each attempt is one round trip: the statements that undo the one before travel with it.
    """
    role, schema = quote_ident(tenant.role, link), quote_ident(tenant.schema, link)
    attempts = all_attempts(target, role, quote_ident(owner, link))
    with link.cursor() as at:
        try:
            at.execute(
                f"{LIMITS}; SET LOCAL ROLE {role}; SET LOCAL search_path TO {schema}, public, pg_temp;"
                " SAVEPOINT probe"
            )
            return [_outcome(at, attempt) for attempt in attempts]
        finally:
            link.rollback()


def _outcome(at: cursor, attempt: Attempt) -> Outcome:
    state, answer = _answer(at, f"ROLLBACK TO SAVEPOINT probe; {attempt.statement}")
    return Outcome(attempt.title, attempt.statement, attempt.judge(state), state or "", answer)


def _answer(at: cursor, statement: str) -> tuple[str | None, str]:
    """SQLSTATE and words of the refusal; None when PostgreSQL obeyed."""
    try:
        if "COPY " in statement and "STDOUT" in statement:
            at.copy_expert(statement, _Nowhere())
        else:
            at.execute(statement)
    except psycopg2.Error as error:
        if error.pgcode is None:
            raise
        return error.pgcode, str(error).splitlines()[0]
    return None, DONE


class _Nowhere:
    """Where a copy goes that should never have begun."""

    def write(self, data: Any) -> int:
        """Forget it."""
        return len(data)
