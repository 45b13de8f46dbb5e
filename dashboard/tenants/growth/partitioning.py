"""Turns a large table of a tenant into one partitioned by month, and keeps its partitions ahead.

What is there becomes the first partition as it lies: no row is copied. Only the proof of its ids reads it,
under a lock that lets everybody read and write; the exchange itself holds the table for milliseconds, and is
given up and tried again rather than letting others wait.
"""
# ruff: noqa: S608  # names come from the catalog and are quoted

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date

import psycopg2
import structlog
from psycopg2 import errors
from psycopg2.extensions import connection, cursor

from dashboard.core.addresses import for_libpq
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.schema_migrations.fleet import locking
from dashboard.tenants.growth import blocks, tables
from dashboard.tenants.growth.blocks import Part
from dashboard.tenants.growth.tables import PARTITIONED, Shape, quoted

log = structlog.get_logger()
PROOF = "growth_bounds"
NAME_LENGTH = 63
LIKE = "INCLUDING ALL EXCLUDING INDEXES EXCLUDING IDENTITY EXCLUDING STATISTICS"
# Fills a table of that (quoted) name.
Fill = Callable[[cursor, str], None]


@contextmanager
def owner_link(schema: str) -> Iterator[connection]:
    """Connect as owner, autocommitting, with the schema held. Raises ConflictError while it is migrated."""
    url = for_libpq(db.engines["owner"].url.render_as_string(hide_password=False))
    with closing(psycopg2.connect(url, application_name="steward-growth")) as link:
        link.autocommit = True
        with link.cursor() as at, locking.held(at, schema) as is_held:
            if not is_held:
                raise ConflictError(
                    "A migration is at work in this schema.", fix="Ask again when it has ended."
                )
            at.execute("SET search_path TO ''")
            yield link


def briefly(link: connection, schema: str, work: Callable[[cursor], None]) -> None:
    """Do something in a transaction that waits for locks only briefly, several times if need be.

    Raises ConflictError naming who is in the way.
    """
    for attempt, seconds in enumerate(locking.LADDER):
        with link.cursor() as at:
            at.execute("BEGIN")
            try:
                at.execute(f"SET LOCAL lock_timeout TO '{round(seconds * 1000)}ms'")
                work(at)
                at.execute("COMMIT")
            except (errors.LockNotAvailable, errors.DeadlockDetected):
                at.execute("ROLLBACK")
                time.sleep(locking.pause(min(attempt, 3)))
            except BaseException:
                at.execute("ROLLBACK")
                raise
            else:
                return
    with link.cursor() as at:
        who = locking.describe_blockers(at, schema) or "others"
    raise ConflictError(f"Its lock was not to be had: {who}.", fix="Ask again when they have ended.")


def partition(schema: str, table: str, *, tenant_role: str, today: date) -> bool:
    """Convert a table, unless it is partitioned already. Raises ConflictError, leaving it as it was."""
    with owner_link(schema) as link, link.cursor() as at:
        shape = tables.read_shape(at, schema, table)
        if shape.kind == PARTITIONED:
            return False
        if shape.obstacles or shape.has_policies or not shape.sequence[0]:
            what = ", ".join(shape.obstacles) or "its own rules"
            raise ConflictError(f"{table} cannot be partitioned: {what} depend on it.")
        bound = blocks.first_bound(shape.sequence[1])
        began = time.monotonic()
        try:
            _prove(link, schema, table, bound)
            exchange = _Exchange(schema, table, tenant_role, today, bound)
            briefly(link, schema, exchange.run)
        except BaseException:
            if not link.closed:
                with suppress(ConflictError):  # the next try drops it before anything else
                    briefly(link, schema, lambda own: _drop_proof(own, schema, table))
            raise
        at.execute(f"ANALYZE {quoted(schema, table)}")
        log.info("table_partitioned", schema=schema, table=table, seconds=round(time.monotonic() - began, 3))
    return True


def _prove(link: connection, schema: str, table: str, bound: int) -> None:
    """Prove that all ids lie below the bound; a proof that a killed attempt left is thrown away."""
    name = quoted(schema, table)

    def add(at: cursor) -> None:
        _drop_proof(at, schema, table)
        at.execute(f"ALTER TABLE {name} ADD CONSTRAINT {PROOF} CHECK (id < {bound}) NOT VALID")

    briefly(link, schema, add)
    with link.cursor() as at:
        at.execute(f"ALTER TABLE {name} VALIDATE CONSTRAINT {PROOF}")


def _drop_proof(at: cursor, schema: str, table: str) -> None:
    at.execute(f"ALTER TABLE {quoted(schema, table)} DROP CONSTRAINT IF EXISTS {PROOF}")


