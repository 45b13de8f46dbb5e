"""Copies every row of one tenant's schema into an empty one, as of one snapshot, table by table in a pipe.

The backup's login reads, as it sees sealed prices, and the owner writes. Rules and history are off meanwhile:
rows come as they are. Foreign keys are put back at the end, which checks them. The seals are off for the
moment in which the sealed tables are filled, in a transaction nobody sees.
"""

import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from threading import Thread
from typing import IO

import psycopg2
from psycopg2 import sql
from psycopg2.extensions import cursor

from dashboard.tenants.rewinding.sealing import BACK, SEALER

# Tables of the source by owner, without the version, which the empty schema has.
TABLES = """
SELECT c.relname, pg_get_userbyid(c.relowner) = %(sealer)s, pg_table_size(c.oid),
    (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %(schema)s AND c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relname <> 'alembic_version' ORDER BY 1
"""
FOREIGN_KEYS = """
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND k.contype = 'f' ORDER BY 1, 2
"""
SEQUENCES = """
SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relkind = 'S' ORDER BY 1
"""
LOCK_SEALER = f"SELECT pg_advisory_xact_lock(hashtext('{SEALER}'))"

# Bytes read so far, of about how many, and the table.
Tell = Callable[[int, int, str], None]
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Table:
    """One table to be filled; size in bytes on disk."""

    name: str
    is_sealed: bool
    size: int
    columns: tuple[str, ...]


class Copier:
    """Reads from a cursor that holds a snapshot and writes as the owner, into a schema that is closed."""

    def __init__(self, at: cursor, source: str, target: str, tell: Tell) -> None:
        self.at = at
        self.source, self.target = source, target
        self.tell = tell
        self.done = 0
        at.execute(TABLES, {"schema": source, "sealer": SEALER})
        self.tables = [Table(row[0], row[1], row[2], tuple(row[3])) for row in at.fetchall()]
        self.total = sum(table.size for table in self.tables) or 1

    def copy(self, owner_url: str, application: str) -> int:
        """Fill the schema; returns the rows. Raises psycopg2.Error."""
        with closing(psycopg2.connect(owner_url, application_name=application)) as link:
            with link, link.cursor() as to:
                to.execute("SET search_path TO ''")
                to.execute(FOREIGN_KEYS, (self.target,))
                keys: list[Key] = list(to.fetchall())
            plain = [table for table in self.tables if not table.is_sealed]
            sealed = [table for table in self.tables if table.is_sealed]
            with link, link.cursor() as to:
                rows = self._fill(to, plain, keys)
            with link, link.cursor() as to:
                to.execute(LOCK_SEALER)
                to.execute(f"GRANT {SEALER} TO CURRENT_USER")
                self._rls(to, sealed, "NO FORCE")
                rows += self._fill(to, sealed, keys)
                self._rls(to, sealed, "FORCE")
                self._tie(to, sealed, keys)
                self._set_sequences(to)
                to.execute(BACK)
            with link, link.cursor() as to:
                self._tie(to, plain, keys)
                names = sql.SQL(", ").join(self._named(table) for table in plain)
                to.execute(sql.SQL("ANALYZE {}").format(names))
        return rows

    def _named(self, table: Table) -> sql.Identifier:
        return sql.Identifier(self.target, table.name)

    def _fill(self, to: cursor, tables: list[Table], keys: list[Key]) -> int:
        names = {table.name for table in tables}
        for name, key, _definition in keys:
            if name in names:
                drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                to.execute(drop.format(sql.Identifier(self.target, name), sql.Identifier(key)))
        rows = 0
        for table in tables:
            to.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(self._named(table)))
            rows += self._pipe(to, table)
            to.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(self._named(table)))
        return rows

    def _tie(self, to: cursor, tables: list[Table], keys: list[Key]) -> None:
        names = {table.name for table in tables}
        for name, key, definition in keys:
            if name in names:
                self.tell(self.done, self.total, f"foreign keys of {name}")
                add = sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}")
                target = sql.Identifier(self.target, name)
                to.execute(add.format(target, sql.Identifier(key), sql.SQL(definition)))

    def _rls(self, to: cursor, tables: list[Table], force: str) -> None:
        for table in tables:
            to.execute(
                sql.SQL("ALTER TABLE {} {} ROW LEVEL SECURITY").format(self._named(table), sql.SQL(force))
            )

    def _pipe(self, to: cursor, table: Table) -> int:
        """Read and write one table at the same time; nothing of it lies on a disk in between."""
        columns = sql.SQL(", ").join(sql.Identifier(column) for column in table.columns)
        # a query: COPY reads no partitioned table, and what is partitioned there is a plain table here
        read = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            columns, sql.Identifier(self.source, table.name)
        )
        write = sql.SQL("COPY {} ({}) FROM STDIN").format(self._named(table), columns)
        reading, writing = os.pipe()
        errors: list[psycopg2.Error] = []
        with os.fdopen(reading, "rb") as outlet:
            reader = Thread(target=self._read, args=(read, writing, errors), daemon=True)
            reader.start()
            try:
                to.copy_expert(write, _Counted(outlet, lambda size: self._told(size, table.name)))
            finally:
                outlet.close()
                reader.join()
        if errors:
            raise errors[0]
        return max(to.rowcount, 0)

    def _read(self, statement: sql.Composable, writing: int, errors: list[psycopg2.Error]) -> None:
        try:
            with os.fdopen(writing, "wb") as inlet:
                self.at.copy_expert(statement, inlet)
        except psycopg2.Error as error:
            errors.append(error)
        except OSError:  # the writer has given up and says why
            return

    def _told(self, size: int, table: str) -> None:
        self.done += size
        self.tell(min(self.done, self.total), self.total, table)

    def _set_sequences(self, to: cursor) -> None:
        """Numbers go on after the newest one; a sequence belongs to no snapshot and is never behind."""
        self.at.execute(SEQUENCES, (self.source,))
        for (name,) in self.at.fetchall():
            self.at.execute(
                sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(self.source, name))
            )
            value = self.at.fetchone()
            to.execute(
                "SELECT setval(format('%%I.%%I', %s, %s)::regclass, %s, %s)",
                (self.target, name, *(value or (1, False))),
            )


class _Counted:
    """A stream that tells how much was read from it."""

    def __init__(self, stream: IO[bytes], told: Callable[[int], None]) -> None:
        self.stream = stream
        self.told = told

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        chunk = self.stream.read(size)
        self.told(len(chunk))
        return chunk

    def readline(self, size: int = -1) -> bytes:
        """Return the next line; the driver's types ask for it."""
        return self.stream.readline(size)
