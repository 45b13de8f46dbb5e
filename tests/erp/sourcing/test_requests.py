"""A request goes from draft to the award by steps that check, tell suppliers, and cannot be gone around."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.collaboration.models import Notification
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.messages import service as messages
from dashboard.erp.models import Message, Rfq, RfqInvitation
from dashboard.erp.sealing import queries as seals
from dashboard.erp.sourcing import inviting, keeping
from dashboard.erp.workflow.service import transition
from tests.erp.sourcing import making
from tests.factories import AppUserFactory, SupplierFactory


@pytest.fixture
def staff(login: Callable[..., FlaskClient]) -> FlaskClient:
    """A buyer."""
    return login("staff", tenant="acme")


def mails(session: Session, rfq: Rfq) -> list[Message]:
    """What was written about a request, in order."""
    return list(session.scalars(select(Message).where(Message.rfq_id == rfq.id).order_by(Message.id)))


def refusal(session: Session, rfq: Any, step: str, **fields: Any) -> InvalidInputError:
    """Why a step is refused."""
    with pytest.raises(InvalidInputError) as refused:
        transition(session, rfq, step, **fields)
    return refused.value


def test_sending_numbers_it_and_mails_every_supplier(tenant: Session) -> None:
    rfq = making.sent(tenant, suppliers=3)
    assert rfq.number
    assert rfq.number.startswith("RFQ-")
    written = mails(tenant, rfq)
    assert len(written) == 3
    assert all(messages.LINK in one.body and one.address for one in written)
    assert all(one.invited_at for one in rfq.invitations)


def test_one_supplier_needs_a_waiver(tenant: Session) -> None:
    rfq = making.draft(tenant, suppliers=1)
    assert "At least two invitations" in refusal(tenant, rfq, "send").message
    transition(tenant, rfq, "send", waiver="Only maker of the part")
    assert rfq.waiver == "Only maker of the part"


def test_a_waiver_does_not_replace_the_only_supplier(tenant: Session) -> None:
    rfq = making.draft(tenant, suppliers=0)
    assert "No supplier is invited" in refusal(tenant, rfq, "send", waiver="none").message


def test_a_blocked_supplier_stops_the_sending(tenant: Session) -> None:
    rfq = making.draft(tenant)
    making.supplier_of(rfq).status = "blocked"
    assert making.supplier_of(rfq).name in refusal(tenant, rfq, "send").message


def test_a_deadline_in_the_past_stops_the_sending(tenant: Session) -> None:
    rfq = making.draft(tenant, deadline=making.soon(hours=-1))
    assert refusal(tenant, rfq, "send").fix == "Set a deadline in the future."


def test_open_prices_stop_the_sending_of_a_sealed_request(tenant: Session) -> None:
    rfq = making.draft(tenant)
    making.quote(tenant, rfq)
    rfq.sealed = True
    assert "No open price" in refusal(tenant, rfq, "send").message


def test_sending_a_sealed_request_seals_it_until_the_deadline(tenant: Session) -> None:
    rfq = making.sent(tenant, sealed=True)
    assert seals.opening_of(tenant, rfq.id) == rfq.deadline
    assert seals.is_closed(tenant, rfq.id)


def test_the_first_submitted_quote_makes_it_quoted(tenant: Session) -> None:
    rfq = making.sent(tenant)
    transition(tenant, making.quote(tenant, rfq), "submit")
    assert rfq.status == "quoted"
    transition(tenant, making.quote(tenant, rfq, 1), "submit")
    assert rfq.status == "quoted"


def test_a_new_deadline_is_told_to_everybody(tenant: Session) -> None:
    rfq = making.sent(tenant)
    transition(tenant, rfq, "extend", deadline=making.soon(days=20))
    assert [one.subject for one in mails(tenant, rfq)[2:]] == [
        f"New deadline of {rfq.number}: {rfq.title}"
    ] * 2


def test_a_sealed_deadline_never_comes_earlier(tenant: Session) -> None:
    rfq = making.sent(tenant, sealed=True)
    assert "only moves forwards" in refusal(tenant, rfq, "extend", deadline=making.soon(hours=1)).message
    later = making.soon(days=20)
    transition(tenant, rfq, "extend", deadline=later)
    assert seals.opening_of(tenant, rfq.id) == later


def test_closing_early_needs_a_quote_and_a_reason(tenant: Session) -> None:
    rfq = making.sent(tenant)
    assert "At least one quote" in refusal(tenant, rfq, "close_early", early_close_reason="All in").message
    transition(tenant, making.quote(tenant, rfq), "submit")
    assert "early_close_reason" in refusal(tenant, rfq, "close_early").fields
    transition(tenant, rfq, "close_early", early_close_reason="All in")
    late = making.quote(tenant, rfq, 1)
    assert "closed early" in refusal(tenant, late, "submit").message


def test_a_sealed_request_is_not_closed_early(tenant: Session) -> None:
    rfq = making.sent(tenant, sealed=True)
    assert "Not sealed" in refusal(tenant, rfq, "close_early", early_close_reason="x").message


def test_cancelling_tells_suppliers_and_ends_quotes(tenant: Session) -> None:
    rfq = making.sent(tenant)
    quote = making.quote(tenant, rfq)
    transition(tenant, rfq, "cancel", cancel_reason="Not needed")
    assert (rfq.status, quote.status) == ("cancelled", "expired")
    assert mails(tenant, rfq)[-1].subject == f"Cancelled: {rfq.number}: {rfq.title}"


def test_an_awarded_request_is_not_cancelled(tenant: Session) -> None:
    rfq = making.draft(tenant, status="awarded")
    with pytest.raises(ConflictError):
        transition(tenant, rfq, "cancel", cancel_reason="x")


def test_one_more_supplier_is_invited_and_mailed(tenant: Session) -> None:
    rfq = making.sent(tenant)
    supplier = SupplierFactory(organization=rfq.organization)
    invitation = inviting.invite(tenant, rfq, supplier.id)
    assert invitation.invited_at
    assert mails(tenant, rfq)[-1].supplier_id == supplier.id
    with pytest.raises(InvalidInputError, match="invited already"):
        inviting.invite(tenant, rfq, supplier.id)


def test_a_supplier_of_another_organization_is_not_invited(tenant: Session) -> None:
    rfq = making.sent(tenant)
    with pytest.raises(InvalidInputError, match="same organization"):
        inviting.invite(tenant, rfq, SupplierFactory().id)


def test_a_new_link_voids_the_older_one(tenant: Session) -> None:
    rfq = making.sent(tenant)
    serial = rfq.invitations[0].link_serial
    inviting.send_again(tenant, rfq, rfq.invitations[0].id)
    assert rfq.invitations[0].link_serial == serial + 1
    assert len(mails(tenant, rfq)) == 3


def test_silent_suppliers_are_reminded_once(tenant: Session) -> None:
    rfq = making.sent(tenant, deadline=making.soon(hours=30))
    transition(tenant, making.quote(tenant, rfq), "submit")
    for invitation in rfq.invitations:
        invitation.invited_at = making.soon(days=-5)
    tenant.flush()
    assert keeping.keep(tenant)["reminders"] == 1
    assert keeping.keep(tenant)["reminders"] == 0
    last = mails(tenant, rfq)[-1]
    assert (last.supplier_id, (last.subject or "").partition(":")[0]) == (
        making.supplier_of(rfq, 1).id,
        "Reminder",
    )


def test_nobody_is_reminded_right_after_the_invitation(tenant: Session) -> None:
    making.sent(tenant, deadline=making.soon(hours=30))
    assert keeping.keep(tenant)["reminders"] == 0


def test_the_buyer_learns_once_that_the_deadline_passed(tenant: Session) -> None:
    buyer = AppUserFactory()
    rfq = making.sent(tenant, buyer=buyer)
    rfq.deadline = making.soon(minutes=-1)
    tenant.flush()
    keeping.keep(tenant)
    keeping.keep(tenant)
    query = select(Notification.title).where(Notification.recipient == buyer.email.lower())
    assert list(tenant.scalars(query)) == [f"Deadline passed: {rfq.number}, 0 bids"]


def test_offers_end_after_their_last_day(tenant: Session) -> None:
    rfq = making.sent(tenant)
    day = (making.soon() - timedelta(days=30)).date()
    old = making.quote(tenant, rfq, valid_until=day)
    transition(tenant, old, "submit")
    assert keeping.keep(tenant)["expired"] == 1
    assert old.status == "expired"


def test_a_form_cannot_change_the_status(staff: FlaskClient, tenant: Session) -> None:
    rfq = making.draft(tenant)
    tenant.commit()
    answer = staff.post(
        f"/t/acme/records/rfq/{rfq.id}/edit",
        data={"version": rfq.version, "title": "Renamed", "status": "awarded", "currency": "EUR"}
        | {"org_id": rfq.org_id},
    )
    assert answer.status_code == 302, answer.get_data(as_text=True)[-2000:]
    tenant.commit()
    tenant.refresh(rfq)
    assert (rfq.title, rfq.status) == ("Renamed", "draft")


def test_many_rows_at_once_cannot_change_the_status(staff: FlaskClient, tenant: Session) -> None:
    rfq = making.draft(tenant)
    tenant.commit()
    data = {"action": "set", "ids": rfq.id, "field": "status", "value": "awarded", "status": "awarded"}
    staff.post("/t/acme/records/rfq/bulk", data=data | {"confirmed": "1"})
    tenant.commit()
    tenant.refresh(rfq)
    assert rfq.status == "draft"


def test_the_page_before_sending_lists_what_is_missing(staff: FlaskClient, tenant: Session) -> None:
    rfq = making.draft(tenant, lines=0, suppliers=0)
    tenant.commit()
    words = staff.get(f"/t/acme/records/rfq/{rfq.id}/step/send").get_data(as_text=True)
    assert "At least one line" in words
    assert "Add a line to the RFQ." in words


def test_sending_and_inviting_by_hand(staff: FlaskClient, tenant: Session) -> None:
    rfq = making.draft(tenant)
    more = SupplierFactory(organization=rfq.organization)
    tenant.commit()
    base = f"/t/acme/records/rfq/{rfq.id}"
    assert "step/send" in staff.get(base).get_data(as_text=True)
    sent = staff.post(f"{base}/step/send", data={"version": rfq.version})
    assert sent.status_code == 302, sent.get_data(as_text=True)[-2000:]
    words = staff.get(base).get_data(as_text=True)
    assert "Open for bids" in words
    assert "On its way" in words
    assert staff.get(f"{base}/invite").status_code == 200
    assert staff.post(f"{base}/invite", data={"supplier_id": "9" * 30}).status_code == 422
    assert staff.post(f"{base}/invite", data={"supplier_id": more.id}).status_code == 302
    tenant.commit()
    query = select(RfqInvitation.id).where(RfqInvitation.supplier_id == more.id)
    invitation = tenant.scalars(query).one()
    assert staff.post(f"{base}/invitations/{invitation}/resend").status_code == 302
    stale = staff.post(f"{base}/step/cancel", data={"version": "1", "cancel_reason": "x"})
    assert stale.status_code == 409


def test_a_manager_sees_no_button_and_may_not_send(
    login: Callable[..., FlaskClient], tenant: Session
) -> None:
    rfq = making.draft(tenant)
    tenant.commit()
    manager = login("manager", tenant="acme")
    assert "step/send" not in manager.get(f"/t/acme/records/rfq/{rfq.id}").get_data(as_text=True)
    assert manager.post(f"/t/acme/records/rfq/{rfq.id}/step/send").status_code == 403


def test_a_message_is_written_from_the_record(staff: FlaskClient, tenant: Session) -> None:
    rfq = making.sent(tenant)
    tenant.commit()
    address = f"/t/acme/records/rfq/{rfq.id}/message"
    assert staff.get(address).status_code == 200
    chosen = making.supplier_of(rfq).id
    kept = staff.post(address, data={"subject": "", "body": "Please <call>", "supplier": chosen})
    assert kept.status_code == 422
    assert "Please &lt;call&gt;" in kept.get_data(as_text=True)
    data = {"subject": "Drawing", "body": "Please call", "supplier": chosen}
    assert staff.post(address, data=data).status_code == 302
    tenant.commit()
    assert mails(tenant, rfq)[-1].subject == "Drawing"
