"""Home lists what waits for the person who looks, with links and ages, and asks the database little."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from dashboard.collaboration.models import Activity, Notification
from dashboard.erp.models import PurchaseOrder, Rfq, SupplierCertificate, SupplierInvoice
from dashboard.imports.models import ImportRun
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.search.conftest import statements

__all__ = ["statements"]

NOW = datetime.now(UTC)
HOME = "/t/acme/"
MOST_QUERIES = 22


@pytest.fixture
def staff(login: Callable[..., FlaskClient]) -> FlaskClient:
    """A buyer."""
    return login("staff", tenant="acme")


@pytest.fixture
def busy(staff: FlaskClient, acme: TenantRef) -> Any:
    """A day full of work for that buyer, and some for others; returns the request."""
    mine = staff.email  # type: ignore[attr-defined]
    with use_tenant(acme, actor="colleague@example.com") as session:
        me, other = factories.AppUserFactory(email=mine.upper()), factories.AppUserFactory()
        rfq = factories.RfqFactory(
            title="Mine is due", buyer=me, status="sent", deadline=NOW - timedelta(hours=3)
        )
        org = rfq.organization
        factories.QuoteFactory(rfq=rfq, organization=org, status="submitted")
        factories.RfqFactory(title="Not mine", buyer=other, status="sent", deadline=NOW)
        supplier = factories.SupplierFactory(name="Alpen Steel", organization=org)
        order = factories.PurchaseOrderFactory(supplier=supplier, organization=org, status="to_approve")
        session.add_all(
            [
                SupplierCertificate(
                    org_id=org.id,
                    supplier_id=supplier.id,
                    name="ISO 9001",
                    expires_on=NOW.date() - timedelta(days=2),
                ),
                SupplierInvoice(
                    org_id=org.id,
                    supplier_id=supplier.id,
                    order_id=order.id,
                    number="INV-77",
                    status="mismatched",
                    invoiced_on=NOW.date(),
                ),
                Activity(entity="rfq", record_id=rfq.id, title="Ring them", assignee=mine, due_on=NOW.date()),
                Activity(entity="rfq", record_id=rfq.id, title="For a colleague", assignee="x@example.com"),
                Notification(recipient=mine, title="You were named", entity="rfq", record_id=rfq.id),
                Notification(recipient=mine, title="Read already", read_at=NOW),
                ImportRun(
                    entity="supplier",
                    file_name="bad.csv",
                    content=b"",
                    status="failed",
                    created_by=mine,
                    error="No heading",
                ),
            ]
        )
        session.commit()
        session.refresh(rfq)
        session.expunge(rfq)
    return rfq


def section(browser: FlaskClient, key: str) -> str:
    """The words of one section; empty where it is not there."""
    text = browser.get(HOME).get_data(as_text=True)
    found = re.search(rf'id="waiting-{key}".*?</section>', text, re.DOTALL)
    return (
        " ".join(re.sub(r"<[^>]+>", " ", re.sub(r"<svg.*?</svg>", "", found[0], flags=re.DOTALL)).split())
        if found
        else ""
    )


def test_every_kind_of_waiting_is_there(staff: FlaskClient, busy: Rfq) -> None:
    assert "Alpen Steel" in section(staff, "approvals")
    assert "deadline passed, 1 quote: compare" in section(staff, "requests")
    assert "Ring them" in section(staff, "activities")
    assert "You were named" in section(staff, "notifications")
    assert "ISO 9001 has ended" in section(staff, "certificates")
    assert "INV-77" in section(staff, "invoices")
    assert "No heading" in section(staff, "imports")
    assert f"{busy.title} was entered" in section(staff, "changes")
    assert f"/t/acme/records/rfq/{busy.id}" in staff.get(HOME).get_data(as_text=True)


def test_what_waits_for_others_does_not_wait_for_me(
    login: Callable[..., FlaskClient], staff: FlaskClient, busy: Rfq
) -> None:
    assert "Not mine" not in section(staff, "requests")
    assert "For a colleague" not in section(staff, "activities")
    assert "Read already" not in section(staff, "notifications")
    somebody = login("staff", tenant="acme")
    for key in ("requests", "activities", "notifications", "imports", "changes"):
        assert section(somebody, key) == ""


def test_a_request_without_a_buyer_is_that_of_who_entered_it(
    staff: FlaskClient, busy: Rfq, acme: TenantRef
) -> None:
    with use_tenant(acme, actor=staff.email) as session:  # type: ignore[attr-defined]
        factories.RfqFactory(title="Entered by me", buyer=None, status="sent", deadline=NOW)
        session.commit()
    assert "Entered by me" in section(staff, "requests")


def test_nobody_is_asked_to_approve_an_order_of_their_own(
    staff: FlaskClient, busy: Rfq, acme: TenantRef
) -> None:
    with use_tenant(acme, actor=staff.email) as session:  # type: ignore[attr-defined]
        session.execute(update(PurchaseOrder).values(created_by=staff.email))  # type: ignore[attr-defined]
        session.commit()
    assert section(staff, "approvals") == ""


def test_own_changes_are_no_news(staff: FlaskClient, busy: Rfq, acme: TenantRef) -> None:
    with use_tenant(acme, actor=staff.email) as session:  # type: ignore[attr-defined]
        session.execute(update(Rfq).where(Rfq.id == busy.id).values(title="Renamed by me"))
        session.commit()
    assert "Renamed by me" not in section(staff, "changes")


def test_a_manager_keeps_the_tiles_and_gets_no_work_of_buyers(
    login: Callable[..., FlaskClient], busy: Rfq
) -> None:
    manager = login("manager", tenant="acme")
    assert section(manager, "approvals") == ""
    text = manager.get(HOME).get_data(as_text=True)
    assert "Quotes to compare" in text
    assert "Charts" in text


def test_an_idle_day_says_so(staff: FlaskClient) -> None:
    text = staff.get(HOME).get_data(as_text=True)
    assert "Nothing waits for you here" in text
    assert "RFQs due within a week" in text


def test_home_asks_the_same_few_queries_however_much_waits(
    login: Callable[..., FlaskClient], staff: FlaskClient, busy: Rfq, statements: list[str]
) -> None:
    idle = login("staff", tenant="acme")
    counts = []
    for browser in (staff, idle):
        browser.get(HOME)
        statements.clear()
        assert browser.get(HOME).status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= MOST_QUERIES
