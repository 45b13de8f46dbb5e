"""Writing to a supplier from a record, the messages shown there, and another try at delivery."""

from typing import Any

from flask import Blueprint, Flask, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy import select

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.core.web import can, requires
from dashboard.erp.messages import service
from dashboard.erp.messages.models import Message
from dashboard.erp.sourcing import inviting, queries
from dashboard.erp.suppliers.models import Supplier
from dashboard.records.extensions import Action, Panel, add_actions, add_panels
from dashboard.records.spec import Spec
from dashboard.records.urls import record_url

PERMISSION = "records.message.create"
SHOWN, MAX_SUBJECT, MAX_BODY = 20, 200, 20_000
pages = Blueprint("messages", __name__, url_prefix="/t/<tenant>/records")
KEYS = {"supplier": Message.supplier_id, "rfq": Message.rfq_id, "purchase_order": Message.order_id}


def init_app(app: Flask) -> None:
    """Register the pages, the card and the button."""
    app.register_blueprint(pages)
    add_panels(app, _panels)
    add_actions(app, _actions)


def _panels(spec: Spec, record: Any) -> list[Panel]:
    key = KEYS.get(spec.entity)
    if key is None or not can("records.message.view"):
        return []
    query = select(Message).where(key == record.id, Message.deleted_at.is_(None))
    found = list(db.session.scalars(query.order_by(Message.id.desc()).limit(SHOWN)))
    if not found:
        return []
    page = render_template("erp/sourcing/messages.html", messages=found, may_send=can(PERMISSION))
    return [Panel("messages", "Messages", Markup(page), "main", 60)]  # noqa: S704  # our own template


def _actions(spec: Spec, record: Any) -> list[Action]:
    if spec.entity not in {"supplier", "rfq"} or not can(PERMISSION):
        return []
    if spec.entity == "rfq" and not queries.suppliers_of(db.session(), record.id):
        return []
    return [
        Action("Send message", url_for("messages.write", entity=spec.entity, record_id=record.id), "mail")
    ]


@pages.route(
    "/<any(rfq, supplier):entity>/<int(max=9223372036854775807):record_id>/message", methods=["GET", "POST"]
)
@requires(PERMISSION)
def write(entity: str, record_id: int) -> ResponseReturnValue:
    """Write to one supplier, or to everybody invited to a request."""
    suppliers, about = _choices(entity, record_id)
    typed = {key: request.form.get(key, "").replace("\x00", "") for key in ("subject", "body")}
    chosen = request.form.getlist("supplier") or [str(one.id) for one in suppliers]
    page: dict[str, Any] = {"entity": entity, "record_id": record_id, "suppliers": suppliers, "about": about}
    if request.method == "GET":
        return render_template("erp/sourcing/write.html", **page, typed=typed, chosen=chosen, errors={})
    wanted = [one for one in suppliers if str(one.id) in request.form.getlist("supplier")]
    if errors := _errors(typed, wanted):
        return render_template(
            "erp/sourcing/write.html", **page, typed=typed, chosen=chosen, errors=errors
        ), 422
    rfq_id = record_id if entity == "rfq" else None
    for one in wanted:
        service.write(db.session(), one, typed["subject"], typed["body"], rfq_id=rfq_id)
    db.session.commit()
    flash(f"{len(wanted)} {'mail is' if len(wanted) == 1 else 'mails are'} on the way.", "success")
    return redirect(record_url(entity, record_id))


@pages.post("/message/<int(max=9223372036854775807):message_id>/retry")
@requires(PERMISSION)
def retry(message_id: int) -> ResponseReturnValue:
    """Try the delivery once more."""
    message = db.session.get(Message, message_id)
    if message is None or message.deleted_at:
        raise NotFoundError("There is no such message.")
    service.retry(db.session(), message)
    db.session.commit()
    flash("The mail is on its way again.", "success")
    return redirect(record_url("message", message_id))


def _choices(entity: str, record_id: int) -> tuple[list[Supplier], str]:
    session = db.session()
    if entity == "rfq":
        rfq = inviting.get_rfq(session, record_id)
        return list(queries.suppliers_of(session, rfq.id)), str(rfq)
    supplier = session.get(Supplier, record_id)
    if supplier is None or supplier.deleted_at:
        raise NotFoundError(f"There is no supplier with the number {record_id}.")
    return [supplier], supplier.name


def _errors(typed: dict[str, str], wanted: list[Supplier]) -> dict[str, str]:
    errors = {}
    for key, limit in (("subject", MAX_SUBJECT), ("body", MAX_BODY)):
        if not typed[key].strip():
            errors[key] = "This is required."
        elif len(typed[key]) > limit:
            errors[key] = f"At most {limit:,} characters can be sent."
    if service.LINK in typed["body"]:
        errors["body"] = "Links are sent with invitations only."
    if not wanted:
        errors["supplier"] = "Choose at least one supplier."
    return errors
