"""Owns the child rows of a form: read as typed, checked, and stored with their parent."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from dashboard.records.forms import RecordForm, apply, child_form
from dashboard.records.spec import ChildSpec

MAX_ROWS = 1000
BLANK = "__index__"


@dataclass
class ChildRow:
    """One row: its form, the stored record it is about, and whether it was taken away."""

    form: RecordForm
    record: Any = None
    removed: bool = False


@dataclass
class ChildRows:
    """The rows of one child entity in a form, as stored or as typed."""

    spec: ChildSpec
    rows: list[ChildRow]
    errors: list[str] = field(default_factory=list)
    dressed_blank: RecordForm | None = None

    @property
    def next_index(self) -> int:
        """A number no row of the form uses yet."""
        return 1 + max((int(row.form.row_index) for row in self.rows), default=-1)

    @property
    def blank(self) -> RecordForm:
        """The row a person adds next, with `__index__` for its number."""
        return child_form(self.spec)(prefix=f"{self.spec.entity}-{BLANK}-")

    def validate(self) -> bool:
        """Check every row that stays."""
        checks = [row.form.validate() for row in self.rows if not row.removed]
        return all(checks) and not self.errors


def load(session: Session, child: ChildSpec, parent_id: int) -> list[Any]:
    """Stored child rows of a parent, in order."""
    model = child.model
    order = [getattr(model, child.declared.order)] if child.declared.order else []
    query = sa.select(model).where(getattr(model, child.declared.key) == parent_id).order_by(*order, model.id)
    return list(session.scalars(query.limit(MAX_ROWS)))


def stored(child: ChildSpec, records: Iterable[Any], *, copy: bool = False) -> ChildRows:
    """Rows as stored; `copy` makes new rows of them."""
    form = child_form(child)
    rows = []
    for index, record in enumerate(records):
        row_id = "" if copy else record.id
        made = form(prefix=f"{child.entity}-{index}-", obj=record, data={"row_id": row_id})
        rows.append(ChildRow(made, None if copy else record))
    return ChildRows(child, rows)


def typed(child: ChildSpec, data: MultiDict[str, str], records: Iterable[Any]) -> ChildRows:
    """Rows as a person typed them; rows left wholly blank are dropped."""
    by_id = {str(record.id): record for record in records}
    form = child_form(child)
    rows = []
    for index in _indexes(child, data):
        prefix = f"{child.entity}-{index}-"
        record = by_id.pop(data.get(f"{prefix}row_id", ""), None)
        row = ChildRow(
            form(data, prefix=prefix, obj=record), record, removed=bool(data.get(f"{prefix}removed"))
        )
        if record is not None or not (row.removed or _blank(row.form)):
            rows.append(row)
    many = f"At most {MAX_ROWS:,} rows can be saved in one form; these are {len(rows):,}."
    return ChildRows(child, rows, [many] if len(rows) > MAX_ROWS else [])


def mentioned(child: ChildSpec, data: MultiDict[str, str]) -> bool:
    """Whether a posted form says anything about these rows; if not, they stay and need not be read."""
    return any(name.startswith(f"{child.entity}-") for name in data)


def _indexes(child: ChildSpec, data: MultiDict[str, str]) -> list[str]:
    """Numbers of the rows in the order of the page."""
    start = f"{child.entity}-"
    found = (name.removeprefix(start).partition("-")[0] for name in data if name.startswith(start))
    return [index for index in dict.fromkeys(found) if index.isdecimal() and len(index) < 6]


def _blank(form: RecordForm) -> bool:
    """Whether a row says nothing beyond its defaults; a text that could not be read says something."""
    untouched = form.__class__()
    return not any(
        _says(item, untouched[item.short_name].data) for item in form if item.short_name != "row_id"
    )


def _says(item: Any, default: Any) -> bool:
    if item.data in (None, "", False):
        return any(text.strip() for text in item.raw_data or () if isinstance(text, str))
    return bool(item.data != default)


def save(session: Session, rows: ChildRows, parent: Any) -> bool:
    """Insert, change and delete rows; returns whether anything changed. Rows nobody listed stay."""
    changed, position = False, 0
    for row in rows.rows:
        if row.removed:
            session.delete(row.record)
            changed = True
            continue
        position += 1
        changed = _store(session, rows.spec, row, parent, position) or changed
    return changed


def _store(session: Session, child: ChildSpec, row: ChildRow, parent: Any, position: int) -> bool:
    new = row.record is None
    record = child.model(**{child.declared.key: parent.id}) if new else row.record
    changed = apply(row.form, child.columns, record, new=new)
    order = child.declared.order
    if order and getattr(record, order) != position:
        setattr(record, order, position)
        changed = True
    if new:
        if "org_id" in child.columns and "org_id" not in child.declared.columns:
            record.org_id = parent.org_id
        session.add(record)
    return changed or new
