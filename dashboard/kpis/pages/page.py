"""Owns what a page of insights is: plain values that can be shown, exported and mailed without a request."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from dashboard.core.charts import Chart
from dashboard.kpis.filters import Selection
from dashboard.kpis.pages import sparkline

Tone = Literal["better", "worse", "same", ""]
Verdict = Literal["met", "missed", ""]


class Point(NamedTuple):
    """A KPI's value in one month; None is "no data"."""

    month: date
    value: Decimal | None


@dataclass(frozen=True)
class Tile:
    """One figure. Texts carry their unit and read "no data" where there is none; addresses may be ''."""

    code: str
    title: str
    text: str
    value: Decimal | None
    unit: str
    n: int
    """How many records stand behind it."""
    formula: str
    change: str = ""
    """The difference from the compared period, in words."""
    tone: Tone = ""
    """Whether that difference is good."""
    target: str = ""
    verdict: Verdict = ""
    trend: tuple[Point, ...] = ()
    url: str = ""
    """Leads to the page that shows it by month, category and region."""
    proof_url: str = ""
    group: str = ""
    """The heading it stands under, on a page of several areas."""
    is_focus: bool = False
    """Whether the charts below are about it."""

    @property
    def spark(self) -> list[str]:
        """The lines of its course, for a small picture."""
        return sparkline.segments([point.value for point in self.trend])


@dataclass(frozen=True)
class PageChart:
    """A chart with the name that its address and its file have. `is_wide`: takes the page's whole width."""

    name: str
    chart: Chart
    is_wide: bool = False


class Cell(NamedTuple):
    """One entry of a table: its text, the number behind it (for a spreadsheet) and where it leads."""

    text: str
    value: Decimal | int | str | None = None
    url: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    title: str
    is_number: bool = True
    hint: str = ""
    """What it means, in a sentence."""
    url: str = ""
    """Puts the rows in the order of this column."""
    is_sorted: bool = False


@dataclass(frozen=True)
class Table:
    """Rows about suppliers, products and the like; the first cell of a row names it."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[Cell, ...]]
    subtitle: str = ""
    empty: str = "There is nothing to list."

    def lines(self) -> list[tuple[Cell, list[tuple[bool, Cell]]]]:
        """Give each row as the cell that names it, and the others with whether they are numbers."""
        are_numbers = [column.is_number for column in self.columns[1:]]
        return [(row[0], list(zip(are_numbers, row[1:], strict=True))) for row in self.rows]


@dataclass(frozen=True)
class Page:
    """A page of insights. `as_of` is None before the first refresh; `notes` say what a reader must know."""

    name: str
    title: str
    selection: Selection
    as_of: datetime | None
    tiles: tuple[Tile, ...] = ()
    charts: tuple[PageChart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())
