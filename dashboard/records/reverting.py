"""Owns going back: one field, or the record with its rows as a version had them; planned, then done."""

from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.audit.models import RowHistory
from dashboard.changes import service as changes
from dashboard.changes.models import ChangeKind
from dashboard.core.errors import ConflictError, NotFoundError
from dashboard.records import as_of, pickers, recorded
from dashboard.records.as_of import State
from dashboard.records.columns import Column
from dashboard.records.history import label_of
from dashboard.records.recorded import BOOKKEEPING, Recorded, Values
from dashboard.records.spec import ChildSpec, Spec
from dashboard.records.told import references, told, typed

KEPT = "Steward keeps it itself"
FROZEN = "only the workflow changes it now"


@dataclass(frozen=True)
class Step:
    """One value that would go back; `refused` says why it stays."""

    label: str
    now: str
    then: str
    refused: str = ""


@dataclass
class Plan:
    """What going back would do: values by table and row id, rows to add again, rows to remove."""

    title: str
    steps: list[Step] = field(default_factory=list)
    values: dict[tuple[str, int], Values] = field(default_factory=dict)
    added: list[tuple[str, int, Values]] = field(default_factory=list)
    removed: list[tuple[str, int]] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """How many rows it would change."""
        return len(self.values) + len(self.added) + len(self.removed)


def find_entry(session: Session, spec: Spec, record_id: int, history_id: int) -> Recorded:
    """A change of this record or one of its rows. Raises NotFoundError."""
    rows = recorded.rows_of(session, spec, record_id)
    found = recorded.read(session, rows, since=RowHistory.id == history_id, limit=1)
    if not found:
        raise NotFoundError("There is no such change of this record.")
    return found[0]


def plan_field(session: Session, spec: Spec, record: Any, entry: Recorded, key: str, zone: tzinfo) -> Plan:
    """What putting back one field to its value before a change would do. Raises NotFoundError."""
    if entry.operation != "U" or key not in entry.old:
        raise NotFoundError("This change did not touch that field.")
    now = as_of.read_now(session, spec, record.id)
    current = now.values if entry.table == spec.entity else now.rows[entry.table].get(entry.record_id)
    if current is None:
        raise ConflictError("This row is removed now.", fix="Go back to a version that had it instead.")
    plan = Plan(f"{label_of(_columns(spec, entry.table).get(key), key)} as before")
    writer = _Planner(session, spec, record, plan, zone)
    writer.compare(entry.table, entry.record_id, current, current | {key: entry.old[key]})
    return plan


def plan_version(session: Session, spec: Spec, record: Any, entry: Recorded, zone: tzinfo) -> Plan:
    """What going back to the version right after a change would do. Raises NotFoundError."""
    past = as_of.read_past(session, spec, record.id, as_of.after_entry(entry.id))
    now = as_of.read_now(session, spec, record.id)
    if past.values is None or now.values is None:
        raise NotFoundError("The record did not exist then.")
    plan = Plan("The version of then")
    planner = _Planner(session, spec, record, plan, zone)
    planner.learn(past, now)
    planner.compare(spec.entity, record.id, now.values, past.values)
    for child in spec.children:
        planner.rows(child, now.rows[child.entity], past.rows[child.entity])
    return plan


