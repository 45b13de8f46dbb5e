"""Pages of orders beside their screen: receive what came."""

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.core.filters import viewer_zone
from dashboard.core.web import can, requires
from dashboard.erp.inventory.models import Warehouse
from dashboard.erp.purchasing import receiving
from dashboard.erp.purchasing import typed as forms
from dashboard.erp.purchasing.models import PurchaseOrder, PurchaseOrderStatus
from dashboard.erp.purchasing.receiving import Arrived, Delivery, Expected, received_key, rejected_key
from dashboard.erp.purchasing.steps import RECEIVING
from dashboard.erp.purchasing.typed import Typed
from dashboard.records.constraint_errors import explain
from dashboard.records.extensions import Action, add_actions
from dashboard.records.spec import Spec

pages = Blueprint("purchasing", __name__, url_prefix="/t/<tenant>/records/purchase_order")
ORDER = "/<int(max=9223372036854775807):order_id>"


def init_app(app: Flask) -> None:
    """Register the pages and the buttons of orders."""
    app.register_blueprint(pages)
    add_actions(app, _buttons)


def _buttons(spec: Spec, record: Any) -> list[Action]:
    if spec.entity != "purchase_order" or record.status not in RECEIVING or not can("records.receipt.create"):
        return []
    style = "primary" if record.status != PurchaseOrderStatus.SENT else ""
    return [
        Action("Receive", url_for("purchasing.receive", order_id=record.id), "package-import", style=style)
    ]


@pages.get(f"{ORDER}/receive")
@requires("records.receipt.create")
def receive(order_id: int) -> ResponseReturnValue:
    """The form of a delivery, with what is open filled in."""
    order = receiving.get_order(db.session(), order_id)
    lines = receiving.expected_lines(db.session(), order_id)
    texts = {received_key(one.line.id): forms.plain(one.open) if one.open else "" for one in lines}
    texts |= {"warehouse_id": str(order.warehouse_id or ""), "version": str(order.version)}
    return _show(order, lines, Typed(texts))


@pages.post(f"{ORDER}/receive")
@requires("records.receipt.create")
def book(order_id: int) -> ResponseReturnValue:
    """Book a delivery."""
    session = db.session()
    lines = receiving.expected_lines(session, order_id)
    typed = forms.read_typed(request.form)
    try:
        delivery = _delivery(lines, typed)
        typed.refuse("Nothing was booked yet: please correct the marked fields.")
        receipt = _book(order_id, delivery)
    except DashboardError as error:
        session.rollback()
        typed.take(error)
        order = receiving.get_order(session, order_id)
        if isinstance(error, ConflictError):
            typed.texts["version"] = str(order.version)  # what is open now is on the page: it may be repeated
        return _show(order, receiving.expected_lines(session, order_id), typed), error.status
    flash("The delivery was booked.", "success")
    return redirect(url_for("records_receipt.details_view", id=receipt))


def _book(order_id: int, delivery: Delivery) -> int:
    try:
        receipt = receiving.receive(db.session(), order_id, delivery).id
        db.session.commit()
    except DBAPIError as error:
        refusal = explain(error, {})
        if refusal is None:
            raise
        raise ConflictError(f"Nothing was booked. {refusal.message}") from error
    return receipt


def _delivery(lines: list[Expected], typed: Typed) -> Delivery:
    arrived = [
        Arrived(
            one.line.id,
            typed.read(received_key(one.line.id), forms.read_quantity, Decimal(0)),
            typed.read(rejected_key(one.line.id), forms.read_quantity, Decimal(0)),
        )
        for one in lines
    ]
    day = typed.read("received_on", forms.read_day, None)
    at = datetime.combine(day, time(12), viewer_zone()) if day else None
    if at and at > datetime.now(UTC) and day == datetime.now(viewer_zone()).date():
        at = None  # today, before noon: now
    return Delivery(
        arrived,
        typed.read("version", forms.read_key, None),
        typed.read("warehouse_id", forms.read_key, None),
        typed.text("reference"),
        at,
    )


def _show(order: PurchaseOrder, lines: list[Expected], typed: Typed) -> str:
    places = select(Warehouse).where(
        Warehouse.org_id == order.org_id, Warehouse.deleted_at.is_(None), Warehouse.is_active
    )
    return render_template(
        "erp/purchasing/receive.html",
        order=order,
        lines=lines,
        typed=typed,
        keys=(received_key, rejected_key),
        open=order.status in RECEIVING,
        warehouses=[(place.id, str(place)) for place in db.session.scalars(places.order_by(Warehouse.name))],
    )
