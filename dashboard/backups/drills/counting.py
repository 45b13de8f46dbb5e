"""Compares a tenant's rows on the restored and on the live server, without knowing the moment of either.

The rule: the row history of a tenant is written in the same transaction as the change it tells of. So in
*every* state of a table, its rows less what its history added (inserted less deleted) is one and the same
number. Two servers that disagree on it have lost or gained rows that no change explains, however much was
written in between. And changes older than the restored moment less `SETTLED` (longer than any transaction of
the product) must be on both.

Tables without history are compared as they are: they may differ by what was written to them while the drill
ran (pg_stat_all_tables), and are not judged when the restore did not reach the moment the drill began.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg2 import sql
from psycopg2.extensions import cursor

SETTLED = timedelta(minutes=5)
HISTORY = "row_history"
ARCHIVE = "history_archive"
NOT_COUNTED = (HISTORY, ARCHIVE, "alembic_version")  # they have checks of their own
TABLES = """
SELECT c.relname, has_table_privilege(c.oid, 'SELECT') AND NOT row_security_active(c.oid),
    EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname = 'record_row_change')
FROM pg_class c
WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY 1
"""
NET = """
SELECT table_name, count(*) FILTER (WHERE operation = 'I') - count(*) FILTER (WHERE operation = 'D'),
    count(*) FILTER (WHERE at <= %s)
FROM {} GROUP BY 1
"""
# What was put away into files counts as if it were there.
PUT_AWAY = """
SELECT n.key, sum(s.sign * n.value::bigint)::bigint, 0::bigint
FROM {0} a CROSS JOIN LATERAL (SELECT CASE a.operation WHEN 'archived' THEN 1 ELSE -1 END AS sign) s
CROSS JOIN LATERAL jsonb_each_text(a.net) n GROUP BY 1
UNION ALL
SELECT '', 0, coalesce(sum(CASE operation WHEN 'archived' THEN rows ELSE -rows END), 0)::bigint FROM {0}
"""
MOVED = """
SELECT schemaname, relname, n_tup_ins + n_tup_del FROM pg_stat_all_tables WHERE schemaname = ANY(%s)
"""
Movement = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Standing:
    """A tenant's tables on one server at one moment. `closed`: tables this login may not read."""

    rows: dict[str, int] = field(default_factory=dict)
    net: dict[str, int] = field(default_factory=dict)
    recorded: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    settled: int = 0

    def unexplained(self, table: str) -> int:
        """Return the rows of a table that its history does not tell of: the same in all its states."""
        return self.rows[table] - self.net.get(table, 0)


@dataclass(frozen=True)
class Comparison:
    """What differs; `explained` rows differ for a reason that is known."""

    problems: list[str]
    rows: int
    tables: int
    explained: int
    closed: int


def stand(at: cursor, schema: str, settled_at: datetime) -> Standing:
    """Count every table of a schema. The caller's transaction must be REPEATABLE READ: one moment for all."""
    at.execute(TABLES, (schema,))
    found: list[tuple[str, bool, bool]] = at.fetchall()
    open_ = [name for name, is_open, _ in found if is_open and name not in NOT_COUNTED]
    net: dict[str, int] = {}
    settled = 0
    names = {name for name, _, _ in found}
    for source, query, values in ((HISTORY, NET, (settled_at,)), (ARCHIVE, PUT_AWAY, ())):
        if source in names:
            at.execute(sql.SQL(query).format(sql.Identifier(schema, source)), values)
            for table, changed, old in at.fetchall():
                net[table] = net.get(table, 0) + changed
                settled += old
    return Standing(
        _count(at, schema, open_),
        net,
        frozenset(name for name, _, is_recorded in found if is_recorded),
        frozenset(name for name, is_open, _ in found if not is_open),
        settled,
    )


def _count(at: cursor, schema: str, tables: list[str]) -> dict[str, int]:
    if not tables:
        return {}
    one = "SELECT {}, count(*) FROM {}"
    asked = [sql.SQL(one).format(sql.Literal(name), sql.Identifier(schema, name)) for name in tables]
    at.execute(sql.SQL(" UNION ALL ").join(asked))
    return dict(at.fetchall())


def read_movement(at: cursor, schemas: list[str]) -> Movement:
    """Return how many rows were ever written to each table, as the server's counters say."""
    at.execute(MOVED, (schemas,))
    return {(schema, table): moved for schema, table, moved in at.fetchall()}


def compare(
    live: Standing, restored: Standing, moved: Mapping[str, int], *, reaches_begin: bool
) -> Comparison:
    """Judge a tenant. `moved` are rows written per table since the drill began.

    `reaches_begin`: the restore holds everything up to the moment the drill began.
    """
    problems, explained, counted = [], 0, 0
    for table in sorted(live.rows.keys() | restored.rows.keys()):
        if table in live.closed | restored.closed:
            continue
        counted += 1
        difference = live.rows.get(table, 0) - restored.rows.get(table, 0)
        allowed = moved.get(table, 0) if reaches_begin else None
        if words := _problem(table, live, restored, allowed):
            problems.append(words)
        else:
            explained += abs(difference)
    if live.settled != restored.settled:
        lost = live.settled - restored.settled
        problems.append(
            f"{abs(lost)} older changes of the row history are {'missing' if lost > 0 else 'too many'}"
        )
    closed = len(live.closed | restored.closed)
    return Comparison(problems, sum(restored.rows.values()), counted, explained, closed)


def _problem(table: str, live: Standing, restored: Standing, allowed: int | None) -> str:
    """Say what of one table is wrong; '' when nothing is."""
    if table not in restored.rows:
        return f"{table} was not brought back"
    if table not in live.rows:
        return f"{table} is not on the live cluster"
    counts = f"{table}: {restored.rows[table]} rows brought back, {live.rows[table]} live"
    if table in live.recorded and table in restored.recorded:
        wrong = live.unexplained(table) - restored.unexplained(table)
        return f"{counts}; no recorded change explains {abs(wrong)} of the difference" if wrong else ""
    if allowed is not None and abs(live.rows[table] - restored.rows[table]) > allowed:
        return f"{counts}; only {allowed} were written since the drill began"
    return ""
