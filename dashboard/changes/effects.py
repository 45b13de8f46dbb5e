"""Owns the SQL of what a change set did to one table: its net effect per row, and what blocks undoing it.

Names of tables and columns come from the models, values are parameters.
"""
# ruff: noqa: S608

from collections.abc import Collection, Iterable
from typing import Any

import sqlalchemy as sa

from dashboard.core.db import TenantModel

# Kept by the database or by us at every write: no sign that somebody changed a row.
BOOKKEEPING = ("version", "created_at", "updated_at", "created_by", "updated_by")
NAMES = ("name", "title", "number", "code", "subject", "description", "email")
NUMBER = "'#' || net.record_id"
CHANGED = "changed since"
GONE = "deleted since"
NUMBERED = "has a number: it is cancelled, never removed"

# A row changed once is read as it stands; only one changed several times is put together from its steps.
# One pass and no join: nothing is known yet of rows written a moment ago, and a bad guess would cost hours.
STEPS = "FROM row_history h WHERE request_id = :key AND table_name = :table_name AND record_id IS NOT NULL"
OPERATIONS = (
    "(array_agg(operation ORDER BY id))[1] AS first_op, (array_agg(operation ORDER BY id DESC))[1] AS last_op"
)
ENDS = f"net AS MATERIALIZED (SELECT record_id, {OPERATIONS} {STEPS} GROUP BY record_id)"
NET = f"""
net AS MATERIALIZED (
    SELECT record_id, {OPERATIONS},
        CASE WHEN count(*) = 1 THEN (array_agg(old))[1] ELSE (
            SELECT jsonb_object_agg(o.key, o.value ORDER BY step.place DESC)
            FROM unnest(array_agg(h.old ORDER BY h.id)) WITH ORDINALITY AS step(row, place),
                jsonb_each(step.row) AS o) END AS old,
        CASE WHEN count(*) = 1 THEN (array_agg(new))[1] ELSE (
            SELECT jsonb_object_agg(n.key, n.value ORDER BY step.place)
            FROM unnest(array_agg(h.new ORDER BY h.id)) WITH ORDINALITY AS step(row, place),
                jsonb_each(step.row) AS n) END AS new
    {STEPS} GROUP BY record_id
)
"""
# Where a set only inserted, or only deleted, each row has one step: nothing to put together, nothing to sort.
ONCE = f"operation AS first_op, operation AS last_op {STEPS}"
NET_ONCE = f"net AS MATERIALIZED (SELECT record_id, old, new, {ONCE})"
ENDS_ONCE = f"net AS MATERIALIZED (SELECT record_id, {ONCE})"
# Rows that anybody else wrote since the set began: only these need a look at their values.
SINCE = """
since AS MATERIALIZED (
    SELECT DISTINCT record_id FROM row_history WHERE table_name = :table_name AND record_id IS NOT NULL
        AND request_id IS DISTINCT FROM :key
        AND id > (SELECT min(id) FROM row_history WHERE request_id = :key AND table_name = :table_name)
)
"""
INSERTED = "net.first_op = 'I' AND net.last_op <> 'D'"
UPDATED = "net.first_op = 'U' AND net.last_op <> 'D'"
DELETED = "net.first_op <> 'I' AND net.last_op = 'D'"


