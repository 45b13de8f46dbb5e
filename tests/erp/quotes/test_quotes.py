"""A quote moves by steps: submitted in time, revised with its past kept, shortlisted once it can be read."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.errors import InvalidInputError
from dashboard.erp.models import QuoteRevision
from dashboard.erp.quotes import queries
from dashboard.erp.workflow.service import transition
from tests.erp.sourcing import making


def test_submitting_notes_the_moment(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant))
    transition(tenant, quote, "submit")
    assert quote.status == "submitted"
    assert quote.submitted_at is not None


def test_an_unpriced_line_stops_the_submission(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant), price=None)
    with pytest.raises(InvalidInputError, match="2 of 2 lines"):
        transition(tenant, quote, "submit")


def test_nothing_but_no_bids_is_no_quote(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant), price=None)
    for line in queries.list_lines(tenant, quote.id):
        line.no_bid = True
    with pytest.raises(InvalidInputError, match="no line with a price"):
        transition(tenant, quote, "submit")


def test_a_sealed_price_counts_as_an_answer(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant, sealed=True))
    transition(tenant, quote, "submit")
    tenant.refresh(quote)
    assert (quote.status, quote.total) == ("submitted", None)


def test_a_late_quote_is_refused(tenant: Session) -> None:
    rfq = making.sent(tenant)
    quote = making.quote(tenant, rfq)
    rfq.deadline = making.soon(minutes=-1)
    with pytest.raises(InvalidInputError, match="deadline has passed"):
        transition(tenant, quote, "submit")


def test_a_quote_on_a_draft_is_refused(tenant: Session) -> None:
    quote = making.quote(tenant, making.draft(tenant))
    with pytest.raises(InvalidInputError, match="Bidding open"):
        transition(tenant, quote, "submit")


def test_a_revision_keeps_what_was_offered(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant), price="3.5")
    transition(tenant, quote, "submit")
    transition(tenant, quote, "revise")
    assert (quote.status, quote.revision) == ("draft", 2)
    kept = tenant.scalars(select(QuoteRevision).where(QuoteRevision.quote_id == quote.id)).one()
    assert (kept.revision, kept.snapshot["status"]) == (1, "submitted")
    assert [Decimal(line["unit_price"]) for line in kept.snapshot["lines"]] == [Decimal("3.5")] * 2


def test_a_sealed_revision_keeps_no_price(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant, sealed=True), price="3.5")
    transition(tenant, quote, "submit")
    transition(tenant, quote, "revise")
    kept = tenant.scalars(select(QuoteRevision).where(QuoteRevision.quote_id == quote.id)).one()
    assert [(line["unit_price"], line["sealed"]) for line in kept.snapshot["lines"]] == [(None, True)] * 2


@pytest.mark.parametrize("step", ["shortlist", "reject"])
def test_a_sealed_quote_is_not_judged(tenant: Session, step: str) -> None:
    quote = making.quote(tenant, making.sent(tenant, sealed=True))
    transition(tenant, quote, "submit")
    with pytest.raises(InvalidInputError, match="sealed until the deadline"):
        transition(tenant, quote, step)


def test_the_shortlist_can_be_left_again(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant))
    for step, status in (("submit", "submitted"), ("shortlist", "shortlisted"), ("unlist", "submitted")):
        transition(tenant, quote, step)
        assert quote.status == status


def test_a_withdrawn_quote_can_be_reopened_while_bidding_is_open(tenant: Session) -> None:
    quote = making.quote(tenant, making.sent(tenant))
    transition(tenant, quote, "submit")
    transition(tenant, quote, "withdraw")
    transition(tenant, quote, "reopen")
    assert (quote.status, quote.revision) == ("draft", 2)


def test_a_submitted_quote_cannot_be_edited_in_its_form(
    login: Callable[..., FlaskClient], tenant: Session
) -> None:
    quote = making.quote(tenant, making.sent(tenant))
    transition(tenant, quote, "submit")
    transition(tenant, quote, "revise")
    transition(tenant, quote, "submit")
    tenant.commit()
    staff = login("staff", tenant="acme")
    assert staff.get(f"/t/acme/records/quote/{quote.id}/edit").status_code == 409
    words = staff.get(f"/t/acme/records/quote/{quote.id}").get_data(as_text=True)
    assert "Earlier revisions" in words
    assert "Revision 1" in words


def test_a_new_quote_on_a_request_starts_with_its_lines(
    tenant: Session, login: Callable[..., FlaskClient]
) -> None:
    rfq = making.sent(tenant)
    staff = login("staff", tenant="acme")
    address = f"/t/acme/records/quote/new?rfq_id={rfq.id}"
    assert address.replace("&", "&amp;") in staff.get(f"/t/acme/records/rfq/{rfq.id}").get_data(as_text=True)
    page = staff.get(address).get_data(as_text=True)
    assert 'name="quote_line-1-rfq_line_id"' in page
    assert 'name="quote_line-2-rfq_line_id"' not in page
