"""Makes sales orders."""

import random
from datetime import datetime, timedelta
from decimal import Decimal

from dashboard.erp.demo.chance import moment
from dashboard.erp.demo.market import money
from dashboard.erp.demo.profiles import AS_OF
from dashboard.erp.demo.world import Org, World

QUANTITIES = (1, 2, 5, 10, 25, 100)


def make(world: World) -> None:
    """Make all sales orders in the order of their time, in the base currency."""
    for row in range(1, world.profile.sales + 1):
        _order(world, world.org_of(row), row)


def _order(world: World, org: Org, row: int) -> None:
    rng = world.chance.of("sales_order", row)
    at = moment((row - rng.random()) / world.profile.sales, rng)
    promised = at + timedelta(days=rng.randrange(3, 21))
    shipped = promised + timedelta(days=rng.gauss(-0.5, 3))
    status = _status(rng, at, shipped)
    lines = [_line(org, rng) for _ in range(rng.choice((1, 2, 3, 5)))]
    total = sum((money(_amount(*line[1:4]), org.base) for line in lines), Decimal(0))
    order = world.book.add(
        "sales_order",
        org_id=org.id,
        number=None if status == "draft" else org.number("SO", at.year),
        customer_id=rng.choice(org.customers),
        customer_reference=f"{rng.randrange(10**6, 10**7)}",
        warehouse_id=rng.choice(org.warehouses[:3]),
        status=status,
        ordered_on=None if status == "draft" else at.date(),
        promised_on=promised.date(),
        shipped_at=shipped.replace(microsecond=0) if status in {"shipped", "closed"} else None,
        currency=org.base,
        freight=money(rng.choice((0, 15, 40)), org.base),
        total=total,
        created_at=at,
    )
    for position, (product, quantity, price, discount, cost) in enumerate(lines, 1):
        world.book.add(
            "sales_order_line",
            org_id=org.id,
            order_id=order,
            position=position,
            product_id=product,
            quantity=quantity,
            unit_price=price,
            discount_percent=discount,
            tax_percent=19 if org.base == "EUR" else 10,
            unit_cost=cost,
        )


def _status(rng: random.Random, at: datetime, shipped: datetime) -> str:
    if rng.random() < 0.03:
        return "cancelled"
    if shipped < AS_OF:
        return "closed" if shipped < AS_OF - timedelta(days=30) else "shipped"
    return "draft" if at > AS_OF - timedelta(days=3) else "confirmed"


def _line(org: Org, rng: random.Random) -> tuple[int, Decimal, Decimal, Decimal, Decimal]:
    article = rng.choice(org.products)
    price = money(article.cost * rng.uniform(1.2, 1.8), org.base)
    discount = Decimal(rng.choice((0, 0, 0, 5, 10)))
    return article.id, Decimal(rng.choice(QUANTITIES)), price, discount, money(article.cost, org.base)


def _amount(quantity: Decimal, price: Decimal, discount: Decimal) -> Decimal:
    return quantity * price * (1 - discount / 100)
