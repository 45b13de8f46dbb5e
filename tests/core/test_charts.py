"""Charts: one definition gives the picture, its links and the same numbers as a table."""

import json
from datetime import UTC, datetime

import pytest

from dashboard.core.charts import MANY, Chart, Series
from dashboard.core.charts import Kind as ChartKind

MONTHS = ("Jan", "Feb", "Mar")


def chart(kind: ChartKind = "bar", **given: object) -> Chart:
    fields: dict[str, object] = {
        "kind": kind,
        "title": "Spend by month",
        "categories": MONTHS,
        "series": [Series("Spend", (10, None, 1234.5))],
    } | given
    return Chart(**fields)  # type: ignore[arg-type]


def test_a_missing_value_is_a_gap_and_reads_no_data_and_is_never_zero() -> None:
    made = chart()
    assert [mark["value"] for mark in made.option()["series"][0]["data"]] == [10.0, None, 1234.5]
    assert [row.cells[0].text for row in made.rows()] == ["10", "no data", "1,234.5"]


def test_a_chart_without_a_single_value_is_empty_but_zeros_are_values() -> None:
    assert chart(series=[Series("Spend", (None, None, None))]).is_empty
    assert chart(series=[]).is_empty
    assert not chart(series=[Series("Spend", (0, None, None))]).is_empty


def test_the_unit_of_lying_bars_stands_below_the_axis_where_it_is_not_cut_off() -> None:
    drawn = chart("bars", unit="EUR").option()
    assert drawn["xAxis"]["nameLocation"] == "middle"
    assert drawn["grid"]["bottom"] > chart("bars").option()["grid"]["bottom"]


def test_marks_and_table_lead_to_the_same_records() -> None:
    made = chart(links=("/jan", "/feb", "/mar"))
    assert made.option()["series"][0]["data"][2]["link"] == "/mar"
    assert [row.cells[0].link for row in made.rows()] == ["/jan", "", "/mar"]


def test_links_of_a_series_win_over_links_of_the_category() -> None:
    made = chart(series=[Series("Spend", (1, 2, 3), links=("/a", "", "/c"))], links=("/jan", "/feb", "/mar"))
    assert [row.cells[0].link for row in made.rows()] == ["/a", "/feb", "/c"]


def test_sizes_are_written_in_binary_units_in_the_table() -> None:
    made = chart(unit="bytes", series=[Series("Size", (1536, None, 0))])
    assert [row.cells[0].text for row in made.rows()] == [
        "1.5\N{NO-BREAK SPACE}KiB",
        "no data",
        "0\N{NO-BREAK SPACE}B",
    ]


def test_a_series_shorter_than_the_categories_reads_no_data_at_its_end() -> None:
    assert chart(series=[Series("Spend", (1,))]).rows()[2].cells[0].text == "no data"


@pytest.mark.parametrize("kind", ["bar", "bars", "stacked", "line", "area", "pie", "donut"])
def test_every_kind_gives_plain_json_that_a_strict_policy_can_draw(kind: ChartKind) -> None:
    made = chart(kind, as_of=datetime(2026, 11, 20, tzinfo=UTC))
    option = json.loads(json.dumps(made.payload()))["option"]
    assert option["tooltip"]["renderMode"] == "richText"
    assert option["aria"]["enabled"]
    assert "Spend" in option["aria"]["label"]["description"]


def test_a_pie_leaves_out_slices_without_a_value() -> None:
    names = [slice_["name"] for slice_ in chart("donut").option()["series"][0]["data"]]
    assert names == ["Jan", "Mar"]


def test_lying_bars_swap_the_axes_so_that_long_names_fit() -> None:
    option = chart("bars").option()
    assert (option["xAxis"]["type"], option["yAxis"]["type"]) == ("value", "category")


@pytest.mark.parametrize(("kind", "axis"), [("line", "xAxisIndex"), ("bars", "yAxisIndex")])
def test_many_categories_can_be_zoomed(kind: ChartKind, axis: str) -> None:
    many = [str(number) for number in range(MANY + 1)]
    option = chart(kind, categories=many, series=[Series("Spend", range(MANY + 1))]).option()
    assert all(axis in zoom for zoom in option["dataZoom"])
    assert "dataZoom" not in chart(kind).option()


def test_the_saved_picture_has_a_name_that_every_file_system_takes() -> None:
    assert chart(title="Spend / month (EUR)").file_name == "spend---month--eur"


def test_small_numbers_keep_the_digit_that_tells_an_index_from_one() -> None:
    made = Chart("line", "Prices", ["Jan", "Feb", "Mar"], [Series("Index", [1.003, 0.5, 12.345])])
    assert [row.cells[0].text for row in made.rows()] == ["1.003", "0.5", "12.35"]
