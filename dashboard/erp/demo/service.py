"""Loads the demo data into a tenant: made in memory, copied in, hashed per table; live records follow."""

import time
from collections import Counter
from dataclasses import dataclass, field

from psycopg2 import sql
from sqlalchemy import Connection, text

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.erp.demo import basics, buying, live, partners, selling, sourcing, stock, talking
from dashboard.erp.demo.book import Book
from dashboard.erp.demo.profiles import PROFILES
from dashboard.erp.demo.world import World
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import quote

MAKERS = (basics, partners, sourcing, buying, selling, stock, talking)


@dataclass(frozen=True)
class DemoReport:
    """What was loaded: rows and SHA-256 per table, planted cases, seconds. Empty when it was there."""

    tenant: str
    rows: dict[str, int]
    hashes: dict[str, str]
    planted: tuple[tuple[str, str, int], ...]
    seconds: float
    live: dict[str, int] = field(default_factory=dict)
    """Rows per table put in afterwards, relative to now (see live.py); they are in no hash."""

    @property
    def is_loaded(self) -> bool:
        """Whether anything was written; a tenant that has an organization is left alone."""
        return bool(self.rows)

    def lines(self) -> list[str]:
        """Return the report as people read it."""
        if not self.is_loaded:
            return [f"{self.tenant}: has data already, nothing loaded"]
        total = sum(self.rows.values()) + sum(self.live.values())
        head = f"{self.tenant}: {total:,} rows in {self.seconds:.1f} s, {len(self.planted)} planted cases"
        tables = [f"  {t:22} {n:>9,}  sha256 {self.hashes[t]}" for t, n in self.rows.items()]
        opened = f"  live records, relative to today: {sum(self.live.values()):,} rows, in no hash"
        return [head, *tables, opened, *self.manifest()]

    def manifest(self) -> list[str]:
        """Return a line per planted case: how often, and where the first one is."""
        counts = Counter(case for case, _, _ in self.planted)
        first = {case: f"{table} #{row}" for case, table, row in reversed(self.planted)}
        return [f"  planted {count:>4} x {case}, first {first[case]}" for case, count in counts.items()]


def load(tenant: TenantRef, profile: str, scale: float = 1.0) -> DemoReport:
    """Load a profile (small, demo or full), times `scale`, unless the tenant has an organization already.

    The owner writes, with our own triggers resting: the rows come with their numbers, totals and balances.
    Foreign keys and checks are in force. Row history does not speak of the demo data. A few records that
    are open now follow in a transaction of their own, with everything on; a load that broke off before them
    is completed by the next one.
    """
    if profile not in PROFILES:
        raise InvalidInputError(f"There is no demo profile {profile!r}: choose {', '.join(PROFILES)}.")
    started = time.monotonic()
    with db.engines["owner"].begin() as connection:
        _enter(connection, tenant)
        is_new = not connection.scalar(text("SELECT EXISTS (SELECT FROM organization)"))
        world = World(tenant.name, tenant.slug, PROFILES[profile].scaled(scale))
        if is_new:
            _fill(connection, world)
    opened = live.make(tenant)
    if not is_new:
        return DemoReport(tenant.slug, {}, {}, (), 0.0)
    _analyze(tenant, world.book)
    rows = {table: sheet.count for table, sheet in world.book.sheets.items()}
    hashes = {table: sheet.digest.hexdigest() for table, sheet in world.book.sheets.items()}
    planted = (*world.planted, *opened.planted)
    return DemoReport(tenant.slug, rows, hashes, planted, time.monotonic() - started, opened.rows)


def _fill(connection: Connection, world: World) -> None:
    for maker in MAKERS:
        maker.make(world)
        _write(connection, world.book)
    _finish(connection, world)


def make_world(name: str, salt: str, profile: str, scale: float = 1.0) -> World:
    """Make the data without writing it, for tests of its truth."""
    world = World(name, salt, PROFILES[profile].scaled(scale))
    for maker in MAKERS:
        maker.make(world)
    return world


def _enter(connection: Connection, tenant: TenantRef) -> None:
    connection.exec_driver_sql(
        f"SET LOCAL search_path TO {quote(connection, tenant.schema)}, public, pg_temp;"
        " SET LOCAL steward.actor = 'demo data'"
    )


def _write(connection: Connection, book: Book) -> None:
    """Write what the last maker made; the same transaction keeps the triggers off from others' sight."""
    for table, sheet in book.sheets.items():
        rows = sheet.take()
        if not rows.getvalue():
            continue
        name = sql.Identifier(table)
        columns = sql.SQL(", ").join(map(sql.Identifier, sheet.columns))
        cursor = connection.connection.cursor()
        cursor.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        cursor.copy_expert(sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns), rows)
        cursor.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))


def _finish(connection: Connection, world: World) -> None:
    """Let ids and document numbers go on after those that were loaded."""
    for table, sheet in world.book.sheets.items():
        connection.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, 'id'), :last)"),
            {"table": table, "last": sheet.count},
        )
    for org in world.orgs:
        for (kind, year), last in org.numbers.items():
            connection.execute(
                text("INSERT INTO number_sequence (org_id, type, year, last) VALUES (:o, :t, :y, :l)"),
                {"o": org.id, "t": kind, "y": year, "l": last},
            )
    connection.execute(text("SELECT value_stock_moves()"))  # the trigger that does it rested


def _analyze(tenant: TenantRef, book: Book) -> None:
    with db.engines["owner"].begin() as connection:
        _enter(connection, tenant)
        for table in book.sheets:
            connection.exec_driver_sql(f"ANALYZE {quote(connection, table)}")
