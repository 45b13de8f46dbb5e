"""A table copied from a spreadsheet is pasted into the rows of a form, in a real browser."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests import factories
from tests.e2e.places import Frame

PASTE = """([box, text]) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""

Case = tuple[list[str], list[str | None]]
NUMBERS: tuple[Case, ...] = (
    (["1.234", "2,5"], ["1234", "2.5"]),
    (["1.234", "2.5"], ["1.234", "2.5"]),
    (["1,234", "2"], ["1234", "2"]),
    (["1,234.50", "(3)"], ["1234.50", "-3"]),
    (["1 234,56 €", "EUR 7"], ["1234.56", "7"]),
    (["12,5", "abc"], ["12.5", None]),
    (["", "1'000.5"], ["", "1000.5"]),
    (["5 %", "-3"], ["5", "-3"]),
)
DAYS: tuple[Case, ...] = (
    (["2026-03-31", ""], ["2026-03-31", ""]),
    (["31.3.2026", "1.2.26"], ["2026-03-31", "2026-02-01"]),
    (["31/3/2026", "1/2/2026"], ["2026-03-31", "2026-02-01"]),
    (["3/31/2026", "1/2/2026"], ["2026-03-31", "2026-01-02"]),
    (["1/2/2026", "3/4/2026"], [None, None]),
    (["31.2.2026", "soon"], [None, None]),
)


@pytest.fixture
def desk(live_server: str, filled_tenant: TenantRef) -> str:
    """The address of the tenant's records."""
    return f"{live_server}/t/{filled_tenant.slug}/records"


@pytest.fixture
def form(enter: Callable[..., Frame], desk: str) -> Page:
    """An empty form of an order with one empty line."""
    page = enter("staff").page
    page.goto(f"{desk}/sales_order/new")
    page.get_by_role("button", name="Add line").click()
    return page


def paste(page: Page, name: str, text: str, row: int = 0) -> None:
    """Paste a text into the cell of a column."""
    cell = page.locator("[data-child-row]").nth(row).locator(f"[name$='-{name}']")
    page.evaluate(PASTE, [cell.element_handle(), text])


def values(page: Page, name: str) -> list[str]:
    """What the cells of a column hold."""
    found: Any = page.locator(f"[data-child-row] [name$='-{name}']").evaluate_all(
        "all => all.map(e => e.value)"
    )
    return [str(value) for value in found]


def test_a_table_fills_cells_and_adds_rows(form: Page) -> None:
    text = '"Bolt, 5"" long"\t1.250,5\t€ 0,75\r\n"two\nlines"\t3\t1,20\r\nWasher\t\t2\r\n'
    paste(form, "description", text)
    expect(form.locator("[data-child-row]")).to_have_count(3)
    assert values(form, "description") == ['Bolt, 5" long', "two\nlines", "Washer"]
    assert values(form, "quantity") == ["1250.5", "3", ""]
    assert values(form, "unit_price") == ["0.75", "1.20", "2"]
    expect(form.locator("[data-paste-said]").first).to_contain_text("Pasted 3 rows.")


def test_names_are_looked_up_and_what_is_not_found_stays_marked(
    app: Flask, form: Page, filled_tenant: TenantRef
) -> None:
    with app.app_context(), use_tenant(filled_tenant, actor="journey@example.com") as session:
        org_id = int(form.locator("select[name=org_id]").input_value())
        organization = session.get(factories.OrganizationFactory._meta.model, org_id)  # type: ignore[attr-defined]
        product = factories.ProductFactory(name="Pasted bolt", sku="PB-1", organization=organization)
        session.commit()
        number = str(product.id)
    paste(form, "product_id", "pb-1\tx\t2\nNo such thing\ty\tmany")
    rows = form.locator("[data-child-row]")
    expect(rows.nth(0).locator(".ts-control .item")).to_have_text("Pasted bolt")
    expect(rows.nth(1).locator("[data-paste-note]").first).to_contain_text("was not found")
    assert values(form, "product_id") == [number, "No such thing"]
    assert values(form, "quantity") == ["2", "many"]
    form.complaints.expect_status(422)  # type: ignore[attr-defined]
    form.locator("[data-save]").click()
    expect(form.locator("main")).to_contain_text("“No such thing” was not found: choose one of the list.")
    assert values(form, "product_id") == [number, "No such thing"]
    assert values(form, "quantity") == ["2", "many"]


def test_one_word_is_pasted_as_it_is(form: Page) -> None:
    paste(form, "description", "Bolts, large; and small")
    expect(form.locator("[data-child-row]")).to_have_count(1)


def test_numbers_are_read_as_people_type_them(form: Page) -> None:
    for typed, read in NUMBERS:
        assert called(form, "readNumbers", typed) == read


def test_days_are_read_where_their_column_leaves_no_doubt(form: Page) -> None:
    for typed, read in DAYS:
        assert called(form, "readDays", typed) == read


def called(page: Page, function: str, texts: list[str]) -> list[str | None]:
    """Call a function of the paste module in the page."""
    source = page.locator("script[src*='/paste.js']").get_attribute("src")
    answer: list[str | None] = page.evaluate(
        "([source, name, texts]) => import(source).then((module) => module[name](texts))",
        [source, function, texts],
    )
    return answer


def test_a_document_is_edited_as_names_and_values(enter: Callable[..., Frame], desk: str) -> None:
    page = enter("staff").page
    page.goto(f"{desk}/supplier/new")
    page.locator("form.record-form").get_by_label("Name").first.fill("Key Value Ltd")
    editor = page.locator("textarea[name=capabilities] + .document-editor")
    editor.get_by_role("button", name="Add a value").click()
    editor.get_by_placeholder("Name").fill("presses")
    editor.get_by_placeholder("Value").fill("12")
    page.locator("[data-save]").click()
    page.wait_for_url(re.compile(r"/supplier/\d+$"))
    expect(page.locator("main")).to_contain_text('{"presses": 12}')
