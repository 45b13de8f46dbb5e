"""Computes reliability: what was observed of a supplier, drawn towards its categories while it is little."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import bins, registry
from dashboard.kpis.adding import all_of, weights_of
from dashboard.kpis.composites import EXPLANATIONS, composite
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters, condition, kept_as, kept_of_subjects

WEIGHTS = {
    "otif": Decimal("0.40"),
    "clean_deliveries": Decimal("0.25"),
    "lead_kept": Decimal("0.15"),
    "response_rate": Decimal("0.10"),
    "price_index": Decimal("0.10"),
}
PRIOR = 10
"""As many observations of the category's mean are mixed in with the supplier's own."""
DECIMALS = 6
TIMES = "\N{MULTIPLICATION SIGN}"
FORMULA = (
    "100 times the weighted mean of five scores from 0 to 1, over those observed: on time in full .40,"
    " deliveries without a rejection .25, lead time kept .15, response rate .10, price .10 (1 up to the"
    " middle of the bids, 0.01 less for each percent above). Each score is (n * own + 10 * mean of its"
    " categories) / (n + 10) over its n observations, so that few of them say little; the categories' means"
    " are those of all suppliers of the organizations over the period. Shown n: observations of all five."
)


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
    keys = ", ".join(by)
    query, binds = _scores(filters, by)
    asked = (
        f"SELECT {keys}{', ' * bool(by)}round(100 * sum(weight * shrunk) / sum(weight), {DECIMALS}),"  # noqa: S608
        f" coalesce(sum(n), 0) FROM ({query}) AS scores" + (f" GROUP BY {keys} ORDER BY {keys}" if by else "")
    )
    ask = session.connection().exec_driver_sql
    if not _is_narrow(filters, by):
        rows = ask(asked, binds).fetchall()
    else:
        # Sums just rebuilt have no statistics yet: the planner would walk over the means for every sum. And
        # calling workers to help takes longer than the sums.
        ask("SET LOCAL enable_nestloop = off; SET LOCAL max_parallel_workers_per_gather = 0")
        rows = ask(asked, binds).fetchall()
        ask("SET LOCAL enable_nestloop = on; SET LOCAL max_parallel_workers_per_gather TO DEFAULT")
    return [Figure(tuple(row[:-2]), row[-2], int(row[-1])) for row in rows]


def components(session: Session, filters: Filters) -> list[Component]:
    """Return the scores behind the one figure of a filter, heaviest first; those not observed are missing."""
    query, binds = _scores(filters, ())
    rows = session.connection().exec_driver_sql(
        f"SELECT part, n, own, mean, shrunk, weight FROM ({query}) AS scores ORDER BY weight DESC, part",  # noqa: S608
        binds,
    )
    return [Component(code, int(n), *rest) for code, n, *rest in rows]


def value_of(parts: Sequence[Component]) -> Decimal | None:
    """Compute the figure from its components; None without any."""
    weights = sum((part.weight for part in parts), Decimal(0))
    if not weights:
        return None
    points = sum((part.weight * part.shrunk for part in parts), Decimal(0))
    return round(100 * points / weights, DECIMALS)


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


def _scores(filters: Filters, by: Sequence[By]) -> tuple[str, dict[str, Any]]:
    """Return SQL with a row per group and part: n, own, mean, shrunk, weight; and its binds."""
    families: dict[str, list[Kpi]] = {}
    for code in WEIGHTS:
        kpi = registry.get(code)
        families.setdefault(kpi.family, []).append(kpi)
    binds: dict[str, Any] = {"prior": PRIOR, "weights": _weights()}
    parts = " UNION ALL ".join(_parts(kpis, filters, by, binds) for kpis in families.values())
    query = f"""
        SELECT g.*, round((n * own + %(prior)s * mean) / (n + %(prior)s), {DECIMALS}) AS shrunk,
            (%(weights)s::jsonb ->> part)::numeric AS weight
        FROM ({parts}) AS g WHERE n > 0
    """  # noqa: S608  # names of our own columns; values are bound
    return query, binds


def _is_narrow(filters: Filters, by: Sequence[By]) -> bool:
    """Whether what is scored is less than all that its categories' means are taken over."""
    return bool(by or filters.regions or filters.subject_id is not None or filters.subject_ids)


def _parts(kpis: Sequence[Kpi], filters: Filters, by: Sequence[By], binds: dict[str, Any]) -> str:
    """Return SQL with a row per group and part of one family: n, own and mean. Adds its binds.

    Each sum is weighed by its category's score as it is read: categories of a group need not be told apart.
    """
    keys = "".join(f"{name}, " for name in by)
    sums = ", ".join(
        f"sum({_n(kpi)}) AS n_{kpi.code}, round({_score(kpi)}, {DECIMALS}) AS own_{kpi.code},"
        f" round(sum(of_{kpi.code}) / nullif(sum({_n(kpi)}), 0), {DECIMALS}) AS mean_{kpi.code}"
        for kpi in kpis
    )
    parts = ", ".join(f"('{kpi.code}', n_{kpi.code}, own_{kpi.code}, mean_{kpi.code})" for kpi in kpis)
    read = _read(kpis, filters, by, binds)
    return f"""
        SELECT {keys}part, n, own, mean FROM (
            SELECT {keys}{sums} FROM ({read}) AS s{f" GROUP BY {', '.join(by)}" if by else ""}
        ) AS added CROSS JOIN LATERAL (VALUES {parts}) AS parts (part, n, own, mean)
    """  # noqa: S608  # names of our own columns; values are bound


