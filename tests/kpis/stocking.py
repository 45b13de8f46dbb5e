"""Stock booked move by move, and the same stock in plain Python: nothing here asks the product's formulas."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from dashboard.erp.models import Organization, Product, StockMove, Warehouse
from dashboard.kpis import refreshing, registry, sums
from dashboard.kpis.adding import replace
from dashboard.kpis.asking import Terms
from dashboard.kpis.definitions.stock_families import STOCK, STOCK_MONTHS
from dashboard.kpis.families import FAMILIES, Family
from dashboard.kpis.sums import By, Figure, Filters
from tests.kpis.conftest import Company, moment

AS_OF = datetime(2026, 4, 15, 10, tzinfo=UTC)
FOUR = Decimal("0.0001")


def terms(as_of: datetime = AS_OF, currency: str = "EUR", **parameters: Any) -> Terms:
    """The terms of a family, with some parameters for every organization named by `orgs`."""
    orgs = parameters.pop("orgs", ())
    return Terms(as_of, currency, tuple({"org_id": org.id, **parameters} for org in orgs))


def compute(session: Session, with_terms: Terms | None = None) -> None:
    """Compute the facts of stock anew."""
    for family in (STOCK_MONTHS, STOCK):
        refreshing.rebuild(session, family, with_terms or terms())


def figure(session: Session, code: str, org: Organization, first: str, last: str = "", **more: Any) -> Figure:
    """The one figure of a KPI over some months, written as 2026-03."""
    (found,) = figures(session, code, org, first, last, **more)
    return found


def figures(
    session: Session,
    code: str,
    org: Organization,
    first: str,
    last: str = "",
    *,
    by: tuple[By, ...] = (),
    **more: Any,
) -> list[Figure]:
    """The figures of a KPI over some months, written as 2026-03."""
    start, end = (date.fromisoformat(f"{month}-01") for month in (first, last or first))
    return sums.read(session, registry.get(code), Filters((org.id,), start, end, **more), by)


def why(session: Session, family: Family, code: str, with_terms: Terms | None = None) -> list[str]:
    """The reasons of all records of a family, in their order."""
    rows = session.connection().exec_driver_sql(
        f"SELECT f.{code}_why FROM ({family.sql}) AS f ORDER BY f.record_id", (with_terms or terms()).binds()
    )
    return [row[0] for row in rows]


def shown(session: Session, area: registry.Area) -> list[list[Any]]:
    """Every fact, and every figure of an area by month and by subject."""
    ask = session.connection().exec_driver_sql
    orgs = tuple(row[0] for row in ask("SELECT id FROM organization ORDER BY id"))
    filters = Filters(orgs, date(2000, 1, 1), date(2030, 1, 1))
    ways: list[tuple[By, ...]] = [(), ("org_id", "month"), ("subject_id",), ("category_id", "month")]
    found = [
        [one for one in sums.read(session, kpi, filters, by) if one.n]
        for kpi in registry.of_area(area)
        for by in ways
    ]
    facts = [
        sorted(map(tuple, ask(f"SELECT * FROM {table}")), key=repr) for table in ("kpi_fact", "kpi_stock")
    ]
    return [*facts, *found]


@dataclass
class Refresher:
    """Computes again only what the history says was touched since the last time."""

    session: Session
    families: tuple[str, ...]
    floor: int = 0

    def __post_init__(self) -> None:
        self.floor = self._newest()

    def run(self, with_terms: Terms) -> None:
        ask = self.session.connection().exec_driver_sql
        for family in map(FAMILIES.__getitem__, self.families):
            records: set[int] = set()
            for table, query in family.sources.items():
                changed = (
                    "SELECT record_id, operation, old, new FROM row_history"
                    " WHERE id > %(floor)s AND table_name = %(table)s"
                )
                binds = {"floor": self.floor, "table": table}
                found = ask(f"WITH changed AS MATERIALIZED ({changed}) {query}", binds)
                records |= {row[0] for row in found if row[0] is not None}
            replace(self.session, family, with_terms, sorted(records))
            companion = refreshing.COMPANIONS.get(family.name)
            if companion:
                companion.after(self.session, with_terms, sorted(records))
        self.floor = self._newest()

    def _newest(self) -> int:
        ask = self.session.connection().exec_driver_sql
        return int(ask("SELECT coalesce(max(id), 0) FROM row_history").scalar_one())


@dataclass
class Booked:
    """One move as it was booked."""

    product: int
    warehouse: int
    at: datetime
    quantity: Decimal
    source: str
    value: Decimal


@dataclass
class Store:
    """Books moves in the product and, beside it, in plain Python."""

    company: Company
    org: Organization
    moves: list[Booked] = field(default_factory=list)
    held: dict[tuple[int, int], tuple[Decimal, Decimal]] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.org.time_zone)

    def product(self, sku: str, **values: Any) -> Product:
        product = Product(
            org_id=self.org.id, sku=sku, name=f"Product {sku}", unit_id=self.company.unit.id, **values
        )
        self.company.session.add(product)
        self.company.session.flush()
        return product

    def warehouse(self, code: str) -> Warehouse:
        return self.company.warehouse(code, self.org)

    def move(
        self,
        product: Product,
        hall: Warehouse,
        at: str | datetime,
        quantity: str,
        cost: str = "0",
        source: str = "",
    ) -> None:
        """Book a move; what goes out says no cost, as people may."""
        when = moment(at) if isinstance(at, str) else at
        amount = Decimal(quantity)
        source = source or ("receipt" if amount > 0 else "shipment")
        self.company.session.add(
            StockMove(
                org_id=self.org.id,
                product_id=product.id,
                warehouse_id=hall.id,
                moved_at=when,
                quantity=amount,
                unit_cost=Decimal(cost),
                source=source,
            )
        )
        self.company.session.flush()
        value = self._book((product.id, hall.id), amount, Decimal(cost))
        self.moves.append(Booked(product.id, hall.id, when, amount, source, value))

    def _book(self, place: tuple[int, int], amount: Decimal, cost: Decimal) -> Decimal:
        """Moving average in the order of booking, to four decimals; returns what the value changed by."""
        quantity, average = self.held.get(place, (Decimal(0), Decimal(0)))
        before = quantity * average
        if amount > 0:
            average = ((quantity * average + amount * cost) / (quantity + amount)).quantize(
                FOUR, ROUND_HALF_UP
            )
        self.held[place] = (quantity + amount, average)
        return (quantity + amount) * average - before

    def value_on(self, day: date, product: int | None = None) -> Decimal:
        """What lay there at the end of a day."""
        chosen = (move for move in self.moves if product in {None, move.product})
        return sum((move.value for move in chosen if self.day(move) <= day), Decimal(0))

    def shipped_cost(self, first: date, last: date, product: int | None = None) -> Decimal:
        """What left by shipments, at its cost, from one day to another."""
        return -sum(
            (
                move.value
                for move in self.moves
                if move.source == "shipment"
                and first <= self.day(move) <= last
                and product in {None, move.product}
            ),
            Decimal(0),
        )

    def value_days(self, first: date, last: date, product: int | None = None) -> Decimal:
        """The values at the end of each day, added up."""
        days = ((first + timedelta(days=n)) for n in range((last - first).days + 1))
        return sum((self.value_on(day, product) for day in days), Decimal(0))

    def layers(self, product: int) -> deque[tuple[date, Decimal]]:
        """What lies there by the day it came, oldest first: a queue, in the order of time."""
        queue: deque[tuple[date, Decimal]] = deque()
        for move in sorted(self.moves, key=lambda one: one.at):
            if move.product != product or move.source == "transfer":
                continue
            if move.quantity > 0:
                queue.append((self.day(move), move.quantity))
                continue
            wanted = -move.quantity
            while wanted:
                day, there = queue.popleft()
                taken = min(there, wanted)
                wanted -= taken
                if there > taken:
                    queue.appendleft((day, there - taken))
        return queue

    def day(self, move: Booked) -> date:
        return move.at.astimezone(self.zone).date()
