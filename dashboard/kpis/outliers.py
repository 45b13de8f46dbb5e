"""Computes which bids are far dearer than others in their category, from how many bids each index has."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import registry, sums
from dashboard.kpis.bins import Ranked, together
from dashboard.kpis.composites import composite
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters, Histogram

REACH = Decimal("1.5")
"""A fence stands this many distances of the quartiles above the third one."""
BIN = Decimal("0.01")
"""How much of the index a bin is."""
LOWER, MIDDLE, UPPER = Decimal("0.25"), Decimal("0.5"), Decimal("0.75")


@dataclass(frozen=True)
class Box:
    """How the price indexes of a category spread, in units of the index.

    `fence` is where outliers begin; `least` and `most` are the ends of what is none; `outliers` of `n` bids
    lie above the fence, up to `highest`.
    """

    category_id: int
    least: Decimal
    lower: Decimal
    median: Decimal
    upper: Decimal
    most: Decimal
    fence: Decimal
    highest: Decimal
    n: int
    outliers: int


@composite("price_outliers")
def read(session: Session, kpi: Kpi, filters: Filters, by: Sequence[By]) -> list[Figure]:
    """Return the share of outliers; a fence is its category's, whatever the groups or regions."""
    keys: tuple[By, ...] = tuple(dict.fromkeys([*by, "category_id"]))
    place = keys.index("category_id")
    found = sums.histograms(session, kpi, filters, keys)
    fences = _fences(session, kpi, filters, found, place)
    counted: dict[tuple[Any, ...], tuple[int, int]] = {} if by else {(): (0, 0)}
    for one in found:
        group = one.keys[: len(by)]
        above, n = counted.get(group, (0, 0))
        counted[group] = (above + _above(one.ranked, fences[one.keys[place]]), n + one.ranked.n)
    return [
        Figure(group, kpi.factor * Decimal(above) / n if n else None, n)
        for group, (above, n) in sorted(counted.items())
    ]


def read_boxes(session: Session, filters: Filters, most: int) -> list[Box]:
    """Return the spread of the categories with most bids within a filter; fences are those of all regions."""
    kpi = registry.get("price_outliers")
    found = sums.histograms(session, kpi, filters, ("category_id",))
    fences = _fences(session, kpi, filters, found, 0)
    shown = sorted(found, key=lambda one: -one.ranked.n)[:most]
    return [_box(one.keys[0], one.ranked, fences[one.keys[0]]) for one in shown]


def _fences(
    session: Session, kpi: Kpi, filters: Filters, found: Sequence[Histogram], place: int
) -> dict[int, Decimal]:
    """Return above which bin a bid of each category is an outlier; what was `found` is asked once."""
    everyone = filters.of_everyone
    if everyone != filters:
        found, place = sums.histograms(session, kpi, everyone, ("category_id",)), 0
    ranked: dict[int, list[Ranked]] = defaultdict(list)
    for one in found:
        ranked[one.keys[place]].append(one.ranked)
    return {category: fence_of(together(parts)) for category, parts in ranked.items()}


def fence_of(ranked: Ranked) -> Decimal:
    """Return the third quartile plus REACH times its distance from the first; at least one bid is counted."""
    lower, upper = (ranked.percentile(share) or Decimal(0) for share in (LOWER, UPPER))
    return upper + REACH * (upper - lower)


def _above(ranked: Ranked, fence: Decimal) -> int:
    return ranked.n - ranked.up_to(fence)


def _box(category_id: int, ranked: Ranked, fence: Decimal) -> Box:
    inside, highest = ranked.up_to(fence), ranked.at(ranked.n - 1)
    least, most = (ranked.at(0), ranked.at(inside - 1)) if inside else (highest, highest)
    lower, median, upper = (ranked.percentile(share) or Decimal(0) for share in (LOWER, MIDDLE, UPPER))
    return Box(
        category_id,
        least * BIN,
        lower * BIN,
        median * BIN,
        upper * BIN,
        most * BIN,
        fence * BIN,
        highest * BIN,
        ranked.n,
        ranked.n - inside,
    )
