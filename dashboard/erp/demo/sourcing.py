"""Makes requests for quotation with lines and invitations, in the order of time."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from dashboard.erp.demo import bidding
from dashboard.erp.demo.bidding import Request
from dashboard.erp.demo.chance import moment
from dashboard.erp.demo.market import money, month_of
from dashboard.erp.demo.profiles import AS_OF
from dashboard.erp.demo.world import Article, Org, World

LONG_RFQ, LONG_LINES, LONG_BIDS = 7, 400, 5
SINGLE_BID = 0.12
QUANTITIES = (10, 20, 50, 100, 200, 500, 1000, 2500)
SETTLED = timedelta(days=45)


class Plan(NamedTuple):
    """When a request happens, who is asked, who answers, and where it stands in the end."""

    created: datetime
    sent: datetime
    deadline: datetime
    awarded: datetime
    invited: list[int]
    answering: list[int]
    status: str
    cancel_reason: str | None = None


def make(world: World) -> None:
    """Make all requests in the order of their time."""
    for row in range(1, world.profile.rfqs + 1):
        _request(world, world.org_of(row), row)


def _request(world: World, org: Org, row: int) -> None:
    rng = world.chance.of("rfq", row)
    plan = _long_plan(org, rng) if row == LONG_RFQ else _plan(world, org, row, rng)
    is_draft, is_won = plan.status == "draft", plan.status in {"awarded", "closed"}
    world.book.add(
        "rfq",
        org_id=org.id,
        number=None if is_draft else org.number("RFQ", plan.created.year),
        title=f"{rng.choice(org.products).name} and similar, lot {row}",
        category_id=rng.choice(org.categories),
        buyer_id=rng.choice(world.people),
        status=plan.status,
        deadline=plan.deadline,
        currency=org.base,
        sent_at=None if is_draft else plan.sent,
        awarded_at=plan.awarded if is_won else None,
        cancel_reason=plan.cancel_reason,
        created_at=plan.created,
    )
    lines = _lines(world, org, row, plan.created, rng)
    for supplier in plan.invited:
        known = {"org_id": org.id, "rfq_id": row, "supplier_id": supplier}
        world.book.add("rfq_invitation", **known, invited_at=None if is_draft else plan.sent)
    request = Request(row, plan.status, plan.sent, plan.deadline, plan.awarded, lines)
    bidding.make_quotes(world, org, request, plan.answering)


def _plan(world: World, org: Org, row: int, rng: random.Random) -> Plan:
    created = moment((row - rng.random()) / world.profile.rfqs, rng)
    sent = created + timedelta(hours=rng.randrange(2, 96))
    deadline = sent + timedelta(days=rng.randrange(7, 29))
    awarded = deadline + timedelta(days=rng.lognormvariate(1.6, 0.6))
    invited = org.by_spend.some(rng, rng.randrange(4, 10))
    answering = [one for one in invited if world.chance.latent(one).response > rng.random()]
    answering = answering[:1] if rng.random() < SINGLE_BID else answering
    chance = rng.random()
    if chance < 0.04 or sent > AS_OF:
        return Plan(created, sent, deadline, awarded, invited, [], "draft")
    if chance < 0.08:
        return Plan(created, sent, deadline, awarded, invited, [], "cancelled", "The need went away.")
    if awarded < AS_OF and not answering:
        return Plan(created, sent, deadline, awarded, invited, [], "cancelled", "Nobody made an offer.")
    status = "quoted" if answering and deadline < AS_OF + timedelta(days=10) else "sent"
    if awarded < AS_OF:
        status = "closed" if chance < 0.6 and awarded < AS_OF - SETTLED else "awarded"
    return Plan(created, sent, deadline, awarded, invited, answering if status != "sent" else [], status)


def _long_plan(org: Org, rng: random.Random) -> Plan:
    """Plan the request that is to fill the comparison sheet: closed for bids, not yet awarded."""
    sent, deadline = AS_OF - timedelta(days=20), AS_OF - timedelta(days=2)
    invited = org.by_spend.some(rng, LONG_BIDS + 2)
    return Plan(sent, sent, deadline, deadline, invited, invited[:LONG_BIDS], "quoted")


def _lines(
    world: World, org: Org, row: int, created: datetime, rng: random.Random
) -> list[tuple[int, Article, Decimal]]:
    count = rng.choice((1, 1, 2, 2, 3, 4, 6))
    if row == LONG_RFQ:
        count = LONG_LINES
        world.plant("request of 400 lines", "rfq", row)
    lines = []
    for position in range(1, count + 1):
        article = rng.choice(org.products)
        quantity = Decimal(rng.choice(QUANTITIES))
        level = world.market.level(article.category, month_of(created.date()))
        number = world.book.add(
            "rfq_line",
            org_id=org.id,
            rfq_id=row,
            position=position,
            product_id=article.id,
            quantity=quantity,
            unit_id=1,
            need_by=(created + timedelta(days=60)).date(),
            target_price=money(article.cost * level, org.base),
        )
        lines.append((number, article, quantity))
    return lines
