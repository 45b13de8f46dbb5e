"""Pages of failover: how the cluster stands, each change on a page that asks, its progress, its evidence."""

from typing import cast
from uuid import UUID

from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.config import Settings
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.failover import providers, queries, reviewing, wording
from dashboard.failover.forms import ReasonForm, form_of
from dashboard.failover.models import Kind, Status
from dashboard.failover.providers import PatroniProvider, Provider, Standing
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun

pages = Blueprint("failover", __name__, url_prefix="/database/failover")


@pages.context_processor
def _words() -> dict[str, object]:
    """How pages show kinds, outcomes and steps."""
    return {
        "look": reviewing.look,
        "advice": reviewing.advice,
        "bars": reviewing.bars,
        "kinds": reviewing.KINDS,
        "promises": queries.read_promises(),
    }


def _settings() -> Settings:
    return cast("Settings", current_app.extensions["steward_settings"])


@pages.get("/")
@requires(reviewing.VIEW)
def page() -> ResponseReturnValue:
    """Who is primary, who could take over, what was shown last, what is due."""
    provider = providers.choose(_settings())
    rows = queries.list_failovers()
    return render_template(
        "failover/failover.html",
        provider=provider,
        standing=provider.standing(),
        expects=reviewing.expects_failover(_settings()),
        rows=rows,
        count=queries.count_failovers(),
        rehearsed=queries.find_last(Kind.REHEARSAL),
        switched=queries.find_last(Kind.SWITCHOVER, Kind.PROMOTION),
        proof=queries.find_proof(),
        due=queries.find_due(),
        is_overdue=reviewing.is_overdue(),
        next_run=queries.find_next_run(),
        under_way=queries.find_under_way(queries.REHEARSE, *queries.CHANGES),
        outages=reviewing.outages(rows),
        durations=reviewing.durations(rows),
    )


@pages.post("/")
@requires(reviewing.RUN)
def rehearse() -> ResponseReturnValue:
    """Ask for a rehearsal; one under way is shown instead."""
    asked = queries.find_under_way(queries.REHEARSE)
    if asked is None:
        asked = jobs.enqueue(queries.REHEARSE, actor=current_user.email)
    else:
        flash("A rehearsal is already under way; this is its progress.", "info")
    return redirect(url_for("failover.follow", run_id=asked.id))


@pages.route("/<any('switch-over', promote, rejoin):action>/<name>", methods=["GET", "POST"])
@requires(reviewing.RUN)
def change(action: str, name: str) -> ResponseReturnValue:
    """Ask about a change of primary, or about bringing a server back, then ask for its job."""
    provider = providers.choose(_settings())
    standing = provider.standing()
    form = form_of(provider, action)
    if _is_confirmed(form, name):
        providers.check_free()
        reason = str(form.reason.data)
        run = provider.change(action, name, reason, current_user.email, **form.options())
        return redirect(url_for("failover.follow", run_id=run.id))
    return _ask(provider, standing, action, name, form)


@pages.route("/patroni/<any(pause, resume, cancel):wish>", methods=["GET", "POST"])
@requires(reviewing.RUN)
def wish(wish: str) -> ResponseReturnValue:
    """Ask about what Patroni itself is told."""
    provider = providers.choose(_settings())
    if not isinstance(provider, PatroniProvider):
        abort(404)
    form = ReasonForm()
    if _is_confirmed(form, wish):
        run = provider.ask(wish, "", str(form.reason.data), current_user.email)
        return redirect(url_for("failover.follow", run_id=run.id))
    return _ask(provider, provider.standing(), wish, wish, form)


def _is_confirmed(form: ReasonForm, word: str) -> bool:
    return bool(form.validate_on_submit()) and request.form.get("confirmation") == word


def _ask(
    provider: Provider, standing: Standing, action: str, name: str, form: ReasonForm
) -> ResponseReturnValue:
    shown = wording.page_of(provider.key, action)
    typed = request.form.get("confirmation")
    candidate = standing.candidate(name)
    page = render_template(
        "failover/change.html",
        form=form,
        word=name,
        error="" if typed in {None, name} else f"Type {name}, exactly.",
        title=shown.title.format(name=name),
        button=shown.button,
        standing=standing,
        candidate=candidate,
        will=wording.will_happen(shown, standing, name),
        steps=wording.steps_of(shown, standing, name),
        at_stake=wording.at_stake(action, standing, candidate),
        warnings=wording.warnings(action, standing, candidate),
        running=queries.find_under_way(*queries.CHANGES),
    )
    return page, 422 if request.method == "POST" else 200


@pages.get("/<int:failover_id>")
@requires(reviewing.VIEW)
def show(failover_id: int) -> ResponseReturnValue:
    """The evidence of one failover: outcome, what to do, steps, what the client saw, every check."""
    row = queries.get_failover(failover_id)
    run = queries.find_run(row)
    if row.status == Status.RUNNING and run is not None:
        return redirect(url_for("failover.follow", run_id=run.id))
    return render_template("failover/evidence.html", row=row, run=run, groups=reviewing.groups(row))


@pages.get("/runs/<uuid:run_id>")
@requires(reviewing.VIEW)
def follow(run_id: UUID) -> ResponseReturnValue:
    """The progress of a rehearsal or a change, step by step."""
    run = _run(run_id)
    return render_template("failover/follow.html", run=run, **_parts(run))


@pages.get("/runs/<uuid:run_id>/live")
@requires(reviewing.VIEW)
def live(run_id: UUID) -> ResponseReturnValue:
    """Give the part of the progress page that changes."""
    run = _run(run_id)
    return render_template("failover/_live.html", run=run, **_parts(run))


def _run(run_id: UUID) -> JobRun:
    """Return a run of failover. Raises NotFoundError; another feature's run is none of ours."""
    run = job_queries.get_run(run_id)
    if run.job not in {queries.REHEARSE, *queries.CHANGES}:
        abort(404)
    return run


def _parts(run: JobRun) -> dict[str, object]:
    return {"row": queries.find_by_run(run), "lines": job_queries.list_logs(run.id)}
