"""Change sets: begin one, finish it, and take one back. The caller's transaction holds it all."""

from dataclasses import dataclass, field
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.changes import queries
from dashboard.changes.effects import Effects
from dashboard.changes.models import ChangeKind, ChangeSet
from dashboard.changes.queries import Outlook, Skipped
from dashboard.changes.undoing import Undoing
from dashboard.core.errors import ConflictError


@dataclass
class UndoResult:
    """How many rows were taken back, and those left alone: table, record, reason (the first 200 named)."""

    restored: int = 0
    skipped_count: int = 0
    skipped: list[tuple[str, int, str]] = field(default_factory=list)
    change_set: ChangeSet | None = None

    def skip(self, rows: list[Skipped], count: int) -> None:
        """Note rows that stay."""
        self.skipped_count += count
        self.skipped += [(row.table, row.record_id, row.reason) for row in rows]


def begin(
    session: Session, kind: ChangeKind | str, entity: str, title: str, run_id: str | None = None
) -> ChangeSet:
    """Open a change set: every row changed in this transaction from now on belongs to it.

    `run_id` is the job run that does the work. Call `finish` before the caller commits.
    """
    made = ChangeSet(key=f"change-{uuid4().hex}", kind=str(kind), entity=entity, title=title, run_id=run_id)
    session.add(made)
    session.flush()
    # Tenants may not call set_config; SET LOCAL takes no parameter of the server's, the driver quotes it.
    session.connection().exec_driver_sql("SET LOCAL steward.request_id = %s", (made.key,))
    return made


def finish(session: Session, change_set: ChangeSet, row_count: int) -> None:
    """Note how many rows the change was about, and write what the session still holds."""
    change_set.row_count = row_count
    session.flush()


def undo(session: Session, change_set_id: int, *, actor: str, run_id: str | None = None) -> UndoResult:
    """Take a change set back, as a change set of its own: undoing that one does the change again.

    Rows changed since, used since or numbered stay and are named. Raises NotFoundError, ConflictError when
    it is undone already or rows change at this very moment; then nothing is undone.
    """
    session.flush()
    change = session.get(ChangeSet, change_set_id, with_for_update=True, populate_existing=True)
    if change is None:
        change = queries.get_change_set(session, change_set_id)
    if change.undone_at is not None:
        raise ConflictError(f"“{change.title}” is undone already.", fix="You can undo the undoing.")
    tables = queries.touched(session, change.key)
    result = UndoResult()
    result.change_set = begin(session, ChangeKind.UNDO, change.entity, _title(change), run_id)
    _take_back(session, change.key, tables, actor, result)
    finish(session, result.change_set, result.restored)
    _mark(session, change, result.change_set)
    session.expire_all()
    return result


def _title(change: ChangeSet) -> str:
    words = change.title.removeprefix("Undo: ").removeprefix("Redo: ")
    redoes = change.kind == ChangeKind.UNDO and change.title.startswith("Undo: ")
    return f"Redo: {words}" if redoes else f"Undo: {words}"


def _take_back(session: Session, key: str, tables: list[sa.Table], actor: str, result: UndoResult) -> None:
    """Parents come back before their children and go after them."""
    steps = [(table, "D", "reinsert") for table in tables]
    steps += [(table, "U", "restore") for table in tables]
    steps += [(table, "I", "remove") for table in reversed(tables)]
    kinds = {table.name: queries.operations(session, key, table) for table in tables}
    for table, operation, action in steps:
        if operation not in kinds[table.name]:
            continue
        effects = Effects(table, kinds[table.name])
        seen = queries.outlook(session, key, effects, operation)
        result.skip(seen.skipped, seen.skipped_count)
        if not seen.done:
            continue
        blocked = queries.blocked_ids(session, key, effects, operation) if seen.skipped_count else []
        work = Undoing(session, effects, key, actor, blocked)
        done: int = getattr(work, action)(seen.done)
        _check(seen, done + len(work.refused))
        result.skip([Skipped(seen.table, row_id, why) for row_id, why in work.refused], len(work.refused))
        result.restored += done


def _check(seen: Outlook, done: int) -> None:
    if done != seen.done:
        raise ConflictError(
            f"{seen.noun.capitalize()} records are being changed at this moment; nothing was undone.",
            fix="Try again in a moment.",
        )


def _mark(session: Session, change: ChangeSet, undoing: ChangeSet) -> None:
    """The change is undone; where it was itself an undoing, what it had undone is in force again."""
    change.undone_at, change.undone_by_id = sa.func.clock_timestamp(), undoing.id
    session.flush()
    session.execute(
        sa.update(ChangeSet)
        .where(ChangeSet.undone_by_id == change.id)
        .values(undone_at=None, undone_by_id=None)
    )
