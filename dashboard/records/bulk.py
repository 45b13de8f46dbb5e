"""Owns what an action on many rows is about: which rows, and the field and value to set."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from dashboard.core.errors import InvalidInputError
from dashboard.records import saved_views
from dashboard.records import state as states
from dashboard.records.columns import Column, Kind
from dashboard.records.fields import make_field
from dashboard.records.forms import RecordForm, build_form
from dashboard.records.listing import matching_ids
from dashboard.records.spec import Spec
from dashboard.records.values import INT64

MAX_CHOSEN = 5000
AT_ONCE = 5000
"""Rows changed while the person waits; more are the work of a job."""
ACTIONS = {
    "delete": "Delete",
    "restore": "Restore",
    "set": "Change a field",
    "export": "Export",
    "export_xlsx": "Export",
}
PERMISSIONS = {"set": "edit", "export_xlsx": "export"}


@dataclass(frozen=True)
class Selection:
    """Rows a person chose: by id, or all that match a list's address."""

    ids: tuple[int, ...]
    query: str
    everything: bool
    state: states.ListState

    def fields(self) -> list[tuple[str, str]]:
        """The selection as hidden inputs."""
        if self.everything:
            return [("all", "1"), ("query", self.query)]
        return [("query", self.query), *(("ids", str(row_id)) for row_id in self.ids)]

    def rows(self, spec: Spec) -> sa.Select[int]:
        """The ids as a query; chosen rows must still be there, in the view they were chosen in."""
        if self.everything:
            return matching_ids(spec, self.state)
        found = sa.select(spec.table.c.id).where(spec.table.c.id.in_(self.ids))
        if spec.soft_delete:
            deleted = spec.table.c.deleted_at
            found = found.where(deleted.is_not(None) if self.state.deleted else deleted.is_(None))
        return found


def read_selection(spec: Spec, data: MultiDict[str, str]) -> Selection:
    """Read the selection out of a posted list. Raises InvalidInputError when nothing is chosen."""
    query = data.get("query", "").removeprefix("?")
    state = saved_views.read_state(spec, query, data.get("cols", ""))
    ids = tuple(
        int(text) for text in data.getlist("ids") if text.isdecimal() and len(text) < 19 and int(text) < INT64
    )
    everything = data.get("all") == "1"
    if not ids and not everything:
        raise InvalidInputError("No rows are selected.", fix="Go back and tick the rows you mean.")
    if len(ids) > MAX_CHOSEN:
        raise InvalidInputError(
            f"At most {MAX_CHOSEN:,} rows can be ticked one by one; choose all matching rows."
        )
    if everything and state.errors:
        raise InvalidInputError(" ".join(state.errors), fix="Correct the filters first.")
    return Selection(ids, query, everything, state)


def count(session: Session, spec: Spec, selection: Selection) -> int:
    """How many rows an action is about."""
    rows = sa.select(sa.func.count()).select_from(selection.rows(spec).subquery())
    return session.scalar(rows) or 0


def settable(spec: Spec) -> list[Column]:
    """Columns that may be set on many rows at once: what a form offers, less what names one record."""
    unique = {spec.label, "code", "sku", "org_id", "email"}
    return [
        spec.columns[key]
        for key in spec.form_keys
        if key not in unique and spec.columns[key].kind not in {Kind.DOCUMENT, Kind.LONG_TEXT}
    ]


def value_form(spec: Spec, key: str, data: MultiDict[str, str] | None) -> RecordForm:
    """The form for the one value to set. Raises InvalidInputError for a column that cannot be set."""
    column = next((column for column in settable(spec) if column.key == key), None)
    if column is None:
        raise InvalidInputError(
            "This field cannot be changed on many rows.", fix="Choose one of the fields offered."
        )
    return build_form([column], **{key: make_field(column)})(data)