class _Planner:
    """Compares what is stored with what is wanted, and notes each difference as a step."""

    def __init__(self, session: Session, spec: Spec, record: Any, plan: Plan, zone: tzinfo) -> None:
        self.session, self.spec, self.plan, self.zone = session, spec, plan, zone
        self.frozen = spec.frozen_fields(record)
        self.labels: dict[tuple[str, int], str] = {}

    def learn(self, *states: State) -> None:
        """Look up all labels at once."""
        wanted = []
        for state in states:
            wanted += references(self.spec.columns, (state.values or {}).items())
            for child in self.spec.children:
                for row in state.rows[child.entity].values():
                    wanted += references(child.columns, row.items())
        self.labels = dict(pickers.read_labels(self.session, wanted))

    def compare(self, table: str, row_id: int, now: Values, then: Values) -> None:
        """Note the values of one row that differ."""
        columns = _columns(self.spec, table)
        for key, column in columns.items():
            if key in BOOKKEEPING or key == "deleted_at" or now.get(key) == then.get(key):
                continue
            refused = self._refused(table, key, column)
            self._step(table, row_id, column, (now.get(key), then.get(key)), refused)
            if not refused:
                self.plan.values.setdefault((table, row_id), {})[key] = typed(column, then.get(key))

    def rows(self, child: ChildSpec, now: dict[int, Values], then: dict[int, Values]) -> None:
        """Note rows that differ, are gone, or are new since."""
        refused = FROZEN if child.entity in self.frozen else ""
        for row_id, row in then.items():
            if row_id in now:
                self.compare(child.entity, row_id, now[row_id], row)
                continue
            self.plan.steps.append(Step(self._name(child, row_id, row), "removed", "added again", refused))
            self.plan.added += [] if refused else [(child.entity, row_id, row)]
        for row_id in now.keys() - then.keys():
            self.plan.steps.append(Step(self._name(child, row_id, now[row_id]), "there", "removed", refused))
            self.plan.removed += [] if refused else [(child.entity, row_id)]

    def _refused(self, table: str, key: str, column: Column) -> str:
        child = _child(self.spec, table)
        if (child and child.entity in self.frozen) or (not child and key in self.frozen):
            return FROZEN
        open_keys = {*child.declared.columns, child.declared.order} if child else set(self.spec.form_keys)
        return "" if key in open_keys and column.column.computed is None else KEPT

    def _step(self, table: str, row_id: int, column: Column, pair: tuple[Any, Any], refused: str) -> None:
        if not self.labels:
            self.labels = dict(
                pickers.read_labels(self.session, references({column.key: column}, [(column.key, *pair)]))
            )
        child = _child(self.spec, table)
        label = f"{child.singular} #{row_id}, {column.label}" if child else column.label
        now, then = (told(column, value, self.labels, self.zone) for value in pair)
        self.plan.steps.append(Step(label, now, then, refused))

    def _name(self, child: ChildSpec, row_id: int, row: Values) -> str:
        words = [told(column, row.get(column.key), self.labels, self.zone) for column in child.shown[:2]]
        return f"{child.singular} #{row_id} ({', '.join(words)})"


def carry_out(session: Session, spec: Spec, record: Any, plan: Plan, title: str) -> None:
    """Do what was planned, as a change set that can be undone. The caller commits.

    Raises StaleDataError where a row changed at this moment.
    """
    change = changes.begin(session, ChangeKind.REVERT, spec.entity, title)
    models = {spec.entity: spec.model} | {child.entity: child.model for child in spec.children}
    for (table, row_id), values in plan.values.items():
        row = record if (table, row_id) == (spec.entity, record.id) else session.get(models[table], row_id)
        for key, value in values.items():
            setattr(row, key, value)
    for table, row_id in plan.removed:
        session.delete(session.get(models[table], row_id))
    session.flush()
    for table, row_id, row in plan.added:
        session.add(models[table](**_whole_row(_columns(spec, table), row), id=row_id))
    if "updated_at" in spec.columns:
        record.updated_at = sa.func.clock_timestamp()
    changes.finish(session, change, plan.row_count)


def _whole_row(columns: dict[str, Column], row: Values) -> Values:
    return {
        key: typed(column, row.get(key))
        for key, column in columns.items()
        if key not in BOOKKEEPING and column.column.computed is None
    }


def _child(spec: Spec, table: str) -> ChildSpec | None:
    if table == spec.entity:
        return None
    return next((child for child in spec.children if child.entity == table), None)


def _columns(spec: Spec, table: str) -> dict[str, Column]:
    child = _child(spec, table)
    return child.columns if child else spec.columns