class _Exchange:
    """Puts a partitioned table in the place of a plain one, in one transaction."""

    def __init__(self, schema: str, table: str, tenant_role: str, today: date, bound: int) -> None:
        self.schema, self.table, self.tenant_role, self.bound = schema, table, tenant_role, bound
        self.today = today
        self.name = quoted(schema, table)
        self.first = Part(blocks.first_name(table, today), None, bound)
        self.old = quoted(schema, self.first.name)

    def run(self, at: cursor) -> None:
        """Do it; the caller's transaction holds the locks."""
        at.execute(f"LOCK TABLE {self.name} IN ACCESS EXCLUSIVE MODE")
        shape = tables.read_shape(at, self.schema, self.table)
        self._put_aside(at, shape)
        at.execute(f"CREATE TABLE {self.name} (LIKE {self.old} {LIKE}) PARTITION BY RANGE (id)")
        at.execute(f"ALTER TABLE {self.name} DROP CONSTRAINT {PROOF}")
        self._give_rights(at, shape)
        for key, definition in shape.keys:
            at.execute(f"ALTER TABLE {self.name} ADD CONSTRAINT {quoted(key)} {definition}")
        for _index, definition in shape.indexes:
            at.execute(definition or "SELECT 1")
        when = "ALWAYS" if shape.always else "BY DEFAULT"
        at.execute(f"ALTER TABLE {self.name} ALTER id ADD GENERATED {when} AS IDENTITY")
        for _trigger, definition in shape.triggers:
            at.execute(definition)
        attach(at, self.schema, self.table, self.first)
        at.execute(f"ALTER TABLE {self.old} DROP CONSTRAINT {PROOF}")
        at.execute(f"REVOKE ALL ON {self.old} FROM {quoted(self.tenant_role)}")
        last = max(shape.sequence[1], 1)
        at.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", (self.name, last))
        keep(at, self.schema, self.table, tenant_role=self.tenant_role, today=self.today)

    def _put_aside(self, at: cursor, shape: Shape) -> None:
        """Free the names and the sequence; what the new table does, the old one need not do any more."""
        at.execute(f"ALTER TABLE {self.name} RENAME TO {quoted(self.first.name)}")
        for trigger, _definition in shape.triggers:
            at.execute(f"DROP TRIGGER {quoted(trigger)} ON {self.old}")
        for index, _definition in shape.indexes:
            aside = f"{index[: NAME_LENGTH - len(self._ending)]}{self._ending}"
            at.execute(f"ALTER INDEX {quoted(self.schema, index)} RENAME TO {quoted(aside)}")
        at.execute(f"ALTER TABLE {self.old} ALTER id DROP IDENTITY")

    @property
    def _ending(self) -> str:
        return self.first.name.removeprefix(self.table)

    def _give_rights(self, at: cursor, shape: Shape) -> None:
        """Give what the table had, not what new tables are given."""
        at.execute(f"REVOKE ALL ON {self.name} FROM {quoted(self.tenant_role)}")
        for grantee, right in shape.rights:
            at.execute(f"GRANT {right} ON {self.name} TO {grantee}")


def keep(at: cursor, schema: str, table: str, *, tenant_role: str, today: date) -> list[str]:
    """Make this month's and the next month's partition, let this month's ids begin; returns what was made.

    Nobody but the owner has rights on a partition: what may be done is asked of the whole table.
    """
    name = quoted(schema, table)
    parts = [held.part for held in tables.read_parts(at, schema, table)]
    todo = blocks.wanted(table, parts, today)
    for part in todo.make:
        attach_new(at, schema, table, part, tenant_role=tenant_role)
    at.execute("SELECT pg_get_serial_sequence(%s, 'id')", (name,))
    sequence = (at.fetchone() or ("",))[0]
    # Only ever forward, and without a lock: ids drawn meanwhile belong to the block before, and stay there.
    at.execute(
        f"SELECT setval(%(q)s, %(start)s, false) FROM {sequence} WHERE last_value < %(start)s",
        {"q": sequence, "start": todo.start},
    )
    return [part.name for part in todo.make]


def attach_new(  # a table, its place, its rows
    at: cursor, schema: str, table: str, part: Part, *, tenant_role: str, fill: Fill | None = None
) -> None:
    """Make a partition, let `fill` fill it, and attach it, which locks out neither readers nor writers."""
    name, parent = quoted(schema, part.name), quoted(schema, table)
    at.execute(f"CREATE TABLE {name} (LIKE {parent} INCLUDING ALL EXCLUDING IDENTITY)")
    at.execute(f"REVOKE ALL ON {name} FROM {quoted(tenant_role)}")
    if fill:
        fill(at, name)
    attach(at, schema, table, part)


def attach(at: cursor, schema: str, table: str, part: Part) -> None:
    """Attach a partition that exists already."""
    lower = "MINVALUE" if part.lower is None else part.lower
    at.execute(
        f"ALTER TABLE {quoted(schema, table)} ATTACH PARTITION {quoted(schema, part.name)}"
        f" FOR VALUES FROM ({lower}) TO ({part.upper})"
    )
