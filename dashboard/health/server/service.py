"""Keeps changes of settings and messages of the log. Flushes; the job commits."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from dashboard.core.db import db
from dashboard.health.server.log_parsing import Message
from dashboard.health.server.models import ServerMessage, SettingChange
from dashboard.health.server.probes import Change

KEEP_MESSAGES = timedelta(days=30)
MOST_AT_ONCE = 500  # a flood of different messages must not fill the control database


def store_changes(server: str, changes: Sequence[Change], *, at: datetime | None = None) -> None:
    """Keep changes of settings, for good: they are few and explain much."""
    moment = at or datetime.now(UTC)
    db.session.add_all(SettingChange(seen_at=moment, server=server, **vars(change)) for change in changes)
    db.session.flush()


def store_messages(messages: Sequence[Message]) -> None:
    """Add messages to their groups, and forget groups that were silent for a month."""
    db.session.execute(delete(ServerMessage).where(ServerMessage.last_at < datetime.now(UTC) - KEEP_MESSAGES))
    if not messages:
        return
    new = insert(ServerMessage).values([vars(row) for row in messages[:MOST_AT_ONCE]])
    added = {
        "times": ServerMessage.times + new.excluded.times,
        "last_at": new.excluded.last_at,
        "statement": new.excluded.statement,
    }
    db.session.execute(new.on_conflict_do_update(index_elements=[ServerMessage.fingerprint], set_=added))
