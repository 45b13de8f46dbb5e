"""PDFs: every name renders, nothing typed is markup, nothing secret is in them, they go with the mail."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes, policy
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.core.config import get_settings
from dashboard.core.errors import UnavailableError
from dashboard.erp.documents import service, typesetting
from dashboard.erp.documents.typesetting import typeset
from dashboard.erp.messages import service as messages
from dashboard.erp.models import Message, PurchaseOrder
from dashboard.erp.workflow.service import transition
from tests import factories
from tests.erp.buying import make_case

NAMES = {
    "株式会社 日本電気": "NotoSansSC",
    "上海有限公司": "NotoSansSC",
    "서울 주식회사": "NanumGothic",
    "שלום": "NotoSansHebrew",
    "شركة": "NotoSansArabic",
    "Łódź Ελλάς Україна": "NotoSans-",
}
NO_GLYPH = "\x00"


def make_order(session: Session, **supplier: str) -> PurchaseOrder:
    """An order of two lines with freight."""
    order = factories.PurchaseOrderFactory(freight=Decimal("12.5"), note="Ring twice.")
    for name, value in supplier.items():
        setattr(order.supplier, name, value)
    factories.PurchaseOrderLineFactory(order=order, quantity=Decimal("1000.5"), unit_price=Decimal("0.0125"))
    factories.PurchaseOrderLineFactory(
        order=order, position=2, description="Bolts", promised_on=date(2026, 3, 5)
    )
    session.flush()
    session.refresh(order)
    return order


def words(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(pdf)).pages)


def fonts(pdf: bytes) -> set[str]:
    found = set()
    for page in PdfReader(BytesIO(pdf)).pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            outer = font.get_object()
            (inner,) = outer["/DescendantFonts"]
            descriptor = inner.get_object()["/FontDescriptor"]
            assert "/FontFile2" in descriptor or "/FontFile3" in descriptor, "every font is embedded"
            found.add(str(outer["/BaseFont"]))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_names_in_every_script_are_set_in_an_embedded_font(tenant: Session, name: str) -> None:
    pdf = service.order_pdf(tenant, make_order(tenant, name=name))
    text = words(pdf)
    assert NO_GLYPH not in text, "a box instead of a letter"
    assert any(NAMES[name] in font for font in fonts(pdf))
    if NAMES[name] != "NotoSansArabic":  # its letters come back in the shapes they are joined in
        assert all(part in text or part[::-1] in text for part in name.split())


def test_a_script_without_a_font_would_be_noticed(tenant: Session) -> None:
    assert NO_GLYPH in words(service.order_pdf(tenant, make_order(tenant, name="བོད")))


def test_what_people_type_is_no_markup(tenant: Session) -> None:
    hostile = '#eval("1+1") *b* $x$ @ref \\ <a> "quote" #read("/etc/passwd") {{7*7}}'
    text = words(service.order_pdf(tenant, make_order(tenant, name=hostile)))
    assert "".join(hostile.split()) in "".join(text.split())


def test_an_order_says_what_is_ordered_and_what_it_costs(tenant: Session) -> None:
    text = words(service.order_pdf(tenant, make_order(tenant)))
    for part in (
        "Purchase order (draft)",
        "1,000.5",
        "0.0125",
        "2026-03-05",
        "12.50",
        "Ring twice.",
        "Total",
    ):
        assert part in text


def test_a_request_keeps_target_prices_and_budget_to_itself(tenant: Session) -> None:
    case = make_case(tenant, (10,), title="Steel", budget=Decimal(98765))
    case.lines[0].target_price = Decimal("43.21")
    tenant.flush()
    text = words(service.rfq_pdf(tenant, case.rfq))
    assert "Steel" in text
    assert "Part 1" in text
    assert "43.21" not in text
    assert "98,765" not in text


def test_long_documents_go_over_pages_with_a_repeated_head(tenant: Session) -> None:
    case = make_case(tenant, (1,) * 120)
    pdf = service.rfq_pdf(tenant, case.rfq)
    pages = [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]
    assert len(pages) > 2
    assert all("Description" in page for page in pages[:-1])


def test_without_fonts_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(typesetting, "FONTS", tmp_path / "none")
    with pytest.raises(UnavailableError, match="fonts"):
        typeset("rfq", {})


def test_a_broken_template_is_said() -> None:
    with pytest.raises(UnavailableError, match="could not be set"):
        typeset("rfq", {"title": "no more than this"})


def test_the_order_goes_with_its_mail_and_a_cancellation_goes_without(tenant: Session) -> None:
    order = make_order(tenant)
    transition(tenant, order, "release")
    transition(tenant, order, "send")
    message = tenant.scalars(select(Message).filter_by(order_id=order.id)).one()
    folder = get_settings().home / "mail"
    before = set(folder.glob("*.eml"))
    assert messages.deliver(tenant, message.id, 1)
    (path,) = set(folder.glob("*.eml")) - before
    mail = message_from_bytes(path.read_bytes(), policy=policy.default)
    (file,) = mail.iter_attachments()
    assert file.get_filename() == f"{order.number}.pdf"
    assert str(order.number) in words(file.get_content())
    transition(tenant, order, "cancel", cancel_reason="too late")
    last = tenant.scalars(select(Message).filter_by(order_id=order.id).order_by(Message.id.desc())).first()
    assert last is not None
    assert service.attachments_of(tenant, last) == []


def test_the_request_goes_with_mails_while_it_is_asked(tenant: Session) -> None:
    case = make_case(tenant, (1,), deadline=datetime.now(UTC) + timedelta(days=1))
    message = factories.MessageFactory(organization=case.org, rfq_id=case.rfq.id)
    (file,) = service.attachments_of(tenant, message)
    assert file.content.startswith(b"%PDF")
    case.rfq.status = "cancelled"
    tenant.flush()
    assert service.attachments_of(tenant, message) == []


def test_the_downloads_are_for_people_who_may_export(
    tenant: Session, login: Callable[..., FlaskClient]
) -> None:
    order, case = make_order(tenant), make_case(tenant, (1,))
    tenant.commit()
    staff = login("staff", tenant="acme")
    for page in (f"purchase_order/{order.id}", f"rfq/{case.rfq.id}"):
        answer = staff.get(f"/t/acme/records/{page}.pdf")
        assert answer.data.startswith(b"%PDF")
        assert "attachment" in answer.headers["Content-Disposition"]
        assert ".pdf" in staff.get(f"/t/acme/records/{page}").get_data(as_text=True)
    assert staff.get("/t/acme/records/purchase_order/999999.pdf").status_code == 404
    assert staff.get("/t/globex/records/purchase_order/1.pdf").status_code == 404
