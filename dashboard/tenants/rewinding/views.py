"""Pages of the tenant time machine: begin, follow, compare, and ask before anything is changed."""

import json
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import OperationalError

from dashboard.backups import queries as catalogue
from dashboard.backups import reviewing
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError, ForbiddenError, NotFoundError
from dashboard.core.menu import MenuItem, register_menu
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.rewinding import bringing_back, comparing, queries, service, wording
from dashboard.tenants.rewinding.comparing import KINDS, PAGE_SIZE, Shape
from dashboard.tenants.rewinding.forms import RewindForm, bounds
from dashboard.tenants.rewinding.loading import transaction
from dashboard.tenants.rewinding.models import Rewind, RewindStatus

VIEW, RUN = "database.rewinds.view", "database.rewinds.run"
pages = Blueprint("rewinds", __name__, url_prefix="/database/rewinds")


def init_app(app: Flask) -> None:
    """Register the pages and the menu entry."""
    app.register_blueprint(pages)
    register_menu(app, MenuItem("database", "Time machine", "rewinds.index", VIEW, "history-toggle", 25))


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """The form, and what was brought beside its tenant before."""
    form = RewindForm(formdata=None)
    form.tenant.data = request.args.get("tenant", "")
    return _index(form)


def _index(form: RewindForm) -> str:
    tenants = [tenant for tenant in tenancy.known_tenants() if current_user.can(RUN, tenant.slug)]
    form.offer(tenants)
    repository = catalogue.get_repository()
    window = reviewing.window_of(repository)
    rewinds = [row for row in queries.list_rewinds(db.session()) if current_user.can(VIEW, row.tenant)]
    return render_template(
        "tenants/rewinds/index.html",
        form=form,
        repository=repository,
        window=window,
        window_open=reviewing.is_open(window),
        bounds=bounds(window),
        rewinds=rewinds,
    )


@pages.post("/")
@requires(RUN)
def begin() -> ResponseReturnValue:
    """Ask for a rewind. The live tenant is not touched by it."""
    form = RewindForm()
    if not form.validate_on_submit():
        return _index(form), 422
    _check_grant(RUN, form.tenant.data)
    tenant = tenancy.get_tenant(form.tenant.data)
    try:
        rewind = service.open_rewind(db.session(), tenant, form.moment, actor=current_user.email)
    except DashboardError as error:
        db.session.rollback()
        if "at" in error.fields:
            form.at.errors = [*form.at.errors, error.fields["at"]]
        else:
            flash(f"{error.message} {error.fix}".strip(), "danger")
        return _index(form), error.status
    db.session.commit()
    run = _enqueue("tenants.rewind", rewind)
    service.save(rewind, run_id=run.id)
    return redirect(url_for("rewinds.details", rewind_id=rewind.id))


@pages.get("/<int(max=2147483647):rewind_id>/")
@requires(VIEW)
def details(rewind_id: int) -> ResponseReturnValue:
    """What differs, table by table, and what can be done."""
    rewind = _rewind(rewind_id, VIEW)
    return render_template("tenants/rewinds/details.html", **_facts(rewind))


@pages.get("/<int(max=2147483647):rewind_id>/live")
@requires(VIEW)
def live(rewind_id: int) -> ResponseReturnValue:
    """Give the part that changes while a job is at work."""
    return render_template("tenants/rewinds/_progress.html", **_facts(_rewind(rewind_id, VIEW)))


def _facts(rewind: Rewind) -> dict[str, Any]:
    differing = [wording.told(each) for each in rewind.differences]
    return {
        "rewind": rewind,
        "run": queries.find_running(db.session(), rewind.tenant),
        "differing": [each for each in differing if each.count or each.problem],
        "same": [each.table for each in differing if not each.count and not each.problem],
        "may_run": current_user.can(RUN, rewind.tenant),
        "possible": {name for name, states in service.BEFORE.items() if rewind.status in states},
        "words": wording.sides(rewind),
    }


@pages.get("/<int(max=2147483647):rewind_id>/tables/<table>")
@requires(VIEW)
def rows(rewind_id: int, table: str) -> ResponseReturnValue:
    """Sample rows of one table, both ways, column by column."""
    rewind = _rewind(rewind_id, VIEW)
    service.check_may(rewind, "compare")
    kind: comparing.Kind = next((each for each in KINDS if each == request.args.get("kind")), "changed")
    after = request.args.get("after") or None
    shape, found = _sample(rewind, table, kind, after)
    shown = found[:PAGE_SIZE]
    counts = next((each for each in map(wording.told, rewind.differences) if each.table == table), None)
    return render_template(
        "tenants/rewinds/rows.html",
        rewind=rewind,
        shape=shape,
        kind=kind,
        counts=counts,
        rows=shown,
        next_after=shown[-1].key if len(found) > PAGE_SIZE and len(shape.keys) == 1 else None,
        is_first=after is None,
        may_choose=not shape.obstacle and current_user.can(RUN, rewind.tenant),
        words=wording.sides(rewind),
    )


