"""Draws the charts that are not series along one axis: points, heat maps, boxes and funnels."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dashboard.core.filters import number

if TYPE_CHECKING:
    from dashboard.core.charts import Chart, Series

Option = dict[str, Any]
TOOLTIP = {"renderMode": "richText", "confine": True, "trigger": "item"}
# The largest share of a sample its marks may take; more would hide each other.
SMALLEST, LARGEST = 8, 30
BELOW = {"nameLocation": "middle", "nameGap": 30}
QUARTILES = 5
NAMED = 12
"""How many points bear their name: the largest ones. The others say it when they are pointed at."""


def scatter(chart: "Chart") -> Option:
    """Points in a plane, with lines that make four quarters."""
    across, up = chart.series[0], chart.series[1]
    points: Option = {
        "type": "scatter",
        "data": _points(chart),
        "itemStyle": {"opacity": 0.75},
        "label": {"show": True, "formatter": "{b}", "position": "top", "fontSize": 11},
        "labelLayout": {"hideOverlap": True},
        "emphasis": {"focus": "self"},
    }
    return {
        "grid": {"left": 12, "right": 28, "top": 32, "bottom": 36, "containLabel": True},
        "tooltip": TOOLTIP,
        "xAxis": _axis(across, chart) | _logarithmic(across, chart) | BELOW,
        "yAxis": _axis(up, chart) | {"nameTextStyle": {"align": "left"}},
        "series": [points | _cross(chart)],
    }


def heat(chart: "Chart") -> Option:
    """A cell per category and series; what has no value has no cell."""
    cells: list[Option] = [
        {"value": [across, down, float(value)]} | _linked(chart.link_of(series, across))
        for down, series in enumerate(chart.series)
        for across, value in enumerate(series.values)
        if value is not None
    ]
    values = [float(cell["value"][2]) for cell in cells]
    low, high = _range(values, chart.middle)
    names = [series.name for series in chart.series]
    return {
        "grid": {"left": 8, "right": 16, "top": 8, "bottom": 60, "containLabel": True},
        "tooltip": TOOLTIP,
        "xAxis": {"type": "category", "data": list(chart.categories)},
        "yAxis": {
            "type": "category",
            "data": names,
            "inverse": True,
            "axisLabel": {"overflow": "truncate"},
        },
        "visualMap": {
            "min": low,
            "max": high,
            "orient": "horizontal",
            "left": "center",
            "bottom": 0,
            "itemHeight": 140,
            "itemWidth": 12,
            "text": [number(high), number(low)],
        },
        "series": [{"type": "heatmap", "name": chart.title, "data": cells}],
    }


def box(chart: "Chart") -> Option:
    """A box per category from its five numbers; a category without all of them has none."""
    rows = zip(*(series.values for series in chart.series[:QUARTILES]), strict=True)
    data: list[Option] = [
        {"value": [float(value) for value in row if value is not None]} | _linked(_first_link(chart, index))
        if None not in row
        else {"value": []}
        for index, row in enumerate(rows)
    ]
    return {
        "grid": {"left": 8, "right": 24, "top": 12, "bottom": 32, "containLabel": True},
        "tooltip": TOOLTIP,
        "xAxis": {
            "type": "value",
            "name": chart.unit,
            "scale": True,
            "nameLocation": "middle",
            "nameGap": 28,
        },
        "yAxis": {
            "type": "category",
            "data": list(chart.categories),
            "inverse": True,
            "axisLabel": {"overflow": "truncate"},
        },
        "series": [{"type": "boxplot", "name": chart.title, "data": data, "boxWidth": [6, 22]}],
    }


def funnel(chart: "Chart") -> Option:
    """Steps, each as wide as what is left in it."""
    series = chart.series[0]
    steps = [
        {"name": name, "value": float(value), "label": {"formatter": f"{name}\n{number(value)}"}}
        | _linked(chart.link_of(series, index))
        for index, (name, value) in enumerate(zip(chart.categories, series.values, strict=True))
        if value is not None
    ]
    drawn = {
        "type": "funnel",
        "name": series.name,
        "data": steps,
        "sort": "none",
        "gap": 2,
        "left": "4%",
        "width": "62%",
        "top": 12,
        "bottom": 12,
        "minSize": "1%",
        "label": {"position": "right", "lineHeight": 16},
    }
    return {"tooltip": TOOLTIP, "legend": {"show": False}, "series": [drawn]}


SHAPES: dict[str, Callable[["Chart"], Option]] = {
    "scatter": scatter,
    "heat": heat,
    "box": box,
    "funnel": funnel,
}


def _points(chart: "Chart") -> list[Option]:
    across, up = chart.series[0], chart.series[1]
    sizes = _sizes(chart.series[2].values) if len(chart.series) > 2 else [12.0] * len(chart.categories)
    points: list[Option] = []
    for index, name in enumerate(chart.categories):
        left, height = across.values[index], up.values[index]
        if left is not None and height is not None:
            place = [max(float(left), chart.floor or float(left)), float(height)]
            place += [float(series.values[index] or 0) for series in chart.series[2:3]]
            mark = {"name": name, "value": place, "symbolSize": sizes[index]}
            points.append(mark | _linked(_first_link(chart, index)))
    for point in sorted(points, key=lambda point: float(point["symbolSize"]), reverse=True)[NAMED:]:
        point["label"] = {"show": False}
    return points


def _sizes(values: Sequence[Any]) -> list[float]:
    """Areas in proportion to the values."""
    most = max((float(value) for value in values if value), default=1.0)
    return [
        round(SMALLEST + (LARGEST - SMALLEST) * math.sqrt(max(float(value or 0), 0) / most), 1)
        for value in values
    ]


def _axis(series: "Series", chart: "Chart") -> Option:
    unit = series.unit or chart.unit
    return {"type": "value", "name": f"{series.name} ({unit})" if unit else series.name, "scale": True}


def _logarithmic(series: "Series", chart: "Chart") -> Option:
    if not chart.floor:
        return {}
    largest = max([float(value) for value in series.values if value is not None] + [10 * chart.floor])
    return {"type": "log", "min": chart.floor, "max": 10 ** math.ceil(math.log10(largest))}


def _cross(chart: "Chart") -> Option:
    if chart.cross is None:
        return {}
    lines = [{axis: at} for axis, at in zip(("xAxis", "yAxis"), chart.cross, strict=True) if at is not None]
    style = {"silent": True, "symbol": "none", "label": {"show": False}, "lineStyle": {"type": "dashed"}}
    return {"markLine": style | {"data": lines}}


def _range(values: Sequence[float], middle: float | None) -> tuple[float, float]:
    """The ends of the colours; equally far from the middle, where there is one."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if middle is not None:
        away = max(abs(low - middle), abs(high - middle)) or 1.0
        return middle - away, middle + away
    return (low, high) if low < high else (low, low + 1)


def _first_link(chart: "Chart", index: int) -> str:
    return next((link for link in (chart.link_of(each, index) for each in chart.series) if link), "")


def _linked(link: str) -> dict[str, str]:
    return {"link": link, "cursor": "pointer"} if link else {}
