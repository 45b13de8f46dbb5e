"""The pages of targets and budgets: all of them beside what came of it; add, change, delete."""

from datetime import UTC, datetime
from http import HTTPStatus

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.core.web import requires
from dashboard.kpis import choices, registry
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.pages import wording
from dashboard.kpis.targets import queries, service
from dashboard.kpis.targets.forms import TargetForm

VIEW, EDIT = "insights.targets.view", "insights.targets.edit"
ONE = "/<int(max=9223372036854775807):target_id>"
blueprint = Blueprint("insights_targets", __name__, url_prefix="/t/<tenant>/insights/targets")


@blueprint.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Every target and budget, with what came of it so far."""
    session = db.session()
    found = queries.list_held(session, datetime.now(UTC).date())
    currency = choices.read(session).currency
    rows = [
        {
            "held": held,
            "value": wording.write(held.kpi, held.row.value, currency),
            "actual": wording.write(held.kpi, held.actual, currency),
            "so_far": wording.write(held.kpi, held.so_far, currency) if held.so_far is not None else "",
            "verdict": wording.verdict(held.kpi, held.actual, held.so_far),
            "distance": wording.change(held.kpi, held.actual, held.so_far)[0],
        }
        for held in found
    ]
    return render_template("kpis/targets/index.html", rows=rows, most=queries.MOST)


@blueprint.route("/new", methods=["GET", "POST"])
@requires(EDIT)
def new() -> ResponseReturnValue:
    """Add one."""
    return _edit(None)


@blueprint.route(ONE, methods=["GET", "POST"])
@requires(EDIT)
def target(target_id: int) -> ResponseReturnValue:
    """Change one."""
    return _edit(service.get_target(db.session(), target_id))


@blueprint.route(f"{ONE}/delete", methods=["GET", "POST"])
@requires(EDIT)
def delete(target_id: int) -> ResponseReturnValue:
    """Ask, then delete one; its history keeps it."""
    found = service.get_target(db.session(), target_id)
    kpi, kind = registry.get(found.code), "budget" if found.is_budget else "target"
    if request.method == "GET":
        currency = choices.read(db.session()).currency
        value = wording.write(kpi, found.value, currency)
        return render_template("kpis/targets/delete.html", target=found, kpi=kpi, kind=kind, value=value)
    db.session.delete(found)
    db.session.commit()
    flash(f"The {kind} of {kpi.title} is deleted.", "success")
    return redirect(url_for("insights_targets.page"))


def _edit(found: KpiTarget | None) -> ResponseReturnValue:
    form = TargetForm()
    offered = choices.read(db.session())
    orgs = {org.id: org.name for org in offered.orgs}
    categories = [(each.id, f"{each.path} ({orgs.get(each.org_id, '')})") for each in offered.categories]
    form.offer(list(orgs.items()), categories, offered.currency)
    if request.method == "GET":
        form.fill(found, datetime.now(UTC).date())
        if found is None and request.args.get("code") in registry.KPIS:
            form.code.data = request.args["code"]
        return _form(form, found)
    if not form.validate_on_submit():
        return _form(form, found), HTTPStatus.UNPROCESSABLE_ENTITY
    version = form.version.data or ""
    try:
        saved = service.save(db.session(), found, form.wanted(), int(version) if version.isdecimal() else 0)
        db.session.commit()
    except (InvalidInputError, ConflictError) as error:
        db.session.rollback()
        for name, message in error.fields.items():
            form[name].errors = [*form[name].errors, message]
        if not error.fields:
            form.form_errors.append(f"{error.message} {error.fix}".strip())
        return _form(form, found), error.status
    flash(f"{registry.get(saved.code).title} has a {'budget' if saved.is_budget else 'target'}.", "success")
    return redirect(url_for("insights_targets.page"))


def _form(form: TargetForm, found: KpiTarget | None) -> str:
    return render_template("kpis/targets/target.html", form=form, target=found)
