"""Makes quotes and gives lines to the winners, which go on to be ordered."""

import math
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from dashboard.erp.demo.market import money, month_of
from dashboard.erp.demo.world import Article, Award, Item, Org, World

NO_BID = 0.02
SPLIT = 0.15
SPLIT_FROM = 100
SECOND_SHARE = Decimal("0.4")
MANY_LINES, LONG_VALID = 100, 730  # the large request is there to be looked at for long
SECOND_SOURCE = "Kept as a second source."
WHOLE = "Lowest landed cost of all lines together, in one delivery."


class Request(NamedTuple):
    """A request while its quotes are made. Lines: id, product, quantity."""

    id: int
    status: str
    sent_at: datetime
    deadline: datetime
    awarded_at: datetime
    lines: list[tuple[int, Article, Decimal]]


class Offer(NamedTuple):
    """An offer before it is written: a price per line, None for no bid. The smallest rank wins."""

    rank: tuple[int, Decimal]
    supplier: int
    currency: str
    lead_days: int
    freight: Decimal
    duty: Decimal
    prices: list[Decimal | None]
    landed: list[Decimal | None]
    submitted_at: datetime


class Written(NamedTuple):
    """An offer with the ids of its quote and of its lines."""

    offer: Offer
    quote: int
    lines: list[int]


def make_quotes(world: World, org: Org, request: Request, suppliers: list[int]) -> None:
    """Make one quote per supplier; where the request is decided, awards follow."""
    offers = [_offer(world, org, request, supplier) for supplier in suppliers]
    ranked = sorted(offers, key=lambda offer: offer.rank)
    winners = ranked[: _winners(world, request, ranked)]
    written = {}
    for offer in sorted(offers, key=lambda offer: offer.supplier):
        status = _status(world, request, offer, winners, is_first=offer is ranked[0])
        written[offer.supplier] = _write(world, org, request, offer, status)
    if winners:
        _award(world, org, request, [written[winner.supplier] for winner in winners], ranked)


def _offer(world: World, org: Org, request: Request, supplier: int) -> Offer:
    rng = world.chance.of(f"quote {request.id}", supplier)
    currency = world.supplier_currency[supplier]
    month = month_of(request.sent_at.date())
    prices = _prices(world, org, request, supplier, rng)
    goods = _total(request, prices, currency)
    freight = money(goods * Decimal(rng.choice(("0", "0.01", "0.02", "0.04"))), currency)
    duty = money(goods * Decimal(rng.choice(("0.02", "0.045"))) * (currency != org.base), currency)
    rate = world.market.rate(currency, org.base, month)
    share = 1 + (freight + duty) / goods if goods else Decimal(1)
    submitted = request.sent_at + (request.deadline - request.sent_at) * rng.betavariate(4, 2)
    return Offer(
        rank=(prices.count(None), (goods + freight + duty) * rate),
        supplier=supplier,
        currency=currency,
        lead_days=rng.randrange(7, 60),
        freight=freight,
        duty=duty,
        prices=prices,
        landed=[None if price is None else price * share * rate for price in prices],
        submitted_at=submitted.replace(microsecond=0),
    )


def _prices(
    world: World, org: Org, request: Request, supplier: int, rng: random.Random
) -> list[Decimal | None]:
    latent = world.chance.latent(supplier)
    currency = world.supplier_currency[supplier]
    month = month_of(request.sent_at.date())
    exchange = float(world.market.rate(org.base, currency, month))
    prices: list[Decimal | None] = []
    for position, (_, article, _) in enumerate(request.lines):
        level = world.market.level(article.category, month) * latent.price * math.exp(rng.gauss(0, 0.08))
        price = max(money(article.cost * level * exchange, currency), money(1, currency))
        prices.append(None if position and rng.random() < NO_BID else price)
    return prices


def _total(request: Request, prices: list[Decimal | None], currency: str) -> Decimal:
    pairs = zip(request.lines, prices, strict=True)
    return sum((money(line[2] * price, currency) for line, price in pairs if price is not None), Decimal(0))


