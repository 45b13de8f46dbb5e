"""Owns the addresses about a record's past, and those its pickers ask."""

from typing import Any

from flask.typing import ResponseReturnValue
from flask_admin.base import expose

from dashboard.core.errors import ConflictError
from dashboard.records import history_page
from dashboard.records.list_routes import ID
from dashboard.records.spec import Spec

HISTORY_ACTIONS = {
    "history_view": "history",
    "as_of_view": "history",
    "revert_view": "edit",
}


class HistoryRoutes:
    """What a screen adds for the past of its records."""

    spec: Spec

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        """The record; the screen reads it."""
        raise NotImplementedError

    def demand(self, action: str) -> None:
        """Refuse what the entity does not know; the screen does."""
        raise NotImplementedError

    @expose(f"{ID}/history")
    def history_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """All that happened to the record."""
        return history_page.show(self.spec, self.get_one(id))

    @expose(f"{ID}/as-of")
    def as_of_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """The record as it was on a date."""
        return history_page.show_past(self.spec, self.get_one(id))

    @expose(f"{ID}/revert", methods=("GET", "POST"))
    def revert_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """What going back to a value or a version means, and doing it."""
        self.demand("edit")
        record = self.get_one(id)
        if reason := self.spec.lock_reason(record):
            raise ConflictError(f"This {self.spec.noun} cannot be changed now.", fix=reason)
        return history_page.revert(self.spec, record)