def _read(kpis: Sequence[Kpi], filters: Filters, by: Sequence[By], binds: dict[str, Any]) -> str:
    """Return the SELECT of what is scored, from the fewest rows: groups, sums, and `of_…` of each part.

    `of_…` is the score of a category times the observations that lie in it.
    """
    family = kpis[0].family
    if not _is_narrow(filters, by):
        weighed = _weighed(kpis, {kpi.code: _n(kpi) for kpi in kpis})
        return f"SELECT {_used(kpis)}, {weighed} FROM {_means(kpis, filters, binds, with_sums=True)}"  # noqa: S608
    if not (filters.subject_id is not None or filters.subject_ids or "subject_id" in by):
        return _of_rows("kpi_sum", kept_as(family, filters, [*by, "category_id"]), kpis, filters, by, binds)
    if kept_of_subjects(family, filters, by) == family:
        return _of_rows("kpi_subject_sum", family, kpis, filters, by, binds)
    return _of_weights(kpis, filters, by, binds)


def _means(kpis: Sequence[Kpi], filters: Filters, binds: dict[str, Any], *, with_sums: bool = False) -> str:
    """Return SQL with the scores of each category over everybody, and on demand the sums they come from.

    Of everybody together the sums that make the means are the own ones too, and are read once.
    """
    everyone = replace(filters, regions=(), subject_id=None, subject_ids=())
    where = _where(kpis[0], everyone, kept_as(kpis[0].family, everyone, ["category_id"]), binds)
    sums = f", {_used(kpis, 'sum({0}) AS {0}')}" if with_sums else ""
    scores = "".join(f", {_score(kpi)} AS {kpi.code}" for kpi in kpis)
    return f"(SELECT category_id{sums}{scores} FROM kpi_sum WHERE {where} GROUP BY category_id) AS m"  # noqa: S608


def _of_rows(
    table: str, kept: str, kpis: Sequence[Kpi], filters: Filters, by: Sequence[By], binds: dict[str, Any]
) -> str:
    """Return the SELECT over sums that tell categories apart, each beside the scores of its own."""
    keys = "".join(f"{name}, " for name in by)
    weighed = _weighed(kpis, {kpi.code: _n(kpi) for kpi in kpis})
    where = _where(kpis[0], filters, kept, binds)
    means = _means(kpis, filters, binds)
    return (
        f"SELECT {keys}{_used(kpis)}, {weighed} FROM {table} JOIN {means} USING (category_id) WHERE {where}"  # noqa: S608
    )


def _of_weights(kpis: Sequence[Kpi], filters: Filters, by: Sequence[By], binds: dict[str, Any]) -> str:
    """Return the SELECT over subjects' sums of all categories, and how these lie in them.

    That is one number for 64 categories: two rows of a month instead of one for each of them.
    """
    keys, family = "".join(f"{name}, " for name in by), kpis[0].facts
    packed = "".join(
        f", {bins.digits_of(f'sum(s{place})')} AS digits_{name}"
        for place, name in enumerate(family.weighed, 1)
    )
    digits = {kpi.code: bins.unpacked(f"digits_{kpi.denominator}", "m.category_id") for kpi in kpis}
    nothing = ", ".join("NULL" for _ in kpis)
    own = _where(kpis[0], filters, all_of(family.name), binds)
    spread = _where(kpis[0], filters, weights_of(family.name), binds)
    return f"""
        SELECT {keys}{_used(kpis, "NULL::numeric AS {0}")}, {_weighed(kpis, digits)} FROM (
            SELECT {keys}category_id AS chunk{packed} FROM kpi_subject_sum WHERE {spread}
            GROUP BY {keys}category_id OFFSET 0
        ) AS w JOIN {_means(kpis, filters, binds)} ON {bins.chunk_of("m.category_id")} = w.chunk
        UNION ALL SELECT {keys}{_used(kpis)}, {nothing} FROM kpi_subject_sum WHERE {own}
    """  # noqa: S608  # names of our own columns; values are bound


def _used(kpis: Sequence[Kpi], written: str = "{0}") -> str:
    """Return SQL of the sums that parts are made of."""
    used = {kpi.facts.column(name) for kpi in kpis for name in (kpi.numerator, kpi.denominator)}
    return ", ".join(written.format(column) for column in sorted(used))


def _weighed(kpis: Sequence[Kpi], observations: Mapping[str, str]) -> str:
    """Return SQL of the columns `of_…`."""
    return ", ".join(f"{observations[kpi.code]} * m.{kpi.code} AS of_{kpi.code}" for kpi in kpis)


def _where(kpi: Kpi, filters: Filters, kept: str, binds: dict[str, Any]) -> str:
    """Return the condition of a SELECT; its family has a bind of its own. Adds the binds."""
    where, values = condition(kpi, filters)
    name = f"family_{len(binds)}"
    binds |= values | {name: kept}
    return where.replace("%(family)s", f"%({name})s")


def _n(kpi: Kpi) -> str:
    """Name the column that counts the observations of a part."""
    return kpi.facts.column(kpi.denominator)


def _score(kpi: Kpi) -> str:
    """Return SQL of a score from 0 to 1: shares are; a price index is 1 up to the middle of the market."""
    mean = f"sum({kpi.facts.column(kpi.numerator)}) / nullif(sum({_n(kpi)}), 0)"
    return f"least(1, greatest(0, 2 - {mean}))" if kpi.code == "price_index" else mean


def _weights() -> str:
    return "{" + ", ".join(f'"{code}": {weight}' for code, weight in WEIGHTS.items()) + "}"