def _winners(world: World, request: Request, ranked: list[Offer]) -> int:
    """Count the winners: some requests have a second source for their first line."""
    if request.status not in {"awarded", "closed"}:
        return 0
    is_split = world.chance.of("split", request.id).random() < SPLIT and request.lines[0][2] >= SPLIT_FROM
    return min(len(ranked), 2 if is_split else 1)


def _status(world: World, request: Request, offer: Offer, winners: list[Offer], *, is_first: bool) -> str:
    chance = world.chance.of(f"quote status {request.id}", offer.supplier).random()
    if any(offer is winner for winner in winners):
        return "awarded"
    if chance < 0.03 and not is_first:
        return "withdrawn"
    if winners:
        return "rejected"
    return "shortlisted" if chance > 0.85 else "submitted"


def _write(world: World, org: Org, request: Request, offer: Offer, status: str) -> Written:
    rng = world.chance.of(f"quote paper {request.id}", offer.supplier)
    days = LONG_VALID if len(request.lines) >= MANY_LINES else rng.choice((30, 60, 90, 180))
    quote = world.book.add(
        "quote",
        org_id=org.id,
        rfq_id=request.id,
        supplier_id=offer.supplier,
        reference=f"Q{rng.randrange(10**5, 10**6)}",
        currency=offer.currency,
        total=_total(request, offer.prices, offer.currency),
        freight=offer.freight,
        duty=offer.duty,
        lead_time_days=offer.lead_days,
        valid_until=(request.deadline + timedelta(days=days)).date(),
        incoterm=rng.choice(("EXW", "FCA", "CIF", "DAP", "DDP")),
        status=status,
        submitted_at=offer.submitted_at,
        created_at=offer.submitted_at,
    )
    lines = [
        world.book.add(
            "quote_line",
            org_id=org.id,
            quote_id=quote,
            rfq_line_id=number,
            quantity=quantity,
            unit_price=price,
            no_bid=price is None,
            lead_days=None if price is None else offer.lead_days,
        )
        for (number, _, quantity), price in zip(request.lines, offer.prices, strict=True)
    ]
    return Written(offer, quote, lines)


def _award(world: World, org: Org, request: Request, winners: list[Written], ranked: list[Offer]) -> None:
    """Give every line to the first winner, less what a second one gets of the first line."""
    for place, winner in enumerate(winners):
        items = []
        for index, (number, article, quantity) in enumerate(request.lines):
            price = winner.offer.prices[index]
            given = _share(quantity, place, index, is_split=len(winners) > 1)
            if price is None or not given:
                continue
            row: dict[str, Any] = {"rfq_line_id": number, "quote_line_id": winner.lines[index]}
            reason = _reason(winner.offer, ranked, index, place)
            award = world.book.add("award", org_id=org.id, **row, quantity=given, reason=reason)
            items.append(Item(article.id, given, price, award))
        offer = winner.offer
        given_to = (offer.supplier, offer.currency, request.awarded_at, offer.lead_days)
        org.awards.append(Award(request.id, winner.quote, *given_to, items, offer.freight, offer.duty))
    if len(winners) > 1:
        world.plant("line split between two suppliers", "rfq_line", request.lines[0][0])


def _share(quantity: Decimal, place: int, index: int, *, is_split: bool) -> Decimal:
    if index or not is_split:
        return quantity if place == 0 else Decimal(0)
    second = quantity * SECOND_SHARE
    return second if place else quantity - second


def _reason(offer: Offer, ranked: list[Offer], index: int, place: int) -> str | None:
    """Say why, where another offer has a lower landed cost on this line."""
    own = offer.landed[index]
    rivals = [rival.landed[index] for rival in ranked]
    if own is not None and all(rival is None or own <= rival for rival in rivals):
        return None
    return SECOND_SOURCE if place else WHOLE
