"""Puts a proof together: the number shown, the same made again, and what is left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from dashboard.kpis import sums, versions
from dashboard.kpis.models import KpiState
from dashboard.kpis.proof import narrowing, numbers, rows
from dashboard.kpis.proof.numbers import Made
from dashboard.kpis.proof.question import Question, TooLongError, with_parts
from dashboard.kpis.proof.rows import Reasons
from dashboard.kpis.registry import Kpi
from dashboard.kpis.sums import Figure, Filters

FEW = 20_000
"""Up to so many facts a page also computes them from the records without being asked to."""


@dataclass(frozen=True)
class Part:
    """A KPI that the proved one is made of, with its figure."""

    kpi: Kpi
    figure: Figure


@dataclass(frozen=True)
class Proof:
    """A number and what is known about it; what took too long is None, and what was not asked for."""

    question: Question
    shown: Figure | None
    """What pages show. None for a replay, which no page shows."""
    made: Made | None
    """Made again of the rows listed."""
    from_records: Made | None
    """Made again from the records as they are now, with the terms of the figures."""
    is_checked: bool
    """Whether that was tried."""
    reasons: Reasons | None
    parts: tuple[Part, ...]
    as_of: datetime | None
    """Up to when the figures are known; None before they were ever computed."""
    records: int
    """About how many records it is over."""
    is_outdated: bool
    """The definition has changed since the figures were computed, and they will be again."""

    @property
    def is_too_much(self) -> bool:
        """Whether it is over more records than are computed anew while somebody waits."""
        return self.records > narrowing.MOST_REPLAYED

    @property
    def value(self) -> Decimal | None:
        """The number that is proved."""
        if self.shown is not None:
            return self.shown.value
        return self.made.value if self.made else None

    @property
    def n(self) -> int | None:
        """How many records the KPI says stand behind it."""
        return self.shown.n if self.shown is not None else None


def ask(
    session: Session,
    kpi: Kpi,
    filters: Filters,
    as_of: datetime | None = None,
    revisions: Mapping[str, int] | None = None,
) -> Question:
    """Return the question of a proof: of what is kept, or a replay as of a moment or by older definitions."""
    state = session.get(KpiState, kpi.family)
    kept_at = state.as_of if state else datetime.now(UTC)
    return Question(
        kpi,
        filters,
        versions.terms(session, kpi.facts, as_of or kept_at, revisions),
        is_replay=as_of is not None or revisions is not None,
        revisions=revisions or {},
    )


def prove(session: Session, question: Question, *, check: bool = False) -> Proof:
    """Make a number again. `check`: also from the records themselves, however many there are."""
    kpi, filters = question.kpi, question.filters
    records = narrowing.count(session, question)
    most = narrowing.MOST_REPLAYED if question.is_replay else narrowing.MOST_ADDED
    made = _try(session, question) if records <= most else None
    is_checked = not question.is_replay and records <= (narrowing.MOST_REPLAYED if check else FEW)
    state = session.get(KpiState, kpi.family)
    return Proof(
        question,
        None if question.is_replay else sums.read(session, kpi, filters)[0],
        made,
        _try(session, question.replayed()) if is_checked else None,
        is_checked,
        _reasons(session, question) if made is not None or not question.is_replay else None,
        () if question.is_replay else _parts(session, question),
        state.as_of if state else None,
        records,
        is_outdated=state is not None and not _holds(question, state),
    )


def _try(session: Session, question: Question) -> Made | None:
    try:
        return numbers.make(session, question, numbers.LONGEST)
    except TooLongError:
        return None


def _reasons(session: Session, question: Question) -> Reasons | None:
    if question.kpi.kind == "composite":
        return None
    try:
        return rows.reasons(session, question)
    except TooLongError:
        return None


def _parts(session: Session, question: Question) -> tuple[Part, ...]:
    return tuple(
        Part(kpi, sums.read(session, kpi, question.filters)[0]) for kpi in with_parts(question.kpi)[1:]
    )


def _holds(question: Question, state: KpiState) -> bool:
    """Whether the figures were computed with the terms that hold now; a new organization had none before."""
    if question.is_replay:
        return True
    now = question.terms.kept()
    then = {one["org_id"]: one for one in state.parameters.get("organizations", ())}
    return state.parameters.get("currency") == now["currency"] and all(
        then.get(one["org_id"], one) == one for one in now["organizations"]
    )
