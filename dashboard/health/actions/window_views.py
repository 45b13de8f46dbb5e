"""Pages of maintenance windows: add, change, remove."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select, update

from dashboard.audit.service import record_operation
from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health.actions import queries
from dashboard.health.actions.forms import WindowForm
from dashboard.health.actions.models import MaintenanceAction, MaintenanceWindow
from dashboard.health.actions.windows import spelled

EDIT = "database.actions.edit"
pages = Blueprint("windows", __name__, url_prefix="/database/actions/windows")


@pages.route("/new", methods=["GET", "POST"])
@requires(EDIT)
def add() -> ResponseReturnValue:
    """Add a window."""
    form = WindowForm()
    if form.validate_on_submit() and not _is_taken(form, None):
        window = MaintenanceWindow(**form.values(), actor=str(current_user.email))
        db.session.add(window)
        return _keep(window, "added")
    return _show(form, "Add a maintenance window", request.method)


@pages.route("/<int(max=2147483647):window_id>", methods=["GET", "POST"])
@requires(EDIT)
def change(window_id: int) -> ResponseReturnValue:
    """Change a window; what waits for it waits for the new time."""
    window = queries.get_window(window_id)
    form = WindowForm(
        data={
            "name": window.name,
            "weekday": "" if window.weekday is None else str(window.weekday),
            "starts": window.starts,
            "ends": window.ends,
            "zone": window.zone,
        }
    )
    if form.validate_on_submit() and not _is_taken(form, window_id):
        for name, value in form.values().items():
            setattr(window, name, value)
        return _keep(window, "changed")
    return _show(form, f"Change {window.name}", request.method, window)


@pages.post("/<int(max=2147483647):window_id>/remove")
@requires(EDIT)
def remove(window_id: int) -> ResponseReturnValue:
    """Remove a window nothing waits for."""
    window = queries.get_window(window_id)
    waiting = queries.count_waiting(window_id)
    if waiting:
        raise ConflictError(
            f"{waiting} actions wait for {window.name}.", fix="Cancel them or start them first."
        )
    record_operation("maintenance_window.removed", window.name, when=spelled(window))
    mine = MaintenanceAction.window_id == window_id
    db.session.execute(update(MaintenanceAction).where(mine).values(window_id=None))
    db.session.delete(window)
    db.session.commit()
    return redirect(url_for("actions.page"))


def _is_taken(form: WindowForm, window_id: int | None) -> bool:
    wanted = str(form.values()["name"]).lower()
    taken = db.session.scalar(
        select(MaintenanceWindow.id).where(func.lower(MaintenanceWindow.name) == wanted)
    )
    if taken is None or taken == window_id:
        return False
    form.name.errors = ["There is a window of this name."]
    return True


def _keep(window: MaintenanceWindow, verb: str) -> ResponseReturnValue:
    db.session.commit()
    record_operation(f"maintenance_window.{verb}", window.name, when=spelled(window))
    return redirect(url_for("actions.page"))


def _show(
    form: WindowForm, title: str, method: str, window: MaintenanceWindow | None = None
) -> ResponseReturnValue:
    answer = render_template("health/actions/window.html", form=form, title=title, window=window)
    return answer, 422 if method == "POST" else 200
