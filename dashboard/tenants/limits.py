"""Judges how near the database is to the limits of many schemas: plain sentences, and what to do. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.core.filters import bytes_, number
from dashboard.tenants.probes import DatabaseFacts

# Measured with 1,000 tenants of 25 tables; see docs/tenants.md.
MANY_SCHEMAS, TOO_MANY_SCHEMAS = 800, 1000
MANY_RELATIONS = 130_000
LARGE_CATALOG = 400 * 1024**2
SHARE = 0.7  # of the lock table that one transaction should not pass


@dataclass(frozen=True)
class Limit:
    """A limit that is near or passed."""

    title: str
    text: str
    fix: str
    is_passed: bool = False


def judge(facts: DatabaseFacts) -> list[Limit]:
    """The limits that are near, the worst first."""
    return sorted(_near(facts), key=lambda limit: not limit.is_passed)


def _near(facts: DatabaseFacts) -> Iterator[Limit]:
    if facts.schemas >= MANY_SCHEMAS:
        yield Limit(
            "Many schemas in one database",
            f"{number(facts.schemas)} schemas of tenants, spares and templates; about"
            f" {number(TOO_MANY_SCHEMAS)} is what one database was measured to carry well.",
            "Put new tenants into one more database, or shard by schema (one schema, one shard: Citus).",
            facts.schemas >= TOO_MANY_SCHEMAS,
        )
    if facts.relations >= MANY_RELATIONS:
        yield Limit(
            "A large catalog in every session",
            f"pg_class has {number(facts.relations)} rows. A session that has touched all tenants keeps"
            " hundreds of megabytes of them in memory.",
            "Recycle pooled connections (pool_recycle, PgBouncer's server_lifetime), and give every job its"
            " own connection.",
        )
    if facts.catalog_bytes >= LARGE_CATALOG:
        yield Limit(
            "A large catalog on disk",
            f"The system catalogs take {bytes_(facts.catalog_bytes)}.",
            "See that autovacuum keeps up with pg_class, pg_attribute and pg_depend; after many tenants were"
            " dropped, VACUUM FULL of these in a quiet hour.",
        )
    yield from _locks(facts)


def _locks(facts: DatabaseFacts) -> Iterator[Limit]:
    room = facts.max_locks * facts.sessions
    if facts.dump_locks > SHARE * room:
        yield Limit(
            "A pg_dump of the whole database needs more locks",
            f"It locks about {number(facts.dump_locks)} tables, indexes and sequences at once; the server has"
            f" room for {number(room)} (max_locks_per_transaction {number(facts.max_locks)}"
            f" for each of {number(facts.sessions)} sessions).",
            f"{_raise(facts.dump_locks, facts.sessions)} Copies of single tenants and base backups go on.",
            facts.dump_locks > room,
        )
    if facts.drop_locks > SHARE * room:
        yield Limit(
            "Dropping a tenant needs more locks",
            f"The largest schema consists of {number(facts.drop_locks)} things, each locked by DROP SCHEMA;"
            f" the server has room for {number(room)}.",
            f"{_raise(facts.drop_locks, facts.sessions)} Never drop two schemas in one transaction.",
            facts.drop_locks > room,
        )


def _raise(locks: int, sessions: int) -> str:
    wanted = number(needed(locks, sessions))
    return f"Set max_locks_per_transaction to {wanted} and restart, the standbys first."


def needed(locks: int, sessions: int) -> int:
    """A power of two that leaves as much room again."""
    wanted = 2 * locks / max(sessions, 1)
    value = 64
    while value < wanted:
        value *= 2
    return value
