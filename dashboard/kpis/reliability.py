"""Computes reliability: what was observed of a supplier, drawn towards its categories while it is little."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import registry
from dashboard.kpis.composites import EXPLANATIONS, composite
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import By, Figure, Filters, condition, kept_as

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
    ask = session.connection().exec_driver_sql
    # Sums just rebuilt have no statistics yet: the planner would walk over the means for every group. And
    # calling workers to help takes longer than the sums.
    ask("SET LOCAL enable_nestloop = off; SET LOCAL max_parallel_workers_per_gather = 0")
    rows = ask(
        f"SELECT {keys}{', ' * bool(by)}round(100 * sum(weight * shrunk) / sum(weight), {DECIMALS}),"  # noqa: S608
        f" coalesce(sum(n), 0) FROM ({query}) AS scores"
        + (f" GROUP BY {keys} ORDER BY {keys}" if by else ""),
        binds,
    ).fetchall()
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
    is_of_subjects = filters.subject_id is not None or filters.subject_ids or "subject_id" in by
    table = "kpi_subject_sum" if is_of_subjects else "kpi_sum"
    binds: dict[str, Any] = {"prior": PRIOR}
    chosen = _parts(table, filters, list(dict.fromkeys([*by, "category_id"])), binds)
    everyone = replace(filters, regions=(), subject_id=None, subject_ids=())
    means = _parts("kpi_sum", everyone, ["category_id"], binds)
    keys = "".join(f"o.{name}, " for name in by)
    group = f"{keys}o.part"
    own = _score("o.part", "sum(o.amount) / sum(o.n)")
    query = f"""
        SELECT g.*, round((n * own + %(prior)s * mean) / (n + %(prior)s), {DECIMALS}) AS shrunk,
            (%(weights)s::jsonb ->> part)::numeric AS weight
        FROM (
            SELECT {group}, sum(o.n) AS n, round({own}, {DECIMALS}) AS own,
                round(sum(o.n * m.score) / sum(o.n), {DECIMALS}) AS mean
            FROM ({chosen}) AS o
            JOIN (SELECT part, category_id, {_score("part", "amount / n")} AS score
                  FROM ({means}) AS all_of_them WHERE n > 0) AS m
            ON m.part = o.part AND m.category_id = o.category_id
            WHERE o.n > 0 GROUP BY {group}
        ) AS g
    """  # noqa: S608  # names of our own columns; values are bound
    return query, binds | {"weights": _weights()}


def _parts(table: str, filters: Filters, keys: Sequence[str], binds: dict[str, Any]) -> str:
    """Return SQL with a row per part and `keys`: amount and n. Adds its binds."""
    families: dict[str, list[Kpi]] = {}
    for code in WEIGHTS:
        kpi = registry.get(code)
        families.setdefault(kpi.family, []).append(kpi)
    return " UNION ALL ".join(_added(kpis, table, filters, keys, binds) for kpis in families.values())


def _added(
    kpis: Sequence[Kpi], table: str, filters: Filters, keys: Sequence[str], binds: dict[str, Any]
) -> str:
    """Return the SELECT of the parts that one family has, which is read once for all of them."""
    family = kpis[0].facts
    where, values = condition(kpis[0], filters)
    name = f"family_{len(binds)}"  # each SELECT has its own: groups and means are kept under different names
    binds |= values | {name: kept_as(family.name, filters, keys) if table == "kpi_sum" else family.name}
    where = where.replace("%(family)s", f"%({name})s")
    columns = ", ".join(keys)
    sums = "".join(
        f", sum({family.column(kpi.numerator)}) AS {kpi.code}, sum({family.column(kpi.denominator)})"
        f" AS n_{kpi.code}"
        for kpi in kpis
    )
    parts = ", ".join(f"('{kpi.code}', {kpi.code}, n_{kpi.code})" for kpi in kpis)
    return (
        f"SELECT part, {columns}, amount, n FROM (SELECT {columns}{sums} FROM {table}"  # noqa: S608
        f" WHERE {where} GROUP BY {columns}) AS added"
        f" CROSS JOIN LATERAL (VALUES {parts}) AS parts (part, amount, n)"
    )


def _score(part: str, mean: str) -> str:
    """Return SQL of a score from 0 to 1: shares are; a price index is 1 up to the middle of the market."""
    return f"CASE {part} WHEN 'price_index' THEN least(1, greatest(0, 2 - {mean})) ELSE {mean} END"


def _weights() -> str:
    return "{" + ", ".join(f'"{code}": {weight}' for code, weight in WEIGHTS.items()) + "}"
