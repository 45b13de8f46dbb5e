"""Owns the sheet's arithmetic: prices in one currency, landed cost, what is best. No session, no web."""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from dashboard.erp.currencies.queries import Conversion


class Offered(StrEnum):
    """What a supplier says to a line."""

    PRICED = "priced"
    NO_BID = "no_bid"
    UNPRICED = "unpriced"
    SEALED = "sealed"
    MISSING = "missing"


@dataclass(frozen=True)
class Line:
    """A line of the request."""

    id: int
    position: int
    label: str
    sku: str
    quantity: Decimal
    unit: str
    need_by: date | None
    target_price: Decimal | None
    """In the currency of the request."""


@dataclass(frozen=True)
class Bid:
    """A supplier's offer on a line, in the currency of the quote."""

    quote_line_id: int
    quantity: Decimal
    offered: Offered
    unit_price: Decimal | None
    lead_days: int | None
    note: str = ""


@dataclass
class Cell:
    """An offer as the sheet shows it. `price` and `landed` are per unit in the sheet's currency."""

    bid: Bid
    price: Decimal | None = None
    landed: Decimal | None = None
    is_best: bool = False
    is_fastest: bool = False
    awarded: Decimal = Decimal(0)


@dataclass
class Offer:
    """A quote: one column of the sheet. Sums are in the sheet's currency."""

    quote_id: int
    supplier_id: int
    supplier: str
    status: str
    currency: str
    freight: Decimal
    duty: Decimal
    conversion: Conversion | None
    reliability: Decimal | None = None
    score_n: int = 0
    lead_time_days: int | None = None
    valid_until: date | None = None
    is_lapsed: bool = False
    sealed: bool = False
    bids: dict[int, Bid] = field(default_factory=dict)
    covered: int = 0
    goods: Decimal | None = None
    landed: Decimal | None = None
    is_full: bool = False
    is_best: bool = False

    @property
    def extra_share(self) -> Decimal:
        """Freight and duty per unit of value: what every price of this quote is raised by."""
        value = sum((_amount(bid) for bid in self.bids.values()), Decimal(0))
        return (self.freight + self.duty) / value if value else Decimal(0)


@dataclass
class Row:
    """A line with every supplier's cell, in the order of the offers."""

    line: Line
    cells: list[Cell | None]
    target: Decimal | None = None
    awarded: Decimal = Decimal(0)

    @property
    def best(self) -> Cell | None:
        """The cell with the lowest landed cost."""
        return next((cell for cell in self.cells if cell and cell.is_best), None)


@dataclass(frozen=True)
class Sheet:
    """The whole comparison; `missing` are currencies without a rate to `currency`."""

    rfq_id: int
    currency: str
    day: date
    offers: list[Offer]
    rows: list[Row]
    missing: list[str]
    opens_at: datetime | None = None

    def conversions(self) -> list[Conversion]:
        """The rates used, each once."""
        used = {offer.currency: offer.conversion for offer in self.offers if offer.conversion}
        return [one for _, one in sorted(used.items()) if one.on_date]


def _amount(bid: Bid) -> Decimal:
    """Value of a bid in the currency of its quote; 0 where it has no price."""
    return bid.quantity * bid.unit_price if bid.unit_price is not None else Decimal(0)


def build_rows(lines: list[Line], offers: list[Offer], to_target: Conversion | None) -> list[Row]:
    """Lay the offers out line by line and mark the best of each row and of the totals."""
    shares = [offer.extra_share for offer in offers]
    rows = [_row(line, offers, shares, to_target) for line in lines]
    for index, offer in enumerate(offers):
        _total(offer, rows, index)
    full = [offer for offer in offers if offer.is_full and offer.landed is not None and not offer.is_lapsed]
    if len(full) > 1:
        min(full, key=lambda offer: offer.landed or 0).is_best = True
    return rows


def _row(line: Line, offers: list[Offer], shares: list[Decimal], to_target: Conversion | None) -> Row:
    cells: list[Cell | None] = []
    for offer, share in zip(offers, shares, strict=True):
        bid = offer.bids.get(line.id)
        cells.append(_cell(bid, offer, share) if bid else None)
    target = line.target_price * to_target.rate if line.target_price is not None and to_target else None
    row = Row(line, cells, target)
    running = [cell for cell, offer in zip(cells, offers, strict=True) if cell and not offer.is_lapsed]
    _mark(running)
    return row


def _cell(bid: Bid, offer: Offer, share: Decimal) -> Cell:
    cell = Cell(bid)
    if bid.unit_price is not None and offer.conversion:
        cell.price = bid.unit_price * offer.conversion.rate
        cell.landed = cell.price * (1 + share)
    return cell


def _mark(cells: list[Cell]) -> None:
    """Mark the lowest landed cost and the shortest lead time; with a single bid there is no best."""
    priced = [cell for cell in cells if cell.landed is not None]
    if len(priced) < 2:
        return
    lowest = min(cell.landed for cell in priced if cell.landed is not None)
    for cell in priced:
        cell.is_best = cell.landed == lowest
    days = [cell.bid.lead_days for cell in priced if cell.bid.lead_days is not None]
    if len(days) > 1 and min(days) < max(days):
        for cell in priced:
            cell.is_fastest = cell.bid.lead_days == min(days)


def _total(offer: Offer, rows: list[Row], index: int) -> None:
    """Add up what a supplier asks for the quantities of the request, as far as they are offered."""
    goods = landed = Decimal(0)
    complete = True
    for row in rows:
        cell = row.cells[index]
        if cell is None or cell.bid.offered is not Offered.PRICED:
            complete = False
            continue
        quantity = min(row.line.quantity, cell.bid.quantity)
        complete = complete and quantity == row.line.quantity
        offer.covered += 1
        goods += quantity * (cell.price or 0)
        landed += quantity * (cell.landed or 0)
    offer.is_full = complete and bool(rows)
    if offer.covered and offer.conversion:
        offer.goods, offer.landed = goods, landed
