"""Puts a partition of the row history away: into a file that was read back and loaded, then it is dropped.

All in one transaction that lets nobody write to the partition, so nothing can be lost in between; whatever
fails leaves the partition where it was. The file outlives a failed try and is written anew by the next one.
"""
# ruff: noqa: S608  # names come from the catalog and are quoted

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg2 import errors
from psycopg2.extensions import connection, cursor

from dashboard.backups.copies.place import CopyPlace, place_of
from dashboard.backups.copies.setup import workshop
from dashboard.core.config import Settings
from dashboard.core.errors import ConflictError, InvalidInputError, NotFoundError
from dashboard.schema_migrations.fleet import locking
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.growth import deciding, files, tables
from dashboard.tenants.growth.blocks import Part
from dashboard.tenants.growth.files import Manifest
from dashboard.tenants.growth.partitioning import attach_new, owner_link
from dashboard.tenants.growth.tables import HISTORY, quoted

ARCHIVED, RESTORED = "archived", "restored"
PROOF = "history_archive_proof"
FACTS = """
SELECT count(*), min(at), max(at), coalesce(sum(hashtextextended(t::text, 0)), 0)::text FROM {} AS t
"""
# Changes that figures ask for however old they are, and why: they stay in the history as well.
NEEDED = {"purchase_order_line": "Whether an order was amended after it was sent (PO accuracy)"}
STAYS = f"(operation = 'U' AND table_name IN ({', '.join(repr(name) for name in NEEDED)}))"
GONE = f"""
SELECT coalesce(sum(added + removed + other), 0)::bigint,
    coalesce(jsonb_object_agg(table_name, added - removed), '{{{{}}}}')
FROM (
    SELECT table_name, count(*) FILTER (WHERE operation = 'I') AS added,
        count(*) FILTER (WHERE operation = 'D') AS removed, count(*) FILTER (WHERE operation = 'U') AS other
    FROM {{}} WHERE NOT {STAYS} GROUP BY 1) AS n
"""
COLUMNS = """
SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute
WHERE attrelid = CAST(%s AS regclass) AND attnum > 0 AND NOT attisdropped
"""
LEDGER = """
INSERT INTO {} (operation, part, lower_id, upper_id, first_at, last_at, rows, net, bytes, sha256, path, actor)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
# Asked of the whole table, which a tenant may read: PostgreSQL looks into the one partition only.
SPAN = "(SELECT at FROM {} WHERE id >= %s AND id < %s ORDER BY id {} LIMIT 1)"


@dataclass(frozen=True)
class Span:
    """A partition of the history: from when to when its rows are, and whether this month's rows go there."""

    part: Part
    rows: int
    bytes: int
    first_at: datetime | None
    last_at: datetime | None
    is_open: bool


@dataclass(frozen=True)
class Event:
    """A line of the ledger: a partition put away, or brought back."""

    id: int
    at: datetime
    operation: str
    part: str
    lower_id: int | None
    upper_id: int
    first_at: datetime | None
    last_at: datetime | None
    rows: int
    net: dict[str, int]
    bytes: int
    sha256: str
    path: str
    actor: str


def list_spans(at: cursor, schema: str, table: str = HISTORY) -> list[Span]:
    """Return the partitions of a table, oldest first."""
    found = tables.read_parts(at, schema, table)
    if not found:
        return []
    last = tables.last_id(at, schema, table)
    spans = []
    for held in found:
        first_at = last_at = None
        if table == HISTORY:
            name, bounds = quoted(schema, table), (held.part.lower or 0, held.part.upper)
            at.execute(f"SELECT {SPAN.format(name, '')}, {SPAN.format(name, 'DESC')}", bounds * 2)
            first_at, last_at = at.fetchone() or (None, None)
        spans.append(Span(held.part, held.rows, held.bytes, first_at, last_at, held.part.upper > last))
    return spans


def list_events(at: cursor, schema: str) -> list[Event]:
    """Return the ledger, newest first."""
    names = list(Event.__dataclass_fields__)
    at.execute(f"SELECT {', '.join(names)} FROM {quoted(schema, 'history_archive')} ORDER BY id DESC")
    return [Event(*row) for row in at.fetchall()]


def put_away_now(events: list[Event]) -> list[Event]:
    """Of a ledger, newest first, the archives whose rows are not in the history now."""
    newest: dict[str, Event] = {}
    for event in events:
        newest.setdefault(event.part, event)
    return [event for event in newest.values() if event.operation == ARCHIVED]


