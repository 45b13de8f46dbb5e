"""Reads for the page of one tenant: its tables as last sized, and its way through the migrations."""

from typing import Any

from sqlalchemy import select

from dashboard.core.db import db
from dashboard.schema_migrations.models import TenantRevision
from dashboard.tenants import inspection
from dashboard.tenants.isolation.readings import part

SHOWN = 50


def list_tables(schema: str) -> list[tuple[str, int, int]]:
    """Name, bytes and rows of each table of a schema, the largest first; the server picks it out."""
    found: list[list[Any]] = part(inspection.TABLES, "schemas", schema) or []
    return sorted(((name, size, rows) for name, size, rows in found), key=lambda row: (-row[1], row[0]))


def list_revisions(tenant_id: int) -> list[TenantRevision]:
    """The newest moves of a tenant through its migrations."""
    query = select(TenantRevision).where(TenantRevision.tenant_id == tenant_id)
    return list(db.session.scalars(query.order_by(TenantRevision.id.desc()).limit(SHOWN)))
