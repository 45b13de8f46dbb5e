"""The page of all copies. It reads rows only; buttons ask for jobs."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from dashboard.backups.copies.sections import list_sections
from dashboard.core.web import requires

PERMISSION, RUN = "database.backups.view", "database.backups.run"
pages = Blueprint("copies", __name__)


@pages.get("/database/backups/copies/")
@requires(PERMISSION)
def page() -> ResponseReturnValue:
    """Every kind of copy: the newest ones, when each was last proven, what went wrong."""
    return render_template("backups/copies/copies.html", sections=list_sections())
