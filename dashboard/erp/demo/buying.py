"""Makes purchase orders and what was received on them; how late and how good follows the latent type."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from dashboard.erp.demo import billing
from dashboard.erp.demo.billing import Arrived
from dashboard.erp.demo.chance import Latent, moment
from dashboard.erp.demo.market import money, month_of
from dashboard.erp.demo.profiles import AS_OF
from dashboard.erp.demo.sourcing import QUANTITIES
from dashboard.erp.demo.world import Award, Item, Org, World

OVER_RECEIPT_EVERY = 301
APPROVER = "controller@example.com"
MIDNIGHT_ORDER = 6  # belongs to the organization in Tokyo


def make(world: World) -> None:
    """Order what was awarded and, beside it, what is simply bought, in the order of time."""
    for row in range(1, world.profile.orders + 1):
        org = world.org_of(row)
        rng = world.chance.of("purchase_order", row)
        at = moment((row - rng.random()) / world.profile.orders, rng)
        award = _take_award(org, at)
        _order(world, org, row, award or _plain(world, org, at, rng), rng)


def _take_award(org: Org, at: datetime) -> Award | None:
    """Return the oldest award that is not ordered yet and lies before this moment."""
    if org.awards and org.awards[0].at <= at:
        return org.awards.pop(0)._replace(at=at)
    return None


def _plain(world: World, org: Org, at: datetime, rng: random.Random) -> Award:
    supplier = org.by_spend.one(rng)
    currency = world.supplier_currency[supplier]
    month = month_of(at.date())
    exchange = float(world.market.rate(org.base, currency, month))
    lines = []
    for _ in range(rng.choice((1, 2, 3, 4, 6))):
        article = rng.choice(org.products)
        price = article.cost * world.market.level(article.category, month) * rng.uniform(0.95, 1.15)
        lines.append(Item(article.id, Decimal(rng.choice(QUANTITIES)), money(price * exchange, currency)))
    value = sum((money(line.quantity * line.unit_price, currency) for line in lines), Decimal(0))
    freight = money(value * Decimal("0.02"), currency)
    return Award(0, 0, supplier, currency, at, rng.randrange(7, 60), lines, freight)


def _order(world: World, org: Org, row: int, award: Award, rng: random.Random) -> None:
    latent = world.chance.latent(award.supplier)
    promised = award.at + timedelta(days=award.lead_days)
    arrives = promised + timedelta(days=rng.gauss(latent.late_mean, latent.late_deviation))
    arrives = max(arrives, award.at + timedelta(days=2)).replace(microsecond=0)
    if row == MIDNIGHT_ORDER:
        arrives = arrives.replace(hour=16, minute=30)  # half past one on the next day in Tokyo
    total = sum((money(item.quantity * item.unit_price, award.currency) for item in award.items), Decimal(0))
    rate = world.market.rate(award.currency, org.base, month_of(award.at.date()))
    is_large = (total + award.freight + award.duty) * rate > org.threshold
    status = _status(rng, arrives, award, is_large=is_large)
    order = world.book.add(
        "purchase_order",
        org_id=org.id,
        number=None if status == "draft" else org.number("PO", award.at.year),
        supplier_id=award.supplier,
        rfq_id=award.rfq or None,
        quote_id=award.quote or None,
        warehouse_id=rng.choice(org.warehouses[:3]),
        buyer_id=rng.choice(world.people),
        ordered_on=None if status in {"draft", "to_approve"} else award.at.date(),
        currency=award.currency,
        fx_rate=rate,
        freight=award.freight,
        duty=award.duty,
        total=total,
        created_at=award.at,
        status=status,
        **_stamps(status, award.at, is_large=is_large),
    )
    received = _lines(world, org, order, award, promised.date())
    if status in {"part_received", "received", "closed"}:
        is_part = status == "part_received"
        came = _receipt(world, org, order, arrives, received, latent, is_part=is_part, rng=rng)
        billing.bill(world, org, order, award, came, arrives)


def _stamps(status: str, at: datetime, *, is_large: bool) -> dict[str, Any]:
    """When an order of this status was approved, sent and acknowledged, and by whom."""
    is_approved = status not in {"draft", "to_approve", "cancelled"}
    is_sent = is_approved and status != "approved"
    return {
        "approved_at": at + timedelta(minutes=50) if is_approved and is_large else None,
        "approved_by": APPROVER if is_approved and is_large else None,
        "sent_at": at + timedelta(hours=1) if is_sent else None,
        "acknowledged_at": at + timedelta(hours=20) if is_sent and status != "sent" else None,
        "cancel_reason": "Ordered twice." if status == "cancelled" else None,
    }


def _lines(world: World, org: Org, order: int, award: Award, promised: date) -> list[tuple[int, Item]]:
    """Make the lines of an order; return their ids and what they ask for."""
    made = []
    for position, item in enumerate(award.items, 1):
        line = world.book.add(
            "purchase_order_line",
            org_id=org.id,
            order_id=order,
            position=position,
            product_id=item.product,
            quantity=item.quantity,
            unit_price=item.unit_price,
            tax_percent=billing.tax_percent(org),
            promised_on=promised,
            award_id=item.award or None,
        )
        made.append((line, item))
    return made


def _status(rng: random.Random, arrives: datetime, award: Award, *, is_large: bool) -> str:
    # A cancelled order would give its awards back: only what was simply bought is cancelled here.
    if rng.random() < 0.03 and not award.rfq:
        return "cancelled"
    if arrives < AS_OF:
        return rng.choices(("closed", "received", "part_received"), (60, 32, 8))[0]
    if award.at > AS_OF - timedelta(days=6):
        return rng.choice(("draft", "to_approve" if is_large else "draft", "approved"))
    return rng.choice(("sent", "acknowledged"))


def _receipt(
    world: World,
    org: Org,
    order: int,
    at: datetime,
    lines: list[tuple[int, Item]],
    latent: Latent,
    *,
    is_part: bool,
    rng: random.Random,
) -> list[Arrived]:
    number = world.book.add(
        "receipt",
        org_id=org.id,
        order_id=order,
        warehouse_id=rng.choice(org.warehouses[:3]),
        received_at=at,
        reference=f"DN-{order:06}",
        created_at=at,
    )
    if order == MIDNIGHT_ORDER:
        world.plant("received after midnight in the organization's zone", "receipt", number)
    arrived = []
    for line, item in lines:
        quantity = item.quantity
        came = (quantity / 2).to_integral_value() if is_part and quantity > 1 else quantity
        if line % OVER_RECEIPT_EVERY == 0:
            came = quantity * Decimal("1.1")
            world.plant("more received than ordered", "purchase_order_line", line)
        is_bad = rng.random() < latent.reject_chance
        bad = (came * Decimal(str(round(rng.uniform(0.02, 0.3), 2)))).quantize(Decimal("0.01"))
        rejected = bad if is_bad else Decimal(0)
        world.book.add(
            "receipt_line",
            org_id=org.id,
            receipt_id=number,
            order_line_id=line,
            received=came,
            rejected=rejected,
        )
        arrived.append(Arrived(line, min(came - rejected, quantity), item.unit_price))
    return arrived
