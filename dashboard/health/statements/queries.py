"""Reads the history of queries for pages and alert conditions."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, cast, func, or_, select

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.health.statements.judging import SLOW_CALLS, SLOW_MEAN_MS, Slower, is_slow, is_slower
from dashboard.health.statements.models import (
    HALF_HOUR,
    MINUTE,
    OTHER,
    StatementInterval,
    StatementPlan,
    StatementText,
    StatementUse,
)

SPANS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
MINUTES_UP_TO = timedelta(hours=6)  # longer spans are read from half hours
SPARKS, POINTS, SHOWN = 24, 60, 50
RECENT = timedelta(minutes=15)
USUAL = timedelta(days=7)
NEW = timedelta(hours=1)
SUMS = ("calls", "total_ms", "rows", "hits", "reads", "temp_blocks", "wal_bytes")


@dataclass
class Line:
    """One text over a span; times in milliseconds. `spark` is its time in each part of the span."""

    fingerprint: str
    text: str = ""
    first_seen_at: datetime | None = None
    calls: int = 0
    total_ms: float = 0.0
    max_ms: float | None = None
    rows: int = 0
    hits: int = 0
    reads: int = 0
    temp_blocks: int = 0
    wal_bytes: int = 0
    spark: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    # (role, calls, milliseconds), the heaviest first; '' stands for all others
    roles: list[tuple[str, int, float]] = field(default_factory=list)

    @property
    def mean_ms(self) -> float:
        """Milliseconds of one call."""
        return self.total_ms / self.calls if self.calls else 0.0

    @property
    def is_slow(self) -> bool:
        """Whether the rule of slow queries marks it."""
        return is_slow(self.calls, self.total_ms)

    @property
    def hit_share(self) -> float | None:
        """Share of its blocks found in memory."""
        total = self.hits + self.reads
        return self.hits / total if total else None


SORTS = {
    "total": lambda line: line.total_ms,
    "mean": lambda line: line.mean_ms,
    "calls": lambda line: line.calls,
    "reads": lambda line: line.reads,
}


@dataclass(frozen=True)
class Overview:
    """All queries of a span: the heaviest, the sum of the rest, and what is wrong with the figures."""

    lines: list[Line]
    other: Line | None
    calls: int
    total_ms: float
    since: datetime
    seconds: float
    forgotten: int
    resets: int


def span_of(name: str) -> timedelta:
    """Return a span by its name in the address; an hour for one that is not offered."""
    return SPANS.get(name, SPANS["1h"])


def _within(model: Any, since: datetime, until: datetime) -> ColumnElement[bool]:
    """Rows of a span without counting anything twice: half hours, then the minutes not summed yet."""
    minutes = and_(model.resolution == MINUTE, model.at > since, model.at <= until)
    if until - since <= MINUTES_UP_TO:
        return minutes
    rolled = db.session.scalar(
        select(func.max(StatementInterval.at)).where(StatementInterval.resolution == HALF_HOUR)
    )
    if rolled is None:
        return minutes
    end = rolled + timedelta(seconds=HALF_HOUR)
    return or_(
        and_(model.resolution == HALF_HOUR, model.at > since, model.at <= until),
        and_(model.resolution == MINUTE, model.at >= max(since, end), model.at <= until),
    )


def overview(span: timedelta, sort: str, now: datetime | None = None) -> Overview:
    """Return the heaviest queries of a span, in the order asked for."""
    until = now or datetime.now(UTC)
    since = until - span
    lines = _lines(since, until, SPARKS)
    other = lines.pop(OTHER, None)
    chosen = sorted(lines.values(), key=SORTS.get(sort, SORTS["total"]), reverse=True)[:SHOWN]
    _name(chosen)
    _add_roles(chosen, since, until)
    kept = _within(StatementInterval, since, until)
    calls, spent, seconds, forgotten, resets = db.session.execute(
        select(
            func.coalesce(func.sum(StatementInterval.calls), 0),
            func.coalesce(func.sum(StatementInterval.total_ms), 0.0),
            func.coalesce(func.sum(StatementInterval.seconds), 0.0),
            func.coalesce(func.sum(StatementInterval.forgotten), 0),
            func.count().filter(StatementInterval.was_reset),
        ).where(kept)
    ).one()
    return Overview(chosen, other, int(calls), spent, since, seconds, int(forgotten), resets)


def _lines(since: datetime, until: datetime, points: int, fingerprint: str | None = None) -> dict[str, Line]:
    """Sum each text over the span and in each of its parts, in one read."""
    step = (until - since).total_seconds() / points
    slot = func.least(func.floor(func.extract("epoch", StatementUse.at - since) / step), points - 1).label(
        "slot"
    )
    sums = [func.sum(getattr(StatementUse, name)).label(name) for name in SUMS]
    query = select(StatementUse.fingerprint, slot, func.max(StatementUse.max_ms), *sums).where(
        _within(StatementUse, since, until)
    )
    if fingerprint is not None:
        query = query.where(StatementUse.fingerprint == fingerprint)
    found: dict[str, Line] = {}
    for name, index, longest, *values in db.session.execute(query.group_by(StatementUse.fingerprint, slot)):
        line = found.setdefault(name, Line(name, spark=[0.0] * points, counts=[0] * points))
        _add(line, int(index), longest, dict(zip(SUMS, values, strict=True)))
    return found


def _add(line: Line, index: int, longest: float | None, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(line, name, getattr(line, name) + (value if name == "total_ms" else int(value)))
    line.spark[index] += values["total_ms"]
    line.counts[index] += int(values["calls"])
    if longest is not None:
        line.max_ms = max(longest, line.max_ms or 0.0)


def _name(lines: Sequence[Line]) -> None:
    texts = {
        row.fingerprint: row
        for row in db.session.scalars(
            select(StatementText).where(StatementText.fingerprint.in_([line.fingerprint for line in lines]))
        )
    }
    for line in lines:
        if known := texts.get(line.fingerprint):
            line.text, line.first_seen_at = known.text, known.first_seen_at


def _add_roles(lines: Collection[Line], since: datetime, until: datetime) -> None:
    each = func.jsonb_each(StatementUse.roles).table_valued("key", "value").alias("each")
    calls = func.sum(cast(each.c.value.op("->>")(0), Float))
    spent = func.sum(cast(each.c.value.op("->>")(1), Float))
    rows = db.session.execute(
        select(StatementUse.fingerprint, each.c.key, calls, spent)
        .select_from(StatementUse)
        .join(each, onclause=func.jsonb_typeof(StatementUse.roles) == "object")
        .where(
            _within(StatementUse, since, until),
            StatementUse.fingerprint.in_([line.fingerprint for line in lines]),
        )
        .group_by(StatementUse.fingerprint, each.c.key)
    )
    by_name = {line.fingerprint: line for line in lines}
    for name, role, count, milliseconds in rows:
        by_name[name].roles.append((role, int(count), milliseconds))
    for line in lines:
        line.roles.sort(key=lambda part: (part[0] == "", -part[2]))


@dataclass(frozen=True)
class History:
    """One text over a span, in equal parts."""

    line: Line
    moments: list[datetime]
    step: timedelta


def history(fingerprint: str, span: timedelta, now: datetime | None = None) -> History:
    """Return one text's figures over a span."""
    until = now or datetime.now(UTC)
    since = until - span
    found = _lines(since, until, POINTS, fingerprint)
    line = found.get(fingerprint) or Line(fingerprint, spark=[0.0] * POINTS, counts=[0] * POINTS)
    _name([line])
    _add_roles([line], since, until)
    step = span / POINTS
    return History(line, [since + step * index for index in range(POINTS)], step)


def get_text(fingerprint: str) -> StatementText:
    """Return a text. Raises NotFoundError."""
    found = db.session.get(StatementText, fingerprint)
    if found is None:
        raise NotFoundError("No such query is known (any more); its history is kept for a month.")
    return found


def find_slower(now: datetime | None = None, times: float = 3) -> list[Slower]:
    """Return the queries that are slow now and were not, or did not exist before."""
    until = now or datetime.now(UTC)
    start = until - RECENT
    calls, spent = func.sum(StatementUse.calls), func.sum(StatementUse.total_ms)
    slow = db.session.execute(
        select(StatementUse.fingerprint, calls, spent)
        .where(
            StatementUse.resolution == MINUTE,
            StatementUse.at > start,
            StatementUse.at <= until,
            StatementUse.fingerprint != OTHER,
        )
        .group_by(StatementUse.fingerprint)
        .having(calls >= SLOW_CALLS, spent / calls >= SLOW_MEAN_MS)
    ).all()
    usual = _usual([row[0] for row in slow], start)
    found = []
    for name, count, milliseconds in slow:
        text = db.session.get(StatementText, name)
        mean = milliseconds / int(count)
        if text and _is_worth_telling(name, usual, text, until) and is_slower(mean, usual.get(name), times):
            found.append(Slower(name, text.text[:300], int(count), mean, usual.get(name)))
    return sorted(found, key=lambda each: -each.mean_ms * each.calls)


def _usual(names: Collection[str], start: datetime) -> dict[str, float]:
    """Return the means of the week before, of queries that ran often enough to have one."""
    if not names:
        return {}
    calls, spent = func.sum(StatementUse.calls), func.sum(StatementUse.total_ms)
    before = start - timedelta(seconds=HALF_HOUR)  # a half hour is known by its beginning
    rows = db.session.execute(
        select(StatementUse.fingerprint, spent / calls)
        .where(
            StatementUse.fingerprint.in_(names),
            or_(
                and_(
                    StatementUse.resolution == HALF_HOUR,
                    StatementUse.at > start - USUAL,
                    StatementUse.at <= before,
                ),
                and_(StatementUse.resolution == MINUTE, StatementUse.at > before, StatementUse.at <= start),
            ),
        )
        .group_by(StatementUse.fingerprint)
        .having(calls >= SLOW_CALLS)
    )
    return {row[0]: row[1] for row in rows}


def _is_worth_telling(name: str, usual: dict[str, float], text: StatementText, now: datetime) -> bool:
    """A query without a past is new only if others have one, and if it was first seen just now."""
    if name in usual:
        return True
    began = db.session.scalar(select(func.min(StatementInterval.at)))
    is_watched = began is not None and began < text.first_seen_at - NEW
    return is_watched and text.first_seen_at > now - NEW


def count_forgotten(now: datetime | None = None, within: timedelta = RECENT) -> int:
    """How many entries PostgreSQL dropped lately for want of room."""
    until = now or datetime.now(UTC)
    found = db.session.scalar(
        select(func.sum(StatementInterval.forgotten)).where(
            StatementInterval.resolution == MINUTE, StatementInterval.at > until - within
        )
    )
    return int(found or 0)


def get_plan(plan_id: int) -> StatementPlan:
    """Return a plan. Raises NotFoundError."""
    found = db.session.get(StatementPlan, plan_id, populate_existing=True)
    if found is None:
        raise NotFoundError("There is no such plan (any more).")
    return found


def list_plans(fingerprint: str, limit: int = 20) -> list[StatementPlan]:
    """The newest plans of a query first."""
    query = select(StatementPlan).where(StatementPlan.fingerprint == fingerprint)
    return list(db.session.scalars(query.order_by(StatementPlan.created_at.desc()).limit(limit)))
