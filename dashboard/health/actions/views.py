"""Pages of safe actions: each asks on its own page, is a job then, and can be paused or cancelled."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.health.actions import queries, service, starting, targets
from dashboard.health.actions.forms import ALL, MaintenanceForm, ReasonForm
from dashboard.health.actions.kinds import ASKED, KINDS, Kind, get_kind
from dashboard.health.actions.models import MaintenanceAction, Status
from dashboard.health.actions.windows import opening, spelled

VIEW, RUN = "database.actions.view", "database.actions.run"
FORCE_WORD = "interrupt"
pages = Blueprint("actions", __name__, url_prefix="/database/actions")


@pages.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """What waits, what runs, what was done, and the windows."""
    waiting, finished = queries.list_open(), queries.list_finished()
    now = datetime.now(UTC)
    windows = [(window, opening(window, now), spelled(window)) for window in queries.list_windows()]
    return render_template(
        "health/actions/page.html",
        waiting=waiting,
        finished=finished,
        counts=queries.count_items([action.id for action in (*waiting, *finished)]),
        windows=windows,
        opens={window.id: when for window, when, _text in windows},
        title_of=title_of,
        now=now,
    )


@pages.route("/new/<kind>", methods=["GET", "POST"])
@requires(RUN)
def ask(kind: str) -> ResponseReturnValue:
    """Say what will happen, ask for the reason, then ask for the job."""
    chosen = get_kind(kind)
    if kind not in ASKED:
        raise ConflictError("An index is brought back from the page of the action that dropped it.")
    target = targets.read(chosen, request.args)
    form = _form(chosen, target)
    typed = request.form.get("confirmation")
    word = targets.short_name(target)
    is_typed = not chosen.is_typed or typed == word
    if form.validate_on_submit() and is_typed:
        return _accept(chosen, target, form)
    error = "" if is_typed or not form.is_submitted() else f"Type {word}, exactly."
    known, known_at = queries.find_session(**target) if chosen.is_signal else (None, None)
    answer = render_template(
        "health/actions/ask.html",
        kind=chosen,
        form=form,
        title=f"{chosen.title.format(target=targets.name(target))}?",
        word=word if chosen.is_typed else "",
        error=error,
        target=target,
        known=known,
        known_at=known_at,
    )
    return answer, 422 if request.method == "POST" else 200


def _may_be_everywhere(kind: Kind, target: Mapping[str, Any]) -> bool:
    return not kind.is_signal and targets.is_of_a_tenant(target)


def _form(kind: Kind, target: Mapping[str, Any]) -> ReasonForm:
    if kind.is_signal:
        return ReasonForm()
    form = MaintenanceForm()
    form.offer(target["schema"], queries.list_windows(), everywhere=_may_be_everywhere(kind, target))
    return form


def _accept(kind: Kind, target: Mapping[str, Any], form: ReasonForm) -> ResponseReturnValue:
    more: dict[str, Any] = {}
    if isinstance(form, MaintenanceForm):
        more = {"everywhere": form.scope.data == ALL, "window_id": form.window_id}
    action = service.ask(kind.key, target, reason=form.reason.data or "", actor=_actor(), **more)
    return _start(action)


def _start(action: MaintenanceAction) -> ResponseReturnValue:
    db.session.commit()
    starting.start(action)
    db.session.commit()
    return redirect(url_for("actions.details", action_id=action.id))


def _actor() -> str:
    return str(current_user.email)


def title_of(action: MaintenanceAction) -> str:
    """Return what an action is, in words."""
    return KINDS[action.kind].title.format(target=targets.name(action.target, everywhere=action.everywhere))


@pages.get("/<int(max=2147483647):action_id>")
@requires(VIEW)
def details(action_id: int) -> ResponseReturnValue:
    """One action: how far it is, schema by schema, and its way back."""
    return render_template("health/actions/details.html", **_facts(action_id))


@pages.get("/<int(max=2147483647):action_id>/live")
@requires(VIEW)
def live(action_id: int) -> ResponseReturnValue:
    """Answer with the moving part of its page."""
    return render_template("health/actions/_live.html", **_facts(action_id))


def _facts(action_id: int) -> dict[str, Any]:
    action = queries.get_action(action_id)
    items = queries.list_items(action_id)
    window = queries.get_window(action.window_id) if action.window_id else None
    return {
        "action": action,
        "kind": KINDS[action.kind],
        "items": items,
        "run": starting.find_run(action),
        "window": window,
        "opens": opening(window, datetime.now(UTC)) if window else None,
        "title": title_of(action),
        "undo": queries.find_undo(action_id),
        "may_undo": action.kind == "drop_index" and any(item.undo for item in items) and not action.is_open,
        "may_force": KINDS[action.kind].is_signal
        and action.status == Status.FAILED
        and not action.forced
        and "interrupt" in action.outcome,
        "force_word": FORCE_WORD,
    }


@pages.post("/<int(max=2147483647):action_id>/<any(pause, resume, start, cancel):what>")
@requires(RUN)
def move(action_id: int, what: str) -> ResponseReturnValue:
    """Pause, resume, start at once, or cancel."""
    action = queries.get_action(action_id)
    service.move(action, what, actor=_actor())
    return _start(action)


@pages.post("/<int(max=2147483647):action_id>/force")
@requires(RUN)
def force(action_id: int) -> ResponseReturnValue:
    """Do it to a session that the system itself needs, after a stronger confirmation."""
    action = queries.get_action(action_id)
    if request.form.get("confirmation") != FORCE_WORD:
        raise ConflictError(f"Type {FORCE_WORD}, exactly.", fix="Nothing was done.")
    again = service.ask(action.kind, action.target, reason=action.reason, actor=_actor(), forced=True)
    return _start(again)


@pages.route("/<int(max=2147483647):action_id>/undo", methods=["GET", "POST"])
@requires(RUN)
def undo(action_id: int) -> ResponseReturnValue:
    """Bring back the indexes that an action dropped."""
    action = queries.get_action(action_id)
    definitions = [item.undo for item in queries.list_items(action_id) if item.undo]
    if action.kind != "drop_index" or action.is_open or not definitions:
        raise ConflictError("There is nothing to bring back here.")
    if queries.find_undo(action_id):
        raise ConflictError("It is being brought back, or was already.")
    form = ReasonForm()
    if form.validate_on_submit():
        again = service.ask(
            "create_index",
            action.target,
            reason=form.reason.data or "",
            actor=_actor(),
            everywhere=action.everywhere,
            undo_of=action.id,
        )
        return _start(again)
    answer = render_template(
        "health/actions/undo.html",
        action=action,
        form=form,
        definitions=definitions,
        kind=KINDS["create_index"],
    )
    return answer, 422 if request.method == "POST" else 200