def due(spans: list[Span], events: list[Event], limit: datetime | None, now: datetime) -> list[Span]:
    """Return what is wholly older than the limit, but for what was put away or just brought back."""
    away = {event.part for event in put_away_now(events)}
    rested = {
        event.part
        for event in events
        if event.operation == RESTORED and (now - event.at).days < deciding.RESTED_DAYS
    }
    return [
        span
        for span in spans
        if limit is not None
        and span.last_at is not None
        and span.last_at < limit
        and not span.is_open
        and span.part.name not in rested | away
    ]


def archive(tenant: TenantRef, part: str, settings: Settings, *, actor: str) -> Manifest:
    """Put one partition away. Raises InvalidInputError, ConflictError and StoreError, leaving it in place."""
    place = place_of(settings)
    place.check()
    with workshop(settings) as folder, owner_link(tenant.schema) as link:
        span = _closed(list_spans(link.cursor(), tenant.schema), part)
        if part in {event.part for event in put_away_now(list_events(link.cursor(), tenant.schema))}:
            raise InvalidInputError(f"{part} is put away already; what is left of it has to stay.")
        with _transaction(link) as at:
            name = quoted(tenant.schema, part)
            at.execute("SET LOCAL lock_timeout TO '5s'; SET LOCAL timezone TO 'UTC'")
            at.execute(f"LOCK TABLE {name} IN SHARE MODE")  # waits for whoever still writes there
            path = folder / "part.csv.gz"
            manifest = _write(at, tenant, span.part, path, actor)
            at.execute(GONE.format(name))
            gone, net = at.fetchone() or (0, {})
            key = files.key_of(tenant.schema, part, f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
            files.put(place, key, path, manifest)
            _verify(at, tenant, place, key, manifest)
            _shrink(at, tenant, span.part, keep=gone < manifest.rows)
            _note(at, tenant.schema, ARCHIVED, replace(manifest, rows=gone), json.dumps(net), key, actor)
    return manifest


def _closed(spans: list[Span], part: str) -> Span:
    span = next((one for one in spans if one.part.name == part), None)
    if span is None:
        raise NotFoundError(f"The row history has no partition {part}.")
    if span.is_open:
        raise InvalidInputError(
            f"New rows still go to {part}.", fix="It can be put away when its month is over."
        )
    return span


@contextmanager
def _transaction(link: connection) -> Iterator[cursor]:
    with link.cursor() as at:
        at.execute("BEGIN")
        try:
            yield at
        except errors.LockNotAvailable as error:
            at.execute("ROLLBACK")
            raise ConflictError(
                "Somebody still writes to it.", fix="Ask again when they have ended."
            ) from error
        except BaseException:
            if not link.closed:
                at.execute("ROLLBACK")
            raise
        at.execute("COMMIT")


def _write(at: cursor, tenant: TenantRef, part: Part, path: Path, actor: str) -> Manifest:
    name = quoted(tenant.schema, part.name)
    columns = _one(at, COLUMNS, name)
    rows, first_at, last_at, row_hash = _facts(at, name)
    files.write(at, name, columns, path)
    with path.open("rb") as stream:
        sha256 = files.sha256_of(stream)
    return Manifest(
        tenant=tenant.slug,
        schema=tenant.schema,
        table=HISTORY,
        part=part.name,
        lower_id=part.lower,
        upper_id=part.upper,
        columns=columns,
        rows=rows,
        first_at=first_at.isoformat() if first_at else None,
        last_at=last_at.isoformat() if last_at else None,
        row_hash=row_hash,
        bytes=path.stat().st_size,
        sha256=sha256,
        server=_one(at, "SHOW server_version"),
        revision=_one(at, f"SELECT version_num FROM {quoted(tenant.schema, 'alembic_version')}"),
        archived_at=datetime.now(UTC).isoformat(),
        actor=actor,
    )


def _verify(at: cursor, tenant: TenantRef, place: CopyPlace, key: str, manifest: Manifest) -> None:
    """Read the file back from where it lies, load it, and compare with what is to be dropped."""
    proof = quoted(tenant.schema, PROOF)
    at.execute(f"CREATE TABLE {proof} (LIKE {quoted(tenant.schema, manifest.part)})")
    _load(at, place, key, manifest, proof)
    rows, _first, _last, row_hash = _facts(at, proof)
    if (rows, row_hash) != (manifest.rows, manifest.row_hash):
        raise ConflictError(f"The file differs: {rows} rows instead of {manifest.rows} of {manifest.part}.")
    at.execute(f"DROP TABLE {proof}")


def _load(at: cursor, place: CopyPlace, key: str, manifest: Manifest, table: str) -> None:
    with place.open(key) as stream:
        found = files.sha256_of(stream)
    if found != manifest.sha256:
        raise ConflictError(
            f"The file {place.where(key)} is not what was written: its SHA-256 is {found}.",
            fix="Restore the file from a copy of the store; nothing was changed.",
        )
    with place.open(key) as stream:
        files.load(at, table, manifest.columns, stream)


def _shrink(at: cursor, tenant: TenantRef, part: Part, *, keep: bool) -> None:
    """Drop a partition; where some of its rows are to stay, one with these alone takes its place."""
    name, aside = quoted(tenant.schema, part.name), quoted(tenant.schema, PROOF)
    if keep:
        at.execute(f"CREATE TABLE {aside} AS SELECT * FROM {name} WHERE {STAYS}")
    _drop(at, tenant.schema, part.name)
    if keep:

        def fill(to: cursor, table: str) -> None:
            to.execute(f"INSERT INTO {table} SELECT * FROM {aside}")

        attach_new(at, tenant.schema, HISTORY, part, tenant_role=tenant.role, fill=fill)
        at.execute(f"DROP TABLE {aside}")


def _drop(at: cursor, schema: str, part: str) -> None:
    """Drop it; that locks the whole history for a moment, so it is tried briefly, and again."""
    for seconds in locking.LADDER:
        at.execute(f"SAVEPOINT dropping; SET LOCAL lock_timeout TO '{round(seconds * 1000)}ms'")
        try:
            at.execute(f"DROP TABLE {quoted(schema, part)}")
        except (errors.LockNotAvailable, errors.DeadlockDetected):
            at.execute("ROLLBACK TO SAVEPOINT dropping")
        else:
            return
    raise ConflictError("The row history is in use; its lock was not to be had.", fix="Ask again later.")


def _note(  # a line of the ledger
    at: cursor, schema: str, operation: str, manifest: Manifest, net: str, key: str, actor: str
) -> None:
    facts: dict[str, Any] = vars(manifest)
    names = ("part", "lower_id", "upper_id", "first_at", "last_at", "rows")
    values = [facts[name] for name in names]
    ledger = LEDGER.format(quoted(schema, "history_archive"))
    at.execute(ledger, (operation, *values, net, manifest.bytes, manifest.sha256, key, actor))


def restore(tenant: TenantRef, event_id: int, settings: Settings, *, actor: str) -> Manifest:
    """Bring a partition back from its file, rows and place as they were. Raises as `archive` does."""
    place = place_of(settings)
    with owner_link(tenant.schema) as link:
        away = put_away_now(list_events(link.cursor(), tenant.schema))
        event = next((one for one in away if one.id == event_id), None)
        if event is None:
            raise NotFoundError("This part of the history is not put away (any more).")
        manifest = replace(files.read_manifest(place, event.path), sha256=event.sha256)
        part = Part(event.part, event.lower_id, event.upper_id)
        with _transaction(link) as at:
            at.execute("SET LOCAL lock_timeout TO '5s'; SET LOCAL timezone TO 'UTC'")

            def fill(to: cursor, table: str) -> None:
                _load(to, place, event.path, manifest, table)
                if _facts(to, table)[0] != manifest.rows:
                    raise ConflictError(f"The file does not hold the {manifest.rows} rows of {event.part}.")

            if part in [span.part for span in list_spans(at, tenant.schema)]:  # rows that had to stay
                _drop(at, tenant.schema, part.name)
            attach_new(at, tenant.schema, HISTORY, part, tenant_role=tenant.role, fill=fill)
            back = replace(manifest, rows=event.rows)
            _note(at, tenant.schema, RESTORED, back, json.dumps(event.net), event.path, actor)
        link.cursor().execute(f"ANALYZE {quoted(tenant.schema, part.name)}")
    return manifest


def _facts(at: cursor, table: str) -> tuple[int, datetime | None, datetime | None, str]:
    at.execute(FACTS.format(table))
    rows, first_at, last_at, row_hash = at.fetchone() or (0, None, None, "")
    return rows, first_at, last_at, row_hash


def _one(at: cursor, query: str, *values: Any) -> Any:
    at.execute(query, values or None)
    return (at.fetchone() or (None,))[0]
