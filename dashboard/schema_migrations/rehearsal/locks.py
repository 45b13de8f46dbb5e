"""Reads which locks a backend holds on what was there before, and which of it was written anew."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from psycopg2.extensions import connection, cursor

# The weakest first; what a statement takes beside its strongest lock tells nothing more.
MODES = (
    "AccessShareLock",
    "RowShareLock",
    "RowExclusiveLock",
    "ShareUpdateExclusiveLock",
    "ShareLock",
    "ShareRowExclusiveLock",
    "ExclusiveLock",
    "AccessExclusiveLock",
)
STRENGTH = {mode: strength for strength, mode in enumerate(MODES)}
INDEX = "i"
RELATIONS = """
SELECT c.oid, n.nspname, c.relname, c.relkind::text, pg_relation_filenode(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN (%s, 'public') AND c.relkind IN ('r', 'p', 'm', 'v', 'S', 'i')
"""
HELD = "SELECT relation, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND granted"


@dataclass(frozen=True)
class Relation:
    """A table, view, sequence or index that was there before; `file` is where its rows are."""

    name: str
    kind: str
    file: int | None


def read_relations(at: cursor, schema: str) -> dict[int, Relation]:
    """Return what a tenant's schema and the shared one consist of, by oid."""
    at.execute(RELATIONS, (schema,))
    return {
        oid: Relation(name if home == schema else f"{home}.{name}", kind, file)
        for oid, home, name, kind, file in at.fetchall()
    }


def read_held(at: cursor, pid: int, known: dict[int, Relation]) -> dict[int, str]:
    """Return the strongest lock a backend holds on each relation that was there before."""
    at.execute(HELD, (pid,))
    return strongest((oid, mode) for oid, mode in at.fetchall() if _matters(oid, mode, known))


def _matters(oid: int, mode: str, known: dict[int, Relation]) -> bool:
    """What nobody could be using yet is left out, and reading an index, which holds nobody up."""
    relation = known.get(oid)
    return relation is not None and mode in STRENGTH and (relation.kind != INDEX or mode != MODES[0])


def strongest(held: Iterable[tuple[int, str]]) -> dict[int, str]:
    """Keep one mode per relation."""
    found: dict[int, str] = {}
    for oid, mode in held:
        if oid not in found or STRENGTH[mode] > STRENGTH[found[oid]]:
            found[oid] = mode
    return found


def rewritten(before: dict[int, Relation], after: dict[int, Relation]) -> list[str]:
    """Return what has other files than before: the server wrote every row anew."""
    return sorted(
        old.name
        for oid, old in before.items()
        if old.file and (new := after.get(oid)) is not None and new.file and new.file != old.file
    )


def words_of(mode: str) -> str:
    """Return a lock's name as PostgreSQL's documentation writes it: ACCESS EXCLUSIVE."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", mode.removesuffix("Lock")).upper()


def wal_position(link: connection) -> int:
    """Return how many bytes of WAL the server has written."""
    with link.cursor() as at:
        at.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
        row = at.fetchone()
        return int(row[0]) if row else 0
