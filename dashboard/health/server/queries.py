"""Reads what was kept of the server: changes of its settings, and messages of its log."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import case, select

from dashboard.core.db import db
from dashboard.health.server.log_parsing import LEVELS
from dashboard.health.server.models import ServerMessage, SettingChange

MOST_CHANGES, MOST_MESSAGES = 100, 100
RECENT = timedelta(days=7)


def list_changes(limit: int = MOST_CHANGES) -> list[SettingChange]:
    """Return changes of settings, the newest first."""
    query = select(SettingChange).order_by(SettingChange.seen_at.desc(), SettingChange.name)
    return list(db.session.scalars(query.limit(limit)))


def list_messages(span: timedelta = RECENT, limit: int = MOST_MESSAGES) -> list[ServerMessage]:
    """Return groups of messages seen within a span, the worst level first, then the newest."""
    ranked = case({level: rank for rank, level in enumerate(LEVELS)}, value=ServerMessage.level, else_=9)
    query = select(ServerMessage).where(ServerMessage.last_at >= datetime.now(UTC) - span)
    return list(db.session.scalars(query.order_by(ranked, ServerMessage.last_at.desc()).limit(limit)))
