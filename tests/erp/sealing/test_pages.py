"""No page, export or search shows a sealed price; once opened they all do."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.erp.models import Quote, Rfq
from dashboard.erp.workflow.service import transition
from tests.erp.sealing.conftest import has_price
from tests.erp.sourcing import making

PRICE = "7351.4286"


@pytest.fixture
def quote(tenant: Session) -> Quote:
    """A submitted quote on a sealed request."""
    rfq = making.sent(tenant, sealed=True, lines=1)
    made = making.quote(tenant, rfq, price=PRICE, reference="Q-sealed")
    transition(tenant, made, "submit")
    tenant.commit()
    return made


@pytest.fixture
def staff(login: Callable[..., FlaskClient]) -> FlaskClient:
    """A buyer."""
    return login("staff", tenant="acme")


@pytest.mark.parametrize(
    "page",
    [
        "quote/",
        "quote/export.csv",
        "quote/export.csv?cols=reference,total",
        f"quote/?q={PRICE}",
        "quote/?total__from=7000",
        "quote/{quote}",
        "quote/{quote}/duplicate",
        "quote/lookup?q=Q-sealed",
        "rfq/{rfq}",
        "rfq/{rfq}/comparison",
    ],
)
def test_a_page_shows_no_sealed_price(staff: FlaskClient, quote: Quote, page: str) -> None:
    address = page.format(quote=quote.id, rfq=quote.rfq_id)
    answer = staff.get(f"/t/acme/records/{address}")
    assert answer.status_code in {200, 404}
    assert not has_price(answer.get_data(as_text=True).replace(f"q={PRICE}", "").replace(PRICE, "", 4))


def test_a_filter_on_the_total_does_not_find_it(staff: FlaskClient, quote: Quote) -> None:
    for low in ("0", "7000", "9000"):
        words = staff.get(f"/t/acme/records/quote/?total__from={low}").get_data(as_text=True)
        assert "Q-sealed" not in words
    assert "Q-sealed" in staff.get("/t/acme/records/quote/").get_data(as_text=True)


def test_the_request_says_until_when_and_how_many(staff: FlaskClient, quote: Quote) -> None:
    words = staff.get(f"/t/acme/records/rfq/{quote.rfq_id}").get_data(as_text=True)
    assert "Sealed until" in words
    assert "1 bid received" in words


def test_the_quote_says_why_its_total_is_empty(staff: FlaskClient, quote: Quote) -> None:
    words = staff.get(f"/t/acme/records/quote/{quote.id}").get_data(as_text=True)
    assert "Sealed until" in words
    assert "Its prices and total are empty here until then." in words


def test_moving_the_deadline_earlier_is_refused(staff: FlaskClient, tenant: Session, quote: Quote) -> None:
    answer = staff.post(
        f"/t/acme/records/rfq/{quote.rfq_id}/step/extend",
        data={"deadline": f"{making.soon(hours=1):%Y-%m-%dT%H:%M}"},
    )
    assert answer.status_code == 422
    assert "only moves forwards" in answer.get_data(as_text=True)


def test_moving_the_deadline_later_moves_the_opening(
    staff: FlaskClient, tenant: Session, quote: Quote
) -> None:
    later = making.soon(days=30).replace(second=0, microsecond=0)
    answer = staff.post(
        f"/t/acme/records/rfq/{quote.rfq_id}/step/extend", data={"deadline": f"{later:%Y-%m-%dT%H:%M}"}
    )
    assert answer.status_code == 302
    tenant.commit()
    rfq = tenant.scalars(select(Rfq).where(Rfq.id == quote.rfq_id)).one()
    tenant.refresh(rfq)
    assert rfq.deadline == later
