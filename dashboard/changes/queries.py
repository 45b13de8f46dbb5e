"""Reads of change sets: the list, one of them, and what undoing one would do."""
# ruff: noqa: S608

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from dashboard.changes.effects import Effects
from dashboard.changes.models import ChangeSet
from dashboard.core.db import TenantModel
from dashboard.core.errors import NotFoundError

PAGE_SIZE = 50
NAMED = 200
APPEND_ONLY = "never removed: enter the opposite instead"
WORDS = {"I": "Remove", "U": "Change back", "D": "Bring back"}


@dataclass(frozen=True)
class Skipped:
    """A row that would be left as it is, and why."""

    table: str
    record_id: int
    reason: str
    label: str = ""


@dataclass
class Outlook:
    """What undoing would do to the rows of one table that were inserted (I), changed (U) or deleted (D)."""

    table: str
    operation: str
    done: int = 0
    skipped_count: int = 0
    skipped: list[Skipped] = field(default_factory=list)

    @property
    def noun(self) -> str:
        """The table in words."""
        return self.table.replace("_", " ")

    @property
    def sentence(self) -> str:
        """What happens to how many rows."""
        return f"{WORDS[self.operation]} {self.done:,} {self.noun}{'' if self.done == 1 else ' records'}"


def get_change_set(session: Session, change_set_id: int) -> ChangeSet:
    """Return a change set. Raises NotFoundError."""
    found = session.get(ChangeSet, change_set_id)
    if found is None:
        raise NotFoundError("There is no such change.")
    return found


def list_change_sets(session: Session, before: int | None = None) -> Sequence[ChangeSet]:
    """The newest change sets, one more than a page when there are older ones."""
    query = sa.select(ChangeSet).order_by(ChangeSet.id.desc()).limit(PAGE_SIZE + 1)
    return list(session.scalars(query if before is None else query.where(ChangeSet.id < before)))


def touched(session: Session, key: str) -> list[sa.Table]:
    """Tables a change set touched, parents before children."""
    names = set(
        session.scalars(
            sa.text("SELECT DISTINCT table_name FROM row_history WHERE request_id = :key"), {"key": key}
        )
    )
    return [table for table in TenantModel.metadata.sorted_tables if table.name in names]


def operations(session: Session, key: str, table: sa.Table) -> set[str]:
    """What the set did to a table: I, U, D. Most did only one of them, and the rest need not be asked."""
    found = "SELECT DISTINCT operation FROM row_history WHERE request_id = :key AND table_name = :table_name"
    return set(session.scalars(sa.text(found), {"key": key, "table_name": table.name}))


def is_append_only(session: Session, table: str) -> bool:
    """Whether rows of the table are never changed nor removed."""
    guarded = "SELECT FROM pg_trigger WHERE tgrelid = to_regclass(:name) AND tgname = 'refuse_change'"
    return bool(session.scalar(sa.text(f"SELECT EXISTS ({guarded})"), {"name": table}))


def outlook(
    session: Session, key: str, effects: Effects, operation: str, *, foreseeing: bool = False
) -> Outlook:
    """What undoing would do now to the rows of a table that the set inserted, changed or deleted."""
    found = Outlook(effects.name, operation)
    values: dict[str, Any] = {"key": key, "table_name": effects.name, "named": NAMED}
    verdicts = effects.verdicts(operation, foreseeing=foreseeing)
    counts = "count(*) FILTER (WHERE reason = ''), count(*) FILTER (WHERE reason <> '')"
    found.done, found.skipped_count = session.execute(
        sa.text(f"{verdicts} SELECT {counts} FROM verdict"), values
    ).one()
    if found.skipped_count:
        refused = "SELECT record_id, reason, label FROM verdict WHERE reason <> ''"
        named = f"{verdicts} {refused} ORDER BY record_id LIMIT :named"
        found.skipped = [Skipped(effects.name, *row) for row in session.execute(sa.text(named), values)]
    if found.done and is_append_only(session, effects.name):
        found.skipped_count += found.done
        found.skipped.append(Skipped(effects.name, 0, APPEND_ONLY, "all rows"))
        found.done = 0
    return found


def outlooks(session: Session, key: str) -> list[Outlook]:
    """What undoing a change set would do, table by table."""
    tables = touched(session, key)
    kinds = {table.name: operations(session, key, table) for table in tables}
    steps = [
        outlook(session, key, Effects(table, kinds[table.name]), kind, foreseeing=True)
        for table in tables
        for kind in "DUI"
        if kind in kinds[table.name]
    ]
    return [step for step in steps if step.done or step.skipped_count]


def blocked_ids(session: Session, key: str, effects: Effects, operation: str) -> list[int]:
    """Rows that must stay as they are."""
    statement = f"{effects.verdicts(operation)} SELECT record_id FROM verdict WHERE reason <> ''"
    return list(session.scalars(sa.text(statement), {"key": key, "table_name": effects.name}))
