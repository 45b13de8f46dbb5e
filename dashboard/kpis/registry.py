"""The registry of KPIs: page, export, alert, proof and documentation all come from these definitions."""

from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from dashboard.core.errors import NotFoundError
from dashboard.kpis.families import FAMILIES, Family

Kind = Literal["ratio", "sum", "level", "mean", "deviation", "median", "composite"]
Better = Literal["higher", "lower", "neither"]
Area = Literal["suppliers", "market", "sourcing", "stock", "sales"]


@dataclass(frozen=True)
class Parameter:
    """A number a version of the definition may set, or one of `choices`."""

    name: str
    title: str
    default: Any
    unit: str = ""
    least: Decimal | int = 0
    most: Decimal | int = 1_000_000
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kpi:
    """A definition.

    By kind the value is, over the facts that count:

    ratio: factor * Σ numerator / Σ denominator; sum: Σ numerator; level: Σ numerator in the last month that
    has facts, for what is there and not what happened; mean: Σ numerator / Σ denominator (its
    count); deviation: the standard deviation of the sample, from numerator = Σ x², denominator = n, extra =
    Σ x; median: of the family's bins, in whole `bin_unit`s; composite: computed by code from other KPIs
    (`parts`).

    A ratio, mean, median without a denominator is None: "no data". `count` is the measure that says how many
    records stand behind it. `unit`: "%", "days", "hours", "ppm", "index", "money" (in the display currency)
    or a word.
    """

    code: str
    title: str
    area: Area
    family: str
    kind: Kind
    unit: str
    better: Better
    owner: str
    formula: str
    """In words, as domain.md and a person in a meeting would say it."""
    numerator: str = ""
    denominator: str = ""
    extra: str = ""
    count: str = ""
    factor: int = 1
    decimals: int = 1
    version: int = 1
    """Of the code: raised when the SQL or formula changes its meaning."""
    parameters: tuple[Parameter, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def facts(self) -> Family:
        """The family its records come from."""
        return FAMILIES[self.family]

    @cached_property
    def measures(self) -> tuple[str, ...]:
        """The measures of its family that are added up for it, each once."""
        named = (self.numerator, self.denominator, self.extra, self.count)
        return tuple(name for name in dict.fromkeys(named) if name)

    @property
    def is_around_one(self) -> bool:
        """Whether 1 is what is usual, as of an index that compares prices; concentration lies below it."""
        return self.unit == "index" and self.kind != "composite"


KPIS: dict[str, Kpi] = {}


def register(kpi: Kpi) -> Kpi:
    """Make a KPI known."""
    if kpi.code in KPIS:
        raise ValueError(f"there are two KPIs {kpi.code}")
    KPIS[kpi.code] = kpi
    return kpi


def get(code: str) -> Kpi:
    """Return a KPI. Raises NotFoundError."""
    try:
        return KPIS[code]
    except KeyError:
        raise NotFoundError("There is no such KPI.") from None


def of_area(area: Area) -> list[Kpi]:
    """The KPIs of a page, in the order of their registration."""
    return [kpi for kpi in KPIS.values() if kpi.area == area]


def of_family(name: str) -> list[Kpi]:
    """The KPIs computed from a family."""
    return [kpi for kpi in KPIS.values() if kpi.family == name]
