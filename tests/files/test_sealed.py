"""Files of a sealed bid are neither listed nor opened before the bids are, whatever people change."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.core.errors import ForbiddenError
from dashboard.files import service
from dashboard.files.models import Attachment
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.factories import QuoteFactory, RfqFactory
from tests.files.conftest import PDF

pytestmark = pytest.mark.usefixtures("disk")


def bid(session: Session, opens_in: timedelta | None, **request: Any) -> tuple[Any, Attachment]:
    """A bid with a file, on a request that opens in a while (None: never sealed, or not sent yet)."""
    rfq = RfqFactory(sealed=opens_in is not None, **request)
    quote = QuoteFactory(rfq=rfq, organization=rfq.organization)
    if opens_in is not None:
        opening = datetime.now(UTC) + opens_in
        session.execute(text("SELECT seal_rfq(:rfq, :at)"), {"rfq": rfq.id, "at": opening})
    return quote, service.store(session, "quote", quote.id, "bid.pdf", io.BytesIO(PDF), from_supplier=True)


def is_hidden(session: Session, quote: Any, file: Attachment) -> bool:
    """Whether neither the list nor the bytes can be had; both must agree."""
    listed = service.list_files(session, "quote", quote.id)
    try:
        service.open_file(session, file).close()
    except ForbiddenError:
        assert listed == []
        return True
    assert [found.id for found in listed] == [file.id]
    return False


def test_files_of_an_open_request_are_seen_at_once(tenant: Session) -> None:
    assert not is_hidden(tenant, *bid(tenant, None))


def test_files_of_a_sealed_bid_are_hidden_until_the_opening(tenant: Session) -> None:
    quote, file = bid(tenant, timedelta(seconds=2))
    assert is_hidden(tenant, quote, file)
    with pytest.raises(ForbiddenError) as refusal:
        service.get_file(tenant, file.id)
    assert "sealed until" in refusal.value.fix
    tenant.execute(text("SELECT pg_sleep(2.1)"))
    assert not is_hidden(tenant, quote, file)


def test_the_suppliers_own_page_still_sees_them(tenant: Session) -> None:
    quote, file = bid(tenant, timedelta(days=1))
    assert service.list_files(tenant, "quote", quote.id, guarded=False) == [file]
    assert service.read_file(tenant, file, guarded=False) == PDF


def test_a_sealed_request_that_was_not_sent_hides_them_too(tenant: Session) -> None:
    quote, file = bid(tenant, None)
    quote.rfq.sealed = True
    tenant.flush()
    assert is_hidden(tenant, quote, file)


def test_changing_deadline_or_seal_mark_of_the_request_opens_nothing(tenant: Session) -> None:
    quote, file = bid(tenant, timedelta(days=1))
    values = {"id": quote.rfq_id}
    tenant.execute(
        text("UPDATE rfq SET deadline = now() - interval '1 day', sealed = false WHERE id = :id"), values
    )
    assert is_hidden(tenant, quote, file)


def test_moving_the_bid_to_an_open_request_opens_nothing(tenant: Session) -> None:
    quote, file = bid(tenant, timedelta(days=1))
    other = RfqFactory(organization=quote.organization)
    tenant.execute(text("UPDATE quote SET rfq_id = :rfq WHERE id = :id"), {"rfq": other.id, "id": quote.id})
    assert is_hidden(tenant, quote, file)


def test_pages_say_how_many_are_sealed_and_show_none(
    acme: TenantRef, staff: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    with use_tenant(acme, actor="maker@example.com") as session:
        quote, file = bid(session, timedelta(days=1))
        session.commit()
        number, attachment = quote.id, file.id
    for browser in (staff, login("manager", tenant="acme"), login("admin")):
        page = browser.get(f"/t/acme/records/quote/{number}")
        assert page.status_code == 200
        assert "1 file is sealed" in page.text
        assert "bid.pdf" not in page.text
        history = browser.get(f"/t/acme/records/quote/{number}/history")
        assert history.status_code == 200
        assert "bid.pdf" not in history.text
        for path in ("download", "preview"):
            answer = browser.get(f"/t/acme/records/files/{attachment}/{path}")
            assert answer.status_code == 403
            assert "sealed until" in answer.text
    for action in ("delete", "restore", "replace"):
        answer = staff.post(
            f"/t/acme/records/files/{attachment}/{action}", data={"file": (io.BytesIO(PDF), "x.pdf")}
        )
        assert answer.status_code == 403
