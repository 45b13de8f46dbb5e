"""The sheet's page: compare, fill in, award; and its files."""

from typing import Any

from flask import Blueprint, Flask, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.core.people import current_user
from dashboard.core.web import can, requires
from dashboard.erp.awards import service as awards
from dashboard.erp.comparison import export, forms, queries
from dashboard.erp.comparison.forms import SheetTyped
from dashboard.erp.currencies.queries import currency_codes
from dashboard.erp.purchasing import ordering
from dashboard.erp.sourcing.models import Rfq, RfqStatus
from dashboard.records.constraint_errors import explain
from dashboard.records.extensions import Action, add_actions
from dashboard.records.spec import Spec

RFQ = "/rfq/<int(max=9223372036854775807):rfq_id>"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
pages = Blueprint("comparison", __name__, url_prefix="/t/<tenant>/records")


def init_app(app: Flask) -> None:
    """Register the pages and the button on requests."""
    app.register_blueprint(pages)
    add_actions(app, _buttons)


def _buttons(spec: Spec, record: Any) -> list[Action]:
    if spec.entity != "rfq" or record.status == RfqStatus.DRAFT:
        return []
    is_next = record.status == RfqStatus.QUOTED
    url = url_for("comparison.compare", rfq_id=record.id)
    return [Action("Compare", url, "scale", style="primary" if is_next else "")]


@pages.get(f"{RFQ}/compare")
@requires("records.rfq.view")
def compare(rfq_id: int) -> ResponseReturnValue:
    """The sheet."""
    rfq = queries.get_rfq(db.session(), rfq_id)
    return _show(rfq, SheetTyped({"currency": _currency(rfq), "tell_losers": "1"}))


@pages.post(f"{RFQ}/compare")
@requires("records.rfq.award")
def award(rfq_id: int) -> ResponseReturnValue:
    """Fill the sheet in by a preset, or award what was typed."""
    rfq = queries.get_rfq(db.session(), rfq_id)
    typed = forms.read_typed(request.form)
    if preset := typed.texts.pop("preset", ""):
        forms.fill(queries.load_sheet(db.session(), rfq), typed, preset)
        return _show(rfq, typed)
    choices = forms.read_choices(queries.load_sheet(db.session(), rfq), typed)
    try:
        typed.refuse("Nothing was awarded yet: some quantities are no numbers.")
        done = _award(rfq_id, choices, typed)
    except DashboardError as error:
        db.session.rollback()
        typed.take(error)
        return _show(queries.get_rfq(db.session(), rfq_id), typed), error.status
    flash(f"{done:,} {'award' if done == 1 else 'awards'} made. Next: make the purchase orders.", "success")
    return redirect(url_for("comparison.compare", rfq_id=rfq_id))


def _award(rfq_id: int, choices: list[awards.Choice], typed: SheetTyped) -> int:
    try:
        done = awards.award(
            db.session(),
            rfq_id,
            choices,
            actor=current_user.email,
            early_reason=typed.text("early_reason"),
            tell_losers=bool(typed.text("tell_losers")),
        )
        db.session.commit()
    except DBAPIError as error:
        refusal = explain(error, {})
        if refusal is None:
            raise
        raise ConflictError(f"Nothing was awarded. {refusal.message}") from error
    return done


@pages.post(f"{RFQ}/award/undo")
@requires("records.rfq.award")
def undo_award(rfq_id: int) -> ResponseReturnValue:
    """Take the award back."""
    done = awards.undo(db.session(), rfq_id, actor=current_user.email)
    db.session.commit()
    flash(
        f"{done:,} {'award' if done == 1 else 'awards'} taken back; orders that were not sent are gone.",
        "success",
    )
    return redirect(url_for("comparison.compare", rfq_id=rfq_id))


@pages.post(f"{RFQ}/award/orders")
@requires("records.purchase_order.create")
def make_orders(rfq_id: int) -> ResponseReturnValue:
    """Make draft purchase orders of the awards, one per supplier."""
    orders = ordering.order_awards(db.session(), rfq_id)
    ids = [order.id for order in orders]
    db.session.commit()
    flash(f"{len(ids)} draft {'order' if len(ids) == 1 else 'orders'} made.", "success" if ids else "info")
    if len(ids) == 1:
        return redirect(url_for("records_purchase_order.details_view", id=ids[0]))
    return redirect(url_for("comparison.compare", rfq_id=rfq_id))


@pages.get(f"{RFQ}/compare.csv")
@requires("records.rfq.export")
def compare_csv(rfq_id: int) -> Response:
    """The sheet as CSV."""
    return _file(rfq_id, "csv")


@pages.get(f"{RFQ}/compare.xlsx")
@requires("records.rfq.export")
def compare_xlsx(rfq_id: int) -> Response:
    """The sheet as a workbook."""
    return _file(rfq_id, "xlsx")


def _file(rfq_id: int, kind: str) -> Response:
    rfq = queries.get_rfq(db.session(), rfq_id)
    sheet = queries.load_sheet(db.session(), rfq, _currency(rfq))
    content = export.to_csv(sheet) if kind == "csv" else export.to_xlsx(sheet)
    answer = Response(content, mimetype="text/csv" if kind == "csv" else XLSX)
    name = f"comparison-{rfq.number or rfq.id}.{kind}"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _currency(rfq: Rfq) -> str:
    """The currency asked for, the organization's where it is none that the tenant knows."""
    wanted = request.values.get("currency", "")
    known = {*currency_codes(db.session()), rfq.currency}
    return wanted if wanted in known else rfq.organization.base_currency


def _show(rfq: Rfq, typed: SheetTyped) -> str:
    session = db.session()
    sheet = queries.load_sheet(session, rfq, _currency(rfq))
    blocked = awards.blocked(session, rfq)
    may_award = can("records.rfq.award") and not blocked and bool(sheet.offers)
    return render_template(
        "erp/comparison/sheet.html",
        rfq=rfq,
        sheet=sheet,
        typed=typed,
        blocked=blocked,
        may_award=may_award,
        is_early=awards.is_early(session, rfq),
        silent=queries.silent_suppliers(session, rfq.id, sheet),
        orders=queries.orders_of(session, rfq.id),
        open_awards=queries.count_open_awards(session, rfq.id),
        codes=sorted({*currency_codes(session), rfq.currency, sheet.currency}),
        running=awards.RUNNING,
    )
