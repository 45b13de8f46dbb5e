"""Owns what the queries answer: plain frozen values that can be cached."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class Org:
    """An organization with what its figures need: base currency and time zone."""

    id: int
    name: str
    currency: str
    time_zone: str


@dataclass(frozen=True)
class MonthFigure:
    """A value of one organization's month. `records` are behind it, `left_out` could not be counted."""

    org_id: int
    month: str
    value: Decimal | None
    records: int
    left_out: int = 0


@dataclass(frozen=True)
class ItemFigure:
    """A value of a supplier or a warehouse. `records` are behind it, `left_out` could not be counted."""

    id: int
    org_id: int
    name: str
    value: Decimal | None
    records: int
    left_out: int = 0


@dataclass(frozen=True)
class Figures:
    """Everything on the Insights page, read at one moment."""

    as_of: datetime
    orgs: tuple[Org, ...]
    currency: str
    spend: tuple[MonthFigure, ...]
    cycle_times: tuple[MonthFigure, ...]
    quotes: tuple[ItemFigure, ...]
    quoting_suppliers: int
    stock: tuple[ItemFigure, ...]

    def org(self, org_id: int) -> Org:
        """Return one of the organizations the figures are about."""
        return next(org for org in self.orgs if org.id == org_id)
