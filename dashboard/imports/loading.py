"""Owns writing the checked rows: one INSERT, one UPDATE; rows the database refuses are found by halving."""
# ruff: noqa: S608

from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from dashboard.core.errors import ConflictError
from dashboard.imports.checking import Rows
from dashboard.imports.models import ImportRow
from dashboard.records.constraint_errors import Refusal, explain
from dashboard.records.screen import Screen

MAX_REFUSED = 100
LOCK_CHUNK = 500
HOLDING = {"lock_reason", "frozen_fields"}


class Loading:
    """Writing the staged rows of one plan, within the caller's transaction. `refused`: line and why."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.session: Session = rows.session
        self.refused: list[tuple[int, Refusal]] = []

    def write(self) -> tuple[int, int]:
        """Insert and update all good rows; returns how many of each."""
        return self._all("create", self._insert()), self._all("change", self._update())

    def keep_refusals(self) -> None:
        """Mark the rows the database refused."""
        for line, refusal in self.refused:
            self.rows.refuse([line], refusal.field, refusal.message)

    def _insert(self) -> str:
        keys = self.rows.plan.keys
        values = ", ".join(self.rows.merged(key).replace(f"coalesce(cur.{key}, ", "(") for key in keys)
        return (
            f"INSERT INTO {self.rows.name} ({', '.join(keys)}) SELECT {values} FROM import_row r"
            " WHERE r.run_id = :run AND r.outcome = 'create' AND {chosen} ORDER BY r.line"
        )

    def _update(self) -> str:
        columns = self.rows.target.all_columns
        values = [
            f"{key} = CASE WHEN r.detail -> 'v' ? '{key}' THEN {self.rows.cast(key)} ELSE own.{key} END"
            for key in self.rows.plan.keys
        ]
        marks = {
            "version": "own.version + 1",
            "updated_at": "clock_timestamp()",
            "updated_by": "current_setting('steward.actor', true)",
            "deleted_at": "NULL",
        }
        values += [f"{key} = {value}" for key, value in marks.items() if key in columns]
        return (
            f"UPDATE {self.rows.name} own SET {', '.join(values)} FROM import_row r"
            " WHERE r.run_id = :run AND r.outcome = 'change' AND own.id = r.record_id AND {chosen}"
        )

    def _all(self, outcome: str, statement: str) -> int:
        try:
            with self.session.begin_nested():
                return self.rows.run(statement.replace("{chosen}", "true"))
        except DBAPIError as error:
            self._explain(error)
        lines = self.session.scalars(
            select(ImportRow.line)
            .where(ImportRow.run_id == self.rows.plan.run_id, ImportRow.outcome == outcome)
            .order_by(ImportRow.line)
        )
        return self._halve(statement, list(lines))

    def _halve(self, statement: str, lines: Sequence[int]) -> int:
        try:
            with self.session.begin_nested():
                chosen = statement.replace("{chosen}", "r.line BETWEEN :first AND :last")
                return self.rows.run(chosen, first=lines[0], last=lines[-1])
        except DBAPIError as error:
            refusal = self._explain(error)
            if len(lines) == 1:
                self.refused.append((lines[0], refusal))
                return 0
        if len(self.refused) >= MAX_REFUSED:
            raise ConflictError(
                f"The database refuses more than {MAX_REFUSED} rows: {self.refused[-1][1].message}",
                fix="Correct the file and upload it again.",
            )
        middle = len(lines) // 2
        return self._halve(statement, lines[:middle]) + self._halve(statement, lines[middle:])

    def _explain(self, error: DBAPIError) -> Refusal:
        refusal = explain(error, {self.rows.name: self.rows.target.all_columns})
        if refusal is None:
            raise error
        return refusal


def refuse_locked(rows: Rows) -> None:
    """Refuse rows that would change what the workflow holds: locked records, frozen fields, their rows."""
    target = rows.target
    own = type(target.screen)
    if all(vars(each).keys().isdisjoint(HOLDING) for each in own.__mro__ if each is not Screen):
        return
    key = f"CAST(detail -> 'v' ->> '{target.parent_key}' AS bigint)" if target.parent_key else "record_id"
    found = rows.session.execute(
        text(
            f"SELECT {key} AS owner, array_agg(line) FROM import_row WHERE run_id = :run"
            f" AND outcome IN ('create', 'change') AND {key} IS NOT NULL GROUP BY 1 ORDER BY 1"
        ),
        rows.values,
    )
    lines: dict[int, list[int]] = dict(found.all())
    ids = list(lines)
    for start in range(0, len(ids), LOCK_CHUNK):
        model = target.spec.model
        chunk = rows.session.scalars(select(model).where(model.id.in_(ids[start : start + LOCK_CHUNK])))
        for record in chunk.all():
            _refuse_one(rows, record, lines[record.id])
        rows.session.expire_all()


def _refuse_one(rows: Rows, record: object, lines: list[int]) -> None:
    target = rows.target
    if reason := target.screen.lock_reason(record):
        rows.refuse(lines, target.parent_key, f"This {target.spec.noun} cannot be changed now. {reason}")
        return
    frozen = target.screen.frozen_fields(record)
    if target.parent_key:
        if target.entity in frozen:
            words = f"The {target.nouns} of this {target.spec.noun} cannot be changed now."
            rows.refuse(lines, target.parent_key, words)
        return
    for key in frozen & set(rows.plan.keys):
        mine = "SELECT line FROM import_row WHERE run_id = :run AND line = ANY(:lines)"
        values = rows.values | {"lines": lines, "key": key}
        changed = rows.session.scalars(text(f"{mine} AND detail -> 'd' ? :key"), values).all()
        if changed:
            label = target.all_columns[key].label
            rows.refuse(changed, key, f"{label} cannot be changed now: only the workflow does.")
