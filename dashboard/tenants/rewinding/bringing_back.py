"""Brings chosen rows of the old state back into the live schema: an ordinary change set of the tenant.

The owner login reads the old rows; the tenant's own session writes them, so that its rules, its row history
and its undoing hold. What the database refuses is left and named.
"""
# ruff: noqa: S608

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.changes import service as changes
from dashboard.changes.effects import BOOKKEEPING, Effects
from dashboard.changes.models import ChangeKind
from dashboard.changes.undoing import is_refusal, refusal_words
from dashboard.core.db import TenantModel
from dashboard.core.errors import ConflictError
from dashboard.tenancy.scope import quote
from dashboard.tenants.rewinding import comparing
from dashboard.tenants.rewinding.comparing import KINDS, Kind, Shape
from dashboard.tenants.rewinding.tools import Tick

BATCH = 500
MAX_NAMED = 200
BROUGHT: tuple[Kind, ...] = ("gone", "changed")
# table → kind → ids, or None for all rows of that kind
Choice = dict[str, dict[Kind, list[int] | None]]


@dataclass(frozen=True)
class Sides:
    """The two schemas and the owner's connection that reads both."""

    owner: Connection
    live: str
    then: str


@dataclass
class Brought:
    """What came back, by table and kind, and what was refused: table, id, reason."""

    rows: dict[str, dict[str, int]] = field(default_factory=dict)
    refused: list[tuple[str, int, str]] = field(default_factory=list)
    change_set: int = 0

    @property
    def count(self) -> int:
        """How many rows were written."""
        return sum(sum(kinds.values()) for kinds in self.rows.values())

    def add(self, table: str, kind: Kind, count: int) -> None:
        """Count rows that were written."""
        if count:
            kinds = self.rows.setdefault(table, {})
            kinds[kind] = kinds.get(kind, 0) + count


def bring_back(
    session: Session, sides: Sides, choice: Choice, *, title: str, actor: str, run_id: str, tick: Tick
) -> Brought:
    """Write the chosen rows inside the session's transaction, as one change set. The caller commits.

    Rows that are gone come back with what they refer to; changed ones get their old values; rows added since
    go only where they were chosen. Raises ConflictError when nothing can be done.
    """
    work = _Work(session, sides, actor, tick)
    wanted = work.plan(choice)
    entity = next(iter(wanted)) if len(wanted) == 1 else "change_set"
    change = changes.begin(session, ChangeKind.REVERT, entity, title, run_id)
    work.write(wanted)
    done = work.done
    if not done.count:
        raise ConflictError(
            "Nothing was brought back: " + "; ".join(f"{t} {i}: {why}" for t, i, why in done.refused[:5])
        )
    changes.finish(session, change, done.count)
    done.change_set = change.id
    return done


class _Work:
    def __init__(self, session: Session, sides: Sides, actor: str, tick: Tick) -> None:
        self.session = session
        self.sides = sides
        self.actor = actor
        self.tick = tick
        self.done = Brought()
        owner = sides.owner
        self.shapes = {shape.name: shape for shape in comparing.list_shapes(owner, sides.live, sides.then)}

    def plan(self, choice: Choice) -> dict[str, dict[Kind, list[int]]]:
        """The ids by table and kind, what they refer to included. Raises ConflictError for other tables."""
        wanted: dict[str, dict[Kind, list[int]]] = {}
        for name, kinds in choice.items():
            shape = self.shapes.get(name)
            obstacle = shape.obstacle if shape else "one of the two states has no such table"
            if obstacle or shape is None or name not in TenantModel.metadata.tables:
                raise ConflictError(f"Rows of {name} cannot be brought back singly: {obstacle or 'unknown'}.")
            for kind, ids in kinds.items():
                found = self._differing(shape, kind, ids)
                if found:
                    wanted.setdefault(name, {})[kind] = found
        self._add_parents(wanted)
        if not wanted:
            raise ConflictError("The chosen rows are the same in both states: nothing to bring back.")
        return wanted

    def _differing(self, shape: Shape, kind: Kind, ids: list[int] | None) -> list[int]:
        sides = self.sides
        return comparing.differing(sides.owner, sides.live, sides.then, shape, kind, ids)

    def _add_parents(self, wanted: dict[str, dict[Kind, list[int]]]) -> None:
        """Rows that the chosen ones refer to and that are gone as well; children first."""
        for table in reversed(TenantModel.metadata.sorted_tables):
            while True:
                ids = [i for kind in BROUGHT for i in wanted.get(table.name, {}).get(kind, [])]
                grown = ids and self._add_parents_of(wanted, table, ids)
                if not grown:
                    break

    def _add_parents_of(
        self, wanted: dict[str, dict[Kind, list[int]]], table: sa.Table, ids: list[int]
    ) -> bool:
        grown = [self._add_parent(wanted, key, ids) for key in _keys(table)]
        return any(grown)

    def _add_parent(
        self, wanted: dict[str, dict[Kind, list[int]]], key: tuple[str, str, str], ids: list[int]
    ) -> bool:
        """Returns whether the table itself got new rows: a tree's branches have to be followed up."""
        source, column, target = key
        shape = self.shapes.get(target)
        if shape is None or shape.obstacle:
            return False
        owner = self.sides.owner
        then = quote(owner, self.sides.then)
        table, name = quote(owner, source), quote(owner, column)
        query = f"SELECT DISTINCT r.{name} FROM {then}.{table} r WHERE r.id = ANY(:ids)"
        found = [i for i in owner.scalars(sa.text(query), {"ids": ids}) if i is not None]
        missing = self._differing(shape, "gone", found) if found else []
        known = wanted.get(target, {}).get("gone", [])
        new = sorted(set(missing) - set(known))
        if new:
            wanted.setdefault(target, {})["gone"] = sorted({*known, *new})
        return bool(new) and target == source

    def write(self, wanted: dict[str, dict[Kind, list[int]]]) -> None:
        """Parents come back first and go last; what was refused is tried again while others went in."""
        tables = [table for table in TenantModel.metadata.sorted_tables if table.name in wanted]
        steps: list[tuple[sa.Table, Kind]] = [(table, kind) for kind in BROUGHT for table in tables]
        steps += [(table, "added") for table in reversed(tables)]
        left = [(table, kind, wanted[table.name].get(kind, [])) for table, kind in steps]
        while True:
            self.done.refused = []
            before = self.done.count
            again = [(table, kind, self._write(table, kind, ids)) for table, kind, ids in left if ids]
            left = [(table, kind, ids) for table, kind, ids in again if ids]
            if not left or self.done.count == before:
                return

    def _write(self, table: sa.Table, kind: Kind, ids: list[int]) -> list[int]:
        """Write rows of one table in one way; returns those refused."""
        refused: list[int] = []
        for batch in _batches(ids):
            self.tick()
            refused += self._try(_Writer(self.session, self.sides, table, kind, self.actor), batch)
        return refused

    def _try(self, writer: "_Writer", ids: list[int]) -> list[int]:
        try:
            with self.session.begin_nested():
                count = writer.write(ids)
        except DBAPIError as error:
            if not is_refusal(error):
                raise
            if len(ids) == 1:
                if len(self.done.refused) < MAX_NAMED:
                    self.done.refused.append((writer.name, ids[0], refusal_words(error)))
                return ids
        else:
            self.done.add(writer.name, writer.kind, count)
            return []
        middle = len(ids) // 2
        return self._try(writer, ids[:middle]) + self._try(writer, ids[middle:])


