"""An invited supplier answers without a login, sees one request, and loses nothing that was typed."""

import io
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from dashboard.erp.models import Message, Quote, QuoteLine, QuoteRevision, Rfq, RfqInvitation
from dashboard.erp.portal import links
from dashboard.erp.workflow.service import transition
from dashboard.tenancy.models import TenantRef
from dashboard.users.models import LoginAttempt
from tests.erp.sourcing import making


def address(acme: TenantRef, invitation: RfqInvitation, path: str = "/s/") -> str:
    link = links.Link(acme.id, invitation.id, invitation.link_serial)
    return f"{path}?key={links.token_of(link)}"


@pytest.fixture(autouse=True)
def nobody_guessed_before(control: Session) -> None:
    """Attempts of tests that commit count against this address too."""
    control.execute(delete(LoginAttempt))
    control.commit()


@pytest.fixture
def rfq(tenant: Session) -> Rfq:
    """A sent request with two lines."""
    made = making.sent(tenant, budget=Decimal("98765.43"))
    tenant.commit()
    return made


@pytest.fixture
def page(acme: TenantRef, rfq: Rfq) -> str:
    """The address of the first invited supplier."""
    return address(acme, rfq.invitations[0])


def form(rfq: Rfq, price: str = "12.50", **more: str) -> dict[str, str]:
    typed = {f"unit_price-{line.id}": price for line in rfq.lines}
    return {"currency": "EUR", "action": "submit", **typed, **more}


def stored(session: Session, rfq: Rfq) -> Quote:
    session.commit()
    return session.scalars(
        select(Quote).where(Quote.rfq_id == rfq.id).execution_options(populate_existing=True)
    ).one()


def test_the_page_shows_the_request_and_nothing_internal(client: FlaskClient, rfq: Rfq, page: str) -> None:
    shown = client.get(page)
    words = shown.get_data(as_text=True)
    assert shown.status_code == 200
    assert rfq.title in words
    assert "Part 1" in words
    assert "98,765" not in words
    assert "98765" not in words
    assert rfq.invitations[1].supplier.name not in words
    assert "/records/" not in words


