"""Makes the suppliers' invoices for what was received; most agree with order and receipt, a few do not."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from dashboard.erp.demo.market import CURRENCIES, money
from dashboard.erp.demo.profiles import AS_OF
from dashboard.erp.demo.world import Award, Org, World

TAX = {"EUR": 19, "JPY": 10}
DEARER_AT, MORE_AT, OF_INVOICES = 3, 13, 25
DEARER = "invoice charges a higher price than ordered"
MORE = "invoice charges more than was received"
RELEASED = "Agreed with the supplier on the telephone."


class Arrived(NamedTuple):
    """A line of an order: how much of it was accepted, and its price."""

    line: int
    accepted: Decimal
    unit_price: Decimal


def tax_percent(org: Org) -> int:
    """Return the tax on purchases of an organization, in percent."""
    return TAX[org.base]


def bill(world: World, org: Org, order: int, award: Award, arrived: list[Arrived], at: datetime) -> None:
    """Make the invoice for a delivery of an order, unless it has not come by the as-of date."""
    rng = world.chance.of("supplier_invoice", order)
    day = (at + timedelta(days=rng.randrange(1, 12))).date()
    if day > AS_OF.date():
        return
    mistake = _mistake(world)
    lines = [_charged(line, award.currency, mistake) for line in arrived]
    sums = [money(line.accepted * line.unit_price, award.currency) for line in lines]
    status = _status(day, is_wrong=bool(mistake))
    number = world.book.add(
        "supplier_invoice",
        org_id=org.id,
        number=f"INV-{rng.randrange(100, 999)}-{order:06}",
        supplier_id=award.supplier,
        order_id=order,
        status=status,
        invoiced_on=day,
        due_on=day + timedelta(days=30),
        currency=award.currency,
        freight=award.freight,
        tax=money(sum(sums, Decimal(0)) * tax_percent(org) / 100, award.currency),
        total=sum(sums, Decimal(0)),
        matched_at=None if status == "draft" else datetime.combine(day, at.timetz()) + timedelta(hours=20),
        release_reason=RELEASED if mistake and status == "approved" else None,
        created_at=datetime.combine(day, at.timetz()),
    )
    if mistake:
        world.plant(mistake, "supplier_invoice", number)
    _add_lines(world, org, number, lines)


def _mistake(world: World) -> str:
    """Name what is wrong with the next invoice; '' for most."""
    sheet = world.book.sheets.get("supplier_invoice")
    place = (sheet.count if sheet else 0) % OF_INVOICES
    return {DEARER_AT: DEARER, MORE_AT: MORE}.get(place, "")


def _charged(line: Arrived, currency: str, mistake: str) -> Arrived:
    if mistake == DEARER:
        step = Decimal(1).scaleb(-CURRENCIES[currency][1])
        dearer = max(money(line.unit_price * Decimal("1.08"), currency), line.unit_price + step)
        return line._replace(unit_price=dearer)
    if mistake == MORE:
        return line._replace(accepted=line.accepted + max(Decimal(1), line.accepted / 10))
    return line


def _status(day: date, *, is_wrong: bool) -> str:
    """Where an invoice stands at the as-of date; wrong ones are released late or wait."""
    age = (AS_OF.date() - day).days
    if is_wrong:
        return "approved" if age > 120 else "mismatched"
    return "paid" if age > 30 else "approved" if age > 7 else "matched" if age > 2 else "draft"


def _add_lines(world: World, org: Org, invoice: int, lines: list[Arrived]) -> None:
    for line in lines:
        world.book.add(
            "invoice_line",
            org_id=org.id,
            invoice_id=invoice,
            order_line_id=line.line,
            quantity=line.accepted,
            unit_price=line.unit_price,
            tax_percent=tax_percent(org),
        )
