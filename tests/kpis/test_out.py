"""A page as CSV, XLSX and PDF, read back by other programs than those that wrote them."""

import csv
import io
import zipfile
from datetime import UTC
from decimal import Decimal

import pytest
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from dashboard.core.charts import Chart, Series
from dashboard.core.errors import NotFoundError, UnavailableError
from dashboard.kpis.out import drawing, lines, paper, workbook
from dashboard.kpis.pages.page import PageChart
from tests.kpis.outgoing import page


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_csv_of_a_chart_is_a_plain_table_in_which_a_gap_is_no_data() -> None:
    rows = read_csv(lines.page_csv(page(), "Acme", UTC, "spend"))
    assert rows == [
        ["Month", "Metal (EUR)", "'=HYPERLINK(1) (EUR)"],
        ["Feb 2026", "1200.5", "0"],
        ["Mar 2026", "no data", "5"],
        ["Apr 2026", "900", "no data"],
    ]


def test_csv_of_a_page_says_what_it_is_about_and_holds_every_part() -> None:
    rows = read_csv(lines.page_csv(page(), "Acme", UTC))
    assert rows[:3] == [["Suppliers"], ["Tenant", "Acme"], ["Period", "Last 3 months (Feb 2026 to Apr 2026)"]]
    assert ["As of", "15 Apr 2026, 06:30 UTC"] in rows
    assert ["Note", "Receipts corrected later are not undone."] in rows
    (otif,) = [row for row in rows if row[:1] == ["On time in full"]]
    assert otif[1:4] == ["81.25", "%", "81.3 %"]
    assert [row[1] for row in rows if row[:1] == ["Defects"]] == ["no data"]
    assert {"Figures", "Spend by month", "Price index", "Ranking"} <= {row[0] for row in rows if row}


def test_csv_runs_nothing_in_a_spreadsheet() -> None:
    rows = read_csv(lines.page_csv(page(), "Acme", UTC))
    assert ["'-1+cmd|calc", "no data"] in rows
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))] == []


def test_csv_of_an_unknown_part_is_not_found() -> None:
    with pytest.raises(NotFoundError):
        lines.page_csv(page(), "Acme", UTC, "nothing")


def test_workbook_has_a_sheet_for_each_part_with_numbers_as_numbers() -> None:
    book = CalamineWorkbook.from_filelike(io.BytesIO(workbook.page_xlsx(page(), "Acme", UTC)))
    assert book.sheet_names == ["About", "Figures", "Spend by month", "Price index", "Ranking"]
    assert book.get_sheet_by_name("Spend by month").to_python(skip_empty_area=False)[2:6] == [
        ["Month", "Metal (EUR)", "=HYPERLINK(1) (EUR)"],
        ["Feb 2026", 1200.5, 0.0],
        ["Mar 2026", "no data", 5.0],
        ["Apr 2026", 900.0, "no data"],
    ]
    assert ["北京铸造 <b>", 91.0] in book.get_sheet_by_name("Ranking").to_python()


def test_workbook_holds_the_chart_and_runs_no_formula() -> None:
    with zipfile.ZipFile(io.BytesIO(workbook.page_xlsx(page(), "Acme", UTC))) as archive:
        charts = [name for name in archive.namelist() if name.startswith("xl/charts/chart")]
        sheets = "".join(
            archive.read(n).decode() for n in archive.namelist() if n.startswith("xl/worksheets/s")
        )
    assert len(charts) == 1  # none of the empty one
    assert "<f>" not in sheets


def test_workbook_gives_sheets_names_that_are_allowed_and_differ() -> None:
    named = (
        Chart("pie", title, ("a",), (Series("n", (1,)),)) for title in ("In/Out: [a]" * 4, "in out   a " * 4)
    )
    wanted = page(charts=tuple(PageChart(str(number), chart) for number, chart in enumerate(named)))
    names = CalamineWorkbook.from_filelike(io.BytesIO(workbook.page_xlsx(wanted, "Acme", UTC))).sheet_names
    assert len({name.casefold() for name in names}) == len(names)
    assert all(len(name) <= 31 and not set("[]:*?/\\") & set(name) for name in names)


def test_pdf_holds_the_drawing_of_each_chart_that_has_data(monkeypatch: pytest.MonkeyPatch) -> None:
    made = paper.page_pdf(page(), "Acme", UTC)
    assert made.startswith(b"%PDF-")
    assert len(made) - len(paper.page_pdf(page(charts=()), "Acme", UTC)) > 2_000
    drawn: list[str] = []

    def draw(chart: Chart) -> str:
        drawn.append(chart.title)
        return "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>"

    monkeypatch.setattr(drawing, "svg", draw)
    paper.page_pdf(page(), "Acme", UTC)
    assert drawn == ["Spend by month"]  # the empty one says why instead


def test_pdf_says_what_the_page_says() -> None:
    text = "".join(
        part.extract_text() for part in PdfReader(io.BytesIO(paper.page_pdf(page(), "Acme", UTC))).pages
    )
    for words in (
        "Acme",
        "15 Apr 2026, 06:30 UTC",
        "Target 95 % missed",
        "1,200.5",
        "Nobody has quoted yet.",
        "北京铸造 <b>",
    ):
        assert words in text
    assert text.count("no data") == 4  # a tile, two gaps, a cell; nowhere a 0 in their place


def test_pdf_has_every_column_and_says_how_many_rows_are_left_out() -> None:
    rows = [str(n) for n in range(150)]
    many = Chart("line", "Long", rows, [Series(f"Series {n}", (Decimal(n),) * 150) for n in range(12)])
    wide = PdfReader(io.BytesIO(paper.page_pdf(page(charts=(PageChart("long", many),)), "Acme", UTC)))
    text = "".join(part.extract_text() for part in wide.pages)
    assert all(f"Series {n}" in text for n in range(12))
    assert "50 more rows in the workbook (XLSX)." in text


def test_pdf_that_cannot_be_set_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "svg", lambda _chart: "this is no drawing")
    with pytest.raises(UnavailableError, match="could not be set"):
        paper.page_pdf(page(), "Acme", UTC)