def test_opening_it_is_remembered(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    client.get(page)
    tenant.commit()
    tenant.refresh(rfq.invitations[0])
    assert rfq.invitations[0].viewed_at is not None


def test_a_submitted_quote_arrives_with_its_total(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str
) -> None:
    answer = client.post(page, data=form(rfq, lead_time_days="14", reference="Q-7"))
    assert answer.status_code == 302, answer.get_data(as_text=True)[-3000:]
    quote = stored(tenant, rfq)
    assert (quote.status, quote.reference, quote.from_supplier) == ("submitted", "Q-7", True)
    assert quote.total == Decimal("2500.00")
    tenant.refresh(rfq)
    assert rfq.status == "quoted"


def test_the_history_names_the_supplier(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    client.post(page, data=form(rfq))
    quote = stored(tenant, rfq)
    query = text("SELECT DISTINCT actor FROM row_history WHERE table_name = 'quote' AND record_id = :id")
    actors = list(tenant.scalars(query, {"id": quote.id}))
    assert actors == [f"{rfq.invitations[0].supplier.name} (supplier)"]


def test_a_confirmation_is_written(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    client.post(page, data=form(rfq))
    tenant.commit()
    subjects = list(tenant.scalars(select(Message.subject).where(Message.rfq_id == rfq.id)))
    assert f"Your quote on {rfq.number} has arrived" in subjects


def test_a_wrong_price_keeps_everything_typed(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str
) -> None:
    first = rfq.lines[0].id
    data = form(rfq, note="we deliver on <Friday>") | {f"unit_price-{first}": "12,50 each"}
    answer = client.post(page, data=data)
    words = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for typed in ('value="12,50 each"', 'value="12.50"', "we deliver on &lt;Friday&gt;"):
        assert typed in words
    tenant.commit()
    assert tenant.scalar(select(func.count()).where(Quote.rfq_id == rfq.id)) == 0


@pytest.mark.parametrize("price", ["-1", "NaN", "1e400", "9" * 30, "1.23456", "abc", "\x00x"])
def test_a_price_that_is_none_is_refused_in_words(
    client: FlaskClient, rfq: Rfq, page: str, price: str
) -> None:
    answer = client.post(page, data=form(rfq, price))
    assert answer.status_code == 422
    assert "field-error" in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("typed", "price"),
    [
        ("4,20", "4.2"),
        ("1.234,50", "1234.5"),
        ("1,234.50", "1234.5"),
        ("1\u00a0234,5", "1234.5"),
        ("0,125", "0.125"),
    ],
)
def test_either_decimal_sign_is_understood(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str, typed: str, price: str
) -> None:
    assert client.post(page, data=form(rfq, typed, freight="9,90")).status_code == 302
    quote = stored(tenant, rfq)
    assert {line.unit_price for line in quote.lines} == {Decimal(price)}
    assert quote.freight == Decimal("9.90")


@pytest.mark.parametrize("typed", ["4,200", "4.200"])
def test_a_price_that_can_be_read_in_two_ways_is_asked_about(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str, typed: str
) -> None:
    answer = client.post(page, data=form(rfq, typed))
    assert answer.status_code == 422
    assert "Is it 4200 or 4.200?" in answer.get_data(as_text=True)
    tenant.commit()
    assert tenant.scalar(select(func.count()).where(Quote.rfq_id == rfq.id)) == 0


@pytest.mark.parametrize(
    ("currency", "price", "shown", "total"),
    [
        ("EUR", "1250,5", "1250.50", "250,100.00"),
        ("JPY", "333", "333", "66,600"),
        ("EUR", "1.1250", "1.1250", "225.00"),
        ("KWD", "4.200", "4.200", "840.000"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency_and_are_read_again(
    client: FlaskClient, rfq: Rfq, page: str, currency: str, price: str, shown: str, total: str
) -> None:
    for typed in (price, shown):
        assert client.post(page, data=form(rfq, typed) | {"currency": currency}).status_code == 302
        words = client.get(page).get_data(as_text=True)
        assert f'value="{shown}"' in words
        assert f"{total}\u00a0{currency}" in words


def test_totals_stay_in_sight_once_bidding_is_over(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str
) -> None:
    client.post(page, data=form(rfq, "12.50", freight="100"))
    tenant.commit()
    tenant.refresh(rfq)
    rfq.deadline = making.soon(minutes=-1)
    tenant.commit()
    words = client.get(page).get_data(as_text=True)
    assert "12.50 each" in words
    for amount in ("1,250.00", "2,500.00", "2,600.00"):
        assert f"{amount}\u00a0EUR" in words


def test_an_unanswered_line_is_named_on_submitting(client: FlaskClient, rfq: Rfq, page: str) -> None:
    data = form(rfq) | {f"unit_price-{rfq.lines[1].id}": ""}
    answer = client.post(page, data=data)
    assert answer.status_code == 422
    assert "Enter a price, or tick “No bid”." in answer.get_data(as_text=True)


def test_lines_without_a_price_can_be_no_bids_at_once(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str
) -> None:
    data = form(rfq, rest_no_bid="1") | {f"unit_price-{rfq.lines[1].id}": ""}
    assert client.post(page, data=data).status_code == 302
    quote = stored(tenant, rfq)
    query = select(QuoteLine.no_bid).where(QuoteLine.quote_id == quote.id).order_by(QuoteLine.rfq_line_id)
    assert list(tenant.scalars(query)) == [False, True]
    assert quote.total == Decimal(1250)


def test_a_draft_does_not_count_as_a_quote(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    assert client.post(page, data=form(rfq, action="draft")).status_code == 302
    assert stored(tenant, rfq).status == "draft"
    tenant.refresh(rfq)
    assert rfq.status == "sent"
    assert "12.5" in client.get(page).get_data(as_text=True)


def test_a_revision_keeps_the_offer_before(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    client.post(page, data=form(rfq, "12.50"))
    assert client.post(page, data=form(rfq, "11")).status_code == 302
    quote = stored(tenant, rfq)
    assert (quote.revision, quote.total, quote.status) == (2, Decimal(2200), "submitted")
    kept = tenant.scalars(select(QuoteRevision).where(QuoteRevision.quote_id == quote.id)).one()
    assert kept.revision == 1
    assert Decimal(kept.snapshot["lines"][0]["unit_price"]) == Decimal("12.5")


def test_declining_asks_why_and_stops_reminders(
    client: FlaskClient, tenant: Session, acme: TenantRef, rfq: Rfq
) -> None:
    page = address(acme, rfq.invitations[0], "/s/decline")
    assert client.post(page, data={"reason": " "}).status_code == 422
    assert client.post(page, data={"reason": "No capacity"}).status_code == 302
    tenant.commit()
    tenant.refresh(rfq.invitations[0])
    assert rfq.invitations[0].decline_reason == "No capacity"


def test_a_late_quote_is_refused_and_the_page_says_so(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str
) -> None:
    rfq.deadline = making.soon(minutes=-1)
    tenant.commit()
    assert "No quote is accepted any more." in client.get(page).get_data(as_text=True)
    answer = client.post(page, data=form(rfq))
    assert answer.status_code == 409
    assert "The deadline has passed." in answer.get_data(as_text=True)
    tenant.commit()
    assert tenant.scalar(select(func.count()).where(Quote.rfq_id == rfq.id)) == 0


def test_a_forged_link_opens_nothing(client: FlaskClient, page: str) -> None:
    for address in (f"{page}x", "/s/?key=nonsense", "/s/"):  # from where nobody guessed before
        assert client.get(address, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code == 410


def test_guessing_is_slowed_down(client: FlaskClient) -> None:
    guesser = {"REMOTE_ADDR": "198.51.100.8"}
    answers = [client.get(f"/s/?key=guess{n}", environ_base=guesser).status_code for n in range(8)]
    assert answers[0] == 410
    assert answers[-1] == 429


def test_sending_the_link_again_voids_the_older_one(
    client: FlaskClient, tenant: Session, rfq: Rfq, page: str
) -> None:
    rfq.invitations[0].link_serial += 1
    tenant.commit()
    answer = client.get(page)
    assert answer.status_code == 410
    assert "replaced by a newer one" in answer.get_data(as_text=True)


def test_a_link_ends_after_the_deadline(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    rfq.deadline = making.soon(days=-31)
    tenant.commit()
    assert "expired" in client.get(page).get_data(as_text=True)


def test_the_setting_turns_the_page_off(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    rfq.organization.supplier_links = False
    tenant.commit()
    assert client.get(page).status_code == 410
    assert client.post(page, data=form(rfq)).status_code == 410


def test_a_blocked_supplier_is_not_let_in(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    rfq.invitations[0].supplier.status = "blocked"
    tenant.commit()
    assert client.get(page).status_code == 410


def test_the_link_of_one_tenant_says_nothing_of_another(
    client: FlaskClient, globex: TenantRef, rfq: Rfq
) -> None:
    assert client.get(address(globex, rfq.invitations[0])).status_code == 410


def test_a_file_can_be_added_and_taken_back(
    client: FlaskClient, tenant: Session, acme: TenantRef, rfq: Rfq, page: str
) -> None:
    data = {"file": (io.BytesIO(b"plain words"), "terms.txt")}
    answer = client.post(address(acme, rfq.invitations[0], "/s/files"), data=data)
    assert answer.status_code == 302, answer.get_data(as_text=True)[-2000:]
    assert "terms.txt" in client.get(page).get_data(as_text=True)
    assert stored(tenant, rfq).status == "draft"


def test_a_sealed_price_is_never_shown_again(client: FlaskClient, tenant: Session, acme: TenantRef) -> None:
    rfq = making.sent(tenant, sealed=True)
    tenant.commit()
    page = address(acme, rfq.invitations[0])
    assert client.post(page, data=form(rfq, "77.31")).status_code == 302
    words = client.get(page).get_data(as_text=True)
    assert "77.31" not in words
    assert "Your price is sealed; type a new one to replace it." in words
    quote = stored(tenant, rfq)
    assert (quote.status, quote.total) == ("submitted", None)


def test_an_empty_field_leaves_a_sealed_price_as_it_is(
    client: FlaskClient, tenant: Session, acme: TenantRef
) -> None:
    rfq = making.sent(tenant, sealed=True)
    tenant.commit()
    page = address(acme, rfq.invitations[0])
    client.post(page, data=form(rfq, "77.31"))
    assert client.post(page, data=form(rfq, "", note="same prices")).status_code == 302
    assert stored(tenant, rfq).revision == 2


def test_a_cancelled_request_says_so(client: FlaskClient, tenant: Session, rfq: Rfq, page: str) -> None:
    transition(tenant, rfq, "cancel", cancel_reason="Not needed")
    tenant.commit()
    assert "cancelled" in client.get(page).get_data(as_text=True)
