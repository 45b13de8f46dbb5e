"""A whole sourcing day in a real browser: from an imported supplier to the invoice of a part delivery."""

import re
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.jobs import relay
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import TenantRef
from tests.e2e.conftest import NARROW, WIDE, Opener
from tests.e2e.places import Frame
from tests.e2e.test_journeys import pick
from tests.e2e.watching import look_at

SUPPLIERS = ("Alder Forge", "Birch Castings", "Cedar Metals")
TABLE = "Name\tCode\tE-mail\n" + "\n".join(
    f"{name}\tDAY-{number}\tday{number}@supplier.example" for number, name in enumerate(SUPPLIERS, 1)
)
LINK = re.compile(r"https?://\S+/s/\?key=\S+")


@pytest.fixture
def work(app: Flask) -> Callable[[], None]:
    """Do what was enqueued, as a worker would: the same runner, without the process."""

    def until_nothing_waits() -> None:
        with app.app_context():
            for _ in range(5):
                relay.relay_once()
                for run_id in waiting():
                    perform(str(run_id))
                db.session.remove()

    return until_nothing_waits


def waiting() -> list[UUID]:
    """Runs that no worker has taken yet."""
    with control_transaction() as session:
        return [run.id for run in session.query(JobRun).filter(JobRun.status == RunStatus.QUEUED)]


