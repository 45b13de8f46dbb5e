"""The XLSX of a list: what a spreadsheet reads out of it, and how it grows."""

import io
import zipfile
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import func, literal, select

from dashboard.core.db import db
from dashboard.records import xlsx
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.records.test_every_screen import address

Make = Callable[..., Any]
SUPPLIERS = "/t/acme/records/supplier/"
NASTY = "=1+1 <b>&amp; \\x \u0007 tab\there\nsecond line 日本 \u202eعربى"


def sheets(data: bytes) -> list[list[list[Any]]]:
    """Rows of every sheet, as a reader of spreadsheets finds them."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(data))
    return [book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names]


def part(data: bytes, name: str) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return archive.read(name).decode()


def export(staff: FlaskClient, entity: str, **query: Any) -> bytes:
    answer = staff.get(address(entity, "export.xlsx"), query_string=query)
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith('.xlsx"')
    return bytes(answer.data)


def test_the_file_has_the_columns_seen_in_their_order_and_nothing_else(
    make: Make, staff: FlaskClient
) -> None:
    made = make("supplier", name="Anvil", reliability=Decimal("90.5"), lead_time_days=7, status="blocked")
    rows = sheets(export(staff, "supplier", id=made.id, cols="lead_time_days,name,status,reliability"))[0]
    assert rows == [["Lead time (days)", "Name", "Status", "Reliability"], [7, "Anvil", "Blocked", 90.5]]


def test_dates_are_dates_and_text_stays_text(make: Make, staff: FlaskClient) -> None:
    made = make("quote", valid_until=date(2026, 3, 31), reference="007")
    rows = sheets(export(staff, "quote", id=made.id, cols="reference,valid_until,submitted_at,total"))[0]
    assert rows[0] == ["Reference", "Valid until", "Submitted", "Total", "Currency"]
    assert rows[1][0] == "007"
    assert rows[1][1] == date(2026, 3, 31)


def test_text_that_a_spreadsheet_would_run_is_marked_as_text_and_unchanged(
    make: Make, staff: FlaskClient
) -> None:
    made = make("supplier", name=NASTY, region="-2+3")
    data = export(staff, "supplier", id=made.id, cols="name,region")
    assert sheets(data)[0][1] == [NASTY.replace("\u0007", ""), "-2+3"]
    sheet = part(data, "xl/worksheets/sheet1.xml")
    assert "<f>" not in sheet
    assert '<c t="str" s="3"><v>-2+3</v></c>' in sheet
    assert 'quotePrefix="1"' in part(data, "xl/styles.xml")


def test_a_bad_filter_is_refused(staff: FlaskClient) -> None:
    assert staff.get(f"{SUPPLIERS}export.xlsx?g1.status=nothing").status_code == 422


def test_chosen_rows_are_exported(make: Make, staff: FlaskClient) -> None:
    made, _ = make("supplier", name="Chosen"), make("supplier")
    data = {"action": "export_xlsx", "ids": str(made.id), "cols": "name"}
    assert sheets(staff.post(f"{SUPPLIERS}bulk", data=data).data)[0] == [["Name"], ["Chosen"]]


@pytest.mark.commits
def test_beyond_the_limit_of_a_sheet_another_one_begins(
    app: Flask, acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(xlsx, "SHEET_ROWS", 1001)
    numbers = func.generate_series(1, 2500).column_valued("n")
    rows = select(literal("<row><c><v>").op("||")(numbers.op("||")(literal("</v></c></row>"))))
    with app.app_context(), use_tenant(acme, actor="tester@example.com") as session:
        data = b"".join(xlsx.stream(session, rows, [("Number & more", False)], "Rows of [acme]"))
        db.session.remove()
    read = sheets(data)
    assert [len(sheet) for sheet in read] == [1001, 1001, 501]
    assert [sheet[0] for sheet in read] == [["Number & more"]] * 3
    assert [sheet[1][0] for sheet in read] == [1, 1001, 2001]


@pytest.mark.commits
def test_an_empty_list_is_a_file_with_a_head(app: Flask, acme: TenantRef) -> None:
    with app.app_context(), use_tenant(acme, actor="tester@example.com") as session:
        nothing = select(literal("<row/>")).where(literal(value=False))
        data = b"".join(xlsx.stream(session, nothing, [("Name", True)], "Suppliers"))
        db.session.remove()
    assert sheets(data) == [[["Name"]]]
