"""Pages of jobs: runs, one run live, schedules, queues and workers. They read rows; Redis only for depths."""

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.core.filters import url_if
from dashboard.core.web import can, requires
from dashboard.jobs import broker, queries, service, timing
from dashboard.jobs.links import run_url
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.registry import find_job, list_jobs
from dashboard.users.identity import current_operator

pages = Blueprint("jobs", __name__)
STATUSES = ("active", *RunStatus)
RETRYABLE = (RunStatus.FAILED, RunStatus.LOST, RunStatus.CANCELLED)


@pages.get("/database/jobs/")
@requires("database.jobs.view")
def index() -> ResponseReturnValue:
    """List runs, newest first, narrowed by job, status, queue and actor."""
    chosen = queries.RunFilter(
        **{key: request.args.get(key, "").replace("\x00", "") for key in ("job", "status", "queue", "actor")}
    )
    before = request.args.get("before", type=UUID)
    return render_template(
        "jobs/index.html",
        page=queries.list_runs(chosen, before),
        counts=queries.count_by_status(),
        chosen=chosen,
        kept={key: value for key, value in vars(chosen).items() if value},
        is_first=before is None,
        jobs=list_jobs(),
        statuses=STATUSES,
        scheduler_age=_scheduler_age(),
    )


def _scheduler_age() -> float | None:
    try:
        return queries.scheduler_age()
    except broker.RedisError:
        return None


@pages.get("/database/jobs/<uuid:run_id>")
@requires("database.jobs.view")
def run_page(run_id: UUID) -> ResponseReturnValue:
    """Show a run with its progress and log, kept up to date while it is active."""
    return _page(queries.get_run(run_id), url_for("jobs.live", run_id=run_id))


@pages.get("/database/jobs/<uuid:run_id>/live")
@requires("database.jobs.view")
def live(run_id: UUID) -> ResponseReturnValue:
    """Give the part of a run's page that changes."""
    return render_template("jobs/_live.html", **_parts(queries.get_run(run_id)))


@pages.post("/database/jobs/<uuid:run_id>/cancel")
@requires("database.jobs.run")
def cancel(run_id: UUID) -> ResponseReturnValue:
    """Cancel a run."""
    return _cancel(queries.get_run(run_id))


@pages.post("/database/jobs/<uuid:run_id>/retry")
@requires("database.jobs.run")
def retry(run_id: UUID) -> ResponseReturnValue:
    """Put a failed run back into its queue."""
    return _retry(queries.get_run(run_id))


@pages.get("/account/jobs/")
@requires("self.account.edit")
def own_runs() -> ResponseReturnValue:
    """List what the person started."""
    before = request.args.get("before", type=UUID)
    mine = queries.RunFilter(actor=current_operator().email)
    return render_template("jobs/own.html", page=queries.list_runs(mine, before), is_first=before is None)


@pages.get("/account/jobs/<uuid:run_id>")
@requires("self.account.edit")
def own_run(run_id: UUID) -> ResponseReturnValue:
    """Show a run to the person who started it."""
    return _page(_own(run_id), url_for("jobs.own_live", run_id=run_id))


@pages.get("/account/jobs/<uuid:run_id>/live")
@requires("self.account.edit")
def own_live(run_id: UUID) -> ResponseReturnValue:
    """Give the part that changes to the person who started it."""
    return render_template("jobs/_live.html", **_parts(_own(run_id)))


@pages.post("/account/jobs/<uuid:run_id>/cancel")
@requires("self.account.edit")
def own_cancel(run_id: UUID) -> ResponseReturnValue:
    """Cancel what oneself started."""
    return _cancel(_own(run_id))


@pages.post("/account/jobs/<uuid:run_id>/retry")
@requires("self.account.edit")
def own_retry(run_id: UUID) -> ResponseReturnValue:
    """Retry what oneself started."""
    return _retry(_own(run_id))


def _own(run_id: UUID) -> JobRun:
    """Return a run the person started; to others it does not exist."""
    run = queries.get_run(run_id)
    if run.actor != current_operator().email:
        raise NotFoundError("There is no such job run among those you started.")
    return run


def _page(run: JobRun, live_url: str) -> ResponseReturnValue:
    return render_template("jobs/run.html", live_url=live_url, **_parts(run))


def _parts(run: JobRun) -> dict[str, Any]:
    is_own = (request.endpoint or "").startswith("jobs.own_")
    may = is_own or can("database.jobs.run")
    prefix = "jobs.own_" if is_own else "jobs."
    return {
        "run": run,
        "lines": queries.list_logs(run.id),
        "cancel_url": url_for(f"{prefix}cancel", run_id=run.id) if may and run.is_active else "",
        "retry_url": url_for(f"{prefix}retry", run_id=run.id) if may and run.status in RETRYABLE else "",
        "shows_traceback": can("database.jobs.run"),
        "made": _made(run),
    }


def _made(run: JobRun) -> tuple[str, str] | None:
    """Text and address of the link to what a run made; None when it made nothing that has a page."""
    spec = find_job(run.job)
    if spec is None or spec.opens is None or not run.result:
        return None
    values = {name: run.result[key] for name, key in spec.opens.values.items() if run.result.get(key)}
    url = url_if(spec.opens.endpoint, **values)
    return (spec.opens.text, url) if url else None


def _cancel(run: JobRun) -> ResponseReturnValue:
    cancelled = service.cancel(run.id, actor=current_operator().email)
    if cancelled.is_active:
        flash("Cancelling was asked for; the run ends at its next step.", "info")
    return redirect(run_url(run))


def _retry(run: JobRun) -> ResponseReturnValue:
    service.retry(run.id, actor=current_operator().email)
    return redirect(run_url(run))


@pages.get("/database/jobs/schedules")
@requires("database.jobs.view")
def schedules() -> ResponseReturnValue:
    """List the timed jobs with their last and next run."""
    return render_template(
        "jobs/schedules.html", schedules=queries.list_schedules(), scheduler_age=_scheduler_age()
    )


@pages.post("/database/jobs/schedules/<name>/<action>")
@requires("database.jobs.run")
def change_schedule(name: str, action: str) -> ResponseReturnValue:
    """Run a timed job now, pause it, or resume it."""
    if action == "run":
        return redirect(run_url(timing.run_now(name, actor=current_operator().email)))
    if action == "pause":
        timing.pause(name, actor=current_operator().email)
        flash(f"{name} is paused until somebody resumes it.", "success")
    elif action == "resume":
        timing.resume(name)
        flash(f"{name} fires again from its next time on.", "success")
    else:
        raise InvalidInputError(f"A schedule cannot be asked to {action}.")
    return redirect(url_for("jobs.schedules"))


@pages.get("/database/jobs/queues")
@requires("database.jobs.view")
def queues() -> ResponseReturnValue:
    """Show queues and workers with their figures; without the broker, what PostgreSQL knows."""
    try:
        workers, problem = queries.list_workers(), ""
    except broker.RedisError as error:
        workers, problem = [], str(error)
    return render_template("jobs/queues.html", queues=queries.list_queues(), workers=workers, problem=problem)
