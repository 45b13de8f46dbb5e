"""Owns what a person keeps of a list: saved views, and the columns and density shown."""

from flask import flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.people import current_user
from dashboard.records import saved_views
from dashboard.records.models import SavedView
from dashboard.records.spec import Spec
from dashboard.records.state import ALL_ROWS, ListState

WORDS = {
    "rename": "renamed",
    "update": "updated",
    "delete": "deleted",
    "default": "opens by itself now",
    "plain": "no longer opens by itself",
    "share": "is offered to everybody",
    "unshare": "is yours alone",
}


def owner() -> str:
    """Whose views are meant: the person looking."""
    return current_user.email


def address(spec: Spec, view: SavedView) -> str:
    """Address of the list as a view keeps it."""
    return f"{spec.url('index_view')}?{view.query}&view={view.id}"


def plain_address(spec: Spec, views: saved_views.Views) -> str:
    """Address of the whole list, past the default view where there is one."""
    return spec.url("index_view") + (f"?view={ALL_ROWS}" if views.default else "")


def tabs(spec: Spec, views: saved_views.Views, state: ListState) -> list[tuple[str, str, bool]]:
    """The views to choose from, with the whole list first; none where nothing is saved."""
    if not views.offered:
        return []
    active = views.find(state.view)
    found = [("All", plain_address(spec, views), active is None and not state.narrowed)]
    for view in views.offered:
        name = view.name if view.owner == views.owner else f"{view.name} (shared)"
        found.append((name, address(spec, view), view is active))
    return found


def manage(spec: Spec) -> ResponseReturnValue:
    """Save a view (POST), or show all of a list's views to change them."""
    session = db.session()
    if request.method == "GET":
        views = saved_views.read(session, spec, owner())
        return render_template(
            "records/views.html",
            spec=spec,
            views=views,
            address=lambda view: address(spec, view),
            back=plain_address(spec, views),
        )
    view = saved_views.save(session, spec, owner(), request.form.get("name", ""), _posted_state(spec))
    view.is_shared = request.form.get("shared") == "1"
    if request.form.get("default") == "1":
        saved_views.make_default(session, view, on=True)
    session.commit()
    flash(f"View “{view.name}” saved.", "success")
    return redirect(address(spec, view))


def change(spec: Spec, view_id: int) -> ResponseReturnValue:
    """Rename, update, share or delete an own view."""
    session = db.session()
    view = saved_views.get_own(session, spec, owner(), view_id)
    action, name = request.form.get("action", ""), view.name
    if action not in WORDS:
        raise InvalidInputError("Choose what to do with the view.")
    if action == "rename":
        saved_views.rename(session, view, request.form.get("name", ""))
    elif action == "update":
        saved_views.overwrite(session, view, _posted_state(spec))
    elif action == "delete":
        session.delete(view)
    elif action in {"default", "plain"}:
        saved_views.make_default(session, view, on=action == "default")
    else:
        view.is_shared = action == "share"
    session.commit()
    flash(f"View “{name}” {WORDS[action]}.", "success")
    return redirect(address(spec, view) if action == "update" else spec.url("views_view"))


def keep_looks(spec: Spec) -> ResponseReturnValue:
    """Keep columns or density for this person and go back to the list."""
    form = request.form
    cols: str | None = None
    if form.get("columns") == "usual":
        cols = ""
    elif form.getlist("column"):
        cols = ",".join(saved_views.read_state(spec, "", ",".join(form.getlist("column"))).columns)
    dense = form["density"] == "compact" if form.get("density") in {"compact", "comfortable"} else None
    session = db.session()
    saved_views.keep_looks(session, spec, owner(), cols=cols, dense=dense)
    session.commit()
    state = saved_views.read_state(spec, form.get("query", ""))
    changes = {"cols": None} if cols is not None else {}
    query = state.query(**changes)
    return redirect(spec.url("index_view") + (query if len(query) > 1 else f"?view={ALL_ROWS}"))


def _posted_state(spec: Spec) -> ListState:
    return saved_views.read_state(spec, request.form.get("query", ""), request.form.get("cols", ""))
