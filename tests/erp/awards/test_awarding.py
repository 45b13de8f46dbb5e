"""Awards: split with reasons, within the line, once; undone while nothing was sent."""

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dashboard.collaboration.models import Notification
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.erp.awards import service
from dashboard.erp.awards.models import Award
from dashboard.erp.awards.service import Choice, quantity_key, reason_key
from dashboard.erp.models import Message, PurchaseOrder, Quote, Rfq
from dashboard.erp.purchasing import ordering
from dashboard.erp.workflow.service import transition
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.erp.buying import Case, add_quote, currencies, make_case, rate
from tests.erp.meanwhile import acme_of, both, remove

ACTOR = "buyer@example.com"


def choice(case: Case, quote: int, line: int, quantity: str, reason: str = "") -> Choice:
    bid = case.bid(quote, line)
    return Choice(bid.rfq_line_id, bid.id, Decimal(quantity), reason)


@pytest.fixture
def case(tenant: Session) -> Case:
    made = make_case(tenant, (100, 10))
    add_quote(made, "1.00", "9.00", name="Aster", days=14)
    add_quote(made, "1.20", "8.00", name="Birch", freight=Decimal(20))
    return made


def test_a_split_award_settles_the_request_and_its_quotes(tenant: Session, case: Case) -> None:
    third = add_quote(case, "3", "20", name="Cedar")
    case.rfq.buyer = factories.AppUserFactory(email="chief@example.com")
    tenant.flush()
    wanted = [
        choice(case, 0, 0, "60"),
        choice(case, 1, 0, "40", "second source"),
        choice(case, 1, 1, "10"),
    ]
    assert service.award(tenant, case.rfq.id, wanted, actor=ACTOR) == 3
    assert case.rfq.status == "awarded"
    assert [quote.status for quote in case.quotes] == ["awarded", "awarded", "rejected"]
    assert third.status == "rejected"
    told = tenant.scalars(select(Notification.recipient).where(Notification.record_id == case.rfq.id)).all()
    assert "chief@example.com" in told


def test_not_the_lowest_landed_cost_needs_a_reason(tenant: Session, case: Case) -> None:
    with pytest.raises(InvalidInputError) as refused:
        service.award(tenant, case.rfq.id, [choice(case, 1, 0, "100")], actor=ACTOR)
    assert "lowest landed cost" in refused.value.fields[reason_key(case.lines[0].id)]
    assert case.rfq.status == "quoted"


def test_more_than_the_line_asks_for_is_refused_per_field(tenant: Session, case: Case) -> None:
    wanted = [choice(case, 0, 0, "80"), choice(case, 1, 0, "30", "split")]
    with pytest.raises(InvalidInputError) as refused:
        service.award(tenant, case.rfq.id, wanted, actor=ACTOR)
    key = quantity_key(case.lines[0].id, case.bid(1, 0).id)
    assert refused.value.fields == {key: "The line asks for 100; 110 would be awarded."}


def test_a_bid_of_another_line_or_request_is_refused(tenant: Session, case: Case) -> None:
    other = make_case(tenant, (5,))
    add_quote(other, "1", name="Stranger")
    for wrong in (
        Choice(case.lines[0].id, case.bid(0, 1).id, Decimal(1)),
        Choice(case.lines[0].id, other.bid(0, 0).id, Decimal(1)),
        Choice(other.lines[0].id, other.bid(0, 0).id, Decimal(1)),
    ):
        with pytest.raises(InvalidInputError):
            service.award(tenant, case.rfq.id, [wrong], actor=ACTOR)


def test_before_the_deadline_an_early_close_needs_a_reason(tenant: Session, case: Case) -> None:
    case.rfq.deadline = datetime.now(UTC) + timedelta(days=2)
    tenant.flush()
    wanted = [choice(case, 0, 0, "100")]
    with pytest.raises(InvalidInputError) as refused:
        service.award(tenant, case.rfq.id, wanted, actor=ACTOR)
    assert "early_reason" in refused.value.fields
    service.award(tenant, case.rfq.id, wanted, actor=ACTOR, early_reason="all have answered")
    assert case.rfq.early_close_reason == "all have answered"


def test_a_sealed_request_cannot_be_awarded_before_its_opening(tenant: Session) -> None:
    case = make_case(tenant, (10,), sealed=True)
    opening = datetime.now(UTC) + timedelta(hours=3)
    tenant.execute(text("SELECT seal_rfq(:id, :at)"), {"id": case.rfq.id, "at": opening})
    add_quote(case, "12", name="Aster")
    with pytest.raises(ConflictError) as refused:
        service.award(tenant, case.rfq.id, [choice(case, 0, 0, "10")], actor=ACTOR, early_reason="now")
    assert "sealed until" in refused.value.fix


