"""Says how long the work of a statement may take, and by what rate it was reckoned."""

from dataclasses import dataclass

from dashboard.schema_migrations.linting.effects import Effect
from dashboard.schema_migrations.linting.facts import Facts, TableFacts
from dashboard.schema_migrations.linting.grammar import Work

MB = 1_000_000
# Per second, measured on 2 busy cores with a table of 500,000 rows, 117 MB with its indexes: checks read
# 740 MB/s (less is promised, for it was in memory), a text index 54, a change of type 42; an UPDATE
# changes 10,249 rows.
# Other machines differ: a rehearsal on a restored backup measures the real ones.
SCAN_BYTES, REWRITE_BYTES, INDEX_BYTES, CHANGED_ROWS = 400 * MB, 40 * MB, 50 * MB, 10_000
CATALOG_MS = 1.0


@dataclass(frozen=True)
class Estimate:
    """Milliseconds in the largest schema (None: nobody knows) and the reasoning."""

    ms: float | None
    reason: str


def estimate(effect: Effect, facts: Facts, new_tables: set[str]) -> Estimate:
    """Reckon one effect from the largest copy of its table."""
    if effect.work is Work.NONE:
        return Estimate(CATALOG_MS if effect.lock else 0.0, "catalog only")
    if effect.table in new_tables:
        return Estimate(CATALOG_MS, "a table of this plan, empty or filled by it")
    table = facts.tables.get(effect.table)
    if effect.work is Work.UNKNOWN or table is None:
        why = "the table's size is not known" if table is None and effect.table else "its work is not known"
        return Estimate(None, why)
    return _of_work(effect, table)


def _of_work(effect: Effect, table: TableFacts) -> Estimate:
    if effect.work is Work.ROWS:
        seconds, rate = (
            table.rows / CHANGED_ROWS,
            f"{CHANGED_ROWS:,} rows/s if all {table.rows:,} are changed",
        )
    elif effect.work is Work.SCAN:
        seconds, rate = table.bytes / SCAN_BYTES, _rate(table.bytes, SCAN_BYTES)
    elif effect.work is Work.INDEX:
        passes = 2 if "concurrently" in effect.kind else 1
        seconds, rate = passes * table.bytes / INDEX_BYTES, _rate(table.bytes, INDEX_BYTES, passes)
    else:
        size = table.bytes + table.index_bytes
        seconds, rate = size / REWRITE_BYTES, _rate(size, REWRITE_BYTES)
    return Estimate(round(seconds * 1000 + CATALOG_MS, 1), f"{effect.work.value}: {rate}")


def _rate(size: int, per_second: int, passes: int = 1) -> str:
    times = f"{passes} times " if passes > 1 else ""
    return f"{times}{size / MB:,.1f} MB at {per_second // MB} MB/s"
