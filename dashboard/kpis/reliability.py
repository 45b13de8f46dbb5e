"""Computes reliability: what was observed of a supplier, drawn towards its categories while it is little."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext
from functools import cache
from operator import mul
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import bins, buckets, registry, sums
from dashboard.kpis.adding import weights_of
from dashboard.kpis.buckets import Bucket, Buckets
from dashboard.kpis.composites import EXPLANATIONS, composite
from dashboard.kpis.registry import Kpi
from dashboard.kpis.remembering import once
from dashboard.kpis.sums import EXACT, By, Figure, Filters

WEIGHTS = {
    "otif": Decimal("0.40"),
    "clean_deliveries": Decimal("0.25"),
    "lead_kept": Decimal("0.15"),
    "response_rate": Decimal("0.10"),
    "price_index": Decimal("0.10"),
}
PRIOR = 10
"""As many observations of the category's mean are mixed in with the supplier's own."""
DIGIT = Decimal("0.000001")
"""To which scores and the figure are rounded, a half upwards as PostgreSQL does."""
TIMES = "\N{MULTIPLICATION SIGN}"
FORMULA = (
    "100 times the weighted mean of five scores from 0 to 1, over those observed: on time in full .40,"
    " deliveries without a rejection .25, lead time kept .15, response rate .10, price .10 (1 up to the"
    " middle of the bids, 0.01 less for each percent above). Each score is (n * own + 10 * mean of its"
    " categories) / (n + 10) over its n observations, so that few of them say little; the categories' means"
    " are those of all suppliers of the organizations over the period. Shown n: observations of all five."
)


Keys = tuple[Any, ...]
Scores = Mapping[int, int]
"""Of a part, the score of each category over everybody, times SCALE."""
SCALE = 10**30
Observed = Iterator[tuple[Kpi, Keys, Bucket, Decimal]]
"""Of each part and group: the sums, and the scores of the categories its observations lie in, added up."""


@dataclass(frozen=True)
class Component:
    """One of the five scores: own, the mean of its categories, and both mixed by n observations."""

    code: str
    n: int
    own: Decimal
    mean: Decimal
    shrunk: Decimal
    weight: Decimal


@composite("reliability")
def read(session: Session, _kpi: Kpi, filters: Filters, by: Sequence[By]) -> list[Figure]:
    """Return reliability by anything facts are added up by; each group is judged as a supplier would be."""
    scored = _scored(session, filters, by)
    return [
        Figure(keys, value_of(parts), sum(part.n for part in parts)) for keys, parts in sorted(scored.items())
    ]


def components(session: Session, filters: Filters) -> list[Component]:
    """Return the scores behind the one figure of a filter, heaviest first; those not observed are missing."""
    found = _scored(session, filters, ())[()]
    return sorted(found, key=lambda part: (-part.weight, part.code))


def value_of(parts: Sequence[Component]) -> Decimal | None:
    """Compute the figure from its components; None without any."""
    weights = sum(part.weight for part in parts)
    if not weights:
        return None
    with localcontext(EXACT):
        return _rounded(100 * sum(part.weight * part.shrunk for part in parts) / weights)


def explain(session: Session, filters: Filters) -> str:
    """Write the formula with the numbers put in; '' without any observation."""
    parts = components(session, filters)
    value = value_of(parts)
    if value is None:
        return ""
    terms = " + ".join(
        f"{part.weight} {TIMES} {part.shrunk} [{registry.get(part.code).title}:"
        f" ({part.n} {TIMES} {part.own} + {PRIOR} {TIMES} {part.mean}) ÷ {part.n + PRIOR}]"
        for part in parts
    )
    return f"100 {TIMES} ({terms}) ÷ {sum(part.weight for part in parts)} = {value} points"


EXPLANATIONS["reliability"] = explain


def _scored(session: Session, filters: Filters, by: Sequence[By]) -> dict[Keys, list[Component]]:
    """Return the components of each group; without `by` of exactly one, which may have none."""
    everyone = filters.of_everyone
    scores = once(session, ("scores", everyone), lambda: _scores(session, everyone))
    is_whole = filters.is_of_subjects(by) and not filters.is_narrow(by)
    observe = _by_digits if is_whole else _by_rows
    scored: dict[Keys, list[Component]] = {} if by else {(): []}
    with localcontext(EXACT):
        for part, keys, own, expected in observe(session, filters, by, scores):
            found = _component(part, own, expected)
            if found:
                scored.setdefault(keys, []).append(found)
    return scored


def _component(part: Kpi, own: Bucket, expected: Decimal) -> Component | None:
    """Draw what was observed towards its categories; None where nothing was."""
    score = _score(part, own)
    if score is None:
        return None
    n = own.measures[part.denominator]
    rounded, mean = _rounded(score), _rounded(expected / n)
    shrunk = _rounded((n * rounded + PRIOR * mean) / (n + PRIOR))
    return Component(part.code, int(n), rounded, mean, shrunk, WEIGHTS[part.code])


def _score(part: Kpi, own: Bucket) -> Decimal | None:
    """From 0 to 1: shares are; a price index is 1 up to the middle of the market. None: nothing observed."""
    above, n = own.measures.get(part.numerator), own.measures.get(part.denominator)
    if above is None or not n:
        return None
    mean = above / n
    return min(Decimal(1), max(Decimal(0), 2 - mean)) if part.code == "price_index" else mean


def _scores(session: Session, everyone: Filters) -> dict[str, Scores]:
    cells = _cells(session, everyone, ("category_id",))
    with localcontext(EXACT):
        return {
            part.code: {
                category: int(SCALE * score)
                for (category,), bucket in cells[part.family].items()
                if (score := _score(part, bucket)) is not None
            }
            for part in _parts()
        }


def _by_rows(session: Session, filters: Filters, by: Sequence[By], scores: Mapping[str, Scores]) -> Observed:
    """What was observed, from sums that tell categories apart."""
    narrow: tuple[By, ...] = tuple(dict.fromkeys([*by, "category_id"]))
    place = narrow.index("category_id")
    for family, cells in _cells(session, filters, narrow).items():
        groups: dict[Keys, list[tuple[int, Bucket]]] = defaultdict(list)
        for keys, bucket in cells.items():
            groups[keys[: len(by)]].append((keys[place], bucket))
        for keys, found in groups.items():
            own = buckets.together([bucket for _, bucket in found])
            for part in _parts(family):
                of, n = scores[part.code], part.denominator
                added = sum(one.measures.get(n, 0) * of.get(category, 0) for category, one in found)
                yield part, keys, own, Decimal(added) / SCALE


def _by_digits(
    session: Session, filters: Filters, by: Sequence[By], scores: Mapping[str, Scores]
) -> Observed:
    """What was observed of subjects, from sums of all categories, and how these lie in them.

    That is one number for many categories: a row or two instead of one for each of them.
    """
    expected = _expected(session, filters, by, scores)
    for family, cells in _cells(session, filters, by).items():
        for part in _parts(family):
            for keys, own in cells.items():
                yield part, keys, own, Decimal(expected[part.code, keys]) / SCALE


def _expected(
    session: Session, filters: Filters, by: Sequence[By], scores: Mapping[str, Scores]
) -> Mapping[tuple[str, Keys], int]:
    where, binds = sums.narrowed(filters)
    parts = {weights_of(part.family): _parts(part.family) for part in _parts()}
    most = max(len(part.facts.weighed) for part in _parts())
    columns = [f"sum(s{place})::text" for place in range(1, most + 1)]
    groups = ", ".join(["family", "category_id", *by])
    rows = session.connection().exec_driver_sql(
        f"SELECT {', '.join(columns)}, {groups} FROM kpi_subject_sum"  # noqa: S608
        f" WHERE family = ANY(%(families)s) AND {where} GROUP BY {groups}",
        {"families": list(parts), **binds},
    )
    expected: dict[tuple[str, Keys], int] = defaultdict(int)
    last = max((category for of in scores.values() for category in of), default=0)
    of_chunk = cache(
        lambda code, chunk: [
            scores[code].get(number, 0) for number in bins.numbers_of(chunk) if number <= last
        ]
    )
    for row in rows.fetchall():
        family, chunk, *keys = row[most:]
        for part in parts[family]:
            packed = row[part.facts.weighed.index(part.denominator)]
            if packed:  # NULL where nothing was observed
                counts = bins.counts_of(packed)
                expected[part.code, tuple(keys)] += sum(map(mul, counts, of_chunk(part.code, chunk)))
    return expected


def _cells(session: Session, filters: Filters, by: Sequence[By]) -> dict[str, Buckets]:
    """The sums that all parts are computed from, by family and `by`."""
    return buckets.read(session, _parts(), filters, by)


def _parts(family: str = "") -> list[Kpi]:
    parts = [registry.get(code) for code in WEIGHTS]
    return [part for part in parts if family in {"", part.family}]


def _rounded(value: Decimal) -> Decimal:
    return value.quantize(DIGIT, ROUND_HALF_UP)