def test_awards_become_one_order_per_supplier_once(tenant: Session, case: Case) -> None:
    wanted = [choice(case, 0, 0, "100"), choice(case, 1, 1, "10", "quicker")]
    service.award(tenant, case.rfq.id, wanted, actor=ACTOR)
    orders = ordering.order_awards(tenant, case.rfq.id)
    assert [(order.total, order.freight, order.status) for order in orders] == [
        (Decimal(100), Decimal(0), "draft"),
        (Decimal(80), Decimal(8), "draft"),
    ]
    promised = orders[0].lines[0].promised_on
    assert promised is not None
    assert promised - timedelta(days=14) <= datetime.now(UTC).date() + timedelta(days=1)
    assert ordering.order_awards(tenant, case.rfq.id) == []


def test_an_order_carries_the_rate_of_the_day_or_is_not_made(tenant: Session) -> None:
    case = make_case(tenant, (10,))
    add_quote(case, "10", name="Aster", currency="USD")
    wanted = [choice(case, 0, 0, "10", "the only bid")]
    service.award(tenant, case.rfq.id, wanted, actor=ACTOR)
    with pytest.raises(ConflictError, match="No exchange rate from USD to EUR"):
        ordering.order_awards(tenant, case.rfq.id)
    currencies(tenant, "EUR", "USD")
    rate(tenant, "EUR", "USD", "1.25")
    (order,) = ordering.order_awards(tenant, case.rfq.id)
    assert order.fx_rate == Decimal("0.8")


def test_an_award_is_taken_back_while_no_order_was_sent(tenant: Session, case: Case) -> None:
    service.award(tenant, case.rfq.id, [choice(case, 0, 0, "100")], actor=ACTOR)
    (order,) = ordering.order_awards(tenant, case.rfq.id)
    assert service.undo(tenant, case.rfq.id, actor=ACTOR) == 1
    tenant.expire_all()
    assert tenant.get_one(Rfq, case.rfq.id).status == "quoted"
    assert {quote.status for quote in tenant.scalars(select(Quote).filter_by(rfq_id=case.rfq.id))} == {
        "submitted"
    }
    assert tenant.get_one(PurchaseOrder, order.id).deleted_at is not None
    service.award(tenant, case.rfq.id, [choice(case, 0, 0, "100")], actor=ACTOR)
    (again,) = ordering.order_awards(tenant, case.rfq.id)
    again.status = "sent"
    tenant.flush()
    with pytest.raises(ConflictError, match="an order was sent"):
        service.undo(tenant, case.rfq.id, actor=ACTOR)


def test_the_page_fills_in_presets_keeps_what_was_typed_and_awards(
    tenant: Session, case: Case, login: Callable[..., FlaskClient]
) -> None:
    tenant.commit()
    staff = login("staff", tenant="acme")
    page = f"/t/acme/records/rfq/{case.rfq.id}/compare"
    assert b"Best per line" in staff.get(page).data
    best = quantity_key(case.lines[0].id, case.bid(0, 0).id)
    words = staff.post(page, data={"preset": "best"}).get_data(as_text=True)
    assert f'name="{best}" value="100"' in " ".join(words.split())
    second = quantity_key(case.lines[1].id, case.bid(1, 1).id)
    wrong = {best: "10O", second: "10", "reason": "in a hurry"}
    answer = staff.post(page, data=wrong)
    assert answer.status_code == 422
    assert 'value="10O"' in answer.get_data(as_text=True)
    assert 'value="in a hurry"' in answer.get_data(as_text=True)
    assert staff.post(page, data={best: "100", second: "10", "reason": "=1\x00"}).status_code == 302
    words = staff.get(page).get_data(as_text=True)
    assert "100 awarded" in words
    assert staff.post(f"/t/acme/records/rfq/{case.rfq.id}/award/orders").status_code == 302
    assert len(tenant.scalars(select(Award)).all()) == 2


@pytest.mark.parametrize("text_", ["1e999999", "NaN", "-5", "1,5", "\x00", "٣", "9" * 400, "0.0000001"])
def test_hostile_quantities_are_refused_on_their_field(
    tenant: Session, case: Case, login: Callable[..., FlaskClient], text_: str
) -> None:
    tenant.commit()
    key = quantity_key(case.lines[0].id, case.bid(0, 0).id)
    answer = login("staff", tenant="acme").post(
        f"/t/acme/records/rfq/{case.rfq.id}/compare", data={key: text_, "reason": "r"}
    )
    assert answer.status_code in {302, 422}
    assert answer.status_code == 422 or text_ == "٣"


