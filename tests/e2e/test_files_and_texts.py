"""Files dropped on a record, and its texts in another language, in a real browser under the strict policy."""

import base64
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.e2e.conftest import NARROW, WIDE
from tests.e2e.places import Frame
from tests.e2e.watching import accessibility_faults, sideways_faults, take_picture
from tests.factories import OrganizationFactory, ProductFactory
from tests.files.conftest import PDF, picture

DROP = """([form, name, kind, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: kind }));
    for (const event of ["dragenter", "dragover", "drop"]) {
        form.dispatchEvent(new DragEvent(event, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
}"""


@pytest.fixture
def product(app: Flask, filled_tenant: TenantRef, live_server: str) -> str:
    """Address of a product of an organization that writes English."""
    with app.app_context(), use_tenant(filled_tenant, actor="journey@example.com"):
        words = {"name": "Steel bracket", "description": "Galvanised steel."}
        made = ProductFactory(organization=OrganizationFactory(locale="en"), **words)
        db.session.commit()
        return f"{live_server}/t/{filled_tenant.slug}/records/product/{made.id}"


def look(page: Page, name: str) -> None:
    """Nothing may be wrong with the page, wide or narrow."""
    for size in (WIDE, NARROW):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        take_picture(page, f"{name}-{size[0]}")
        faults = sideways_faults(page) + accessibility_faults(page)
        assert not faults, "\n".join(faults)
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})


def test_files_are_dropped_seen_and_downloaded(
    enter: Callable[..., Frame], product: str, tmp_path: Path
) -> None:
    page = enter("staff").page
    page.goto(product)
    form = page.locator("[data-file-drop]").element_handle()
    data = base64.b64encode(picture(size=(600, 400))).decode()
    with page.expect_navigation():
        page.evaluate(DROP, [form, "plan.png", "image/png", data])
    image = page.locator(".file-picture img")
    image.scroll_into_view_if_needed()
    expect(image).to_have_js_property("complete", value=True)
    assert image.evaluate("picture => picture.naturalWidth") == 320
    offer = tmp_path / "offer.pdf"
    offer.write_bytes(PDF)
    page.get_by_label("Add files").set_input_files(offer)
    page.locator("[data-file-drop]").get_by_role("button", name="Upload").click()
    expect(page.locator(".flashes")).to_contain_text("“offer.pdf” was added.")
    with page.expect_download() as download:
        page.get_by_role("link", name="offer.pdf").click()
    assert download.value.suggested_filename == "offer.pdf"
    assert download.value.path().read_bytes() == PDF
    page.get_by_role("button", name="Delete offer.pdf").click()
    expect(page.locator("#files")).to_contain_text("1 deleted")
    look(page, "record-files")


def test_a_text_is_translated_goes_stale_and_is_confirmed(enter: Callable[..., Frame], product: str) -> None:
    page = enter("staff").page
    page.goto(product)
    panel = page.locator("#translations")
    panel.get_by_label("Add a language").select_option("ar")
    panel.get_by_role("button", name="Add").click()
    panel.get_by_role("textbox", name="Name").fill("حامل فولاذي")
    panel.get_by_role("button", name="Save texts").click()
    expect(panel.get_by_role("textbox", name="Name")).to_have_value("حامل فولاذي")
    page.goto(f"{product}/edit")
    page.get_by_label("Name").first.fill("Brass bracket")
    page.keyboard.press("Enter")
    page.wait_for_url(product)
    page.goto(f"{product}?language=ar#translations")
    expect(panel).to_contain_text("Translated from: Steel bracket")
    look(page, "record-translations")
    panel.get_by_role("button", name="Name is still right").click()
    expect(page.locator(".flashes")).to_contain_text("counts as current again")
    page.goto(product.partition("/product/")[0] + "/translations/")
    page.get_by_role("link", name="Arabic").last.click()
    expect(page.locator("main")).to_contain_text("Galvanised steel.")
    look(page, "translations-missing")
