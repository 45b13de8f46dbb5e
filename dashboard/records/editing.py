"""Owns one form of a record from opening to saving: typed values are kept whatever happens."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.datastructures import MultiDict

from dashboard.records import children, conflicts, pickers
from dashboard.records.children import ChildRows
from dashboard.records.columns import Kind
from dashboard.records.conflicts import Difference, Merge
from dashboard.records.constraint_errors import explain
from dashboard.records.forms import RecordForm, apply, record_form
from dashboard.records.row_merge import merge_rows
from dashboard.records.spec import ChildSpec, Spec
from dashboard.records.values import ValueInvalidError, parse

RESET_ON_COPY = frozenset({"status"})


@dataclass
class Editing:
    """A form with its child rows, and what came of submitting it."""

    spec: Spec
    form: RecordForm
    children: list[ChildRows]
    record: Any = None
    status: HTTPStatus = HTTPStatus.OK
    version: int = 0
    untouched: bool = False
    stale: bool = False
    differences: list[Difference] = field(default_factory=list)
    taken_over: list[Difference] = field(default_factory=list)
    row_news: list[str] = field(default_factory=list)
    frozen: frozenset[str] = frozenset()
    other: str = ""

    @property
    def valid(self) -> bool:
        """Whether it may be saved."""
        return self.status is HTTPStatus.OK

    @property
    def has_errors(self) -> bool:
        """Whether anything must be corrected first."""
        return bool(self.form.errors or any(rows.errors or _row_errors(rows) for rows in self.children))

    def base(self, session: Session) -> str:
        """What is stored now, as the form would show it: the third side of a later comparison."""
        if self.untouched:
            return conflicts.dump_base(self.form, self.children)
        if getattr(self.record, "version", 0) != self.version:
            return "{}"  # saved by somebody since it was compared: what was seen then is not known any more
        rows = [
            children.stored(child, children.load(session, child, self.record.id))
            for child in _open_children(self.spec, self.frozen)
        ]
        return conflicts.dump_base(open_form(self.spec, self.frozen, obj=self.record), rows)

    def dress(self, session: Session) -> None:
        """Look up the labels of all pickers in one query."""
        forms = [self.form, *(row.form for rows in self.children for row in rows.rows)]
        labels = pickers.read_labels(session, [pair for form in forms for pair in pickers.chosen(form)])
        for rows in self.children:
            rows.dressed_blank = rows.blank
            forms.append(rows.dressed_blank)
        for form in forms:
            pickers.dress(form, labels)


def _row_errors(rows: ChildRows) -> bool:
    return any(row.form.errors for row in rows.rows if not row.removed)


def open_form(spec: Spec, frozen: frozenset[str], *data: Any, **sources: Any) -> RecordForm:
    """A form without the fields that nobody types in: whatever is posted for those is not even read."""
    form = record_form(spec)(*data, **sources)
    for key in frozen & set(spec.form_keys):
        del form[key]
    return form


def _open_children(spec: Spec, frozen: frozenset[str]) -> list[ChildSpec]:
    return [child for child in spec.children if child.entity not in frozen]


def open_new(session: Session, spec: Spec, arguments: Mapping[str, str]) -> Editing:
    """An empty form; the address may fill fields in (`?rfq_id=5`)."""
    given = {}
    for key in spec.form_keys:
        if arguments.get(key):
            try:
                given[key] = parse(spec.columns[key], arguments[key])
            except ValueInvalidError:
                continue
    if "org_id" in spec.form_keys:
        given.setdefault("org_id", pickers.only_org(session, spec.columns["org_id"]))
    frozen = spec.frozen_fields(None)
    first = spec.first_rows(session, given)
    rows = [
        children.stored(child, first.get(child.entity, ()), copy=True)
        for child in _open_children(spec, frozen)
    ]
    return Editing(spec, open_form(spec, frozen, data=given), rows, frozen=frozen)


def open_record(session: Session, spec: Spec, record: Any) -> Editing:
    """The form of a stored record."""
    frozen = spec.frozen_fields(record)
    form = open_form(spec, frozen, obj=record)
    rows = [
        children.stored(child, children.load(session, child, record.id))
        for child in _open_children(spec, frozen)
    ]
    version = getattr(record, "version", 0)
    return Editing(spec, form, rows, record, version=version, untouched=True, frozen=frozen)


def open_copy(session: Session, spec: Spec, record: Any) -> Editing:
    """The form of a new record filled from a stored one, with new rows like its rows."""
    kept = {key: getattr(record, key) for key in spec.form_keys if key not in RESET_ON_COPY}
    frozen = spec.frozen_fields(None)
    rows = [
        children.stored(child, children.load(session, child, record.id), copy=True)
        for child in _open_children(spec, frozen)
    ]
    return Editing(spec, open_form(spec, frozen, data=kept), rows, frozen=frozen)


def submit_new(spec: Spec, data: MultiDict[str, str]) -> Editing:
    """Check a new record as typed."""
    frozen = spec.frozen_fields(None)
    rows = [children.typed(child, data, []) for child in _open_children(spec, frozen)]
    return _checked(Editing(spec, open_form(spec, frozen, data), rows, frozen=frozen))


def submit(session: Session, spec: Spec, record: Any, data: MultiDict[str, str]) -> Editing:
    """Check a changed record as typed, merged with what is stored now where that changed meanwhile."""
    version = getattr(record, "version", 0)
    stale = spec.versioned and data.get("version") != str(version)
    frozen = spec.frozen_fields(record)
    merge = Merge(data)
    open_ = _open_children(spec, frozen)
    if stale or any(name.startswith("resolve-") for name in data):
        loaded = [(child, children.load(session, child, record.id)) for child in open_]
        merge = conflicts.settle(spec, data, open_form(spec, frozen, obj=record))
        merge_rows(merge, [children.stored(child, records) for child, records in loaded])
    else:
        wanted = [(child, children.mentioned(child, data)) for child in open_]
        loaded = [
            (child, children.load(session, child, record.id) if needed else []) for child, needed in wanted
        ]
    rows = [children.typed(child, merge.data, records) for child, records in loaded]
    form = open_form(spec, frozen, merge.data, obj=record)
    editing = _checked(Editing(spec, form, rows, record, version=version, frozen=frozen))
    if stale:
        _tell(session, editing, merge)
    return editing


def _checked(editing: Editing) -> Editing:
    checks = [editing.form.validate(), *(rows.validate() for rows in editing.children)]
    if not all(checks):
        editing.status = HTTPStatus.UNPROCESSABLE_ENTITY
    return editing


def _tell(session: Session, editing: Editing, merge: Merge) -> None:
    """Note what the other person changed, and refuse where somebody must choose."""
    labels = pickers.read_labels(session, conflicts.wanted_labels([*merge.clashes, *merge.taken]))
    editing.differences = conflicts.in_words(merge.clashes, labels)
    editing.taken_over = conflicts.in_words(merge.taken, labels)
    editing.row_news = merge.row_news
    editing.stale, editing.other = True, getattr(editing.record, "updated_by", "") or ""
    if merge.clashes:
        editing.status = HTTPStatus.CONFLICT


def store(session: Session, editing: Editing, finish: Callable[[], None]) -> Any:
    """Write a checked form and `finish` (commit). None instead of the record: the refusal is on the form.

    Raises StaleDataError when the record changed between reading and writing.
    """
    try:
        record = _write(session, editing)
        finish()
    except StaleDataError:
        session.rollback()
        raise
    except DBAPIError as error:
        columns = {editing.spec.entity: editing.spec.columns}
        columns |= {child.entity: child.columns for child in editing.spec.children}
        refusal = explain(error, columns)
        session.rollback()
        if refusal is None:
            raise
        editing.status = refusal.status
        _note(editing, refusal.table, refusal.field, refusal.message)
        return None
    return record


def _write(session: Session, editing: Editing) -> Any:
    spec, record = editing.spec, editing.record
    new = record is None
    if new:
        record = spec.model()
        if "org_id" in editing.frozen and "org_id" in spec.columns:
            record.org_id = pickers.only_org(session, spec.columns["org_id"])
    changed = apply(editing.form, spec.columns, record, new=new)
    if new:
        session.add(record)
    if changed:
        session.flush()
    touched = [children.save(session, rows, record) for rows in editing.children]
    if any(touched) and not (new or changed) and "updated_at" in spec.columns:
        record.updated_at = sa.func.clock_timestamp()  # a change of the rows is a change of the record
    session.flush()
    return record


def _note(editing: Editing, table: str, key: str, message: str) -> None:
    for rows in editing.children:
        if rows.spec.entity == table:
            label = rows.spec.columns[key].label if key in rows.spec.columns else ""
            shown = [row.form for row in rows.rows if not row.removed]
            if len(shown) == 1 and key in shown[0]:
                shown[0].note_error(key, message)
            else:
                rows.errors.append(f"{label}: {message}" if label else message)
            return
    editing.form.note_error(key, message)


def is_text(kind: Kind) -> bool:
    """Whether a field wants the full width of the form."""
    return kind in {Kind.LONG_TEXT, Kind.DOCUMENT}
