"""No page, export or search shows a sealed price; once opened they all do."""

import re
from collections.abc import Callable
from io import BytesIO
from zipfile import ZipFile

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from dashboard.erp.models import Quote, Rfq
from dashboard.erp.workflow.service import transition
from tests.erp.sourcing import making

PRICE = "7351.4286"
# The price or the total of a hundred, with or without a mark between thousands, at the start of a number.
SHOWN = re.compile(r"(?<![0-9A-Za-z_-])(7[,. \u202f]?351[.,]|735[,. \u202f]?142)")


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


def text_of(answer: TestResponse) -> str:
    """What a reader of the page, or of the workbook, finds in it."""
    if not answer.data.startswith(b"PK"):
        return answer.get_data(as_text=True)
    with ZipFile(BytesIO(answer.data)) as book:
        return "\n".join(book.read(name).decode() for name in book.namelist())


@pytest.mark.parametrize(
    "page",
    [
        "quote/",
        "quote/export.csv",
        "quote/export.xlsx?cols=reference,total",
        "quote/export.csv?cols=reference,total",
        "quote/{quote}",
        "quote/lookup?q=Q-sealed",
        "rfq/{rfq}",
        "rfq/{rfq}/compare",
        "rfq/{rfq}/compare.csv",
        "rfq/{rfq}/compare.xlsx",
    ],
)
def test_a_page_shows_no_sealed_price(staff: FlaskClient, quote: Quote, page: str) -> None:
    answer = staff.get(f"/t/acme/records/{page.format(quote=quote.id, rfq=quote.rfq_id)}")
    assert answer.status_code == 200
    words = text_of(answer)
    assert not SHOWN.search(words)


def test_an_open_page_would_show_it(tenant: Session, staff: FlaskClient) -> None:
    rfq = making.sent(tenant, sealed=False, lines=1)
    made = making.quote(tenant, rfq, price=PRICE, reference="Q-open")
    transition(tenant, made, "submit")
    tenant.commit()
    for page in (
        f"quote/{made.id}",
        f"rfq/{rfq.id}/compare",
        f"rfq/{rfq.id}/compare.xlsx",
        "quote/export.csv?cols=reference,total",
        "quote/export.xlsx?cols=reference,total",
    ):
        words = text_of(staff.get(f"/t/acme/records/{page}"))
        assert SHOWN.search(words), page


def test_a_search_for_the_price_finds_nothing(staff: FlaskClient, quote: Quote) -> None:
    assert "Q-sealed" not in staff.get(f"/t/acme/records/quote/?q={PRICE}").get_data(as_text=True)


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
