"""Pages of plans and runs. Buttons ask for jobs; a page only reads rows."""

import csv
import io
from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from dashboard.core.db import db
from dashboard.core.errors import DashboardError, InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.schema_migrations import queries as migrations
from dashboard.schema_migrations.fleet import approving, planning, presenting, queries, steering
from dashboard.schema_migrations.fleet.forms import ApprovalForm, PlanForm, StartForm
from dashboard.schema_migrations.fleet.models import FleetPlan, FleetRun, PlanStatus
from dashboard.schema_migrations.histories import History
from dashboard.schema_migrations.rehearsal.queries import rehearsals_of
from dashboard.tenancy import queries as tenancy

VIEW, RUN = "database.migrations.view", "database.migrations.run"
GUARDED = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run these as formulas
pages = Blueprint("fleet", __name__, url_prefix="/database/migrations")


def init_app(app: Flask) -> None:
    """Register the pages, and what the migrations page tells of them."""
    app.register_blueprint(pages)
    app.add_template_global(queries.summary, "fleet_summary")


@pages.get("/plans/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """Every plan and run, and the form for a new plan."""
    return _index(PlanForm(formdata=None))


def _index(form: PlanForm) -> str:
    form.offer(migrations.list_revisions(History.TENANT))
    return render_template("schema_migrations/fleet/index.html", form=form, **_lists())


def _lists() -> dict[str, Any]:
    session = db.session()
    plans = queries.list_plans(session)
    return {
        "plans": plans,
        "runs": queries.list_runs(session),
        "planning": queries.find_planning(session),
        "failed_planning": queries.find_failed_planning(session),
        "open_run": queries.find_open(session),
    }


@pages.get("/plans/live")
@requires(VIEW)
def plans_live() -> ResponseReturnValue:
    """Give the list again while a plan is being made."""
    return render_template("schema_migrations/fleet/_lists.html", **_lists())


@pages.post("/plans/")
@requires(RUN)
def ask_for_plan() -> ResponseReturnValue:
    """Ask for a plan."""
    form = PlanForm()
    form.offer(migrations.list_revisions(History.TENANT))
    if not form.validate_on_submit():
        return _index(form), 422
    if queries.find_planning(db.session()) is None:
        jobs.enqueue(queries.PLAN, {"to": form.to.data or "head"}, actor=current_user.email)
    return redirect(url_for("fleet.index"))


@pages.get("/plans/<int(max=2147483647):plan_id>/")
@requires(VIEW)
def plan(plan_id: int) -> ResponseReturnValue:
    """Everything one must know before approving."""
    return _plan(
        queries.get_plan(db.session(), plan_id), ApprovalForm(formdata=None), StartForm(formdata=None)
    )


def _plan(found: FleetPlan, approval: ApprovalForm, start_form: StartForm) -> str:
    start_form.offer(tenancy.known_tenants())
    session = db.session()
    return render_template(
        "schema_migrations/fleet/plan.html",
        plan=found,
        steps=presenting.steps_of(found),
        groups=presenting.findings_by_level(found),
        losses=presenting.losses_of(found),
        total_seconds=planning.total_seconds(found, start_form.workers.data or 1),
        has_danger=approving.has_danger(found),
        may_approve=found.status == PlanStatus.DRAFT,
        may_start=found.status == PlanStatus.APPROVED,
        approval=approval,
        start_form=start_form,
        runs=queries.list_runs(session, found.id),
        open_run=queries.find_open(session),
        rehearsals=rehearsals_of(found),
    )


@pages.post("/plans/<int(max=2147483647):plan_id>/approve")
@requires(RUN)
def approve(plan_id: int) -> ResponseReturnValue:
    """Approve exactly this SQL, by its hash."""
    found = queries.get_plan(db.session(), plan_id)
    form = ApprovalForm()
    if not form.validate_on_submit():
        return _plan(found, form, StartForm(formdata=None)), 422

    def work() -> str:
        typed, note = form.sql_hash.data or "", form.note.data or ""
        approving.approve(db.session(), found, sql_hash=typed, actor=current_user.email, note=note)
        return url_for("fleet.plan", plan_id=found.id)

    return _try(work, form, lambda: _plan(found, form, StartForm(formdata=None)))


@pages.post("/plans/<int(max=2147483647):plan_id>/start")
@requires(RUN)
def start(plan_id: int) -> ResponseReturnValue:
    """Start an approved plan: backup, restore point, canary, waves."""
    found = queries.get_plan(db.session(), plan_id)
    form = StartForm()
    form.offer(tenancy.known_tenants())
    if not form.validate_on_submit():
        return _plan(found, ApprovalForm(formdata=None), form), 422

    def work() -> str:
        session, actor = db.session(), current_user.email
        made = approving.start(
            session, found, options=form.options(), actor=actor, backup_skipped=form.skipped
        )
        _enqueue(made)
        return url_for("fleet.run", run_id=made.id)

    return _try(work, form, lambda: _plan(found, ApprovalForm(formdata=None), form))


def _try(work: Callable[[], str], form: FlaskForm, again: Callable[[], str]) -> ResponseReturnValue:
    """Do it and go on, or show the page again with what was wrong; a plan found stale stays so."""
    try:
        address = work()
    except DashboardError as error:
        db.session.commit()
        fields = error.fields if isinstance(error, InvalidInputError) else {}
        for name, message in fields.items():
            if name in form:
                form[name].errors = [*form[name].errors, message]
        if not any(name in form for name in fields):
            flash(f"{error.message} {error.fix}".strip(), "danger")
        return again(), error.status
    db.session.commit()
    return redirect(address)


def _enqueue(run: FleetRun) -> None:
    """Commit, then ask for the job: it must see the row."""
    db.session.commit()
    run.job_run_id = jobs.enqueue(queries.RUN, {"fleet_run": run.id}, actor=current_user.email).id


@pages.get("/runs/<int(max=2147483647):run_id>/")
@requires(VIEW)
def run(run_id: int) -> ResponseReturnValue:
    """A run: where each schema stands."""
    return render_template("schema_migrations/fleet/run.html", **_run(run_id))


@pages.get("/runs/<int(max=2147483647):run_id>/live")
@requires(VIEW)
def run_live(run_id: int) -> ResponseReturnValue:
    """Give the part that changes while it runs."""
    return render_template("schema_migrations/fleet/_run.html", **_run(run_id))


def _run(run_id: int) -> dict[str, Any]:
    session = db.session()
    found = queries.get_run(session, run_id)
    is_worked_on = found.status in queries.MOVING and queries.is_worked_on(session, found)
    job = queries.find_job(session, found)
    return {
        "run": found,
        "plan": queries.get_plan(session, found.plan_id),
        "course": queries.course_of(session, found),
        "job": job,
        "is_worked_on": is_worked_on,
        "is_over": found.status not in queries.MOVING and not (job and job.is_active),
        "watch": queries.watch_of(found),
        "possible": steering.possible(session, found),
    }


@pages.post("/runs/<int(max=2147483647):run_id>/<any(pause, resume, retry):action>")
@requires(RUN)
def steer(run_id: int, action: str) -> ResponseReturnValue:
    """Pause a run, let it go on, or try again what failed."""
    session, actor = db.session(), current_user.email
    found = steering.lock(session, run_id)
    if action == "pause":
        steering.pause(session, found, actor=actor)
        flash("No further schema is begun; those under way are finished.", "info")
    if action == "retry":
        steering.retry(session, found, actor=actor, schema=request.form.get("schema", ""))
    if action == "resume" or steering.can_go_on(session, found, after=action):
        steering.resume(session, found, actor=actor)
        _enqueue(found)
    db.session.commit()
    return redirect(url_for("fleet.run", run_id=run_id))


@pages.route("/runs/<int(max=2147483647):run_id>/cancel", methods=["GET", "POST"])
@requires(RUN)
def cancel(run_id: int) -> ResponseReturnValue:
    """Ask before a run ends half-way; then end it."""
    session = db.session()
    if request.method == "GET":
        found = queries.get_run(session, run_id)
        course = queries.course_of(session, found)
        return render_template("schema_migrations/fleet/cancel.html", run=found, course=course)
    found = steering.lock(session, run_id)
    steering.cancel(session, found, actor=current_user.email)
    db.session.commit()
    return redirect(url_for("fleet.run", run_id=run_id))


@pages.route("/runs/<int(max=2147483647):run_id>/skip/<schema>", methods=["GET", "POST"])
@requires(RUN)
def skip(run_id: int, schema: str) -> ResponseReturnValue:
    """Ask why a schema is left out; then leave it out."""
    session, error = db.session(), ""
    if request.method == "POST":
        found, reason = steering.lock(session, run_id), request.form.get("reason", "")
        try:
            steering.skip(session, found, schema, reason=reason, actor=current_user.email)
        except InvalidInputError as refused:
            error = refused.message
        else:
            db.session.commit()
            return redirect(url_for("fleet.run", run_id=run_id))
    found = queries.get_run(session, run_id)
    page = render_template("schema_migrations/fleet/skip.html", run=found, schema=schema, error=error)
    return page, 422 if error else 200


@pages.get("/runs/<int(max=2147483647):run_id>/report.csv")
@requires(VIEW)
def report(run_id: int) -> ResponseReturnValue:
    """Send what became of each schema."""
    session = db.session()
    found = queries.get_run(session, run_id)
    to = queries.get_plan(session, found.plan_id).to_revision
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(presenting.REPORT)
    for task in queries.list_tasks(session, run_id):
        writer.writerow([_guarded(cell) for cell in presenting.report_line(task, to)])
    headers = {"Content-Disposition": f'attachment; filename="fleet-run-{run_id}.csv"'}
    return Response(lines.getvalue(), mimetype="text/csv", headers=headers)


def _guarded(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(GUARDED) else cell