def mails_to(home: Path, address: str) -> list[EmailMessage]:
    """The mails in the folder that stands for a mail server, oldest first."""
    paths = sorted((home / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    mails = [message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default) for path in paths]
    return [mail for mail in mails if address in str(mail["To"])]


def text_of(mail: EmailMessage) -> str:
    """The words of a mail."""
    body = mail.get_body(("plain",))
    return str(body.get_content()) if body else ""


def step(page: Page, name: str, **asked: str) -> None:
    """Take a step of a document: its button, its question, its confirmation."""
    page.get_by_role("link", name=name, exact=True).first.click()
    for key, value in asked.items():
        page.locator(f"#{key}").fill(value)
    page.locator("main form").get_by_role("button", name=name, exact=True).click()
    page.wait_for_url(re.compile(r"/\d+$"))


def save(page: Page) -> None:
    """Press the form's Save."""
    page.locator(".record-form").get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(re.compile(r"/\d+$"))


def import_suppliers(page: Page, desk: str, work: Callable[[], None]) -> None:
    """Paste three suppliers into the wizard, try it out, load them."""
    page.goto(f"{desk}/supplier/")
    page.get_by_role("link", name="Import", exact=True).click()
    page.locator("#text").fill(TABLE)
    page.get_by_role("button", name="Go on").click()
    page.locator("#default-org_id").fill("Journey Works")
    page.get_by_role("button", name="Try it out").click()
    work()
    page.get_by_role("button", name="Import 3 rows").click(timeout=30_000)
    work()
    expect(page.locator("main")).to_contain_text("All good rows are in.", timeout=30_000)


def fill_line(page: Page, row: int, **cells: str) -> None:
    """Type into the cells of a child row."""
    for name, value in cells.items():
        page.locator("[data-child-row]").nth(row).locator(f"[name$='-{name}']").first.fill(value)


def write_rfq(page: Page, desk: str) -> str:
    """Enter a request with two lines and three invitations; returns its address."""
    page.goto(f"{desk}/rfq/new")
    page.get_by_label("Title", exact=False).first.fill("Steel for the day")
    page.get_by_label(re.compile("Deadline")).first.fill("2031-05-01T12:00")
    for number, (words, quantity) in enumerate((("Bar", "10"), ("Sheet", "4"))):
        page.get_by_role("button", name="Add line").click()
        fill_line(page, number, description=words, quantity=quantity)
    for name in SUPPLIERS:
        page.get_by_role("button", name="Add invitation").click()
        page.keyboard.type(name)
        option = page.locator("body > .ts-dropdown .option", has_text=name).first
        expect(option).to_be_visible()
        page.keyboard.press("Enter")
    save(page)
    return page.url


def answer_by_link(page: Page, link: str) -> None:
    """Quote on the supplier's own page, on a phone, without a login."""
    page.goto(link)
    prices = page.get_by_label("Unit price")
    expect(prices).to_have_count(2)
    prices.nth(0).fill("5")
    prices.nth(1).fill("20")
    page.get_by_label(re.compile("Lead time of the whole")).fill("14")
    page.get_by_role("button", name="Submit the quote").click()
    expect(page.locator("body")).to_contain_text("Your quote has arrived")


def enter_quote(page: Page, rfq: str, supplier: str, prices: tuple[str, str]) -> None:
    """Enter a quote that came by mail, and submit it."""
    page.goto(rfq)
    page.get_by_role("link", name="Enter quote").click()
    pick(page, "supplier_id", supplier)
    expect(page.locator("[data-child-row] .ts-control .item")).to_have_text(["Bar", "Sheet"])
    for number, price in enumerate(prices):
        fill_line(page, number, unit_price=price)
    save(page)
    step(page, "Submit")


@pytest.mark.timeout(600)  # a whole day, on whatever machine
def test_from_an_imported_supplier_to_the_invoice(
    enter: Callable[..., Frame],
    open_page: Opener,
    live_server: str,
    filled_tenant: TenantRef,
    work: Callable[[], None],
    settings: Settings,
) -> None:
    desk = f"{live_server}/t/{filled_tenant.slug}/records"
    page = enter("staff").page
    import_suppliers(page, desk, work)
    rfq = write_rfq(page, desk)
    step(page, "Send")
    expect(page.locator("main")).to_contain_text(re.compile(r"RFQ-\d{4}-\d{5}"))
    work()
    found = LINK.search(text_of(mails_to(settings.home, "day1@supplier.example")[-1]))
    assert found
    phone = open_page(size=NARROW)
    answer_by_link(phone, re.sub(r"https?://[^/]+", live_server, found[0]))
    enter_quote(page, rfq, "Birch Castings", ("6", "15"))
    enter_quote(page, rfq, "Cedar Metals", ("7", "25"))
    award(page, rfq)
    order = receive_part(page, desk, work)
    invoice(page, order)
    sent = mails_to(settings.home, "day1@supplier.example")[-1]
    assert [str(part.get_filename())[:3] for part in sent.iter_attachments()] == ["PO-"], text_of(sent)


def award(page: Page, rfq: str) -> None:
    """Split the first line, give the reason once it is asked for, and make the orders."""
    page.goto(f"{rfq}/compare")
    expect(page.locator("table tbody tr").first).to_contain_text("Best")
    look_at(page, "compare", NARROW, WIDE)
    page.get_by_role("button", name="Best per line").click()
    expect(page.get_by_label("Quantity of line 1 for Alder Forge")).to_have_value("10")
    page.get_by_label("Quantity of line 1 for Alder Forge").fill("6")
    page.get_by_label("Quantity of line 1 for Birch Castings").fill("4")
    page.locator("#early_reason").fill("All invited have answered")
    page.complaints.expect_status(422)  # type: ignore[attr-defined]
    page.get_by_role("button", name="Award these quantities").click()
    expect(page.get_by_role("alert")).to_contain_text("lowest landed cost")
    look_at(page, "compare-refused", NARROW, WIDE)
    page.get_by_label("Reason for line 1", exact=True).fill("Two sources for a critical part")
    page.get_by_role("button", name="Award these quantities").click()
    page.get_by_role("button", name="Make purchase orders").click()
    expect(page.locator("main")).to_contain_text("Alder Forge")
    look_at(page, "compare-awarded", NARROW, WIDE)
    page.goto(rfq)
    expect(page.locator("main")).to_contain_text("Awarded")


def receive_part(page: Page, desk: str, work: Callable[[], None]) -> str:
    """Release and send the first supplier's order, and book a part of it; returns its address."""
    page.goto(f"{desk}/purchase_order/?sort=-id")
    row = page.locator("tbody tr", has_text="Alder Forge").first
    row.locator("a").first.click()
    page.wait_for_url(re.compile(r"/purchase_order/\d+$"))
    order = page.url
    step(page, "Release")
    step(page, "Send to the supplier")
    work()
    page.goto(order)
    page.get_by_role("link", name=re.compile("Receive")).first.click()
    look_at(page, "receive", NARROW, WIDE)
    page.get_by_label("Came now of line 1").fill("2")
    page.get_by_label("Delivery note").fill("DN-1")
    page.locator("#warehouse_id").select_option(index=1)
    page.get_by_role("button", name="Book the delivery").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("DN-1")
    page.get_by_role("link", name="PO-").first.click()
    expect(page.locator("#progress")).to_contain_text("2")
    expect(page.locator("main")).to_contain_text("Part received")
    return order


def invoice(page: Page, order: str) -> None:
    """Enter the invoice for what was kept; it matches three ways."""
    page.goto(order)
    page.get_by_role("link", name="Enter invoice").click()
    page.locator("#number").fill("INV-DAY-1")
    page.locator("#invoiced_on").fill("2026-11-20")
    look_at(page, "invoice", NARROW, WIDE)
    page.get_by_role("button", name="Enter and match").click()
    page.wait_for_url(re.compile(r"/supplier_invoice/\d+$"))
    expect(page.locator("main")).to_contain_text("Matched")
    expect(page.locator("#match")).to_contain_text("Matches")