def test_managers_compare_but_do_not_award(
    tenant: Session, case: Case, login: Callable[..., FlaskClient]
) -> None:
    tenant.commit()
    manager = login("manager", tenant="acme")
    page = f"/t/acme/records/rfq/{case.rfq.id}/compare"
    assert b"Best per line" not in manager.get(page).data
    assert manager.post(page, data={}).status_code == 403
    assert manager.get(f"{page}.csv").status_code == 200
    assert manager.get(f"{page}.xlsx").status_code == 200


@pytest.mark.commits
def test_two_people_awarding_at_once_award_it_once(app: Flask) -> None:
    acme = acme_of(app)
    with app.app_context(), use_tenant(acme, actor="maker@example.com") as session:
        case = make_case(session, (100,))
        add_quote(case, "1", name="Aster")
        session.commit()
        rfq_id, org_id, wanted = case.rfq.id, case.org.id, choice(case, 0, 0, "100")
    ready = threading.Barrier(2)

    def give(session: Session) -> None:
        ready.wait()
        service.award(session, rfq_id, [wanted], actor=ACTOR)

    def order(session: Session) -> None:
        ready.wait()
        ordering.order_awards(session, rfq_id)

    try:
        assert sorted(both(app, acme, give)) == ["ConflictError", "done"]
        assert both(app, acme, order) == ["done", "done"]
        with app.app_context(), use_tenant(acme, actor="reader@example.com") as session:
            assert len(session.scalars(select(PurchaseOrder).filter_by(rfq_id=rfq_id)).all()) == 1
    finally:
        remove(app, acme, org_id)


def test_the_database_itself_refuses_more_than_the_line(tenant: Session, case: Case) -> None:
    for quote, quantity in ((0, 60), (1, 41)):
        bid = case.bid(quote, 0)
        tenant.add(
            Award(
                org_id=case.org.id,
                rfq_line_id=bid.rfq_line_id,
                quote_line_id=bid.id,
                quantity=Decimal(quantity),
            )
        )
    with pytest.raises(IntegrityError, match="100"):
        tenant.flush()


def letters(session: Session, case: Case) -> list[tuple[str, str]]:
    """Supplier and subject of each mail about the request."""
    query = select(Message).where(Message.rfq_id == case.rfq.id).order_by(Message.id)
    return [(message.supplier.name, str(message.subject)) for message in session.scalars(query)]


def test_a_supplier_who_got_nothing_is_thanked_once_if_the_buyer_wishes(tenant: Session, case: Case) -> None:
    wanted = [choice(case, 0, 0, "100"), choice(case, 0, 1, "10", "one delivery")]
    service.award(tenant, case.rfq.id, wanted, actor=ACTOR, tell_losers=True)
    assert letters(tenant, case) == [("Birch", f"Decision on {case.rfq.number or 'RFQ'}: {case.rfq.title}")]
    transition(tenant, case.rfq, "close", tell_losers="1")
    assert len(letters(tenant, case)) == 1


def test_closing_catches_up_on_the_thanks_only_where_it_is_ticked(
    tenant: Session, case: Case, login: Callable[..., FlaskClient]
) -> None:
    service.award(tenant, case.rfq.id, [choice(case, 0, 0, "100")], actor=ACTOR)
    assert letters(tenant, case) == []
    tenant.commit()
    staff, page = login("staff", tenant="acme"), f"/t/acme/records/rfq/{case.rfq.id}/step/close"
    asked = staff.get(page).get_data(as_text=True)
    assert 'name="tell_losers"' in asked
    staff.post(page, data={"tell_losers": "1"})
    shown = staff.get(f"/t/acme/records/rfq/{case.rfq.id}").get_data(as_text=True)
    assert "Decision on" in shown
    assert [name for name, _ in letters(tenant, case)] == ["Birch"]


def test_the_sheet_offers_the_thanks_ticked_and_takes_no_for_an_answer(
    tenant: Session, case: Case, login: Callable[..., FlaskClient]
) -> None:
    tenant.commit()
    staff, page = login("staff", tenant="acme"), f"/t/acme/records/rfq/{case.rfq.id}/compare"
    ticked = re.compile(r'id="tell_losers"[^>]*checked')
    assert ticked.search(staff.get(page).get_data(as_text=True))
    assert not ticked.search(staff.post(page, data={"preset": "best"}).get_data(as_text=True))
    bid = case.bid(0, 0)
    data = {quantity_key(bid.rfq_line_id, bid.id): "100"}
    assert staff.post(page, data=data).status_code == 302
    tenant.commit()
    assert letters(tenant, case) == []
