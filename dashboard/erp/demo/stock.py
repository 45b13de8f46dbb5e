"""Makes stock moves that never take more than there is, and the balances they add up to."""

import random
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from dashboard.erp.demo.market import money
from dashboard.erp.demo.profiles import AS_OF, DAYS
from dashboard.erp.demo.world import Article, Org, World

FOUR = Decimal("0.0001")


def make(world: World) -> None:
    """Share the moves out over the products; each lies in one or two warehouses."""
    products = [(org, article) for org in world.orgs for article in org.products]
    per_product, left_over = divmod(world.profile.moves, len(products))
    for position, (org, article) in enumerate(products):
        rng = world.chance.of("stock_move", article.id)
        count = per_product + (position < left_over)
        first, second = rng.sample(org.warehouses, 2)
        away = count // 3 if rng.random() < 0.4 else 0
        _moves(world, org, article, first, count - away, rng)
        _moves(world, org, article, second, away, rng)


def _moves(world: World, org: Org, article: Article, place: int, count: int, rng: random.Random) -> None:
    """One product in one place: an opening, then what comes and goes, oldest first."""
    on_hand, average = Decimal(0), Decimal(0)
    days = sorted(rng.uniform(0, DAYS) for _ in range(count))
    for position, day in enumerate(days):
        is_in = on_hand < 10 or rng.random() < 0.45
        cost = money(article.cost * rng.uniform(0.92, 1.1), org.base)
        if is_in:
            quantity = Decimal(rng.randrange(10, 200))
            average = ((on_hand * average + quantity * cost) / (on_hand + quantity)).quantize(
                FOUR, ROUND_HALF_UP
            )
        else:
            quantity = -Decimal(rng.randrange(1, int(on_hand) + 1))
        on_hand += quantity
        world.book.add(
            "stock_move",
            org_id=org.id,
            product_id=article.id,
            warehouse_id=place,
            moved_at=(AS_OF - timedelta(days=DAYS - day)).replace(microsecond=0),
            quantity=quantity,
            unit_cost=cost if is_in else average,
            source="opening" if position == 0 else "receipt" if is_in else "shipment",
            reference=None,
        )
    if count:
        world.book.add(
            "stock_balance",
            org_id=org.id,
            product_id=article.id,
            warehouse_id=place,
            quantity=on_hand,
            average_cost=average,
        )
