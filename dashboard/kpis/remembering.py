"""Answers that are asked for several times while one page is built: a tile, a chart and a table of the same.

Only within `answers`, which whoever builds a page of a session that writes nothing opens.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from sqlalchemy.orm import Session

from dashboard.kpis.registry import Kpi

KEY = "kpi_answers"
Ask = TypeVar("Ask", bound=Callable[..., list[Any]])
Answer = TypeVar("Answer")


@contextmanager
def answers(session: Session) -> Iterator[None]:
    """Keep what is asked of a session until the end of the block."""
    session.info[KEY] = {}
    try:
        yield
    finally:
        del session.info[KEY]


def kept(session: Session) -> dict[Hashable, Any]:
    """The answers by their questions, to be added to; outside such a block they are forgotten at once."""
    found: dict[Hashable, Any] = session.info.get(KEY, {})
    return found


def once(session: Session, question: Hashable, ask: Callable[[], Answer]) -> Answer:
    """Return what is kept of a question, else what is answered now."""
    known = kept(session)
    if question not in known:
        known[question] = ask()
    answer: Answer = known[question]
    return answer


def remembered(ask: Ask) -> Ask:
    """Ask only once for the same figures of a KPI: a function of a session, a KPI, filters and dimensions."""

    @wraps(ask)
    def answer(session: Session, kpi: Kpi, filters: Hashable, by: Sequence[str] = ()) -> list[Any]:
        question = (ask.__name__, kpi.code, filters, tuple(by))
        return list(once(session, question, lambda: ask(session, kpi, filters, by)))

    return cast("Ask", answer)