def _sample(
    rewind: Rewind, table: str, kind: comparing.Kind, after: str | None
) -> tuple[Shape, list[comparing.RowPair]]:
    try:
        with transaction(db.engines["owner"]) as connection:
            sides = rewind.live_schema, rewind.other_schema
            shapes = comparing.list_shapes(connection, *sides, only=table)
            if not shapes:
                raise NotFoundError("The two states do not both have such a table.")
            return shapes[0], comparing.sample(connection, *sides, shapes[0], kind, after)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != comparing.CANCELLED:
            raise
        seconds = comparing.SAMPLE_SECONDS
        raise ConflictError(
            f"The rows of {table} were not found within {seconds} s.",
            fix="Bring the whole table back instead.",
        ) from error


@pages.post("/<int(max=2147483647):rewind_id>/compare")
@requires(RUN)
def compare(rewind_id: int) -> ResponseReturnValue:
    """Ask for the differences as they are now."""
    rewind = _rewind(rewind_id, RUN)
    service.check_may(rewind, "compare")
    _enqueue("tenants.compare_rewind", rewind)
    return redirect(url_for("rewinds.details", rewind_id=rewind.id))


@pages.post("/<int(max=2147483647):rewind_id>/bring-back")
@requires(RUN)
def bring_back(rewind_id: int) -> ResponseReturnValue:
    """Ask whether the chosen tables or rows shall come back; with the word typed, ask for the job."""
    rewind = _rewind(rewind_id, RUN)
    service.check_may(rewind, "bring_back")
    choice = wording.read_choice(request.form)
    if not choice:
        flash("Choose at least one table or row.", "warning")
        return redirect(url_for("rewinds.details", rewind_id=rewind.id))
    bringing_back.read_choice(choice)
    if request.form.get("confirmation") == rewind.tenant:
        _enqueue("tenants.bring_back", rewind, choice=choice)
        return redirect(url_for("rewinds.details", rewind_id=rewind.id))
    return _ask(rewind, "bring_back", wording.of_choice(rewind, choice), {"choice": json.dumps(choice)})


@pages.route("/<int(max=2147483647):rewind_id>/<any(swap, undo, discard):action>", methods=["GET", "POST"])
@requires(RUN)
def act(rewind_id: int, action: str) -> ResponseReturnValue:
    """Ask before a swap, its undoing or a discard; with the word typed, ask for the job."""
    rewind = _rewind(rewind_id, RUN)
    service.check_may(rewind, action)
    if request.form.get("confirmation") == rewind.tenant:
        _enqueue(f"tenants.{action}_rewind", rewind)
        return redirect(url_for("rewinds.details", rewind_id=rewind.id))
    return _ask(rewind, action, wording.consequences(rewind, action), {})


def _ask(rewind: Rewind, action: str, sentences: list[str], fields: dict[str, str]) -> ResponseReturnValue:
    typed = request.form.get("confirmation")
    error = "" if typed is None else f"Type {rewind.tenant}, exactly."
    page = render_template(
        "tenants/rewinds/ask.html",
        rewind=rewind,
        action=request.path,
        title=wording.QUESTIONS[action],
        button=wording.BUTTONS[action],
        sentences=sentences,
        fields=fields,
        error=error,
    )
    return page, 422 if error else 200


def _rewind(rewind_id: int, permission: str) -> Rewind:
    """Return a rewind of a tenant the person may see. Raises NotFoundError, ForbiddenError."""
    rewind = queries.get_rewind(db.session(), rewind_id)
    if not current_user.can(VIEW, rewind.tenant):
        raise NotFoundError("There is no such rewind, or you have no access to its tenant.")
    _check_grant(permission, rewind.tenant)
    if rewind.status == RewindStatus.PREPARING:
        db.session.expire(rewind)
    return rewind


def _check_grant(permission: str, tenant: str) -> None:
    """The page belongs to no tenant, so the gate knew only that the person may do it somewhere."""
    if not current_user.can(permission, tenant):
        raise ForbiddenError(f"Your roles do not include {permission} for this tenant.")


def _enqueue(job: str, rewind: Rewind, **more: Any) -> JobRun:
    running = queries.find_running(db.session(), rewind.tenant)
    if running is not None and job != "tenants.rewind":
        raise ConflictError(
            f"“{running.title}” is under way for this tenant.", fix="Wait until it has ended."
        )
    return jobs.enqueue(job, {"rewind": rewind.id, **more}, actor=current_user.email, tenant=rewind.tenant)
