"""Owns the addresses of a list besides the list itself: files, views, cells and many rows at once."""

from typing import Any

from flask import Response
from flask.typing import ResponseReturnValue
from flask_admin.base import expose

from dashboard.records import bulk_page, download, filter_page, inline, view_page
from dashboard.records.spec import Spec

ID = "/<int(max=9223372036854775807):id>"
LIST_ACTIONS = {
    "filters_view": "view",
    "export_view": "export",
    "export_xlsx_view": "export",
    "bulk_view": "view",
    "undo_view": "edit",
    "views_view": "view",
    "saved_view": "view",
    "looks_view": "view",
    "cell_view": "edit",
}


class ListRoutes:
    """What a screen adds for its list."""

    spec: Spec

    def get_one(self, id: Any) -> Any:  # noqa: A002 - Flask-Admin's name
        """The record; the screen reads it."""
        raise NotImplementedError

    @expose("/filters")
    def filters_view(self) -> ResponseReturnValue:
        """The panel with every filter."""
        return filter_page.show(self.spec)

    @expose("/export.csv")
    def export_view(self) -> Response:
        """All matching rows as CSV."""
        return download.whole_list(self.spec, "csv")

    @expose("/export.xlsx")
    def export_xlsx_view(self) -> Response:
        """All matching rows as XLSX."""
        return download.whole_list(self.spec, "xlsx")

    @expose("/bulk", methods=("POST",))
    def bulk_view(self) -> ResponseReturnValue:
        """An action on many rows: asked first, then done."""
        return bulk_page.run(self.spec)

    @expose(f"/undo{ID}", methods=("POST",))
    def undo_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """Take an action on many rows back."""
        return bulk_page.undo(self.spec, id)

    @expose("/views", methods=("GET", "POST"))
    def views_view(self) -> ResponseReturnValue:
        """The saved views of the list; POST saves one more."""
        return view_page.manage(self.spec)

    @expose(f"/views{ID}", methods=("POST",))
    def saved_view(self, id: int) -> ResponseReturnValue:  # noqa: A002
        """Change one of a person's own views."""
        return view_page.change(self.spec, id)

    @expose("/looks", methods=("POST",))
    def looks_view(self) -> ResponseReturnValue:
        """Keep columns and density."""
        return view_page.keep_looks(self.spec)

    @expose(f"{ID}/cell/<key>", methods=("GET", "POST"))
    def cell_view(self, id: int, key: str) -> ResponseReturnValue:  # noqa: A002
        """Edit one cell of the list."""
        return inline.cell(self.spec, self.get_one(id), key)
