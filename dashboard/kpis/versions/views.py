"""The pages of definitions: every KPI with its formula, its versions, and the display currency."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.core.people import current_user
from dashboard.core.web import requires
from dashboard.erp.models import Currency, Organization
from dashboard.jobs import service as jobs
from dashboard.kpis import registry
from dashboard.kpis.jobs import REBUILD
from dashboard.kpis.models import KpiSetting
from dashboard.kpis.registry import Kpi
from dashboard.kpis.versions import queries, service
from dashboard.kpis.versions.areas import AREAS
from dashboard.kpis.versions.forms import PREFIX, CurrencyForm, RevisionForm, revision_form

VIEW, EDIT = "insights.definitions.view", "insights.definitions.edit"
blueprint = Blueprint("insights_definitions", __name__, url_prefix="/t/<tenant>/insights/definitions")


@blueprint.get("/")
@requires(VIEW)
def page() -> ResponseReturnValue:
    """Every KPI by area, and the display currency."""
    form = _currency_form(db.session())
    setting = db.session.get(KpiSetting, service.ONLY)
    form.currency.data = (setting.display_currency if setting else None) or ""
    return _page(form)


@blueprint.post("/currency")
@requires(EDIT)
def choose_currency() -> ResponseReturnValue:
    """Show amounts in another currency, and have them all computed anew."""
    form = _currency_form(db.session())
    if not form.validate_on_submit():
        return _page(form), HTTPStatus.UNPROCESSABLE_ENTITY
    service.choose_currency(db.session(), form.currency.data)
    _compute_anew({})
    db.session.commit()
    flash("The currency is chosen; the figures are being computed anew.", "success")
    return redirect(url_for("insights_definitions.page"))


@blueprint.get("/<code>")
@requires(VIEW)
def definition(code: str) -> ResponseReturnValue:
    """One KPI: its formula, what it is computed with for whom, and its versions."""
    kpi = registry.get(code)
    form = revision_form(kpi, _orgs(db.session()))
    form.fill(queries.values_for(kpi, None, queries.declared_versions(db.session(), [code])))
    return _definition(kpi, form)


@blueprint.post("/<code>")
@requires(EDIT)
def declare(code: str) -> ResponseReturnValue:
    """Add a version, and have the figures computed anew."""
    kpi, session = registry.get(code), db.session()
    form = revision_form(kpi, _orgs(session))
    if not form.validate_on_submit():
        return _definition(kpi, form), HTTPStatus.UNPROCESSABLE_ENTITY
    try:
        made = service.declare(session, kpi, form.chosen, form.written(kpi), form.reason.data or "")
        _compute_anew({"families": [kpi.family]})
        session.commit()
    except (InvalidInputError, ConflictError) as error:
        session.rollback()
        _tell(form, error)
        return _definition(kpi, form), error.status
    flash(f"Revision {made.revision} holds; the figures are being computed anew.", "success")
    return redirect(url_for("insights_definitions.definition", code=code))


def _page(form: CurrencyForm) -> str:
    areas = [(title, registry.of_area(area)) for area, title in AREAS.items()]
    return render_template(
        "kpis/definitions/index.html",
        areas=areas,
        form=form,
        currency=queries.display_currency(db.session()),
        newest=queries.newest_revisions(db.session()),
    )


def _definition(kpi: Kpi, form: RevisionForm) -> str:
    session = db.session()
    declared = queries.declared_versions(session, [kpi.code])
    holding = [("All organizations", queries.values_for(kpi, None, declared))]
    holding += [
        (name, queries.values_for(kpi, org_id, declared))
        for org_id, name in _orgs(session)
        if any(row.org_id == org_id for row in declared)
    ]
    values: dict[str, Any] = {
        "kpi": kpi,
        "form": form,
        "prefix": PREFIX,
        "area": AREAS[kpi.area],
        "parts": [registry.get(part) for part in kpi.parts],
        "revisions": queries.list_revisions(session, kpi.code),
        "holding": holding,
    }
    return render_template("kpis/definitions/definition.html", **values)


def _tell(form: RevisionForm, error: InvalidInputError | ConflictError) -> None:
    """Put a refusal beside the fields it is about."""
    for name, message in error.fields.items():
        field = form[name] if name in form else form[PREFIX + name]
        field.errors = [*field.errors, message]
    if not error.fields:
        form.form_errors.append(f"{error.message} {error.fix}".strip())


def _compute_anew(args: dict[str, object]) -> None:
    jobs.enqueue_with_change(REBUILD, args, actor=current_user.email, request_id=getattr(g, "request_id", ""))


def _currency_form(session: Session) -> CurrencyForm:
    form = CurrencyForm()
    rows = session.execute(select(Currency.code, Currency.name).order_by(Currency.code))
    form.offer([(row.code, row.name) for row in rows], queries.usual_currency(session))
    return form


def _orgs(session: Session) -> list[tuple[int, str]]:
    live = select(Organization.id, Organization.name).where(Organization.deleted_at.is_(None))
    return [(row.id, row.name) for row in session.execute(live.order_by(Organization.name))]
