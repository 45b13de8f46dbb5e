"""Owns the merge of child rows after a stale save: row by row, and within a row cell by cell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from werkzeug.datastructures import MultiDict

from dashboard.records.children import ChildRows
from dashboard.records.columns import Column
from dashboard.records.conflicts import (
    THEIRS,
    BaseRows,
    Clash,
    Merge,
    read_base,
    read_base_rows,
    same,
    stored_rows,
    typed_text,
)
from dashboard.records.spec import ChildSpec

Row = dict[str, str]
ROW_ID, REMOVED = "row_id", "removed"


@dataclass
class _Rows:
    """One group while it is merged: the rows to post, and what the other person did."""

    child: ChildSpec
    choices: Mapping[str, str]
    base: BaseRows
    theirs: BaseRows
    merged: list[tuple[str, Row]] = field(default_factory=list)
    clashes: list[Clash] = field(default_factory=list)
    added: int = 0
    changed: int = 0
    removed: int = 0

    @property
    def columns(self) -> list[Column]:
        return self.child.shown

    def clash(self, index: str, *texts: str) -> None:
        """Both touched a row, one of them by removing it."""
        label = f"{self.child.title}, row {int(index) + 1}"
        self.clashes.append(Clash(f"{self.child.entity}-{index}", label, None, *texts))

    def choice(self, *parts: str) -> str | None:
        """What the person chose for a row or one of its cells."""
        return self.choices.get("-".join(("resolve", self.child.entity, *parts)))


def merge_rows(merge: Merge, stored: Iterable[ChildRows]) -> None:
    """Put the merged rows of every group into the merge's data, and what clashes beside them."""
    base = read_base(merge.data)
    for group in stored:
        entity = group.spec.entity
        rows = _Rows(group.spec, merge.data, read_base_rows(base, entity), stored_rows(group))
        posted = _posted(merge.data, entity)
        for index, row in posted.items():
            _merge_row(rows, index, row)
        _order(rows, posted)
        _append_theirs(rows, posted)
        _write(merge.data, entity, rows.merged)
        merge.clashes += rows.clashes
        merge.row_news += _news(rows)


def _posted(data: MultiDict[str, str], entity: str) -> dict[str, Row]:
    """The rows of a form by their number, in the order of the page."""
    rows: dict[str, Row] = {}
    start = f"{entity}-"
    for name in data:
        if name.startswith(start):
            index, _, key = name.removeprefix(start).partition("-")
            if key and index.isdecimal() and len(index) < 6:
                rows.setdefault(index, {})[key] = data[name]
    return rows


def _merge_row(rows: _Rows, index: str, row: Row) -> None:
    row_id = row.get(ROW_ID, "")
    was, now = rows.base.get(row_id), rows.theirs.get(row_id)
    if not row_id:
        if rows.choice(index) != THEIRS:
            rows.merged.append((index, row))
    elif now is None:
        _they_removed(rows, index, row, was)
    elif row.get(REMOVED):
        _i_removed(rows, index, row, was, now)
    else:
        _merge_cells(rows, index, row, was or {}, now)


def _they_removed(rows: _Rows, index: str, row: Row, was: Row | None) -> None:
    """A row that is gone: it stays gone, unless I changed it, then it is asked whether to add it again."""
    rows.removed += was is not None
    if row.get(REMOVED) or rows.choice(index) == THEIRS or (was is not None and not _touched(rows, row, was)):
        return
    rows.clash(index, "Row as you saw it", "Keep the row as you changed it", "They removed the row")
    rows.merged.append((index, row | {ROW_ID: ""}))


def _i_removed(rows: _Rows, index: str, row: Row, was: Row | None, now: Row) -> None:
    """A row I took away: asked again when the other person changed it meanwhile."""
    if rows.choice(index) == THEIRS:
        rows.merged.append((index, {**now, REMOVED: ""}))
        return
    if was is None or _touched(rows, now, was):
        changed = [
            c.label for c in rows.columns if not same(c, now.get(c.key, ""), (was or {}).get(c.key, ""))
        ]
        rows.clash(index, "Row as you saw it", "Remove the row", f"They changed {', '.join(changed)}")
    rows.merged.append((index, row))


def _merge_cells(rows: _Rows, index: str, row: Row, was: Row, now: Row) -> None:
    merged, theirs_differ = dict(row), False
    for column in rows.columns:
        key, stored = column.key, now.get(column.key, "")
        seen, known = str(was.get(key, "")), key in was
        mine = typed_text(column, row, key, seen if known else stored)
        choice = rows.choice(index, key)
        theirs_differ = theirs_differ or (known and not same(column, stored, seen))
        if choice == THEIRS or (known and same(column, mine, seen) and choice is None):
            merged[key] = stored
        elif not same(column, mine, stored) and not (known and same(column, stored, seen)):
            label = f"{rows.child.title}, row {int(index) + 1}, {column.label}"
            name = f"{rows.child.entity}-{index}-{key}"
            rows.clashes.append(Clash(name, label, column, seen, mine, stored))
    rows.changed += theirs_differ
    rows.merged.append((index, merged))


def _touched(rows: _Rows, row: Row, was: Row) -> bool:
    """Whether a row says something else than the one that was seen."""
    for column in rows.columns:
        seen = was.get(column.key, "")
        if not same(column, typed_text(column, row, column.key, seen), seen):
            return True
    return False


def _order(rows: _Rows, posted: Mapping[str, Row]) -> None:
    """Take over the other person's order of rows where I moved none."""
    mine = [row[ROW_ID] for row in posted.values() if row.get(ROW_ID) in rows.base]
    if mine != [row_id for row_id in rows.base if row_id in mine]:
        return
    place = {row_id: number for number, row_id in enumerate(rows.theirs)}
    stored = [row for row in rows.merged if row[1].get(ROW_ID) in place]
    new = [row for row in rows.merged if row[1].get(ROW_ID) not in place]
    if rows.merged == stored + new:
        rows.merged = sorted(stored, key=lambda row: place[row[1][ROW_ID]]) + new


def _append_theirs(rows: _Rows, posted: Mapping[str, Row]) -> None:
    """Add the rows that are stored and were not in my form, before those I add."""
    mine = {row.get(ROW_ID) for row in posted.values()}
    number = 1 + max((int(index) for index in posted), default=-1)
    fresh = [(row_id, row) for row_id, row in rows.theirs.items() if row_id not in mine]
    rows.added += sum(row_id not in rows.base for row_id, _ in fresh)
    added = [(str(number + place), dict(row)) for place, (_, row) in enumerate(fresh)]
    new = next((place for place, (_, row) in enumerate(rows.merged) if not row.get(ROW_ID)), len(rows.merged))
    rows.merged[new:new] = added


def _write(data: MultiDict[str, str], entity: str, merged: Iterable[tuple[str, Row]]) -> None:
    for name in [name for name in data if name.startswith(f"{entity}-")]:
        data.pop(name)
    for index, row in merged:
        for key, value in row.items():
            data.add(f"{entity}-{index}-{key}", value)


def _news(rows: _Rows) -> list[str]:
    counts = {"added": rows.added, "changed": rows.changed, "removed": rows.removed}
    words = [f"{count} {'row' if count == 1 else 'rows'} {verb}" for verb, count in counts.items() if count]
    return [f"{rows.child.title}: {', '.join(words)}"] if words else []
