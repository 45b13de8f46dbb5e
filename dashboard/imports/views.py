"""Pages of the import wizard: upload, what the columns mean, the dry run, loading, the refused rows."""

from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.changes.models import ChangeSet
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, ForbiddenError, InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.imports import columns_page, files, queries, reading, refused, service
from dashboard.imports.models import ImportRun, ImportStatus
from dashboard.imports.targets import Target, family, get_target
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url

VIEW, CREATE = "records.import_run.view", "records.import_run.create"
ID = "/<int(max=9223372036854775807):run_id>"
BUSY = {ImportStatus.CHECKING, ImportStatus.LOADING}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
pages = Blueprint("imports", __name__, url_prefix="/t/<tenant>/records/imports")


@pages.get("/")
@requires(VIEW)
def index() -> ResponseReturnValue:
    """List imports."""
    before = request.args.get("before", type=int)
    found = queries.list_runs(db.session(), before if before and 0 < before < 2**63 else None)
    shown = found[: queries.PAGE_SIZE]
    older = shown[-1].id if len(found) > queries.PAGE_SIZE else None
    undone = queries.undone_among(db.session(), shown)
    return render_template("imports/index.html", runs=shown, undone=undone, older=older, before=before)


@pages.get("/new/<entity>")
@requires(CREATE)
def new(entity: str) -> ResponseReturnValue:
    """Ask for a file."""
    return _ask(get_target(entity), "")


@pages.post("/new/<entity>")
@requires(CREATE)
def upload(entity: str) -> ResponseReturnValue:
    """Keep the file and go on to its columns."""
    target = get_target(entity)
    given, text = request.files.get("file"), request.form.get("text", "")
    try:
        if given and given.filename:
            run = service.keep(db.session(), target, given.filename, given.read())
        else:
            run = service.keep(
                db.session(), target, "pasted.tsv" if "\t" in text else "pasted.csv", reading.pasted(text)
            )
    except InvalidInputError as error:
        db.session.rollback()
        return _ask(target, error.message), error.status
    db.session.commit()
    return redirect(url_for("imports.columns", run_id=run.id))


def _ask(target: Target, error: str) -> str:
    return render_template("imports/new.html", target=target, family=family(target), error=error)


@pages.get(f"{ID}/columns")
@requires(CREATE)
def columns(run_id: int) -> ResponseReturnValue:
    """Show what the columns mean, with the first rows."""
    run, target = _open(run_id)
    return columns_page.show(run, target)


@pages.post(f"{ID}/columns")
@requires(CREATE)
def choose(run_id: int) -> ResponseReturnValue:
    """Store what the columns mean; then read the file anew, or try it out."""
    run, target = _open(run_id)
    _refuse_busy(run)
    width = reading.MAX_COLUMNS
    try:
        service.map_columns(run, target, request.form, width)
    except InvalidInputError as error:
        db.session.commit()
        if request.form.get("action") == "check":
            return columns_page.show(run, target, f"{error.message} {error.fix}"), error.status
    db.session.commit()
    if request.form.get("action") != "check":
        return redirect(url_for("imports.columns", run_id=run.id))
    return _start(run, "imports.check", ImportStatus.CHECKING)


@pages.get(ID)
@requires(VIEW)
def show(run_id: int) -> ResponseReturnValue:
    """Show how far it is, what it would do, or what it did."""
    return render_template("imports/show.html", **_parts(*_open(run_id)))


@pages.get(f"{ID}/live")
@requires(VIEW)
def live(run_id: int) -> ResponseReturnValue:
    """Give the part that changes."""
    return render_template("imports/_state.html", **_parts(*_open(run_id)))


@pages.post(f"{ID}/load")
@requires(CREATE)
def load(run_id: int) -> ResponseReturnValue:
    """Load the good rows."""
    run, _ = _open(run_id)
    _refuse_busy(run)
    if run.status != ImportStatus.CHECKED:
        raise ConflictError("This import has not been tried out as it is now.", fix="Try it out first.")
    return _start(run, "imports.load", ImportStatus.LOADING)


@pages.get(f"{ID}/refused.<any(csv, xlsx):kind>")
@requires(VIEW)
def refused_rows(run_id: int, kind: str) -> ResponseReturnValue:
    """The refused rows as a file to correct."""
    run, target = _open(run_id)
    session = db.session()
    with files.opened(session, run.id) as path:
        headings = reading.headings(path, service.load_format(run))
    rows = refused.lines(session, run, target)
    name = f"refused-{target.entity}-{run.id}.{kind}"
    body: Any = refused.as_xlsx(headings, rows) if kind == "xlsx" else "".join(refused.as_csv(headings, rows))
    answer = Response(body, mimetype=XLSX if kind == "xlsx" else "text/csv")
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _open(run_id: int) -> tuple[ImportRun, Target]:
    run = queries.get_run(db.session(), run_id)
    return run, get_target(run.entity)


def _refuse_busy(run: ImportRun) -> None:
    service.refuse_busy(run)
    if run.status in BUSY and not queries.is_over(queries.find_job_run(run)):
        raise ConflictError("A job works on this import now.", fix="Wait until it is done.")


def _start(run: ImportRun, job: str, status: ImportStatus) -> ResponseReturnValue:
    """Hand the work to a job. The status goes first: the job may be done before this returns."""
    target = get_target(run.entity)
    if run.match_on and not target.allows("edit"):
        raise ForbiddenError(
            f"You may not change {target.nouns} by an import: it needs records.{run.entity}.edit.",
            fix="Create only: match by nothing.",
        )
    run.status, run.error = status, None
    db.session.commit()
    started = jobs.enqueue(job, {"import_run": run.id}, actor=current_user.email, tenant=g.tenant.slug)
    note = sa.update(ImportRun).where(ImportRun.id == run.id).values(run_id=str(started.id))
    db.session.execute(note.execution_options(synchronize_session=False))
    db.session.commit()
    return redirect(url_for("imports.show", run_id=run.id))


def _parts(run: ImportRun, target: Target) -> dict[str, Any]:
    session = db.session()
    job_run = queries.find_job_run(run)
    busy = run.status in BUSY and not queries.is_over(job_run)
    change = session.get(ChangeSet, run.change_set_id) if run.change_set_id else None
    rows = {} if busy else {key: queries.rows_of(session, run, key) for key in ("refuse", "change", "create")}
    return {
        "run": run,
        "target": target,
        "job_run": job_run,
        "job_url": run_url(job_run) if job_run else "",
        "busy": busy,
        "stuck": run.status in BUSY and not busy,
        "change": change,
        "rows": rows,
        "reason": lambda row: refused.reason(target, row),
        "headings": _headings(run) if rows.get("refuse") or rows.get("create") else [],
    }


def _headings(run: ImportRun) -> list[str]:
    try:
        with files.opened(db.session(), run.id) as path:
            found = reading.headings(path, service.load_format(run))
    except reading.FileInvalidError:
        return []
    return [name for name in found if name != reading.REASON]
