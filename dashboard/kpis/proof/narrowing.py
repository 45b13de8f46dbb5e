"""Owns how many records a proof may look at while somebody waits, and which parts of it lead on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from dashboard.kpis import buckets, periods
from dashboard.kpis.filters import Selection
from dashboard.kpis.proof.question import Question, with_parts
from dashboard.kpis.sums import By

MOST_ADDED = 2_000_000
"""Kept facts that are added up within ten seconds."""
MOST_REPLAYED = 100_000
"""Records that are computed anew within ten seconds."""
MOST_PARTS = 36


@dataclass(frozen=True)
class Part:
    """A narrower question: what it is about, how many records that is, and what changes in the address."""

    title: str
    records: int
    changes: Mapping[str, str]


def count(session: Session, question: Question) -> int:
    """Return about how many records a question is over: those of its KPI and of all it is made of."""
    months = _by(session, question, "month")
    return max(months.values(), default=0) if question.kpi.kind == "level" else sum(months.values())


def parts(session: Session, question: Question, selection: Selection) -> tuple[Part, ...]:
    """Split a question by the first thing that it is about several of; () where it is about one of each."""
    orgs = {org.id: org.name for org in selection.orgs}
    ways: tuple[tuple[By, Callable[[Any], tuple[str, dict[str, str]]]], ...] = (
        ("month", _of_month),
        ("org_id", lambda key: (orgs.get(key, f"No. {key}"), {"org": str(key)})),
        ("region", lambda key: (key or "No region", {"region": key})),
        ("category_id", lambda key: (selection.choices.path_of(key) or "None", {"category": str(key)})),
    )
    for by, told in ways:
        found = _by(session, question, by)
        known = [key for key in found if key or by == "month"]
        if len(found) > 1 and known:
            return tuple(Part(told(key)[0], found[key], told(key)[1]) for key in _order(found, known, by))
    return ()


def _by(session: Session, question: Question, by: By) -> dict[Any, int]:
    added: dict[Any, int] = {}
    for found in buckets.read(session, with_parts(question.kpi), question.filters, (by,)).values():
        for (key,), bucket in found.items():
            added[key] = added.get(key, 0) + bucket.n
    return added


def _order(found: Mapping[Any, int], known: list[Any], by: By) -> list[Any]:
    """Months as they came, anything else the most records first."""
    ordered = sorted(known) if by == "month" else sorted(known, key=lambda key: (-found[key], str(key)))
    return ordered[-MOST_PARTS:] if by == "month" else ordered[:MOST_PARTS]


def _of_month(month: date) -> tuple[str, dict[str, str]]:
    return f"{month:%b %Y}", {**periods.only(month), "period": ""}
