"""The pages that steer the synchronous copy: they save settings and ask for jobs."""

from http import HTTPStatus

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.jobs import service as jobs
from dashboard.jobs.links import run_url
from dashboard.replication import reviewing
from dashboard.replication.synchronous import wishes
from dashboard.replication.synchronous.declared import STANDBY
from dashboard.replication.synchronous.explaining import explain_frozen, list_waiting, waited_for
from dashboard.replication.synchronous.forms import DegradeForm, SynchronousForm
from dashboard.replication.synchronous.wanted import names_in

EDIT = "database.replication.edit"
pages = Blueprint("synchronous", __name__, url_prefix="/database/replication")


@pages.route("/synchronous", methods=["GET", "POST"])
@requires(EDIT)
def edit() -> ResponseReturnValue:
    """Say whether commits wait for a copy, and let a job apply it."""
    settings: Settings = current_app.extensions["steward_settings"]
    form, held = SynchronousForm(), wishes.shown()
    form.offer(settings.members, held[STANDBY])
    if request.method == "GET":
        form.fill(held)
    elif form.validate_on_submit():
        try:
            return _save(form)
        except InvalidInputError as error:
            db.session.rollback()
            for name, message in error.fields.items():
                form[name].errors = [*form[name].errors, message]
    status = HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK
    return render_template("replication/synchronous/edit.html", form=form), status


def _save(form: SynchronousForm) -> ResponseReturnValue:
    wishes.save_wishes(form.written(), actor=current_user.email)
    db.session.commit()
    run = jobs.enqueue("replication.set_synchronous", actor=current_user.email)
    return redirect(run_url(run))


@pages.post("/synchronous/apply")
@requires(EDIT)
def apply() -> ResponseReturnValue:
    """Let the job make the primary do what the settings say."""
    return redirect(run_url(jobs.enqueue("replication.set_synchronous", actor=current_user.email)))


@pages.route("/degrade", methods=["GET", "POST"])
@requires(EDIT)
def degrade() -> ResponseReturnValue:
    """Ask for a reason and the standby's name, then let commits go on without it."""
    values = reviewing.stored_values()
    names = names_in((values.get("primary") or {}).get("synchronous_names", ""))
    if not names:
        flash("Commits wait for no standby: there is nothing to give up.", "warning")
        return redirect(url_for("replication.page"))
    form, typed = DegradeForm(), request.form.get("confirmation")
    word = ", ".join(names)
    if form.validate_on_submit() and typed == word:
        wish = {"reason": form.reason.data, "restore": form.restore.data}
        return redirect(run_url(jobs.enqueue("replication.degrade", wish, actor=current_user.email)))
    page = render_template(
        "replication/synchronous/degrade.html",
        form=form,
        word=word,
        error="" if typed in {None, word} else f"Type {word}, exactly.",
        frozen=explain_frozen(values),
        waiting=list_waiting(values),
        away=waited_for(values),
    )
    return page, HTTPStatus.UNPROCESSABLE_ENTITY if request.method == "POST" else HTTPStatus.OK


@pages.post("/restore")
@requires(EDIT)
def restore() -> ResponseReturnValue:
    """Let commits wait for the copy again; the job refuses while that would freeze them."""
    return redirect(run_url(jobs.enqueue("replication.restore_synchronous", actor=current_user.email)))
