"""A supplier answers on a phone, behind the link of the mail, with and without a seal."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from dashboard.core.config import get_settings
from dashboard.erp.models import Rfq
from dashboard.erp.portal import links
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.e2e.conftest import NARROW
from tests.e2e.watching import assert_accessible, assert_no_horizontal_scroll, take_picture
from tests.erp.sourcing import making


@pytest.fixture
def link(app: object, live_server: str, filled_tenant: TenantRef) -> Callable[..., str]:
    """Send a request and give the address its first supplier gets by mail."""

    def ask(**fields: object) -> str:
        with app.app_context(), use_tenant(filled_tenant, actor="journey@example.com") as session:  # type: ignore[attr-defined]
            rfq = _sent(session, **fields)
            first = rfq.invitations[0]
            address = links.make(links.Link(filled_tenant.id, first.id, first.link_serial))
            session.commit()
        return address.replace(get_settings().url, live_server)

    return ask


def _sent(session: Session, **fields: object) -> Rfq:
    return making.sent(session, title="Brackets, galvanised, for the north hall", **fields)


def test_a_supplier_quotes_on_a_phone(open_page: Callable[..., Page], link: Callable[..., str]) -> None:
    page = open_page(size=NARROW)
    page.complaints.expect_status(422)  # type: ignore[attr-defined]
    page.goto(link(sealed=True))
    assert_accessible(page)
    assert_no_horizontal_scroll(page)
    take_picture(page, "supplier-answer-phone")
    prices = page.get_by_label("Unit price")
    prices.nth(0).fill("12,50")
    expect(page.locator("[data-amount]").first).to_have_text("1,250.00 EUR")
    page.get_by_label("Freight", exact=True).fill("9.90")
    expect(page.locator("[data-total]")).to_have_text("1,259.90 EUR")
    prices.nth(1).fill("4,200")
    expect(page.locator("[data-amount]").nth(1)).to_have_text("\N{EN DASH}")
    prices.nth(1).fill("")
    page.get_by_label("Note to the buyer").fill("Delivery on Fridays only")
    page.get_by_role("button", name="Submit the quote").click()
    expect(page.get_by_text("Enter a price, or tick “No bid”.").first).to_be_visible()
    expect(page.get_by_label("Note to the buyer")).to_have_value("Delivery on Fridays only")
    expect(prices.nth(0)).to_have_value("12,50")
    assert_accessible(page)
    assert_no_horizontal_scroll(page)
    page.get_by_label("No bid on this line").nth(1).check()
    page.get_by_role("button", name="Submit the quote").click()
    expect(page.get_by_text("Your quote has arrived (revision 1).")).to_be_visible()
    expect(prices.nth(0)).to_have_value("")
    expect(page.get_by_text("Your price is sealed; type a new one to replace it.").first).to_be_visible()
    take_picture(page, "supplier-answer-sealed")


def test_a_supplier_declines(open_page: Callable[..., Page], link: Callable[..., str]) -> None:
    page = open_page()
    page.goto(link())
    assert_no_horizontal_scroll(page)
    take_picture(page, "supplier-answer")
    page.get_by_label("Reason").fill("No capacity before spring")
    page.get_by_role("button", name="Decline the request").click()
    expect(page.get_by_text("You declined this request.", exact=False).first).to_be_visible()


def test_a_void_link_says_so(open_page: Callable[..., Page], live_server: str) -> None:
    page = open_page(size=NARROW)
    page.complaints.expect_status(410)  # type: ignore[attr-defined]
    page.goto(f"{live_server}/s/?key=cut-off")
    expect(page.get_by_role("heading", name="This link is void")).to_be_visible()
    assert_accessible(page)
