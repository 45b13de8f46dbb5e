"""Pages of invoices beside their screen: enter one for an order; the match as a panel."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.core.web import can, requires
from dashboard.erp.comparison.queries import today_of
from dashboard.erp.invoicing import service
from dashboard.erp.invoicing.matching import match
from dashboard.erp.invoicing.models import InvoiceStatus, SupplierInvoice
from dashboard.erp.invoicing.service import BILLED, MARKED, Billable, Billed, Paper, price_key, quantity_key
from dashboard.erp.purchasing import typed as forms
from dashboard.erp.purchasing.receiving import get_order
from dashboard.erp.purchasing.typed import Typed
from dashboard.records.constraint_errors import explain
from dashboard.records.extensions import Action, Panel, add_actions, add_panels
from dashboard.records.spec import Spec

pages = Blueprint("invoicing", __name__, url_prefix="/t/<tenant>/records/purchase_order")
ADDRESS = "/<int(max=9223372036854775807):order_id>/invoice"
PERMISSION = "records.supplier_invoice.create"


def init_app(app: Flask) -> None:
    """Register the pages, the button on orders and the panels."""
    app.register_blueprint(pages)
    add_actions(app, _buttons)
    add_panels(app, _panels)


def _buttons(spec: Spec, record: Any) -> list[Action]:
    if spec.entity != "purchase_order" or record.status not in BILLED or not can(PERMISSION):
        return []
    return [Action("Enter invoice", url_for("invoicing.new", order_id=record.id), "file-invoice")]


def _panels(spec: Spec, record: Any) -> Iterator[Panel]:
    if spec.entity == "supplier_invoice":
        page = render_template("erp/invoicing/match.html", invoice=record, match=match(db.session(), record))
        yield Panel("match", "Three-way match", Markup(page), order=10)  # noqa: S704  # a template's
    elif spec.entity == "purchase_order" and record.status in BILLED:
        lines = service.billable_lines(db.session(), record.id)
        page = render_template("erp/invoicing/progress.html", order=record, lines=lines)
        yield Panel("progress", "Received and invoiced", Markup(page), order=10)  # noqa: S704


@pages.get(ADDRESS)
@requires(PERMISSION)
def new(order_id: int) -> ResponseReturnValue:
    """The form of an invoice, with what was kept and is on no invoice filled in."""
    session = db.session()
    order = get_order(session, order_id)
    lines = service.billable_lines(session, order_id)
    texts = {"invoiced_on": today_of(order.organization).isoformat()}
    for one in lines:
        line = one.expected.line
        texts[quantity_key(line.id)] = forms.plain(one.open) if one.open else ""
        texts[price_key(line.id)] = forms.plain(line.unit_price)
    return _show(order_id, lines, Typed(texts))


@pages.post(ADDRESS)
@requires(PERMISSION)
def enter(order_id: int) -> ResponseReturnValue:
    """Enter the invoice and match it."""
    session = db.session()
    get_order(session, order_id)
    lines = service.billable_lines(session, order_id)
    typed = forms.read_typed(request.form)
    try:
        paper = _paper(lines, typed)
        typed.refuse(MARKED)
        invoice = _store(order_id, paper, typed)
    except DashboardError as error:
        session.rollback()
        typed.take(error)
        return _show(order_id, service.billable_lines(session, order_id), typed), error.status
    if invoice.status == InvoiceStatus.MATCHED:
        flash("The invoice was entered and matches.", "success")
    else:
        flash("The invoice was entered and does not match: see below.", "warning")
    return redirect(url_for("records_supplier_invoice.details_view", id=invoice.id))


def _store(order_id: int, paper: Paper, typed: Typed) -> SupplierInvoice:
    try:
        invoice = service.enter(db.session(), order_id, paper)
        db.session.commit()
    except DBAPIError as error:
        refusal = explain(error, {})
        if refusal is None:
            raise
        if "number" in str(error.orig):
            typed.errors["number"] = "This supplier's invoice with this number was entered before."
        raise ConflictError(f"Nothing was entered. {refusal.message}") from error
    return invoice


def _paper(lines: list[Billable], typed: Typed) -> Paper:
    zero = Decimal(0)
    return Paper(
        typed.text("number"),
        typed.read("invoiced_on", forms.read_day, None),
        [
            Billed(
                one.expected.line.id,
                typed.read(quantity_key(one.expected.line.id), forms.read_quantity, zero),
                typed.read(price_key(one.expected.line.id), forms.read_money, zero),
                one.expected.line.tax_percent,
            )
            for one in lines
        ],
        typed.read("due_on", forms.read_day, None),
        typed.read("freight", forms.read_money, zero),
        typed.read("tax", forms.read_money, zero),
    )


def _show(order_id: int, lines: list[Billable], typed: Typed) -> str:
    order = get_order(db.session(), order_id)
    return render_template(
        "erp/invoicing/new.html",
        order=order,
        lines=lines,
        typed=typed,
        keys=(quantity_key, price_key),
        open=order.status in BILLED,
    )
