"""The palette of a real browser: opened by keys, read by screen readers, closed without a trace."""

import re
from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Route, expect

from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.e2e.conftest import NARROW
from tests.e2e.places import Frame
from tests.e2e.watching import assert_accessible, assert_no_horizontal_scroll

Enter = Callable[..., Frame]


def test_ctrl_k_finds_a_record_by_keys_alone(
    app: Flask, enter: Enter, filled_tenant: TenantRef, live_server: str
) -> None:
    with app.app_context(), use_tenant(filled_tenant, actor="maker@example.com") as session:
        number = factories.SupplierFactory(name="Quokka Metals <b>").id
        session.commit()
    page = enter("staff").page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/records/supplier/")
    search = page.get_by_label("Search suppliers")
    search.focus()
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox", name="Search everything")
    expect(box).to_be_focused()
    expect(page.get_by_role("option", name="New RFQ")).to_be_visible()
    page.keyboard.type("quokka")
    hit = page.get_by_role("option", name="Quokka Metals <b>")
    expect(hit).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "palette-0")
    assert_accessible(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    expect(search).to_be_focused()
    page.keyboard.press("Control+k")
    expect(hit).to_be_visible()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/records/supplier/{number}")
    page.goto(f"{live_server}/t/{filled_tenant.slug}/records/rfq/")
    page.get_by_role("link", name="Search everything").click()
    expect(page.get_by_role("option", name="Quokka Metals <b>")).to_be_visible()  # looked at lately
    page.keyboard.type("zzzzzqqqq")
    expect(page.get_by_text("Nothing found")).to_be_visible()


def test_the_palette_fits_a_narrow_screen_and_knows_commands(
    enter: Enter, filled_tenant: TenantRef, live_server: str
) -> None:
    page = enter("staff", size=NARROW).page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/records/supplier/")
    page.get_by_role("link", name="Search everything").click()
    page.keyboard.type("new rf")
    expect(page.get_by_role("option", name="New RFQ")).to_be_visible()
    assert_no_horizontal_scroll(page)
    assert_accessible(page)
    page.keyboard.press("Enter")
    page.wait_for_url("**/records/rfq/new**")


def test_enter_waits_for_the_answer_to_what_was_typed(
    enter: Enter, filled_tenant: TenantRef, live_server: str
) -> None:
    page = enter("staff").page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/records/supplier/")
    page.get_by_role("link", name="Search everything").click()
    expect(page.get_by_role("option", name="New RFQ")).to_be_visible()
    held: list[Route] = []
    asked = re.compile(r"/palette\?q=new%20rfq$")

    def hold(route: Route) -> None:
        held.append(route)

    page.route(asked, hold)
    page.keyboard.type("new rfq")
    with page.expect_request(asked):
        page.keyboard.press("Enter")  # the list of no text is on the screen, and its first row is another
    page.keyboard.press("Enter")
    page.wait_for_timeout(300)
    assert page.url.endswith("/records/supplier/")
    assert len(held) == 1
    held[0].continue_()
    page.wait_for_url("**/records/rfq/new**")
