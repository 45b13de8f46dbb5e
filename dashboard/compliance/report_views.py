"""The pages of reports and of the checklist."""

from flask import Blueprint, Response, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.compliance import checking, checklist, reports
from dashboard.compliance.attested import MOST_BYTES
from dashboard.compliance.forms import TickForm
from dashboard.compliance.judging import judge_all
from dashboard.compliance.views import EDIT, RUN, VIEW, facts_now, words
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.files.delivery import protect

MOST = 4 * MOST_BYTES
pages = Blueprint("evidence", __name__, url_prefix="/database/promises")
pages.context_processor(words)


@pages.get("/reports", endpoint="reports")
@requires(VIEW)
def list_reports() -> ResponseReturnValue:
    """Every report that was made, and whether the chains hold."""
    return _reports()


def _reports(checked: checking.Finding | None = None) -> str:
    return render_template(
        "compliance/reports.html",
        reports=reports.list_reports(),
        findings=checking.check_chains(),
        checked=checked,
    )


@pages.post("/reports")
@requires(RUN)
def make_report() -> ResponseReturnValue:
    """Judge all promises now and seal the report."""
    row = reports.make(current_app.extensions["steward_settings"], actor=current_user.email)
    db.session.commit()
    flash(f"Report {row.number} is sealed and can be downloaded.", "success")
    return redirect(url_for("evidence.reports"))


@pages.get("/reports/<int(max=2147483647):number>.<any(pdf, json):ending>")
@requires(VIEW)
def report_file(number: int, ending: str) -> ResponseReturnValue:
    """Hand out a report as it was exported, or what it was made of."""
    row = reports.get_report(number)
    name = f"promises-{row.number}-{row.created_at:%Y-%m-%d}.{ending}"
    if ending == "json":
        return protect(Response(row.content, mimetype="application/json"), name)
    return protect(Response(row.pdf, mimetype="application/pdf"), name)


@pages.post("/reports/check")
@requires(VIEW)
def check_file() -> ResponseReturnValue:
    """Say which report a file is, and whether it is exactly what was exported."""
    upload = request.files.get("file")
    data = upload.read(MOST + 1) if upload else b""
    if not data:
        raise InvalidInputError("Choose a PDF or JSON file first.")
    if len(data) > MOST:
        raise InvalidInputError("That file is larger than any report.")
    return _reports(checking.check_file(data))


@pages.get("/checklist", endpoint="checklist")
@requires(VIEW)
def show_checklist() -> ResponseReturnValue:
    """The steps of the strategy, the next one on top."""
    return _checklist(TickForm())


def _checklist(form: TickForm, wrong: str = "") -> str:
    rows = checklist.standings(judge_all(facts_now()))
    return render_template(
        "compliance/checklist.html",
        rows=rows,
        done=sum(row.is_done for row in rows),
        following=next((row for row in rows if not row.is_done), None),
        form=form,
        wrong=wrong,
    )


@pages.post("/checklist/<key>")
@requires(EDIT)
def tick(key: str) -> ResponseReturnValue:
    """Tick a step by hand, or take the tick away."""
    form = TickForm()
    if not form.validate_on_submit():
        return _checklist(form, key), 422
    try:
        checklist.tick(
            key, is_done=bool(form.is_done.data), note=form.note.data or "", actor=current_user.email
        )
        db.session.commit()
    except InvalidInputError as error:
        db.session.rollback()
        for name, message in error.fields.items():
            form[name].errors = [message]
        return _checklist(form, key), error.status
    return redirect(url_for("evidence.checklist") + f"#{key}")
