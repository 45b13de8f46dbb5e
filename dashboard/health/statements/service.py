"""Keeps the history of queries: snapshots, intervals, rollups. Flushes; the job commits."""

import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.health.statements.differences import Key, Use, fold, key_of, total, uses
from dashboard.health.statements.models import (
    HALF_HOUR,
    MINUTE,
    StatementInterval,
    StatementSnapshot,
    StatementText,
    StatementUse,
)
from dashboard.health.statements.probes import Counters, Sight, Text

KEEP = {MINUTE: timedelta(hours=26), HALF_HOUR: timedelta(days=31)}
SEEN_EVERY = timedelta(minutes=10)  # so that a text's row is not written every minute


class Memory:
    """The last snapshot as it was stored: the counters, and which query is which text."""

    def __init__(self, row: StatementSnapshot | None) -> None:
        self.row = row
        self.entries: dict[Key, Counters] = {}
        self.texts: dict[int, str] = {}
        if row is not None:
            stored = json.loads(zlib.decompress(row.entries))
            self.texts = {int(queryid): name for queryid, name in stored["texts"].items()}
            self.entries = {key_of(entry): entry for entry in (Counters(*each) for each in stored["entries"])}


def recall() -> Memory:
    """Return what was seen last; an empty memory after a first start or a crash of the control database."""
    return Memory(db.session.get(StatementSnapshot, 1, populate_existing=True))


def remember(memory: Memory, sight: Sight) -> None:
    """Keep a snapshot for the next minute."""
    ids = {entry.queryid for entry in sight.entries}
    texts = {queryid: name for queryid, name in _names(memory, sight).items() if queryid in ids}
    packed = zlib.compress(json.dumps({"texts": texts, "entries": sight.entries}).encode(), 1)
    state = sight.state
    values = {
        "taken_at": state.taken_at,
        "since_at": state.since_at,
        "started_at": state.started_at,
        "forgotten": state.forgotten,
        "entries": packed,
    }
    statement = insert(StatementSnapshot).values(id=1, **values)
    db.session.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values))


def _names(memory: Memory, sight: Sight) -> dict[int, str]:
    return memory.texts | {queryid: text.fingerprint for queryid, text in sight.texts.items()}


def add_interval(memory: Memory, sight: Sight) -> dict[str, Use]:
    """Store what happened since the last snapshot; return it by text. A first one only starts the count."""
    _keep_texts(sight.texts.values(), sight.state.taken_at)
    row, state = memory.row, sight.state
    if row is None or state.taken_at <= row.taken_at:
        return {}
    was_reset = row.since_at != state.since_at
    found = fold(uses(memory.entries, sight.entries, _names(memory, sight), afresh=was_reset))
    _store(MINUTE, state.taken_at, found)
    summed = total(found.values())
    forgotten = state.forgotten - (0 if was_reset else row.forgotten)
    db.session.add(
        StatementInterval(
            resolution=MINUTE,
            at=state.taken_at,
            seconds=(state.taken_at - row.taken_at).total_seconds(),
            calls=summed.calls,
            total_ms=summed.total_ms,
            entries=len(sight.entries),
            forgotten=max(forgotten, 0),
            was_reset=was_reset,
        )
    )
    _see(memory, found, state.taken_at)
    db.session.flush()
    return found


def _keep_texts(texts: Iterable[Text], now: datetime) -> None:
    rows = {text.fingerprint: asdict(text) | {"first_seen_at": now, "last_seen_at": now} for text in texts}
    if rows:
        db.session.execute(insert(StatementText).values(list(rows.values())).on_conflict_do_nothing())


def _see(memory: Memory, found: Mapping[str, Use], now: datetime) -> None:
    """Note which texts were used; one that was pruned meanwhile is read anew next time."""
    mine = StatementText.fingerprint.in_(list(found))
    there = set(db.session.scalars(select(StatementText.fingerprint).where(mine)))
    memory.texts = {
        queryid: name for queryid, name in memory.texts.items() if name in there or name not in found
    }
    old = StatementText.last_seen_at < now - SEEN_EVERY
    db.session.execute(update(StatementText).where(mine, old).values(last_seen_at=now))


def _store(resolution: int, at: datetime, found: Mapping[str, Use]) -> None:
    rows = [
        {"resolution": resolution, "at": at, "fingerprint": name} | _columns(use)
        for name, use in found.items()
    ]
    if rows:
        db.session.execute(insert(StatementUse).values(rows))


def _columns(use: Use) -> dict[str, Any]:
    return vars(use) | {"max_ms": use.max_ms}


def use_of(row: StatementUse) -> Use:
    """Return a stored row as something that can be added up."""
    return Use(
        calls=row.calls,
        total_ms=row.total_ms,
        max_ms=row.max_ms,
        rows=row.rows,
        hits=row.hits,
        reads=row.reads,
        temp_blocks=row.temp_blocks,
        wal_bytes=row.wal_bytes,
        roles={role: [*part] for role, part in row.roles.items()},
    )


def roll_up(now: datetime | None = None) -> int:
    """Sum the minutes of every half hour that is over and not summed yet; return how many."""
    this = _half_hour(now or datetime.now(UTC))
    last = db.session.scalar(
        select(func.max(StatementInterval.at)).where(StatementInterval.resolution == HALF_HOUR)
    )
    query = select(StatementInterval).where(
        StatementInterval.resolution == MINUTE, StatementInterval.at < this
    )
    if last is not None:
        query = query.where(StatementInterval.at >= last + timedelta(seconds=HALF_HOUR))
    slots: dict[datetime, list[StatementInterval]] = {}
    for minute in db.session.scalars(query):
        slots.setdefault(_half_hour(minute.at), []).append(minute)
    for slot, minutes in slots.items():
        _roll(slot, minutes)
    return len(slots)


def _half_hour(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // HALF_HOUR * HALF_HOUR, UTC)


def _roll(slot: datetime, minutes: list[StatementInterval]) -> None:
    """Write one half hour; its moment is its beginning."""
    summed: dict[str, Use] = {}
    rows = db.session.scalars(
        select(StatementUse).where(
            StatementUse.resolution == MINUTE, StatementUse.at.in_([minute.at for minute in minutes])
        )
    )
    for row in rows:
        summed.setdefault(row.fingerprint, Use()).add(use_of(row))
    _store(HALF_HOUR, slot, fold(summed))
    db.session.add(
        StatementInterval(
            resolution=HALF_HOUR,
            at=slot,
            seconds=sum(minute.seconds for minute in minutes),
            calls=sum(minute.calls for minute in minutes),
            total_ms=sum(minute.total_ms for minute in minutes),
            entries=max(minute.entries for minute in minutes),
            forgotten=sum(minute.forgotten for minute in minutes),
            was_reset=any(minute.was_reset for minute in minutes),
        )
    )
    db.session.flush()


def prune(now: datetime | None = None) -> None:
    """Forget what is older than is kept, and texts that nothing tells of any more."""
    now = now or datetime.now(UTC)
    for resolution, keep in KEEP.items():
        for model in (StatementUse, StatementInterval):
            db.session.execute(delete(model).where(model.resolution == resolution, model.at < now - keep))
    db.session.execute(
        delete(StatementText).where(StatementText.last_seen_at < now - KEEP[HALF_HOUR] - SEEN_EVERY)
    )