class Effects:
    """What undoing means for one table; every piece of SQL takes the parameters `key` and `table_name`.

    `kinds` are the operations the set did to it, as far as they are known.
    """

    def __init__(self, table: sa.Table, kinds: Collection[str] = ()) -> None:
        self.table = table
        is_once = set(kinds) in ({"I"}, {"D"})
        self.net = NET_ONCE if is_once else NET
        self.ends = ENDS_ONCE if is_once else ENDS
        self.name = str(table.name)
        self.soft = "deleted_at" in table.columns
        self.versioned = "version" in table.columns

    @property
    def derived(self) -> list[str]:
        """Columns the database works out by itself: totals, paths, computed ones."""
        return [column.key for column in self.table.columns if is_derived(column)]

    @property
    def stored(self) -> list[str]:
        """Columns that an INSERT may name."""
        return [column.key for column in self.table.columns if column.computed is None]

    @property
    def ignored(self) -> str:
        """The array of keys that say nothing about a change by people."""
        return "ARRAY[" + ", ".join(f"'{key}'" for key in (*BOOKKEEPING, *self.derived)) + "]::text[]"

    @property
    def label(self) -> str:
        """Expression that names a row `cur` to people."""
        known = [f"cur.{key}::text" for key in NAMES if key in self.table.columns]
        return f"coalesce({', '.join([*known, NUMBER])})"

    @property
    def changed(self) -> str:
        """Condition: `cur` is no longer what the change set made of it. Exact, also inside documents."""
        differs = f"to_jsonb(cur) || (net.new - {self.ignored}) <> to_jsonb(cur)"
        return f"net.record_id IN (SELECT record_id FROM since) AND {differs}"

    def verdicts(self, operation: str, *, foreseeing: bool = False) -> str:
        """CTEs down to `verdict`: what keeps each row of an operation from being undone ('' if nothing).

        `foreseeing` counts the rows the set itself made as gone, as they will be when it comes to this.
        """
        rows = {"U": self._updated, "D": self._deleted}.get(operation)
        verdict = rows() if rows else self._inserted(foreseeing=foreseeing)
        return f"WITH {self.net}, {SINCE}, verdict AS MATERIALIZED ({verdict})"

    def _updated(self) -> str:
        return f"""
    SELECT net.record_id, {self.label} AS label, CASE
        WHEN cur.id IS NULL THEN '{GONE}' WHEN {self.changed} THEN '{CHANGED}' ELSE '' END AS reason
    FROM net LEFT JOIN {self.name} cur ON cur.id = net.record_id
    WHERE {UPDATED} AND net.old - {self.ignored} <> '{{}}'"""

    def _inserted(self, *, foreseeing: bool) -> str:
        live = " AND cur.deleted_at IS NULL" if self.soft else ""
        used = " ".join(self._used_by(key, foreseeing=foreseeing) for key in references_to(self.table))
        return f"""
    SELECT net.record_id, {self.label} AS label, CASE
        WHEN {self.changed} THEN '{CHANGED}' {self._numbered()} {used} ELSE '' END AS reason
    FROM net JOIN {self.name} cur ON cur.id = net.record_id{live} WHERE {INSERTED}"""

    def _deleted(self) -> str:
        return f"""
    SELECT net.record_id, '#' || net.record_id AS label, CASE {self._orphaned()} ELSE '' END AS reason
    FROM net LEFT JOIN {self.name} cur ON cur.id = net.record_id
    CROSS JOIN LATERAL jsonb_populate_record(NULL::{self.name}, net.old) AS dead
    WHERE {DELETED} AND cur.id IS NULL"""

    def _numbered(self) -> str:
        is_kept = any("deleted_at_unnumbered" in str(rule.name) for rule in self.table.constraints)
        return f"WHEN cur.number IS NOT NULL THEN '{NUMBERED}'" if is_kept else ""

    def _used_by(self, key: sa.ForeignKeyConstraint, *, foreseeing: bool) -> str:
        """Rows that refer to one of these keep it alive; a row marked as deleted no longer does."""
        user = key.table
        pairs = zip(key.columns, key.elements, strict=True)
        meets = [f"usr.{column.key} = cur.{target.column.key}" for column, target in pairs]
        if self.soft and "deleted_at" in user.columns:
            meets.append("usr.deleted_at IS NULL")
        if (foreseeing or user is self.table) and "id" in user.columns:
            meets.append(
                "NOT EXISTS (SELECT FROM row_history mine WHERE mine.request_id = :key"
                f" AND mine.table_name = '{user.name}' AND mine.record_id = usr.id AND mine.operation = 'I')"
            )
        words = f"used since by {str(user.name).replace('_', ' ')} records"
        return f"WHEN EXISTS (SELECT FROM {user.name} usr WHERE {' AND '.join(meets)}) THEN '{words}'"

    def _orphaned(self) -> str:
        """One case per foreign key from here: what a deleted row belonged to may be gone."""
        cases = []
        for key in sorted(self.table.foreign_key_constraints, key=lambda each: str(each.name)):
            target = key.elements[0].column.table
            if target is self.table:
                continue
            pairs = list(zip(key.columns, key.elements, strict=True))
            meets = " AND ".join(f"tgt.{element.column.key} = dead.{column.key}" for column, element in pairs)
            given = " AND ".join(f"dead.{column.key} IS NOT NULL" for column, _ in pairs)
            words = f"the {str(target.name).replace('_', ' ')} it belongs to is gone"
            cases.append(
                f"WHEN {given} AND NOT EXISTS (SELECT FROM {target.name} tgt WHERE {meets}) THEN '{words}'"
            )
        return " ".join(cases) or "WHEN false THEN ''"


def is_derived(column: sa.Column[Any]) -> bool:
    """Whether the database alone fills the column in, from other columns or rows."""
    kept = column.server_onupdate is not None and isinstance(column.server_default, sa.DefaultClause)
    return column.computed is not None or kept


def references_to(table: sa.Table) -> Iterable[sa.ForeignKeyConstraint]:
    """Foreign keys of other tables, and of itself, that lead to a table."""
    for user in TenantModel.metadata.sorted_tables:
        for key in sorted(user.foreign_key_constraints, key=lambda each: str(each.name)):
            if key.elements[0].column.table is table and key.columns:
                yield key
