"""The main journeys in a real browser: keep a supplier, meet another editor, follow a chart."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from PIL import Image
from playwright.sync_api import Page, expect

from dashboard.kpis import refreshing
from dashboard.kpis.families import FAMILIES
from dashboard.kpis.versions import terms
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.e2e.places import Frame


@pytest.fixture
def desk(live_server: str, filled_tenant: TenantRef) -> str:
    """The address of the tenant's records."""
    return f"{live_server}/t/{filled_tenant.slug}/records"


def pick(page: Page, field: str, words: str) -> None:
    """Choose in a picker by typing."""
    box = page.locator(f"#{field}-ts-control")
    box.click()
    box.fill(words)
    page.locator(".ts-dropdown .option", has_text=words).first.click()


def new_supplier(page: Page, desk: str, name: str) -> str:
    """Create a supplier by hand and return the address of its page."""
    page.goto(f"{desk}/supplier/new")
    page.get_by_label("Name", exact=False).first.fill(name)
    page.get_by_role("button", name=re.compile("save|create", re.IGNORECASE)).first.click()
    page.wait_for_url(re.compile(r"/supplier/\d+$"))
    return page.url


def test_a_supplier_is_created_found_changed_and_its_history_told(
    enter: Callable[..., Frame], desk: str
) -> None:
    page = enter("staff").page
    address = new_supplier(page, desk, "Harbour Lane Tools")
    page.goto(f"{desk}/supplier/")
    page.keyboard.press("/")
    page.keyboard.type("harbour lane")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Harbour Lane Tools").click()
    page.wait_for_url(address)  # until the page listens to keys
    page.keyboard.press("e")
    page.wait_for_url(f"{address}/edit")
    page.get_by_label("Name", exact=False).first.fill("Harbour Lane Fine Tools")
    page.get_by_role("button", name=re.compile("save", re.IGNORECASE)).first.click()
    page.wait_for_url(address)
    history = page.locator("main").inner_text()
    assert "Harbour Lane Tools" in history
    assert "Harbour Lane Fine Tools" in history
    assert "created" in history.lower()


def test_two_editors_see_each_others_values_and_lose_nothing(enter: Callable[..., Frame], desk: str) -> None:
    first = enter("staff").page
    address = new_supplier(first, desk, "Two Desks Ltd")
    second = enter("staff").page
    for page in (first, second):
        page.goto(f"{address}/edit")
    second.get_by_label("Name", exact=False).first.fill("Theirs Ltd")
    second.get_by_role("button", name=re.compile("save", re.IGNORECASE)).first.click()
    second.wait_for_url(address)
    first.get_by_label("Name", exact=False).first.fill("Mine Ltd")
    first.complaints.expect_status(409)  # type: ignore[attr-defined]
    first.get_by_role("button", name=re.compile("save", re.IGNORECASE)).first.click()
    main = first.locator("main")
    expect(main).to_contain_text("Theirs Ltd")
    assert first.locator("input[value='Mine Ltd']").count() > 0


def test_a_wrong_field_says_so_and_keeps_what_was_typed(enter: Callable[..., Frame], desk: str) -> None:
    page = enter("staff").page
    page.goto(f"{desk}/supplier/new")
    page.get_by_label("Name", exact=False).first.fill("Nearly Right")
    page.get_by_label(re.compile("reliability", re.IGNORECASE)).fill("140")
    page.complaints.expect_status(422)  # type: ignore[attr-defined]
    page.get_by_role("button", name=re.compile("save|create", re.IGNORECASE)).first.click()
    expect(page.locator(".field-error").first).to_be_visible()
    assert page.get_by_label("Name", exact=False).first.input_value() == "Nearly Right"


def test_a_picker_in_a_line_takes_what_was_typed_and_not_what_was_listed_first(
    enter: Callable[..., Frame], desk: str
) -> None:
    page = enter("staff").page
    for name in ("Aardvark Anchors", "Zulu Zippers"):
        new_supplier(page, desk, name)
    page.goto(f"{desk}/rfq/new")
    page.get_by_role("button", name="Add invitation").click()
    options = page.locator("body > .ts-dropdown .option")
    expect(options.first).to_be_in_viewport()
    page.keyboard.type("zulu zip")
    expect(options).to_have_text(["Zulu Zippers"])
    page.keyboard.press("Enter")
    expect(page.locator("[data-child-row] .ts-control .item").first).to_have_text("Zulu Zippers")


@pytest.fixture
def wall(app: Flask, enter: Callable[..., Frame], live_server: str, filled_tenant: TenantRef) -> Page:
    """The wall of figures, as a manager sees it."""
    with app.app_context(), use_tenant(filled_tenant, actor="journey") as session:
        for family in FAMILIES.values():
            refreshing.rebuild(session, family, terms(session, family))
        session.commit()
    page = enter("manager").page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/insights/")
    return page


def test_a_saved_chart_has_its_title_above_it(wall: Page) -> None:
    with wall.expect_download() as download:
        wall.locator("[data-chart-png]").first.click()
    shown = wall.locator("[data-chart-picture]").first.bounding_box()
    assert shown is not None
    with Image.open(download.value.path()) as picture:
        heading = picture.height - round(2 * shown["height"])
        assert heading > 80
        ink = picture.convert("L").crop((0, 0, picture.width, heading)).tobytes()
    assert max(ink) - min(ink) > 100, "letters on the ground"


def test_a_mark_of_a_chart_leads_to_its_month_and_from_there_to_its_records(wall: Page) -> None:
    page = wall
    page.locator("figure summary").first.click()
    page.locator("figure tbody a").first.click()
    page.wait_for_url(re.compile(r"/insights/\w+\?.*from="))
    page.locator(".kpi-tile.is-focus .kpi-foot a").click()
    page.wait_for_url(re.compile(r"/insights/proof/\w+\?"))
    page.locator("main tbody a[href*='/records/']").first.click()
    page.wait_for_url(re.compile(r"/records/\w+/"))


def test_a_picker_is_cleared_and_left_with_the_keyboard(
    enter: Callable[..., Frame], live_server: str, filled_tenant: TenantRef
) -> None:
    page = enter("manager").page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/insights/suppliers")
    pick(page, "supplier", "a")
    expect(page.locator("#supplier")).not_to_have_value("")
    page.keyboard.press("Backspace")
    expect(page.locator("#supplier")).to_have_value("")
    page.keyboard.press("Tab")
    expect(page.locator(".insight-more > summary")).to_be_focused()
