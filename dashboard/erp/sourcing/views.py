"""Pages beside the record of a request: invite one more supplier, send a link again."""

from flask import Blueprint, Flask, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError
from dashboard.core.web import requires
from dashboard.erp.sourcing import inviting, panels
from dashboard.records.urls import record_url

PERMISSION = "records.rfq.send"
RFQ = "/rfq/<int(max=9223372036854775807):rfq_id>"
pages = Blueprint("sourcing", __name__, url_prefix="/t/<tenant>/records")


def init_app(app: Flask) -> None:
    """Register the pages and the cards of a request."""
    app.register_blueprint(pages)
    panels.init_app(app)


@pages.route(f"{RFQ}/invite", methods=["GET", "POST"])
@requires(PERMISSION)
def invite(rfq_id: int) -> ResponseReturnValue:
    """Choose a supplier and mail the invitation."""
    session = db.session()
    rfq = inviting.get_rfq(session, rfq_id)
    if request.method == "GET":
        return render_template("erp/sourcing/invite.html", rfq=rfq, error="")
    chosen = request.form.get("supplier_id", "")
    try:
        number = int(chosen) if chosen.isdecimal() and len(chosen) < 19 else 0
        invitation = inviting.invite(session, rfq, number)
        session.commit()
    except InvalidInputError as error:
        session.rollback()
        return render_template("erp/sourcing/invite.html", rfq=rfq, error=error.message), error.status
    flash(f"{invitation.supplier.name} is invited; the mail is on its way.", "success")
    return redirect(record_url("rfq", rfq_id))


@pages.post(f"{RFQ}/invitations/<int(max=9223372036854775807):invitation_id>/resend")
@requires(PERMISSION)
def resend(rfq_id: int, invitation_id: int) -> ResponseReturnValue:
    """Mail a new link; the older one is void."""
    session = db.session()
    invitation = inviting.send_again(session, inviting.get_rfq(session, rfq_id), invitation_id)
    session.commit()
    flash(f"A new link for {invitation.supplier.name} is on its way; the older one is void.", "success")
    return redirect(record_url("rfq", rfq_id))
