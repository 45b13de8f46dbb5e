"""Downloads of documents, and their buttons on the records."""

from typing import Any

from flask import Blueprint, Flask, Response, url_for

from dashboard.core.db import db
from dashboard.core.web import can, requires
from dashboard.erp.comparison.queries import get_rfq
from dashboard.erp.documents import service
from dashboard.erp.purchasing.receiving import get_order
from dashboard.records.extensions import Action, add_actions
from dashboard.records.spec import Spec

pages = Blueprint("documents", __name__, url_prefix="/t/<tenant>/records")
ID = "<int(max=9223372036854775807):record_id>"
ENTITIES = ("purchase_order", "rfq")


def init_app(app: Flask) -> None:
    """Register the downloads and their buttons."""
    app.register_blueprint(pages)
    add_actions(app, _buttons)


def _buttons(spec: Spec, record: Any) -> list[Action]:
    if spec.entity not in ENTITIES or not can(f"records.{spec.entity}.export"):
        return []
    return [Action("PDF", url_for(f"documents.{spec.entity}_pdf", record_id=record.id), "file-type-pdf")]


@pages.get(f"/purchase_order/{ID}.pdf")
@requires("records.purchase_order.export")
def purchase_order_pdf(record_id: int) -> Response:
    """A purchase order."""
    order = get_order(db.session(), record_id)
    return _file(service.order_pdf(db.session(), order), service.file_name(order))


@pages.get(f"/rfq/{ID}.pdf")
@requires("records.rfq.export")
def rfq_pdf(record_id: int) -> Response:
    """A request for quotation."""
    rfq = get_rfq(db.session(), record_id)
    return _file(service.rfq_pdf(db.session(), rfq), service.file_name(rfq))


def _file(content: bytes, name: str) -> Response:
    answer = Response(content, mimetype=service.PDF)
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer
