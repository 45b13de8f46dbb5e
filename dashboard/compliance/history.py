"""Keeps what became of each promise, and draws it: a strip of ninety days. Flushes; the job commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on

from dashboard.compliance.judging import Line
from dashboard.compliance.models import PromiseChange, PromiseStanding
from dashboard.compliance.registry import State
from dashboard.core.db import db

EVERY_SECONDS = 60
GAP = timedelta(minutes=10)  # after so long without a judge nobody knows how a promise stood
SPAN = timedelta(days=90)
UNJUDGED = "Nobody judged it in this time."
WIDTH = 1000


def record(lines: Sequence[Line], now: datetime) -> dict[str, int]:
    """Keep where each promise stands, and every change of state; return how many changed."""
    known = {row.key: row for row in db.session.scalars(select(PromiseStanding))}
    changed = sum(_note(known.pop(line.promise.key, None), line, now) for line in lines)
    for gone in known.values():
        db.session.delete(gone)
    db.session.flush()
    return {"promises": len(lines), "changed": changed}


def _note(row: PromiseStanding | None, line: Line, now: datetime) -> bool:
    """Keep one promise; a time in which nobody judged is put down as unknown."""
    if row is None:
        row = PromiseStanding(key=line.promise.key, since=now)
        db.session.add(row)
        is_new = True
    else:
        is_new = row.state != line.state
        if now - row.judged_at > GAP and row.state != State.UNKNOWN:
            _change(row.key, row.judged_at, State.UNKNOWN, "", UNJUDGED)
            is_new = True
    if is_new:
        _change(row.key, now, line.state, line.verdict.value, line.verdict.reason)
        row.since = now if row.state != line.state else row.since
    row.state, row.value, row.reason = line.state, line.verdict.value, line.verdict.reason
    row.evidence_at, row.judged_at = line.verdict.evidence_at, now
    return is_new


def _change(key: str, at: datetime, state: State, value: str, reason: str) -> None:
    db.session.add(PromiseChange(key=key, at=at, state=state, value=value, reason=reason))


def list_standings() -> dict[str, PromiseStanding]:
    """Where each promise stood when it was last judged."""
    return {row.key: row for row in db.session.scalars(select(PromiseStanding))}


def list_changes(key: str, limit: int = 100) -> Sequence[PromiseChange]:
    """The newest changes of one promise."""
    query = select(PromiseChange).where(PromiseChange.key == key)
    return db.session.scalars(
        query.order_by(PromiseChange.at.desc(), PromiseChange.id.desc()).limit(limit)
    ).all()


@dataclass(frozen=True)
class Stretch:
    """A time in one state; place and width are thousandths of the strip."""

    state: State
    begin: datetime
    end: datetime
    reason: str
    x: float
    width: float


def strips(now: datetime, key: str = "") -> dict[str, list[Stretch]]:
    """What became of every promise, or of one, in ninety days; nothing before it was first judged."""
    begin = now - SPAN
    changes = _changes_since(begin, key)
    judged = {row.key: row.judged_at for row in list_standings().values()}
    return {one: _drawn(rows, begin, now, judged.get(one)) for one, rows in changes.items()}


def _changes_since(begin: datetime, key: str) -> Mapping[str, list[PromiseChange]]:
    """Changes in the span, and before them the one that held when it began."""
    before = (
        select(PromiseChange)
        .where(PromiseChange.at < begin)
        .order_by(PromiseChange.key, PromiseChange.at.desc(), PromiseChange.id.desc())
        .ext(distinct_on(PromiseChange.key))
    )
    within = (
        select(PromiseChange).where(PromiseChange.at >= begin).order_by(PromiseChange.at, PromiseChange.id)
    )
    found: dict[str, list[PromiseChange]] = {}
    for query in (before, within):
        for row in db.session.scalars(query.where(PromiseChange.key == key) if key else query):
            found.setdefault(row.key, []).append(row)
    return found


def _drawn(
    rows: Sequence[PromiseChange], begin: datetime, now: datetime, judged_at: datetime | None
) -> list[Stretch]:
    ends = [row.at for row in rows[1:]]
    stretches = [
        _stretch(State(row.state), max(row.at, begin), end, row.reason, begin, now)
        for row, end in zip(rows, [*ends, _known_until(judged_at, now)], strict=True)
    ]
    last = stretches[-1].end
    if last < now:
        stretches.append(_stretch(State.UNKNOWN, last, now, UNJUDGED, begin, now))
    return [stretch for stretch in stretches if stretch.end > stretch.begin]


def _known_until(judged_at: datetime | None, now: datetime) -> datetime:
    """What was judged a moment ago holds still; after that nobody knows."""
    return now if judged_at is None or now - judged_at <= GAP else judged_at


def _stretch(
    state: State, begin: datetime, end: datetime, reason: str, since: datetime, now: datetime
) -> Stretch:
    whole = (now - since).total_seconds()
    x = WIDTH * (begin - since).total_seconds() / whole
    width = max(1.0, WIDTH * (end - begin).total_seconds() / whole)
    return Stretch(state, begin, end, reason, round(min(x, WIDTH - 1), 1), round(width, 1))


def kept_share(stretches: Sequence[Stretch]) -> float | None:
    """The share of the judged time in which it was good, of one; None when it never was judged."""
    judged = [one for one in stretches if one.reason != UNJUDGED]
    whole = sum((one.end - one.begin for one in judged), timedelta())
    good = sum((one.end - one.begin for one in judged if one.state.is_good), timedelta())
    return good / whole if whole else None
