"""Makes a number again: out of the facts listed, or out of the records themselves, with exact decimals."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import sums
from dashboard.kpis.proof.question import Question, time_limit
from dashboard.kpis.proof.shadow import made_on_the_spot
from dashboard.kpis.sums import Figure

LONGEST = 10.0
"""Seconds that adding up may take before the page does without it."""


@dataclass(frozen=True)
class Made:
    """A number made from rows: its value (None is "no data"), what went into it, how many rows there are."""

    value: Decimal | None
    measures: Mapping[str, Decimal | None]
    included: int
    left_out: int


def make(session: Session, question: Question, seconds: float) -> Made:
    """Add up every row of a question in the database and put the sums into the formula.

    A median is taken of the rows, and a KPI made of others is computed by its own code out of sums made on
    the spot. Raises TooLongError after so many seconds.
    """
    kpi = question.kpi
    with time_limit(session, seconds):
        if kpi.kind == "composite":
            figure = _by_its_code(session, question)
            return Made(figure.value, {}, figure.n, 0)
        measures, included, left_out = _add_up(session, question)
        if kpi.kind == "median":
            return Made(_by_its_code(session, question).value, measures, included, left_out)
    return Made(sums.value_of(kpi, measures), measures, included, left_out)


def _by_its_code(session: Session, question: Question) -> Figure:
    with made_on_the_spot(session, question.families(session)):
        (figure,) = sums.read(session, question.kpi, question.filters)
    return figure


def _add_up(session: Session, question: Question) -> tuple[dict[str, Decimal | None], int, int]:
    names = question.measures
    columns = "".join(f"sum({name})::numeric, " for name in names)
    row: Any = (
        session.connection()
        .exec_driver_sql(
            f"SELECT {columns}count(*) FILTER (WHERE {question.counts}), count(*)"  # noqa: S608
            f" FROM ({question.facts}) AS r WHERE {question.where}",
            question.binds,
        )
        .one()
    )
    *added, included, facts = row
    return dict(zip(names, added, strict=True)), included, facts - included
