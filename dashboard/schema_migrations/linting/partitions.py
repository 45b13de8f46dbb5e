"""What PostgreSQL does not do with partitioned tables: build or drop their indexes CONCURRENTLY."""

from collections.abc import Iterator

from dashboard.schema_migrations.linting.effects import Effect
from dashboard.schema_migrations.linting.findings import DANGER, WARNING, Finding, Plan, Statement

# Whole at first; those of a large tenant may be partitioned any day (docs/growth.md).
GROWING = frozenset({"row_history", "stock_move"})
REFUSED = {"create index concurrently": "build", "drop index concurrently": "drop"}


def concurrent_on_partitions(seen: Statement, plan: Plan, effect: Effect) -> Iterator[Finding]:
    """CREATE or DROP INDEX CONCURRENTLY on a table that is partitioned in some tenants, or may come to be."""
    table, verb = effect.table, REFUSED.get(effect.kind)
    if not verb or plan.is_new(table) or not (plan.is_partitioned(table) or table in GROWING):
        return
    if plan.is_partitioned(table):
        where = f"partitioned in {plan.facts.tables[table].partitioned} of {plan.facts.schemas} schemas"
    else:
        where = "whole everywhere now, but partitioned as soon as a tenant's grows large"
    yield seen.finding(
        "concurrent-on-partitions",
        DANGER if plan.is_partitioned(table) else WARNING,
        f"{table} is {where}: there PostgreSQL refuses to {verb} an index of it CONCURRENTLY",
        recipe(table, effect.name) if verb == "build" else _dropping(table),
    )


def recipe(table: str, name: str = "") -> str:
    """Return how an index of a partitioned table is built while everybody writes."""
    name = name or f"ix_{table}_…"
    return (
        f"In a revision that looks whether {table} is partitioned (relkind 'p') in the schema it is in. Where"
        f" it is: CREATE INDEX {name} ON ONLY {table} (…), which reads nothing and is not valid yet; then for"
        f" each partition, outside a transaction, CREATE INDEX CONCURRENTLY {name}_<partition> ON <partition>"
        f" (…) and ALTER INDEX {name} ATTACH PARTITION {name}_<partition>. With the last one the index is"
        f" valid, and partitions to come get theirs by themselves. Where it is whole: CONCURRENTLY as ever."
    )


def _dropping(table: str) -> str:
    return (
        f"DROP INDEX without CONCURRENTLY where {table} is partitioned: it needs the strongest lock for a"
        " moment only, and the runner does not wait for it for long."
    )
