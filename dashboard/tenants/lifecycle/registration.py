"""What the registry and the control database know of a tenant, taken along and put back as it was."""

import json
from typing import Any

from sqlalchemy import Connection, delete, select, text
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.jobs.store import control_transaction
from dashboard.schema_migrations.drift import definition
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.service import current
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.rewinding import sealing
from dashboard.users.models import Grant, Operator

TENANT = "SELECT to_jsonb(t) FROM public.tenant t WHERE id = :id"
DOMAINS = (
    "SELECT coalesce(jsonb_agg(to_jsonb(d) ORDER BY d.id), '[]') FROM public.domain d WHERE tenant_id = :id"
)
REVISIONS = (
    "SELECT coalesce(jsonb_agg(to_jsonb(r) ORDER BY r.id), '[]') FROM public.tenant_revision r"
    " WHERE tenant_id = :id"
)


def take(tenant: TenantRef) -> tuple[dict[str, Any], str]:
    """Return all that is known of a tenant as JSON, and the revision its schema stands at."""
    with db.engines["owner"].begin() as connection:
        revision = current(connection, History.TENANT, tenant.schema) or ""
        taken = {
            "fingerprint": definition.fingerprint(connection, tenant.schema, role=tenant.role),
            "owned": [list(each) for each in sealing.owned_by_others(connection, tenant.schema)],
        }
    return taken | take_names(tenant), revision


def take_names(tenant: TenantRef) -> dict[str, Any]:
    """Return what a tenant is called, reached by and looked after by now, as JSON."""
    queries = {"tenant": TENANT, "domains": DOMAINS, "revisions": REVISIONS}
    with db.engines["owner"].begin() as connection:
        found = {key: connection.scalar(text(query), {"id": tenant.id}) for key, query in queries.items()}
    return found | {"grants": grants_of(tenant.slug)}


def grants_of(slug: str) -> list[dict[str, str]]:
    """Who holds which role in a tenant, by e-mail address."""
    query = select(Operator.email, Grant.role).join(Grant.operator).where(Grant.tenant_slug == slug)
    with control_transaction() as session:
        return [{"email": email, "role": role} for email, role in session.execute(query)]


def drop_grants(slug: str) -> None:
    """Take everybody's roles in a tenant away: whoever gets its short name later must not inherit them."""
    with control_transaction() as session:
        session.execute(delete(Grant).where(Grant.tenant_slug == slug))


def put_back_grants(slug: str, grants: list[dict[str, str]]) -> int:
    """Give roles back to the people who are still there; returns how many."""
    with control_transaction() as session:
        emails = [each["email"] for each in grants]
        query = select(Operator.email, Operator.id).where(Operator.email.in_(emails))
        people = {row.email: row.id for row in session.execute(query)}
        rows = [
            {"operator_id": people[each["email"]], "role": each["role"], "tenant_slug": slug}
            for each in grants
            if each["email"] in people
        ]
        if rows:
            session.execute(insert(Grant).values(rows).on_conflict_do_nothing())
    return len(rows)


def put_back(connection: Connection, taken: dict[str, Any], slug: str) -> list[str]:
    """Register a deleted tenant again under a free short name; returns what could not be as it was."""
    notes = []
    row = taken["tenant"] | {"slug": slug}
    if slug != taken["tenant"]["slug"]:
        notes.append(f"The short name {taken['tenant']['slug']} is taken: it is called {slug} now.")
    _insert(connection, "tenant", row)
    for domain in taken["domains"]:
        if connection.scalar(text("SELECT 1 FROM public.domain WHERE host = :host"), domain):
            notes.append(f"The domain {domain['host']} leads to another tenant now and was left out.")
        else:
            _insert(connection, "domain", domain)
    for revision in taken["revisions"]:
        _insert(connection, "tenant_revision", revision)
    return notes


def _insert(connection: Connection, table: str, row: dict[str, Any]) -> None:
    """Insert a row as it was taken; columns that came since get their defaults."""
    names = ", ".join(f'"{name}"' for name in row)
    connection.execute(
        text(
            f"INSERT INTO public.{table} ({names}) SELECT {names}"  # noqa: S608  # names are those we took
            f" FROM jsonb_populate_record(NULL::public.{table}, CAST(:row AS jsonb))"
        ).bindparams(row=json.dumps(row))
    )
