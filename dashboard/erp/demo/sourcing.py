"""Makes requests for quotation with lines, invitations and quotes; the winners go on to be ordered."""

import math
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from dashboard.erp.demo.chance import moment
from dashboard.erp.demo.market import money, month_of
from dashboard.erp.demo.profiles import AS_OF
from dashboard.erp.demo.world import Article, Award, Org, World

LONG_RFQ, LONG_LINES = 7, 400
SINGLE_BID = 0.12
QUANTITIES = (10, 20, 50, 100, 200, 500, 1000, 2500)


class Request(NamedTuple):
    """A request while its quotes are made."""

    id: int
    status: str
    sent_at: datetime
    deadline: datetime
    lines: list[tuple[int, Article, Decimal]]


class Bid(NamedTuple):
    """A quote as it competes: its total in the base currency decides."""

    total: Decimal
    quote: int
    award: Award


def make(world: World) -> None:
    """Make all requests in the order of their time."""
    for row in range(1, world.profile.rfqs + 1):
        _request(world, world.org_of(row), row)


def _request(world: World, org: Org, row: int) -> None:
    rng = world.chance.of("rfq", row)
    created = moment((row - rng.random()) / world.profile.rfqs, rng)
    sent = created + timedelta(hours=rng.randrange(2, 96))
    deadline = sent + timedelta(days=rng.randrange(7, 29))
    cycle = (deadline - sent) + timedelta(days=rng.lognormvariate(1.6, 0.6))
    awarded = sent + cycle
    status = _status(rng, sent, deadline, awarded)
    is_won = status in {"awarded", "closed"}
    request_id = world.book.add(
        "rfq",
        org_id=org.id,
        number=None if status == "draft" else org.number("RFQ", created.year),
        title=f"{rng.choice(org.products).name} and similar, lot {row}",
        category_id=rng.choice(org.categories),
        buyer_id=rng.choice(world.people),
        status=status,
        deadline=deadline,
        currency=org.base,
        sent_at=None if status == "draft" else sent,
        awarded_at=awarded if is_won else None,
        created_at=created,
    )
    lines = _lines(world, org, row, created, rng)
    if status in {"draft", "cancelled"}:
        return
    request = Request(request_id, status, sent, deadline, lines)
    bids = _bids(world, org, request, rng)
    if bids and is_won:
        org.awards.append(bids[0].award._replace(at=awarded))


def _status(rng: random.Random, sent: datetime, deadline: datetime, awarded: datetime) -> str:
    chance = rng.random()
    if chance < 0.04 or sent > AS_OF:
        return "draft"
    if chance < 0.08:
        return "cancelled"
    if awarded < AS_OF:
        return "closed" if chance < 0.6 else "awarded"
    return "quoted" if deadline < AS_OF + timedelta(days=10) else "sent"


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


def _bids(world: World, org: Org, request: Request, rng: random.Random) -> list[Bid]:
    """Invite suppliers and take their quotes; the cheapest comes first."""
    invited = org.by_spend.some(rng, rng.randrange(4, 10))
    answering = [one for one in invited if world.chance.latent(one).response > rng.random()]
    answering = answering[:1] if rng.random() < SINGLE_BID else answering
    for supplier in invited:
        row = {"org_id": org.id, "rfq_id": request.id, "supplier_id": supplier}
        world.book.add("rfq_invitation", **row, invited_at=request.sent_at)
    offers = [] if request.status == "sent" else [_offer(world, org, request, one) for one in answering]
    offers.sort(key=lambda offer: offer[0])
    is_won = request.status in {"awarded", "closed"}
    bids = []
    for rank, (total, row, lines, award) in sorted(enumerate(offers), key=lambda item: item[1][3].supplier):
        status = "submitted" if not is_won else "awarded" if rank == 0 else "rejected"
        quote = world.book.add("quote", **row, status=status)
        for line in lines:
            world.book.add("quote_line", org_id=org.id, quote_id=quote, **line)
        bids.append(Bid(total, quote, award._replace(quote=quote)))
    return sorted(bids)


def _offer(
    world: World, org: Org, request: Request, supplier: int
) -> tuple[Decimal, dict[str, Any], list[dict[str, Any]], Award]:
    rng = world.chance.of(f"quote {request.id}", supplier)
    latent = world.chance.latent(supplier)
    currency = world.supplier_currency[supplier]
    month = month_of(request.sent_at.date())
    exchange = float(world.market.rate(org.base, currency, month))
    lead = rng.randrange(7, 60)
    lines, ordered = [], []
    for number, article, quantity in request.lines:
        level = world.market.level(article.category, month) * latent.price * math.exp(rng.gauss(0, 0.08))
        price = max(money(article.cost * level * exchange, currency), money(1, currency))
        lines.append({"rfq_line_id": number, "quantity": quantity, "unit_price": price, "lead_days": lead})
        ordered.append((article.id, quantity, price))
    total = sum((money(quantity * price, currency) for _, quantity, price in ordered), Decimal(0))
    submitted = request.sent_at + (request.deadline - request.sent_at) * rng.betavariate(4, 2)
    row = {
        "org_id": org.id,
        "rfq_id": request.id,
        "supplier_id": supplier,
        "reference": f"Q{rng.randrange(10**5, 10**6)}",
        "currency": currency,
        "total": total,
        "lead_time_days": lead,
        "valid_until": (request.deadline + timedelta(days=60)).date(),
        "incoterm": rng.choice(("EXW", "FCA", "CIF", "DAP", "DDP")),
        "submitted_at": submitted.replace(microsecond=0),
        "created_at": submitted.replace(microsecond=0),
    }
    award = Award(request.id, 0, supplier, currency, request.deadline, lead, ordered)
    return total * world.market.rate(currency, org.base, month), row, lines, award
