"""The sheet: one currency, landed cost, what is best, what is missing, what is sealed."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from dashboard.erp.comparison import export, queries
from dashboard.erp.comparison.sheet import Offered
from tests.erp.buying import add_quote, currencies, make_case, rate


def test_landed_cost_shares_freight_and_duty_by_value_and_decides(tenant: Session) -> None:
    case = make_case(tenant, (100, 10))
    add_quote(case, "1.00", "10.00", name="Aster")
    add_quote(case, "0.95", "9.50", name="Birch", freight=Decimal(30), duty=Decimal(8))
    sheet = queries.load_sheet(tenant, case.rfq)
    first = sheet.rows[0]
    assert first.cells[1] is not None
    assert first.cells[1].landed == Decimal("0.95") * (1 + Decimal(38) / Decimal(190))
    assert [cell.is_best for cell in first.cells if cell] == [True, False]
    assert [(offer.goods, offer.landed) for offer in sheet.offers] == [
        (Decimal(200), Decimal(200)),
        (Decimal(190), Decimal(228)),
    ]
    assert [offer.is_best for offer in sheet.offers] == [True, False]


def test_prices_are_turned_into_one_currency_by_the_newest_rate(tenant: Session) -> None:
    case = make_case(tenant, (10,))
    currencies(tenant, "EUR", "USD", "JPY")
    rate(tenant, "USD", "EUR", "0.5", days_ago=40)
    rate(tenant, "USD", "EUR", "0.8", days_ago=2)
    rate(tenant, "EUR", "JPY", "160")
    add_quote(case, "10", name="Aster")
    add_quote(case, "11", name="Birch", currency="USD")
    add_quote(case, "1700", name="Cedar", currency="JPY")
    cells = queries.load_sheet(tenant, case.rfq).rows[0].cells
    assert [round(cell.price, 3) for cell in cells if cell and cell.price] == [
        10,
        Decimal("8.8"),
        Decimal("10.625"),
    ]
    in_yen = queries.load_sheet(tenant, case.rfq, "JPY")
    birch = in_yen.offers[1].conversion
    assert birch is not None
    assert (birch.rate, birch.across) == (Decimal(128), "EUR")


def test_a_missing_rate_is_said_and_not_guessed(tenant: Session) -> None:
    case = make_case(tenant, (10,))
    add_quote(case, "10", name="Aster")
    add_quote(case, "1", name="Birch", currency="USD")
    sheet = queries.load_sheet(tenant, case.rfq)
    assert sheet.missing == ["USD"]
    birch = sheet.rows[0].cells[1]
    assert birch is not None
    assert (birch.price, birch.is_best, sheet.offers[1].goods) == (None, False, None)


def test_a_partial_offer_is_no_full_basket(tenant: Session) -> None:
    case = make_case(tenant, (100, 10))
    add_quote(case, "1", None, name="Aster")
    add_quote(case, "2", "", name="Birch")
    add_quote(case, "3", "5", name="Cedar")
    sheet = queries.load_sheet(tenant, case.rfq)
    assert [(offer.is_full, offer.covered) for offer in sheet.offers] == [(False, 1), (False, 1), (True, 2)]
    second = [cell.bid.offered for cell in sheet.rows[1].cells if cell]
    assert second == [Offered.NO_BID, Offered.UNPRICED, Offered.PRICED]
    assert sheet.rows[1].best is None, "one bid alone is no best"


def test_drafts_and_withdrawn_quotes_are_not_shown_and_lapsed_ones_are_not_best(tenant: Session) -> None:
    case = make_case(tenant, (10,))
    add_quote(case, "1", name="Aster", status="draft")
    add_quote(case, "2", name="Birch", status="withdrawn")
    add_quote(case, "3", name="Cedar", valid_until=datetime.now(UTC).date() - timedelta(days=3))
    add_quote(case, "5", name="Elm")
    add_quote(case, "6", name="Fir")
    sheet = queries.load_sheet(tenant, case.rfq)
    assert [offer.supplier for offer in sheet.offers] == ["Cedar", "Elm", "Fir"]
    assert [cell.is_best for cell in sheet.rows[0].cells if cell] == [False, True, False]


def test_before_the_opening_the_sheet_knows_no_price_and_no_freight(tenant: Session) -> None:
    case = make_case(tenant, (10,), sealed=True)
    opening = datetime.now(UTC) + timedelta(hours=3)
    tenant.execute(text("SELECT seal_rfq(:id, :at)"), {"id": case.rfq.id, "at": opening})
    add_quote(case, "12.34", name="Aster", freight=Decimal("77.7"))
    sheet = queries.load_sheet(tenant, case.rfq)
    (cell,) = sheet.rows[0].cells
    assert cell is not None
    assert (cell.bid.offered, cell.price, sheet.offers[0].landed) == (Offered.SEALED, None, None)
    assert sheet.opens_at == opening
    words = export.to_csv(sheet).decode()
    assert "12.34" not in words
    assert "77.7" not in words


def test_files_guard_what_a_spreadsheet_would_run(tenant: Session) -> None:
    case = make_case(tenant, (10,))
    case.lines[0].description = "=HYPERLINK(1)"
    add_quote(case, "2", name="@evil")
    tenant.flush()
    sheet = queries.load_sheet(tenant, case.rfq)
    assert "'=HYPERLINK(1)" in export.to_csv(sheet).decode("utf-8-sig")
    assert "'@evil" in export.to_csv(sheet).decode("utf-8-sig")
    assert export.to_xlsx(sheet)[:2] == b"PK"


def test_a_request_of_400_lines_and_8_offers_takes_few_statements(
    tenant: Session, login: Callable[..., FlaskClient]
) -> None:
    case = make_case(tenant, ())
    many = "INSERT INTO rfq_line (org_id, rfq_id, position, description, quantity)"
    case_ids = {"org": case.org.id, "rfq": case.rfq.id}
    tenant.execute(
        text(f"{many} SELECT :org, :rfq, n, 'Part ' || n, 10 FROM generate_series(1, 400) n"), case_ids
    )
    for number in range(8):
        add_quote(case, name=f"Supplier {number}")
    bids = "INSERT INTO quote_line (org_id, quote_id, rfq_line_id, quantity, unit_price)"
    priced = (
        "SELECT :org, q.id, l.id, 10, 1 + (q.id * 7 + l.id) % 13 FROM quote q JOIN rfq_line l USING (rfq_id)"
    )
    tenant.execute(text(f"{bids} {priced} WHERE rfq_id = :rfq"), case_ids)
    tenant.commit()
    statements: list[str] = []
    engine = tenant.get_bind()
    listen = (engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    event.listen(*listen)
    began = time.perf_counter()
    sheet = queries.load_sheet(tenant, case.rfq)
    took = time.perf_counter() - began
    event.remove(*listen)
    assert len(statements) <= 12, statements
    assert took < 2, f"{took:.2f} s"
    assert (len(sheet.rows), sheet.offers[0].covered) == (400, 400)
    staff = login("staff", tenant="acme")
    began = time.perf_counter()
    page = staff.get(f"/t/acme/records/rfq/{case.rfq.id}/compare")
    assert page.status_code == 200
    assert time.perf_counter() - began < 5
    assert len(page.data) < 2_000_000