class _Writer:
    """One way of writing rows of one table."""

    def __init__(self, session: Session, sides: Sides, table: sa.Table, kind: Kind, actor: str) -> None:
        self.session = session
        self.sides = sides
        self.effects = Effects(table)
        self.name = str(table.name)
        self.kind: Kind = kind
        self.actor = actor

    def write(self, ids: list[int]) -> int:
        """Write some rows; returns how many."""
        return {"gone": self._insert, "changed": self._update, "added": self._remove}[self.kind](ids)

    def _insert(self, ids: list[int]) -> int:
        rows = comparing.rows_of(self.sides.owner, self.sides.then, self.name, ids)
        columns = ", ".join(self.effects.stored)
        return self._run(
            f"INSERT INTO {self.name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {columns}"
            f" FROM jsonb_populate_recordset(NULL::{self.name}, CAST(:rows AS jsonb))",
            rows=json.dumps(list(rows.values())),
        )

    def _update(self, ids: list[int]) -> int:
        then = comparing.rows_of(self.sides.owner, self.sides.then, self.name, ids)
        live = comparing.rows_of(self.sides.owner, self.sides.live, self.name, ids)
        skipped = {"id", *BOOKKEEPING, *self.effects.derived}
        differing = {
            key
            for row_id, row in then.items()
            for key, value in row.items()
            if value != live.get(row_id, {}).get(key)
        }
        keys = [key for key in self.effects.stored if key in differing - skipped]
        if not keys:
            return 0
        values = ", ".join([*(f"{key} = former.{key}" for key in keys), *self._marks()])
        return self._run(
            f"UPDATE {self.name} AS own SET {values}"
            f" FROM jsonb_populate_recordset(NULL::{self.name}, CAST(:rows AS jsonb)) AS former"
            " WHERE own.id = former.id",
            rows=json.dumps(list(then.values())),
        )

    def _remove(self, ids: list[int]) -> int:
        if not self.effects.soft:
            return self._run(f"DELETE FROM {self.name} WHERE id = ANY(:ids)", ids=ids)
        values = ", ".join(["deleted_at = clock_timestamp()", *self._marks()])
        return self._run(
            f"UPDATE {self.name} AS own SET {values} WHERE id = ANY(:ids) AND deleted_at IS NULL", ids=ids
        )

    def _marks(self) -> list[str]:
        marks = {
            "version": "own.version + 1",
            "updated_at": "clock_timestamp()",
            "updated_by": "nullif(:actor, '')",
        }
        return [f"{key} = {value}" for key, value in marks.items() if key in self.effects.table.columns]

    def _run(self, statement: str, **values: Any) -> int:
        given = values | ({"actor": self.actor} if ":actor" in statement else {})
        result: Any = self.session.execute(sa.text(statement), given)
        return int(result.rowcount)


def _keys(table: sa.Table) -> Iterator[tuple[str, str, str]]:
    """Foreign keys that lead to an id: table, column, table referred to."""
    for key in sorted(table.foreign_key_constraints, key=lambda each: str(each.name)):
        for column, element in zip(key.columns, key.elements, strict=True):
            if element.column.name == "id":
                yield str(table.name), str(column.name), str(element.column.table.name)


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(ids), BATCH):
        yield list(ids[start : start + BATCH])


def read_choice(given: dict[str, Any]) -> Choice:
    """Read a choice as JSON brings it. Raises ConflictError for an unknown kind."""
    choice: Choice = {}
    for table, kinds in given.items():
        for kind, ids in kinds.items():
            if kind not in KINDS:
                raise ConflictError(f"There is no way to bring back rows that are “{kind}”.")
            choice.setdefault(table, {})[kind] = None if ids is None else [int(each) for each in ids]
    return choice
