"""Owns taking a change set's rows of one table back: one statement per kind of change."""
# ruff: noqa: S608

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.changes.effects import DELETED, INSERTED, UPDATED, Effects

# Refusals of the database that are about single rows: broken constraints and what triggers raise.
REFUSALS = ("23", "P0")
MAX_REFUSED = 200


class Undoing:
    """One table of one change set, within the caller's transaction. `blocked` are rows left as they are."""

    def __init__(self, session: Session, effects: Effects, key: str, actor: str, blocked: list[int]) -> None:
        self.session = session
        self.effects = effects
        self.values = {"key": key, "table_name": effects.name, "actor": actor, "blocked": blocked}
        self.refused: list[tuple[int, str]] = []

    def reinsert(self, expected: int) -> int:
        """Put deleted rows back as they were, with their ids; returns how many."""
        columns = ", ".join(self.effects.stored)
        rows = ", ".join(f"dead.{key}" for key in self.effects.stored)
        return self._run(
            f"INSERT INTO {self.effects.name} ({columns}) OVERRIDING SYSTEM VALUE SELECT {rows} FROM net"
            f" CROSS JOIN LATERAL jsonb_populate_record(NULL::{self.effects.name}, net.old) AS dead"
            f" WHERE {DELETED} AND {{chosen}}",
            expected,
        )

    def restore(self, expected: int) -> int:
        """Give changed rows their former values; returns how many."""
        keys = self._changed_keys() if expected else []
        if not keys:
            return 0
        values = [f"{key} = former.{key}" for key in keys] + self._marks()
        return self._run(
            f"UPDATE {self.effects.name} AS own SET {', '.join(values)} FROM net"
            f" JOIN {self.effects.name} cur ON cur.id = net.record_id"
            " CROSS JOIN LATERAL jsonb_populate_record(cur, net.old) AS former"
            f" WHERE own.id = net.record_id AND {UPDATED} AND net.old - {self.effects.ignored} <> '{{}}'"
            f" AND {{chosen}}{self._still('cur')}",
            expected,
        )

    def remove(self, expected: int) -> int:
        """Take inserted rows away again, marked as deleted where that is possible; returns how many."""
        name = self.effects.name
        if not self.effects.soft:
            return self._run(
                f"DELETE FROM {name} AS own USING net WHERE own.id = net.record_id"
                f" AND {INSERTED} AND {{chosen}}",
                expected,
            )
        values = ", ".join(["deleted_at = clock_timestamp()", *self._marks()])
        return self._run(
            f"UPDATE {name} AS own SET {values} FROM net WHERE own.id = net.record_id AND {INSERTED}"
            " AND own.deleted_at IS NULL AND {chosen}",
            expected,
        )

    def _marks(self) -> list[str]:
        columns = self.effects.table.columns
        marks = {
            "version": "own.version + 1",
            "updated_at": "clock_timestamp()",
            "updated_by": "nullif(:actor, '')",
        }
        return [f"{key} = {value}" for key, value in marks.items() if key in columns]

    def _still(self, seen: str) -> str:
        """A row changed between being read and being written falls out, which the count then shows."""
        return f" AND own.version = {seen}.version" if self.effects.versioned else ""

    def _changed_keys(self) -> list[str]:
        keys = f"SELECT DISTINCT jsonb_object_keys(net.old - {self.effects.ignored}) FROM net WHERE {UPDATED}"
        found = set(self.session.scalars(sa.text(f"WITH {self.effects.net} {keys}"), self.values))
        return [key for key in self.effects.stored if key in found]

    def _run(self, statement: str, expected: int) -> int:
        """Run it for all rows; where the database refuses, find the rows it is about and leave those."""
        if not expected:
            return 0
        try:
            with self.session.begin_nested():
                return self._execute(statement, "net.record_id <> ALL(:blocked)", {})
        except DBAPIError as error:
            if not is_refusal(error):
                raise
        net = self.effects.ends
        kind = next(part for part in (DELETED, UPDATED, INSERTED) if part in statement)
        ids = list(
            self.session.scalars(
                sa.text(f"WITH {net} SELECT record_id FROM net WHERE {kind} AND record_id <> ALL(:blocked)"),
                self.values,
            )
        )
        return self._halve(statement, sorted(ids))

    def _halve(self, statement: str, ids: Sequence[int]) -> int:
        try:
            with self.session.begin_nested():
                return self._execute(statement, "net.record_id = ANY(:ids)", {"ids": list(ids)})
        except DBAPIError as error:
            if not is_refusal(error) or len(self.refused) >= MAX_REFUSED:
                raise
            if len(ids) == 1:
                self.refused.append((ids[0], refusal_words(error)))
                return 0
        middle = len(ids) // 2
        return self._halve(statement, ids[:middle]) + self._halve(statement, ids[middle:])

    def _execute(self, statement: str, chosen: str, more: dict[str, Any]) -> int:
        net = self.effects.net if DELETED in statement or UPDATED in statement else self.effects.ends
        text = sa.text(f"WITH {net} " + statement.replace("{chosen}", chosen))
        result: Any = self.session.execute(text, self.values | more)
        return int(result.rowcount)


def is_refusal(error: DBAPIError) -> bool:
    """Whether the database refused a row, rather than failed."""
    return str(getattr(error.orig, "pgcode", "") or "").startswith(REFUSALS)


def refusal_words(error: DBAPIError) -> str:
    """What the database said, as one line."""
    diagnosis = getattr(error.orig, "diag", None)
    return str(getattr(diagnosis, "message_primary", "") or "the database refused it")
