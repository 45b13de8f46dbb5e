"""Pages of stock documents: adjust what is there, move it between warehouses."""

from collections.abc import Callable
from decimal import Decimal

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import DBAPIError

from dashboard.core.db import db
from dashboard.core.errors import ConflictError, DashboardError
from dashboard.core.web import can, requires
from dashboard.erp.catalog.models import Product
from dashboard.erp.inventory import service
from dashboard.erp.inventory.models import Warehouse
from dashboard.erp.purchasing import typed as forms
from dashboard.erp.purchasing.typed import Typed
from dashboard.records.constraint_errors import explain
from dashboard.records.extensions import Action, add_list_links
from dashboard.records.spec import Spec

pages = Blueprint("inventory", __name__, url_prefix="/t/<tenant>/records/stock")
PERMISSION = "records.stock_move.create"
FIELDS = ("product_id", "warehouse_id", "source_id", "target_id")


def init_app(app: Flask) -> None:
    """Register the pages and the buttons above balances and moves."""
    app.register_blueprint(pages)
    add_list_links(app, _links)


def _links(spec: Spec) -> list[Action]:
    if spec.entity not in {"stock_balance", "stock_move"} or not can(PERMISSION):
        return []
    return [
        Action("Adjust", url_for("inventory.adjust"), "adjustments"),
        Action("Transfer", url_for("inventory.transfer"), "transfer"),
    ]


@pages.get("/adjust")
@requires(PERMISSION)
def adjust() -> ResponseReturnValue:
    """The form of an adjustment; the address may name product and warehouse."""
    return _show("adjust", forms.read_typed(request.args))


@pages.post("/adjust")
@requires(PERMISSION)
def book_adjustment() -> ResponseReturnValue:
    """Book an adjustment."""

    def book(typed: Typed) -> None:
        product, warehouse = _key(typed, "product_id"), _key(typed, "warehouse_id")
        quantity = typed.read("quantity", forms.read_quantity, Decimal(0))
        cost = typed.read("unit_cost", forms.read_money, Decimal(0)) if typed.text("unit_cost") else None
        if cost is not None and cost < 0:
            typed.errors["unit_cost"] = "It must not be negative."
        typed.refuse("Nothing was booked yet: please correct the marked fields.")
        service.adjust(
            db.session(),
            product_id=product,
            warehouse_id=warehouse,
            quantity=quantity,
            reason=typed.text("reason"),
            unit_cost=cost,
        )

    return _book("adjust", book)


@pages.get("/transfer")
@requires(PERMISSION)
def transfer() -> ResponseReturnValue:
    """The form of a transfer."""
    return _show("transfer", forms.read_typed(request.args))


@pages.post("/transfer")
@requires(PERMISSION)
def book_transfer() -> ResponseReturnValue:
    """Book a transfer."""

    def book(typed: Typed) -> None:
        product, source, target = (_key(typed, name) for name in ("product_id", "source_id", "target_id"))
        quantity = typed.read("quantity", forms.read_quantity, Decimal(0))
        typed.refuse("Nothing was booked yet: please correct the marked fields.")
        service.transfer(
            db.session(),
            product_id=product,
            source_id=source,
            target_id=target,
            quantity=quantity,
            reason=typed.text("reason"),
        )

    return _book("transfer", book)


def _key(typed: Typed, name: str) -> int | None:
    return typed.read(name, forms.read_key, None)


def _book(kind: str, book: Callable[[Typed], None]) -> ResponseReturnValue:
    typed = forms.read_typed(request.form)
    try:
        _write(typed, book)
    except DashboardError as error:
        db.session.rollback()
        typed.take(error)
        return _show(kind, typed), error.status
    flash("Booked.", "success")
    return redirect(url_for("records_stock_move.index_view"))


def _write(typed: Typed, book: Callable[[Typed], None]) -> None:
    try:
        book(typed)
        db.session.commit()
    except DBAPIError as error:
        refusal = explain(error, {})
        if refusal is None:
            raise
        raise ConflictError(f"Nothing was booked. {refusal.message}") from error


def _show(kind: str, typed: Typed) -> str:
    chosen = {}
    for name in FIELDS:
        key = Typed({name: typed.text(name)}).read(name, forms.read_key, None)
        record = db.session.get(Product if name == "product_id" else Warehouse, key) if key else None
        chosen[name] = str(record) if record else ""
    return render_template(f"erp/inventory/{kind}.html", typed=typed, chosen=chosen)
