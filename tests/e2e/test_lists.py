"""Lists in a real browser: cells, nested filters, views, the keyboard and the way back."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.e2e.conftest import NARROW, WIDE
from tests.e2e.places import Frame
from tests.e2e.watching import assert_accessible, assert_no_horizontal_scroll, take_picture

Enter = Callable[..., Frame]


@pytest.fixture
def suppliers(live_server: str, filled_tenant: TenantRef) -> str:
    """The address of the list of suppliers."""
    return f"{live_server}/t/{filled_tenant.slug}/records/supplier/"


def cell(page: Page, column: str, row: int = 0) -> str:
    """Selector of a cell by its column."""
    place = page.evaluate(
        "key => [...document.querySelectorAll('thead th')].findIndex(head => head.dataset.column === key)",
        column,
    )
    return f"main tbody tr:nth-child({row + 1}) td:nth-child({place + 1})"


def test_a_cell_is_edited_with_a_double_click_and_left_with_escape(enter: Enter, suppliers: str) -> None:
    page = enter("staff").page
    page.goto(f"{suppliers}?cols=name,region,status,category_id")
    region = page.locator(cell(page, "region"))
    before = region.inner_text()
    region.dblclick()
    field = region.get_by_role("textbox", name="Region")
    field.fill("Nowhere")
    field.press("Escape")
    expect(region).to_have_text(before)
    region.dblclick()
    region.get_by_role("textbox", name="Region").fill("Harbour Row")
    region.get_by_role("textbox", name="Region").press("Enter")
    expect(region).to_have_text("Harbour Row")
    page.reload()
    expect(page.locator("main tbody")).to_contain_text("Harbour Row")


def test_the_keyboard_walks_rows_and_cells_and_edits(enter: Enter, suppliers: str) -> None:
    page = enter("staff").page
    page.goto(f"{suppliers}?cols=name,region")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator("main tbody tr").nth(1)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("F2")
    field = page.get_by_role("textbox", name="Region")
    expect(field).to_be_focused()
    field.fill("By Keyboard")
    field.press("Enter")
    expect(page.locator(cell(page, "region", 1))).to_have_text("By Keyboard")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Edit the cell")


def test_nested_filters_are_built_saved_as_a_view_and_kept_on_the_way_back(
    enter: Enter, suppliers: str
) -> None:
    page = enter("staff").page
    page.goto(suppliers)
    page.get_by_role("link", name="Filter", exact=True).click()
    panel = page.get_by_role("dialog")
    panel.get_by_role("button", name="Group", exact=True).click()
    inner = panel.locator("[data-filter-group] [data-filter-group]")
    inner.get_by_label("Add a condition").select_option("name")
    inner.get_by_label("Name: value").fill("a")
    panel.get_by_role("button", name="Group", exact=True).last.click()
    second = panel.locator("[data-filter-group] [data-filter-group]").nth(1)
    second.get_by_label("Add a condition").select_option("region")
    second.get_by_label("Region: comparison").select_option("empty")
    panel.get_by_role("button", name="Apply").click()
    expect(page.locator(".chips")).to_contain_text("Name contains a or Region is empty")
    assert "g1.name__contains=a" in page.url
    assert "g2.region__empty=1" in page.url
    page.get_by_role("button", name="Views").click()
    page.get_by_label("Save this list as").fill("With an a")
    page.get_by_role("button", name="Save view").click()
    expect(page.get_by_role("link", name="With an a")).to_have_attribute("aria-current", "page")
    listed = page.url
    page.locator("main tbody td.name a").first.click()
    page.wait_for_url(re.compile(r"/supplier/\d+$"))
    page.locator(".crumbs a").first.click()
    expect(page).to_have_url(listed)
    expect(page.locator("main tbody tr").first).to_have_class(re.compile("is-current"))


def test_the_list_is_as_it_was_left_after_deleting_a_record_of_it(enter: Enter, suppliers: str) -> None:
    page = enter("staff").page
    page.goto(f"{suppliers}?name__contains=a&sort=-name")
    listed = page.url
    page.locator("main tbody td.name a").first.click()
    page.wait_for_url(re.compile(r"/supplier/\d+$"))
    page.goto(f"{page.url}/delete")
    page.get_by_role("button", name="Delete 1 row").click()
    expect(page.get_by_text("was deleted.")).to_be_visible()
    expect(page).to_have_url(listed)
    expect(page.locator(".chips")).to_contain_text("Name contains a")


def test_on_a_phone_the_rarer_buttons_wait_behind_more(enter: Enter, suppliers: str) -> None:
    page = enter("staff", size=NARROW).page
    page.goto(suppliers)
    toolbar, export = page.locator(".records-toolbar"), page.get_by_role("link", name="XLSX")
    take_picture(page, "list-phone")
    assert (toolbar.bounding_box() or {"height": 999})["height"] < 100, "at most two rows"
    expect(export).to_be_hidden()
    page.get_by_role("button", name="More").click()
    expect(export).to_be_visible()
    page.get_by_role("button", name="Columns").click()
    expect(page.get_by_role("button", name="Show these")).to_be_visible()
    page.keyboard.press("Escape")
    take_picture(page, "list-phone-more")
    assert_accessible(page)
    assert_no_horizontal_scroll(page)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    expect(page.get_by_role("button", name="More")).to_be_hidden()
    expect(export).to_be_visible()


def test_columns_are_chosen_and_put_in_order(enter: Enter, suppliers: str) -> None:
    page = enter("staff").page
    page.goto(suppliers)
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Move Code up").click()
    page.get_by_role("button", name="Show these").click()
    heads = page.locator("thead th[data-column]")
    expect(heads.first).to_have_attribute("data-column", "code")
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Reset").click()
    expect(heads.first).to_have_attribute("data-column", "name")


def test_a_long_name_ends_where_its_cell_does(
    app: Flask, enter: Enter, filled_tenant: TenantRef, live_server: str
) -> None:
    with app.app_context(), use_tenant(filled_tenant, actor="maker@example.com") as session:
        for _ in range(2):
            factories.MessageFactory(subject="About all that is written at length: " * 4)
        session.commit()
    page = enter("staff").page
    page.goto(f"{live_server}/t/{filled_tenant.slug}/records/message/?q=at+length")
    name = page.locator(f"{cell(page, 'subject')} a")
    ends = name.evaluate("link => [link, link.parentElement].map((box) => box.getBoundingClientRect().right)")
    assert ends[0] <= ends[1]
    expect(name).to_have_css("text-overflow", "ellipsis")
    assert_accessible(page)
