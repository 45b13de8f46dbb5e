"""One definition of a chart for page, PDF and mail: an ECharts option and the same numbers as rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from dashboard.core import chart_shapes
from dashboard.core.filters import bytes_, number

Kind = Literal[
    "bar", "bars", "stacked", "layers", "line", "area", "pie", "donut", "scatter", "heat", "box", "funnel"
]
Style = Literal["", "dashed"]
Value = int | float | Decimal | None
# Told apart by people who see few colours, and with 3:1 contrast on white and on the dark ground.
PALETTE = ("#4c6ef5", "#0c9f83", "#d9730d", "#b45fd0", "#d6455d", "#1f8fbf", "#7a8a1c", "#8a7560")
MANY = 24
MANY_SLICES = 8
ROOMY = 10
SMALL = 10
"""Below this, numbers are written with a third digit: an index of 1.003 is not 1."""
NO_DATA = "no data"
# The HTML tooltip writes style attributes, which our content security policy forbids.
TOOLTIP = {"renderMode": "richText", "confine": True}


@dataclass(frozen=True)
class Series:
    """Named values, one per category; None is a gap, never 0. `links` lead from a mark to its records.

    `unit` where it is not the chart's; "dashed" is a thin line without marks, as for what was expected.
    """

    name: str
    values: Sequence[Value]
    links: Sequence[str] = ()
    unit: str = ""
    style: Style = ""


class Cell(NamedTuple):
    """A number of the table below a chart, as text, with its link or ''."""

    text: str
    link: str


class Row(NamedTuple):
    """A category with one cell for each series."""

    category: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Chart:
    """What to draw. `unit` is printed behind numbers; 'bytes' writes binary sizes; `links` are per category.

    `bar` stands, `bars` lie (for long names); `stacked` stand, `layers` lie; pie and donut use the first
    series only; `is_scaled` lets a scale begin above 0; `empty` is the reason shown when there is nothing to
    draw. `floor` makes the scale (of a scatter, the one that lies) logarithmic; what is smaller is drawn
    there.

    scatter: one point per category; the series are its place from the left, its height and, if there is a
    third, its size; `cross` draws lines that make four quarters. heat: a cell for each category (across)
    and series (down); `middle` is the value without a colour. box: five series, lowest, first quartile,
    median, third quartile, highest; more of them stand in the table only. funnel: one step per category.
    """

    kind: Kind
    title: str
    categories: Sequence[str]
    series: Sequence[Series]
    unit: str = ""
    links: Sequence[str] = ()
    as_of: datetime | None = None
    empty: str = "There are no records for it yet."
    subtitle: str = ""
    category_title: str = "Category"
    floor: float | None = None
    cross: tuple[float | None, float | None] | None = None
    middle: float | None = None
    is_scaled: bool = False
    palette: Sequence[str] = field(default=PALETTE)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw: no value, or of a scatter no point with both its places."""
        if self.kind == "scatter":
            places = zip(*(series.values for series in self.series[:2]), strict=False)
            return all(None in place for place in places)
        return not any(value is not None for series in self.series for value in series.values)

    @property
    def has_links(self) -> bool:
        """Whether a mark leads anywhere."""
        return any(self.links) or any(any(series.links) for series in self.series)

    @property
    def is_tall(self) -> bool:
        """Whether it needs more height than usual for its rows to be read."""
        down = len(self.series) if self.kind == "heat" else len(self.categories)
        return self.kind == "scatter" or (self.kind in {"heat", "bars", "layers", "box"} and down > ROOMY)

    @property
    def file_name(self) -> str:
        """Give the name of a saved picture, without its ending."""
        return "".join(letter if letter.isalnum() else "-" for letter in self.title.lower()).strip("-")

    def rows(self) -> list[Row]:
        """Give the numbers as text, for the table below the picture."""
        return [
            Row(category, tuple(self._cell(series, index) for series in self.series))
            for index, category in enumerate(self.categories)
        ]

    def payload(self) -> dict[str, Any]:
        """Give what static/js/charts.js reads."""
        units = [series.unit or self.unit for series in self.series]
        return {
            "option": self.option(),
            "unit": self.unit,
            "kind": self.kind,
            "units": units,
            "names": [series.name for series in self.series],
            "middle": self.middle is not None,
        }

    def option(self) -> dict[str, Any]:
        """Give the ECharts option as plain JSON; axis and text colours come from the page's theme."""
        shape = chart_shapes.SHAPES.get(self.kind)
        drawn = shape(self) if shape else self._slices() if self.kind in {"pie", "donut"} else self._axes()
        return {
            "color": list(self.palette),
            "aria": {
                "enabled": True,
                "decal": {"show": len(self.series) > 1 and shape is None},
                "label": {"description": self.describe()},
            },
            "animationDuration": 300,
        } | drawn

    def describe(self) -> str:
        """Say in words what the picture shows, for screen readers."""
        names = ", ".join(series.name for series in self.series)
        return f"{self.title}: {names}, {len(self.categories)} values. The numbers are in the table below."

    def link_of(self, series: Series, index: int) -> str:
        """Where a mark leads: by its series, else by its category; '' where nowhere."""
        for links in (series.links, self.links):
            if index < len(links) and links[index]:
                return links[index]
        return ""

    def _cell(self, series: Series, index: int) -> Cell:
        value = series.values[index] if index < len(series.values) else None
        if value is None:
            return Cell(NO_DATA, "")
        written = bytes_(value) if self.unit == "bytes" else _in_words(value)
        return Cell(written, self.link_of(series, index))

    def _marks(self, series: Series) -> list[dict[str, Any]]:
        return [
            {"value": self._drawn_at(value)} | self._linked(series, index)
            for index, value in enumerate(series.values)
        ]

    def _drawn_at(self, value: Value) -> float | None:
        return None if value is None else max(float(value), self.floor or float(value))

    def _linked(self, series: Series, index: int) -> dict[str, str]:
        link = self.link_of(series, index)
        return {"link": link, "cursor": "pointer"} if link else {}

    def _axes(self) -> dict[str, Any]:
        lying = self.kind in {"bars", "layers"}
        names = {"type": "category", "data": list(self.categories), "inverse": lying}
        values = {"type": "value", "name": "" if self.unit == "bytes" else self.unit, "splitNumber": 4}
        values |= {"scale": True} if self.is_scaled and not lying else {}
        values |= self._logarithmic()
        # At the end of a lying axis the unit would be cut off.
        values |= {"nameLocation": "middle", "nameGap": 28} if lying else {}
        option: dict[str, Any] = {
            "grid": self._grid(lying=lying),
            "legend": {"type": "scroll", "top": 4, "show": len(self.series) > 1},
            "tooltip": {
                "trigger": "axis",
                "renderMode": "richText",
                "confine": True,
                "axisPointer": {"type": "shadow"},
            },
            "xAxis": values if lying else names,
            "yAxis": names if lying else values,
            "series": [self._drawn(series) for series in self.series],
        }
        return option | self._zoom(lying=lying)

    def _logarithmic(self) -> dict[str, Any]:
        """From the floor to a power of ten above the largest value: a flat line has no extent of its own."""
        if not self.floor:
            return {}
        drawn = [float(value) for series in self.series for value in series.values if value is not None]
        largest = max([*drawn, 10 * self.floor])
        return {"type": "log", "min": self.floor, "max": 10 ** math.ceil(math.log10(largest))}

    def _zoom(self, *, lying: bool) -> dict[str, Any]:
        if len(self.categories) <= MANY:
            return {}
        axis = "yAxisIndex" if lying else "xAxisIndex"
        slider = {"type": "slider", axis: 0} | ({"width": 18} if lying else {"height": 18, "bottom": 4})
        grid = self._grid(lying=lying)
        grid["bottom"] += 0 if lying else 24
        return {"dataZoom": [{"type": "inside", axis: 0}, slider], "grid": grid}

    def _grid(self, *, lying: bool) -> dict[str, Any]:
        """Room around the axes: a legend above, the unit below it or, of lying bars, at the bottom."""
        top = (28 if len(self.series) > 1 else 8) + (0 if lying else 24)
        bottom = 28 if lying and self.unit else 12
        return {"left": 8, "right": 24, "top": top, "bottom": bottom, "containLabel": True}

    def _drawn(self, series: Series) -> dict[str, Any]:
        drawn: dict[str, Any] = {"name": series.name, "data": self._marks(series)}
        if series.style == "dashed":
            line = {"type": "dashed", "width": 1.5}
            return drawn | {"type": "line", "symbol": "none", "lineStyle": line, "connectNulls": False}
        if self.kind in {"line", "area"}:
            drawn |= {
                "type": "line",
                "symbolSize": 6,
                "showSymbol": len(self.categories) <= MANY,
                "connectNulls": False,
            }
            return drawn | ({"areaStyle": {"opacity": 0.16}} if self.kind == "area" else {})
        drawn |= {"type": "bar", "barMaxWidth": 36, "itemStyle": {"borderRadius": 2}}
        return drawn | ({"stack": "all"} if self.kind in {"stacked", "layers"} else {})

    def _slices(self) -> dict[str, Any]:
        series = self.series[0]
        named = zip(self.categories, self._marks(series), strict=False)
        data = [{"name": name} | mark for name, mark in named if mark["value"] is not None]
        ring = {"radius": ["48%", "72%"] if self.kind == "donut" else "72%", "center": ["50%", "46%"]}
        shown = {"label": {"show": len(data) <= MANY_SLICES}, "itemStyle": {"borderRadius": 3}}
        return {
            "legend": {"type": "scroll", "bottom": 0},
            "tooltip": TOOLTIP | {"trigger": "item"},
            "series": [
                {"type": "pie", "name": series.name, "data": data, "avoidLabelOverlap": True} | ring | shown
            ],
        }


def _in_words(value: float | Decimal) -> str:
    return f"{value:z,.3f}".rstrip("0").rstrip(".") if abs(float(value)) < SMALL else number(value)
