"""Pages as objects: they cost few queries, fold months exactly, and say the same without a reader."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from dashboard.core.charts import Chart, Series
from dashboard.kpis import filters, refreshing, registry, sums
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions import sourcing, supplier_families
from dashboard.kpis.models import KpiTarget
from dashboard.kpis.pages import reading, sparkline, wording
from dashboard.kpis.pages.page import Page, PageChart
from dashboard.kpis.pages.service import PAGES, build
from tests.kpis.conftest import Company

TODAY = date(2026, 4, 15)
TERMS = Terms(datetime(2026, 4, 15, tzinfo=UTC), "EUR", ())
QUARTER = {"from": "2026-01", "to": "2026-03"}
MOST_QUERIES = 20


@pytest.fixture
def filled(tenant: Session, company: Company) -> Company:
    """Receipts in two months and awards in one."""
    for day, came in (
        (date(2026, 2, 10), "2026-02-10T12:00+01:00"),
        (date(2026, 3, 31), "2026-03-31T12:00+02:00"),
        (date(2026, 3, 10), "2026-03-20T12:00+01:00"),
    ):
        receipt = company.receive(came, 10, "2.50")
        receipt.order.status = "received"
        receipt.lines[0].order_line.promised_on = day
    company.award("2026-02-01T08:00+01:00", "2026-02-04T08:00+01:00")
    company.award("2026-02-01T08:00+01:00", "2026-02-06T08:00+01:00")
    company.award("2025-12-01T08:00+01:00", "2025-12-02T08:00+01:00")
    tenant.flush()
    for family in (supplier_families.DELIVERIES, supplier_families.RECEIPTS, sourcing.CYCLES):
        refreshing.rebuild(tenant, family, TERMS)
    return company


@contextmanager
def counted(session: Session) -> Iterator[list[str]]:
    """The statements a block sends."""
    sent: list[str] = []
    connection = session.connection()

    def note(*given: object) -> None:
        sent.extend([str(given[2])] if not str(given[2]).startswith("SET ") else [])

    event.listen(connection, "before_cursor_execute", note)
    yield sent
    event.remove(connection, "before_cursor_execute", note)


def chart_of(page: Page, name: str) -> Chart:
    return next(each.chart for each in page.charts if each.name == name)


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_asks_few_questions_however_much_there_is(tenant: Session, filled: Company, name: str) -> None:
    filled.organization("Tokyo works", time_zone="Asia/Tokyo")
    with counted(tenant) as sent:
        build(tenant, name, QUARTER, today=TODAY)
    assert len(sent) <= MOST_QUERIES, "\n".join(" ".join(each.split())[:120] for each in sent)


@pytest.mark.parametrize("code", ["otif", "spend", "cycle_time", "lead_variability"])
@pytest.mark.parametrize("compare", ["previous", "year"])
def test_what_is_folded_from_months_is_what_the_sums_say(
    tenant: Session, filled: Company, code: str, compare: str
) -> None:
    selection = filters.read(tenant, QUARTER | {"compare": compare}, TODAY)
    kpi = registry.get(code)
    read = reading.read_all(tenant, [kpi], selection)[code]
    compared = selection.compared
    assert compared is not None
    assert (read.now.value, read.now.n) == _one(tenant, kpi, selection.sums)
    assert read.before is not None
    assert (read.before.value, read.before.n) == _one(tenant, kpi, compared)
    for point in (*read.months, *read.months_before):
        month = replace(selection.sums, first=point.month, last=point.month)
        assert point.value == _one(tenant, kpi, month)[0], point.month


def _one(session: Session, kpi: registry.Kpi, chosen: sums.Filters) -> tuple[Decimal | None, int]:
    (figure,) = sums.read(session, kpi, chosen)
    return figure.value, figure.n


def test_target_and_its_verdict_stand_on_the_tile_and_in_the_chart(tenant: Session, filled: Company) -> None:
    month = date(2026, 3, 1)
    tenant.add(KpiTarget(code="otif", first_month=month, last_month=month, value=Decimal(95)))
    tenant.flush()
    page = build(tenant, "suppliers", QUARTER | {"kpi": "otif"}, today=TODAY)
    tile = next(each for each in page.tiles if each.code == "otif")
    assert (tile.target, tile.verdict) == ("95.0\N{NO-BREAK SPACE}%", "missed")
    assert [series.name for series in chart_of(page, "trend").series][-1] == "Target"


def test_page_without_a_reader_has_the_figures_and_no_address(tenant: Session, filled: Company) -> None:
    page = build(tenant, "suppliers", QUARTER, today=TODAY)
    assert {tile.url + tile.proof_url for tile in page.tiles} == {""}
    assert all(cell.url == "" for table in page.tables for row in table.rows for cell in row)
    assert not any(link for each in page.charts for link in _links(each))
    scorecard = next(table for table in page.tables if table.name == "scorecard")
    assert len(scorecard.rows) == 3
    spend = [column.title for column in scorecard.columns].index("Spend (EUR)")
    assert [row[spend].value for row in scorecard.rows] == [Decimal(25)] * 3


def _links(item: PageChart) -> list[str]:
    return [*item.chart.links, *(link for series in item.chart.series for link in series.links)]


def test_filter_by_category_takes_those_below_it_and_of_the_same_name_elsewhere(
    tenant: Session, company: Company
) -> None:
    tokyo = company.organization("Tokyo works")
    metal = company.category("Metal")
    screws = company.category("Screws", parent=metal)
    company.category("Metallurgy")
    there = company.category("Metal", org=tokyo)
    tenant.flush()
    everywhere = filters.read(tenant, {"category": str(metal.id)}, TODAY)
    assert set(everywhere.category_ids) == {metal.id, screws.id, there.id}
    here = filters.read(tenant, {"category": str(there.id), "org": str(company.org.id)}, TODAY)
    assert set(here.category_ids) == {metal.id, screws.id}
    assert dict(everywhere.words)["Category"] == "Metal"


@pytest.mark.parametrize(
    ("code", "value", "text"),
    [
        ("otif", None, "no data"),
        ("otif", Decimal("93.44"), "93.4 %"),
        ("spend", Decimal("1234567.8"), "1.23 m EUR"),
        ("spend", Decimal("-12.6"), "-13 EUR"),
        ("cycle_time", Decimal(30), "30 h"),
        ("cycle_time", Decimal(84), "3.5 days"),
        ("price_index", Decimal("1.04"), "1.040"),
    ],
    ids=str,
)
def test_values_are_written_with_their_units(code: str, value: Decimal | None, text: str) -> None:
    assert wording.write(registry.get(code), value, "EUR").replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("code", "now", "before", "tone"),
    [
        ("otif", 95, 90, "better"),
        ("defect_ppm", 95, 90, "worse"),
        ("otif", 90, 90, "same"),
        ("spend", 2, 1, ""),
        ("otif", 1, None, ""),
        ("otif", 1, 0, "better"),
        ("spend", 1, 0, ""),
    ],
    ids=str,
)
def test_change_is_judged_by_which_direction_is_better(
    code: str, now: int, before: int | None, tone: str
) -> None:
    earlier = None if before is None else Decimal(before)
    assert wording.change(registry.get(code), Decimal(now), earlier)[1] == tone


def test_course_of_a_figure_breaks_where_there_is_no_data() -> None:
    drawn = sparkline.segments([Decimal(1), Decimal(2), None, Decimal(3)])
    assert [len(piece.split()) for piece in drawn] == [2, 2]
    assert sparkline.segments([None, Decimal(1)]) == []


def test_points_without_both_values_are_left_out_and_links_lead_from_marks() -> None:
    made = Chart(
        kind="scatter",
        title="Quadrant",
        categories=["A", "B", "C"],
        series=[Series("Spend", (10, None, 30), unit="EUR"), Series("OTIF", (90, 80, None), unit="%")],
        links=("/a", "/b", "/c"),
        floor=1,
        cross=(20.0, None),
    )
    (points,) = made.option()["series"]
    assert [(mark["name"], mark["link"]) for mark in points["data"]] == [("A", "/a")]
    assert points["markLine"]["data"] == [{"xAxis": 20.0}]
    assert [cell.text for cell in made.rows()[2].cells] == ["30", "no data"]
    assert made.payload()["units"] == ["EUR", "%"]


def test_heat_map_has_no_cell_where_there_is_no_data_and_the_same_reach_on_both_sides() -> None:
    made = Chart(
        kind="heat",
        title="Map",
        categories=["Jan", "Feb"],
        series=[Series("Metal", (0.9, None)), Series("Paper", (None, 1.3))],
        middle=1,
    )
    option = made.option()
    assert [cell["value"] for cell in option["series"][0]["data"]] == [[0, 0, 0.9], [1, 1, 1.3]]
    assert (option["visualMap"]["min"], option["visualMap"]["max"]) == pytest.approx((0.7, 1.3))


def test_box_needs_all_its_numbers_and_a_funnel_names_its_steps() -> None:
    quartiles = [Series(str(place), (place, None)) for place in range(5)]
    box = Chart(kind="box", title="Spread", categories=["A", "B"], series=quartiles, links=("/a", ""))
    assert [mark["value"] for mark in box.option()["series"][0]["data"]] == [[0, 1, 2, 3, 4], []]
    steps = Chart(
        kind="funnel", title="Funnel", categories=["Sent", "Won"], series=[Series("n", (1200, None))]
    )
    (drawn,) = steps.option()["series"]
    assert [step["label"]["formatter"] for step in drawn["data"]] == ["Sent\n1,200"]
