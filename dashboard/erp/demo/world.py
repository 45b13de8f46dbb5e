"""Owns what the demo's makers share: the rows made so far and who belongs to which organization."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from dashboard.erp.demo.book import Book
from dashboard.erp.demo.chance import Chance, Zipf
from dashboard.erp.demo.market import Market
from dashboard.erp.demo.profiles import Profile


class Article(NamedTuple):
    """A product as the makers need it: its cost is in the base currency of its organization."""

    id: int
    category: int
    cost: float
    name: str


class Item(NamedTuple):
    """A line to be ordered; `award` is 0 where nothing was awarded."""

    product: int
    quantity: Decimal
    unit_price: Decimal
    award: int = 0


class Award(NamedTuple):
    """What is to be ordered from one supplier: a quote that won, or (rfq 0) simply bought."""

    rfq: int
    quote: int
    supplier: int
    currency: str
    at: datetime
    lead_days: int
    items: list[Item]
    freight: Decimal = Decimal(0)
    duty: Decimal = Decimal(0)


@dataclass
class Org:
    """One organization and what it owns."""

    id: int
    base: str
    language: str
    threshold: Decimal
    categories: list[int] = field(default_factory=list)
    products: list[Article] = field(default_factory=list)
    warehouses: list[int] = field(default_factory=list)
    suppliers: list[int] = field(default_factory=list)
    customers: list[int] = field(default_factory=list)
    awards: list[Award] = field(default_factory=list)
    numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    by_spend: Zipf = field(default_factory=lambda: Zipf([1]))

    def number(self, kind: str, year: int) -> str:
        """Draw the next number of a kind of document."""
        self.numbers[kind, year] = self.numbers.get((kind, year), 0) + 1
        return f"{kind}-{year}-{self.numbers[kind, year]:05}"


class World:
    """One tenant's demo data while it is being made."""

    def __init__(self, name: str, salt: str, profile: Profile) -> None:
        self.name = name
        self.profile = profile
        self.book = Book()
        self.chance = Chance(salt)
        self.market = Market(self.chance)
        self.orgs: list[Org] = []
        self.people: list[int] = []
        self.supplier_currency: dict[int, str] = {}
        self.planted: list[tuple[str, str, int]] = []

    def org_of(self, row: int) -> Org:
        """Return the organization of a row: every sixth belongs to the second one."""
        return self.orgs[1 if row % 6 == 0 else 0]

    def plant(self, case: str, table: str, row: int) -> None:
        """Note a case that was put in on purpose."""
        self.planted.append((case, table, row))
