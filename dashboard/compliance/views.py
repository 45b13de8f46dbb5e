"""The pages of promises: all lines, one promise, proving it again, attesting it."""

from datetime import UTC, datetime
from http import HTTPStatus
from itertools import groupby
from typing import Any

from flask import Blueprint, Response, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from dashboard.compliance import attested, history
from dashboard.compliance.facts import Facts
from dashboard.compliance.forms import StatementForm
from dashboard.compliance.judging import count, judge, judge_all
from dashboard.compliance.models import Attestation
from dashboard.compliance.registry import Promise, State, get_promise, list_promises
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.files.delivery import protect
from dashboard.health.cards import Card
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.jobs.models import ACTIVE, JobRun
from dashboard.jobs.registry import find_job

VIEW, RUN, EDIT = "database.promises.view", "database.promises.run", "database.promises.edit"
# The words and tones of states, as badges know them.
LOOKS = {
    State.KEPT: ("ok", "Kept"),
    State.AT_RISK: ("warning", "At risk"),
    State.BROKEN: ("critical", "Broken"),
    State.UNKNOWN: ("unknown", "Unknown"),
    State.ATTESTED: ("open", "Attested"),
    State.NOT_PROMISED: ("skipped", "Not promised"),
}
FILLS = {
    State.KEPT: "#2b9a5b",
    State.AT_RISK: "#e08a00",
    State.BROKEN: "#d63939",
    State.UNKNOWN: "#8a94a6",
    State.ATTESTED: "#4c6ef5",
    State.NOT_PROMISED: "#c3c9d4",
}
RED = (State.BROKEN, State.AT_RISK)
pages = Blueprint("compliance", __name__, url_prefix="/database/promises")


def words() -> dict[str, object]:
    """What the templates of promises share."""
    return {
        "looks": LOOKS,
        "fills": FILLS,
        "can_prove": can_prove,
        "promise_tabs": _tabs,
        "kept_share": history.kept_share,
        "runs_under_way": runs_under_way,
        "run_url": run_url,
    }


def _tabs(active: str) -> list[tuple[str, str, bool]]:
    named = {"compliance.page": "Promises", "evidence.checklist": "Checklist", "evidence.reports": "Reports"}
    return [(title, url_for(name), name == active) for name, title in named.items()]


pages.context_processor(words)


def can_prove(promise: Promise) -> bool:
    """Whether this person may start what proves a promise again."""
    spec = find_job(promise.job) if promise.job else None
    return spec is not None and can(RUN) and can(spec.permission)


def runs_under_way() -> dict[str, JobRun]:
    """The runs that prove something just now, by job."""
    proofs = {promise.job for promise in list_promises() if promise.job}
    query = select(JobRun).where(JobRun.job.in_(proofs), JobRun.status.in_(ACTIVE))
    return {run.job: run for run in db.session.scalars(query.order_by(JobRun.enqueued_at))}


def facts_now() -> Facts:
    """What checks are given, now."""
    return Facts(current_app.extensions["steward_settings"])


@pages.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Every clause of the strategy, judged now from what is stored."""
    facts = facts_now()
    lines = judge_all(facts)
    areas = [(area, list(rows)) for area, rows in groupby(lines, key=lambda line: line.promise.area)]
    return render_template(
        "compliance/promises.html",
        areas=areas,
        counts=count(lines),
        red=[line for state in RED for line in lines if line.state is state],
        strips=history.strips(facts.now),
        standings=history.list_standings(),
        total=len(lines),
        now=facts.now,
    )


@pages.get("/<key>")
@requires(VIEW)
def show(key: str) -> ResponseReturnValue:
    """One promise: why, how it stands, what to do, what became of it."""
    return _show(get_promise(key), _fresh_form())


def _fresh_form() -> StatementForm:
    form = StatementForm()
    if not form.is_submitted():
        form.stated_on.data = datetime.now(UTC).date()
    return form


def _show(promise: Promise, form: StatementForm) -> str:
    facts = facts_now()
    key = promise.key
    return render_template(
        "compliance/promise.html",
        line=judge(promise, facts),
        stretches=history.strips(facts.now, key).get(key, []),
        standing=history.list_standings().get(key),
        changes=history.list_changes(key),
        statements=attested.list_statements(key) if promise.is_attested else [],
        form=form,
        now=facts.now,
        begin=facts.now - history.SPAN,
    )


@pages.post("/<key>/prove")
@requires(RUN)
def prove(key: str) -> ResponseReturnValue:
    """Start the real job that proves a promise: a drill, a verification, a probe."""
    promise = get_promise(key)
    spec = find_job(promise.job) if promise.job else None
    if spec is None:
        raise ConflictError("No job proves this promise.", fix="Its page says where one acts.")
    if not can(spec.permission):
        raise ForbiddenError(f"Your roles do not include {spec.permission}.")
    run = jobs.enqueue(promise.job, actor=current_user.email)
    return redirect(run_url(run))


@pages.post("/<key>/attest")
@requires(EDIT)
def attest(key: str) -> ResponseReturnValue:
    """Keep a statement, for ever."""
    promise, form = get_promise(key), StatementForm()
    if not form.validate_on_submit():
        return _show(promise, form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        row = attested.state(form.fill_in(key), actor=current_user.email)
        db.session.commit()
    except InvalidInputError as error:
        db.session.rollback()
        for name, message in (error.fields or {"document": error.message}).items():
            form[name if name in form else "document"].errors = [message]
        return _show(promise, form), error.status
    flash(f"Statement {row.number} is kept. It counts until {row.expires_on:%-d %b %Y}.", "success")
    return redirect(url_for("compliance.show", key=key))


@pages.get("/statements/<int(max=2147483647):number>/document")
@requires(VIEW)
def document(number: int) -> ResponseReturnValue:
    """Hand out the file beside a statement."""
    row = db.session.get(Attestation, number)
    if row is None or row.document is None:
        raise NotFoundError("There is no such file.")
    return protect(Response(row.document, mimetype=row.document_type), row.document_name)


def card() -> Card:
    """All promises at a glance, as last judged."""
    rows = list(history.list_standings().values())
    counts = {state: sum(row.state == state for row in rows) for state in State}
    judged_at = min((row.judged_at for row in rows), default=None)
    is_old = judged_at is not None and datetime.now(UTC) - judged_at > history.GAP
    status, headline, text = _summary(rows, counts)
    if is_old:
        status, text = "stale", f"Nobody judges them now. Last: {text}"
    return Card("Promises", status, headline, text, "compliance.page", VIEW, judged_at, is_old)


def _summary(rows: list[Any], counts: dict[State, int]) -> tuple[str, str, str]:
    if not rows:
        return "unknown", "Not judged yet", "Promises are judged every minute once the workers are up."
    good = sum(counts[state] for state in State if state.is_good)
    headline = f"{good} of {len(rows)} are kept"
    for state in (State.BROKEN, State.AT_RISK, State.UNKNOWN):
        if counts[state]:
            first = next(row for row in rows if row.state == state)
            status, word = LOOKS[state]
            return status, headline, f"{counts[state]} {word.lower()}. {first.reason}"
    return "ok", headline, "Every clause of the strategy is kept, with fresh evidence."
