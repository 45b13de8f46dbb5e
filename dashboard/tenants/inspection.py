"""Inspects all tenants: schema check, sizes, last change and last dump; stores them for the pages."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import select

from dashboard.backups.copies.models import BackupCopy, CopyKind
from dashboard.core.db import db
from dashboard.health.service import store_reading
from dashboard.tenancy import queries as tenancy
from dashboard.tenants import probes
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.tenants.limits import judge
from dashboard.tenants.probes import SchemaFacts, TableSize

READING = "tenants"
TABLES = "tenants.tables"  # by schema, apart: a page of one tenant needs one of a thousand
EVERY_SECONDS = 900  # sizing all costs seconds
AT_A_TIME = 100

Progress = Callable[[int, int, str], None]


def inspect_tenants(progress: Progress) -> dict[str, int]:
    """Read the facts of every tenant, a hundred at a time. Returns counts for the run's result."""
    tenancy.forget()
    with db.engines["monitor"].connect() as connection:
        facts = probes.read_schemas(connection)
        database = probes.read_database(connection)
        connection.rollback()
        tables = _read_tables(connection, facts, progress)
    changes = _read_changes([schema for schema, rows in tables.items() if _has_history(rows)], progress)
    dumps = _last_dumps()
    rows = [_row(fact, tables.get(fact.schema, []), changes, dumps) for fact in facts]
    limits = [asdict(limit) for limit in judge(database)]
    store_reading(
        READING, {"tenants": rows, "database": asdict(database), "limits": limits}, every=EVERY_SECONDS
    )
    kept = {schema: [[t.name, t.bytes, t.rows] for t in found] for schema, found in tables.items()}
    store_reading(TABLES, {"schemas": kept}, every=EVERY_SECONDS)
    return {
        "tenants": sum(fact.is_registered for fact in facts),
        "problems": sum(bool(fact.problem) for fact in facts),
        "tables": sum(len(found) for found in tables.values()),
        "limits": len(limits),
    }


def _read_tables(
    connection: Any, facts: Sequence[SchemaFacts], progress: Progress
) -> dict[str, list[TableSize]]:
    schemas = [fact.schema for fact in facts if fact.has_schema]
    found: dict[str, list[TableSize]] = {}
    for done, chunk in _chunks(schemas):
        for table in probes.read_tables(connection, chunk):
            found.setdefault(table.schema, []).append(table)
        progress(done, 2 * len(schemas), "sizes")
    return found


def _read_changes(schemas: Sequence[str], progress: Progress) -> dict[str, datetime | None]:
    found: dict[str, datetime | None] = {}
    for done, chunk in _chunks(schemas):
        with db.engines["owner"].connect() as connection:  # one that has seen them all would grow large
            found |= probes.read_last_changes(connection, chunk)
        progress(len(schemas) + done, 2 * len(schemas), "last changes")
    return found


def _chunks(names: Sequence[str]) -> Iterator[tuple[int, Sequence[str]]]:
    for start in range(0, len(names), AT_A_TIME):
        chunk = names[start : start + AT_A_TIME]
        yield start + len(chunk), chunk


def _has_history(tables: Sequence[TableSize]) -> bool:
    return any(table.name == probes.HISTORY for table in tables)


def _last_dumps() -> dict[str, tuple[datetime, bool]]:
    """When each tenant was last dumped by a daily copy or an archive, and whether that was read back."""
    copies = (
        select(BackupCopy.subject, BackupCopy.finished_at, BackupCopy.proven_at)
        .where(BackupCopy.kind == CopyKind.TENANT, BackupCopy.status == "done")
        .where(BackupCopy.finished_at.is_not(None))
        .order_by(BackupCopy.finished_at)
    )
    archives = select(TenantArchive.slug, TenantArchive.created_at, TenantArchive.verified_at)
    rows = [*db.session.execute(archives.order_by(TenantArchive.created_at)), *db.session.execute(copies)]
    found: dict[str, tuple[datetime, bool]] = {}
    for slug, at, proven_at in rows:
        if slug not in found or at > found[slug][0]:
            found[slug] = (at, proven_at is not None)
    return found


def _row(
    fact: SchemaFacts,
    tables: Sequence[TableSize],
    changes: dict[str, datetime | None],
    dumps: dict[str, tuple[datetime, bool]],
) -> dict[str, Any]:
    changed, dumped = changes.get(fact.schema), dumps.get(fact.slug)
    return {
        **asdict(fact),
        "problem": fact.problem,
        "bytes": sum(table.bytes for table in tables),
        "rows": sum(table.rows for table in tables),
        "changed_at": changed.isoformat() if changed else None,
        "dumped_at": dumped[0].isoformat() if dumped else None,
        "dump_proven": bool(dumped and dumped[1]),
    }
