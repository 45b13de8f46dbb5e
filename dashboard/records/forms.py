"""Owns the form class of a screen and what its fields hold as plain text."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from markupsafe import Markup
from wtforms import BooleanField, Field, Form, HiddenField

from dashboard.records.columns import Column
from dashboard.records.fields import make_field
from dashboard.records.spec import ChildSpec, Spec

YES = "y"


class RecordForm(Form):
    """A form over columns; errors that belong to no field are kept in `form_errors`."""

    @property
    def row_index(self) -> str:
        """Number of an inline row: `line-3-` → 3."""
        return str(getattr(self, "_prefix", "")).split("-")[-2]

    def note_error(self, key: str, message: str) -> None:
        """Put a message on a field, or on the form where it has no such field."""
        if key in self:
            self[key].errors = [*self[key].errors, message]
        else:
            self.form_errors = [*self.form_errors, message]


def build_form(columns: Iterable[Column], **extra: Any) -> type[RecordForm]:
    """Make a form class with one field per column."""
    fields = {column.key: make_field(column) for column in columns}
    return type("ScreenForm", (RecordForm,), fields | extra)


@lru_cache(maxsize=256)
def record_form(spec: Spec) -> type[RecordForm]:
    """The form class of a screen; `version` and `base` say what the person saw."""
    return build_form([spec.columns[key] for key in spec.form_keys])


@lru_cache(maxsize=256)
def child_form(child: ChildSpec) -> type[RecordForm]:
    """The form class of one inline row."""
    return build_form(child.shown, row_id=HiddenField())


def raw_value(field: Field) -> str:
    """What the field's input would post, as one text."""
    if isinstance(field, BooleanField):
        return YES if field.data else ""
    value = getattr(field, "_value", None)
    shown = value() if callable(value) else field.data
    return "" if shown is None else str(shown).replace("\r\n", "\n").strip()


def raw_values(form: Form) -> dict[str, str]:
    """All fields as plain text by name."""
    return {field.short_name: raw_value(field) for field in form}


def apply(form: Form, columns: Mapping[str, Column], record: Any, *, new: bool) -> bool:
    """Write the form's values to a record; returns whether anything changed.

    What is left blank on a new record is left to the database where it fills the column in.
    """
    changed = False
    for field in form:
        column = columns.get(field.short_name)
        if column is None or (new and field.data is None and column.column.server_default is not None):
            continue
        if new or getattr(record, column.key) != field.data:
            setattr(record, column.key, field.data)
            changed = True
    return changed


def hidden(name: str, value: object) -> Markup:
    """A hidden input."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(name, value)
