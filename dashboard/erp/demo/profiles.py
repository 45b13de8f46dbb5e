"""Owns how much demo data there is, and the day on which its world stands still."""

from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from typing import Self

AS_OF = datetime(2026, 10, 31, 12, tzinfo=UTC)
FIRST_DAY = date(2024, 11, 1)
DAYS = (AS_OF.date() - FIRST_DAY).days
MONTHS = 24
SEED = 20261031


@dataclass(frozen=True)
class Profile:
    """Rows per kind. Lines, invitations, quotes and receipts follow from their documents."""

    suppliers: int = 60_000
    products: int = 8_000
    rfqs: int = 6_000
    orders: int = 15_000
    moves: int = 400_000
    messages: int = 90_000
    customers: int = 5_000
    sales: int = 12_000
    people: int = 300

    def scaled(self, share: float) -> Self:
        """The same world, smaller; at least a dozen of everything."""
        sizes = {each.name: max(12, round(getattr(self, each.name) * share)) for each in fields(self)}
        return type(self)(**sizes)


PROFILES = {"small": Profile().scaled(0.01), "demo": Profile().scaled(0.04), "full": Profile()}
