"""Two people edit one supplier in two browsers at once: nothing that was typed is lost."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from dashboard.tenancy.models import TenantRef
from tests.e2e.places import Frame


@pytest.fixture
def desk(live_server: str, filled_tenant: TenantRef) -> str:
    """The address of the tenant's records."""
    return f"{live_server}/t/{filled_tenant.slug}/records"


@pytest.fixture
def editors(enter: Callable[..., Frame], desk: str) -> tuple[Page, Page, str]:
    """Two browsers with the form of one new supplier open, and the supplier's address."""
    first, second = enter("staff").page, enter("staff").page
    first.goto(f"{desk}/supplier/new")
    box(first, "Name").fill("Two Desks Ltd")
    save(first)
    first.wait_for_url(re.compile(r"/supplier/\d+$"))
    address = first.url
    for page in (first, second):
        page.goto(f"{address}/edit")
    return first, second, address


def box(page: Page, label: str) -> Locator:
    """The input with this label in the form."""
    return page.locator("form.record-form").get_by_label(label).first


def save(page: Page) -> None:
    """Press Save."""
    page.locator("form.record-form [data-save]").click()


def test_disjoint_edits_both_survive(editors: tuple[Page, Page, str]) -> None:
    first, second, address = editors
    box(second, "Phone").fill("+49 30 2222")
    save(second)
    second.wait_for_url(address)
    box(first, "Website").fill("two-desks.example")
    save(first)
    first.wait_for_url(address)
    main = first.locator("main")
    expect(main).to_contain_text("had saved meanwhile")
    expect(main).to_contain_text("+49 30 2222")
    expect(main).to_contain_text("two-desks.example")


def test_a_conflict_shows_both_values_and_takes_the_chosen_one(editors: tuple[Page, Page, str]) -> None:
    first, second, address = editors
    box(second, "Phone").fill("+49 theirs")
    save(second)
    second.wait_for_url(address)
    box(first, "Phone").fill("+49 mine")
    box(first, "Website").fill("kept.example")
    first.complaints.expect_status(409)  # type: ignore[attr-defined]
    save(first)
    conflict = first.locator(".conflict")
    expect(conflict).to_contain_text("+49 mine")
    expect(conflict).to_contain_text("+49 theirs")
    expect(box(first, "Website")).to_have_value("kept.example")
    conflict.get_by_label(re.compile("Phone: keep theirs")).check()
    save(first)
    first.wait_for_url(address)
    expect(first.locator("main")).to_contain_text("+49 theirs")
    expect(first.locator("main")).to_contain_text("kept.example")
