"""From offers to a matched invoice in the browser: compare, award, order, receive a part, invoice it."""

from collections.abc import Callable
from decimal import Decimal
from urllib.parse import urljoin

from flask import Flask
from playwright.sync_api import Page, expect

from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.e2e.conftest import NARROW, WIDE
from tests.e2e.places import Frame
from tests.e2e.watching import accessibility_faults, sideways_faults, take_picture
from tests.erp.buying import Case, add_quote, make_case


def prepare(app: Flask, tenant: TenantRef) -> int:
    """A quoted request of two lines with two offers; returns its key."""
    with app.app_context(), use_tenant(tenant, actor="maker@example.com") as session:
        case: Case = make_case(session, (100, 10), title="Brackets and bolts")
        factories.WarehouseFactory(organization=case.org, name="Central")
        for line in case.lines:
            line.product = factories.ProductFactory(organization=case.org)
        add_quote(case, "1.00", "9.00", name="Aster Metals", days=14)
        add_quote(case, "1.20", "8.00", name="Birch 株式会社", freight=Decimal(5))
        session.commit()
        return case.rfq.id


def looked_at(page: Page, name: str) -> None:
    """Look at the page wide and narrow, light and dark."""
    found = []
    for size in (NARROW, WIDE):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)
            take_picture(page, f"{name}-{size[0]}-{theme}")
            found += sideways_faults(page) + accessibility_faults(page)
    assert found == []


def step(page: Page, name: str) -> None:
    """Take a step of a document: its button, then the page that asks."""
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("button", name=name, exact=True).click()


def test_a_day_of_buying(
    app: Flask, live_server: str, filled_tenant: TenantRef, enter: Callable[..., Frame]
) -> None:
    rfq = prepare(app, filled_tenant)
    base = f"{live_server}/t/{filled_tenant.slug}/records/"
    page = enter("staff").page
    page.goto(urljoin(base, f"rfq/{rfq}"))
    page.get_by_role("link", name="Compare").click()
    looked_at(page, "compare")
    page.get_by_role("button", name="Best per line").click()
    expect(page.get_by_label("Quantity of line 1 for Aster Metals")).to_have_value("100")
    page.get_by_label("Quantity of line 1 for Aster Metals").fill("60")
    page.get_by_label("Quantity of line 1 for Birch").fill("40")
    page.complaints.expect_status(422)  # type: ignore[attr-defined]
    page.get_by_role("button", name="Award these quantities").click()
    expect(page.get_by_role("alert")).to_contain_text("lowest landed cost")
    looked_at(page, "compare-refused")
    page.get_by_label("Reason for line 1", exact=True).fill("second source")
    page.get_by_role("button", name="Award these quantities").click()
    page.get_by_role("button", name="Make purchase orders").click()
    looked_at(page, "compare-awarded")
    page.get_by_role("link", name="Draft order").first.click()
    step(page, "Release")
    step(page, "Send to the supplier")
    page.get_by_role("link", name="Receive", exact=True).click()
    looked_at(page, "receive")
    page.get_by_label("Came now of line 1").fill("30")
    page.get_by_label("Delivery note").fill("DN-1")
    page.get_by_role("button", name="Book the delivery").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("DN-1")
    page.get_by_role("link", name="PO-").first.click()
    expect(page.locator("#progress")).to_contain_text("30")
    page.get_by_role("link", name="Enter invoice").click()
    page.get_by_label("Number of the supplier").fill("R-77")
    looked_at(page, "invoice")
    page.get_by_role("button", name="Enter and match").click()
    expect(page.locator("#match")).to_contain_text("Matches")
    for name in ("adjust", "transfer"):
        page.goto(urljoin(base, f"stock/{name}"))
        looked_at(page, f"stock-{name}")
