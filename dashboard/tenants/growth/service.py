"""What jobs and pages ask of growth; tenants in, facts out."""

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg2
from psycopg2.extensions import cursor

from dashboard.audit.service import record_operation
from dashboard.core.addresses import for_libpq
from dashboard.core.db import db
from dashboard.replication.reading import Place, place_of, reading_session
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.growth import archiving, deciding, partitioning, tables
from dashboard.tenants.growth.archiving import Event, Span
from dashboard.tenants.growth.tables import HISTORY, TABLES, Growing


@dataclass(frozen=True)
class Growth:
    """What a page shows of a tenant: partitions by table (none: it is whole), the ledger, and from where."""

    spans: dict[str, list[Span]]
    rows: dict[str, int]
    events: list[Event]
    away: list[Event]
    place: Place


def list_growing() -> list[Growing]:
    """The growing tables of all tenants, from the catalog alone."""
    url = for_libpq(db.engines["owner"].url.render_as_string(hide_password=False))
    with closing(psycopg2.connect(url, application_name="steward-growth")) as link, link.cursor() as at:
        return tables.list_growing(at)


def keep(tenant: TenantRef, table: str) -> list[str]:
    """Make what partitions of a table are missing; returns their names. Raises ConflictError."""
    made: list[str] = []

    def work(at: cursor) -> None:
        made[:] = partitioning.keep(at, tenant.schema, table, tenant_role=tenant.role, today=deciding.today())

    with partitioning.owner_link(tenant.schema) as link:
        partitioning.briefly(link, tenant.schema, work)
    return made


def partition(tenant: TenantRef, table: str, *, actor: str) -> bool:
    """Partition a table; False where it is already. Raises ConflictError."""
    done = partitioning.partition(tenant.schema, table, tenant_role=tenant.role, today=deciding.today())
    if done:
        record_operation("table.partition", table, tenant=tenant.slug, actor=actor)
    return done


def list_due(tenant: TenantRef, limit: datetime | None) -> list[str]:
    """The names of the partitions that are to be put away now."""
    with partitioning.owner_link(tenant.schema) as link, link.cursor() as at:
        spans = archiving.list_spans(at, tenant.schema)
        events = archiving.list_events(at, tenant.schema)
    return [span.part.name for span in archiving.due(spans, events, limit, datetime.now(UTC))]


def look(tenant: TenantRef) -> Growth:
    """Read all of it as the tenant, from a standby that is well."""
    with reading_session(tenant, fresh=True) as session:
        link: Any = session.connection().connection.driver_connection
        with link.cursor() as at:
            spans = {table: archiving.list_spans(at, tenant.schema, table) for table in TABLES}
            rows = {table: tables.estimate(at, tenant.schema, table) for table in TABLES}
            events = archiving.list_events(at, tenant.schema)
        return Growth(spans, rows, events, archiving.put_away_now(events), place_of(session))


def find_span(growth: Growth, part: str) -> Span | None:
    """A partition of the history by its name, if it can be put away."""
    away = {event.part for event in growth.away}
    spans = [span for span in growth.spans[HISTORY] if not span.is_open and span.part.name not in away]
    return next((span for span in spans if span.part.name == part), None)
