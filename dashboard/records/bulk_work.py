"""Owns doing an action on many rows: in batches, as one transaction and one change set that can be undone.

Rows that are locked or whose field is frozen are left out and named.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.changes import service as changes
from dashboard.changes.models import ChangeKind
from dashboard.records.bulk import Selection
from dashboard.records.spec import Spec, never_locked, nothing_frozen

BATCH = 5_000
MAX_NAMED = 20
VERBS = {"delete": "deleted", "restore": "restored", "set": "changed"}
Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class Order:
    """What to do with which rows; `key` and `value` are those of a field to set."""

    action: str
    selection: Selection
    key: str = ""
    value: Any = None

    def title(self, spec: Spec) -> str:
        """The change as the list of changes names it."""
        if self.action == "set":
            return f"{spec.columns[self.key].label} of {spec.nouns} changed"
        return f"{spec.title} {VERBS[self.action]}"


@dataclass
class LeftOut:
    """Rows an action leaves as they are: how many, and the first by name with the reason."""

    rows: int = 0
    named: list[tuple[int, str, str]] = field(default_factory=list)

    def note(self, row_id: int, label: str, reason: str) -> None:
        """Leave one row out."""
        self.rows += 1
        if len(self.named) < MAX_NAMED:
            self.named.append((row_id, label, reason))

    def sentences(self) -> list[str]:
        """The rows by name, for people."""
        found = [f"{label}: {reason}" for _, label, reason in self.named]
        more = self.rows - len(self.named)
        return [*found, f"and {more:,} more"] if more else found


@dataclass(frozen=True)
class Outcome:
    """Rows changed, rows left out, and the change set to undo (none where nothing changed)."""

    done: int
    left_out: LeftOut
    change_set_id: int | None


def has_rules(spec: Spec, action: str) -> bool:
    """Whether rows have to be looked at one by one before the action."""
    frozen = action == "set" and spec.frozen_fields is not nothing_frozen
    return action != "restore" and (spec.lock_reason is not never_locked or frozen)


def carry_out(
    session: Session, spec: Spec, order: Order, watch: Watch = lambda _done, _total: None, run_id: str = ""
) -> Outcome:
    """Do it all in the caller's transaction; `watch` is told rows done and in all, and may raise to stop."""
    change = changes.begin(session, ChangeKind.BULK, spec.entity, order.title(spec), run_id or None)
    ids = _ids(session, spec, order)
    left_out, done = LeftOut(), 0
    for start, batch in enumerate(_batches(ids)):
        watch(start * BATCH, len(ids))
        done += _change(session, spec, order, _allowed(session, spec, order, batch, left_out))
    watch(len(ids), len(ids))
    if not done:
        session.delete(change)
        session.flush()
        return Outcome(0, left_out, None)
    changes.finish(session, change, done)
    return Outcome(done, left_out, change.id)


def preview(session: Session, spec: Spec, order: Order) -> LeftOut:
    """The rows an action would leave out. Reads them all: for selections small enough to wait for."""
    left_out = LeftOut()
    if has_rules(spec, order.action):
        for batch in _batches(_ids(session, spec, order)):
            _allowed(session, spec, order, batch, left_out, lock=False)
    return left_out


def _ids(session: Session, spec: Spec, order: Order) -> list[int]:
    """The rows the action is about, as they are now: later batches do not look again."""
    return [row[0] for row in session.execute(order.selection.rows(spec).order_by(spec.table.c.id))]


def _batches(ids: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(ids)
    while batch := list(islice(rest, BATCH)):
        yield batch


def _allowed(
    session: Session, spec: Spec, order: Order, ids: list[int], left_out: LeftOut, *, lock: bool = True
) -> list[int]:
    """The rows of a batch that may be changed now. They are locked, so that the answer still holds later."""
    if not has_rules(spec, order.action):
        return ids
    model, allowed = spec.model, []
    wanted = sa.select(model).where(model.id.in_(ids)).order_by(model.id)
    wanted = wanted.with_for_update() if lock else wanted
    for record in session.scalars(wanted.execution_options(populate_existing=True)).all():
        reason = spec.lock_reason(record)
        if not reason and order.key and order.key in spec.frozen_fields(record):
            reason = f"{spec.columns[order.key].label} cannot be changed now."
        if reason:
            left_out.note(record.id, str(getattr(record, spec.label, None) or f"#{record.id}"), reason)
        else:
            allowed.append(record.id)
        session.expunge(record)  # a hundred thousand of them would stay otherwise
    return allowed


def _change(session: Session, spec: Spec, order: Order, ids: list[int]) -> int:
    """One statement; returns how many rows changed. The version rises, so that an open form notices."""
    table = spec.table
    chosen = table.c.id == sa.any_(sa.cast(ids, sa.ARRAY(sa.BigInteger)))
    if order.action == "delete" and not spec.soft_delete:
        return _rows(session.execute(sa.delete(table).where(chosen)))
    values: dict[str, Any]
    if order.action == "set":
        values = {order.key: order.value}
        chosen = sa.and_(chosen, spec.columns[order.key].column.is_distinct_from(order.value))
    else:
        values = {"deleted_at": sa.func.clock_timestamp() if order.action == "delete" else None}
    if spec.versioned:
        values["version"] = table.c.version + 1
    return _rows(session.execute(sa.update(table).where(chosen).values(values)))


def _rows(result: Any) -> int:
    return int(result.rowcount)
