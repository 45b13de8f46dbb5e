"""Reads actions, their items and windows."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from dashboard.core.db import db
from dashboard.core.errors import NotFoundError
from dashboard.health.actions.models import (
    OPEN,
    ItemStatus,
    MaintenanceAction,
    MaintenanceItem,
    MaintenanceWindow,
    Status,
)
from dashboard.health.queries import get_reading

ACTIVITY = "health.now"
SHOWN = 50


def get_action(action_id: int) -> MaintenanceAction:
    """Return an action. Raises NotFoundError."""
    found = db.session.get(MaintenanceAction, action_id, populate_existing=True)
    if found is None:
        raise NotFoundError("There is no such action.")
    return found


def list_open() -> list[MaintenanceAction]:
    """What waits, runs or is paused, the oldest first."""
    query = select(MaintenanceAction).where(MaintenanceAction.status.in_(OPEN))
    return list(db.session.scalars(query.order_by(MaintenanceAction.id)))


def list_finished(limit: int = SHOWN) -> list[MaintenanceAction]:
    """What is over, the newest first."""
    query = select(MaintenanceAction).where(MaintenanceAction.status.not_in(OPEN))
    return list(db.session.scalars(query.order_by(MaintenanceAction.created_at.desc()).limit(limit)))


def find_same(kind: str, target: Mapping[str, Any], *, everywhere: bool) -> MaintenanceAction | None:
    """Return an open action of the same kind on the same thing."""
    query = select(MaintenanceAction).where(
        MaintenanceAction.status.in_(OPEN),
        MaintenanceAction.kind == kind,
        MaintenanceAction.target == dict(target),
        MaintenanceAction.everywhere.is_(everywhere),
    )
    return db.session.scalar(query.limit(1))


def list_items(action_id: int) -> list[MaintenanceItem]:
    """The work of an action, schema by schema."""
    query = select(MaintenanceItem).where(MaintenanceItem.action_id == action_id)
    return list(
        db.session.scalars(
            query.order_by(MaintenanceItem.schema_name), execution_options={"populate_existing": True}
        )
    )


def count_items(action_ids: list[int]) -> dict[int, tuple[int, int]]:
    """How many items of each action are over, and how many there are."""
    over = func.count().filter(MaintenanceItem.status.not_in((ItemStatus.WAITING, ItemStatus.RUNNING)))
    query = (
        select(MaintenanceItem.action_id, over, func.count())
        .where(MaintenanceItem.action_id.in_(action_ids))
        .group_by(MaintenanceItem.action_id)
    )
    return {action_id: (done, total) for action_id, done, total in db.session.execute(query)}


def list_leftovers(limit: int) -> list[tuple[MaintenanceItem, MaintenanceAction]]:
    """What left a half-made index and is not being worked on."""
    query = (
        select(MaintenanceItem, MaintenanceAction)
        .join(MaintenanceAction, MaintenanceAction.id == MaintenanceItem.action_id)
        .where(MaintenanceItem.has_leftover, MaintenanceAction.status != Status.RUNNING)
    )
    return [(item, action) for item, action in db.session.execute(query.limit(limit))]


def list_windows() -> list[MaintenanceWindow]:
    """Every window by name."""
    return list(db.session.scalars(select(MaintenanceWindow).order_by(MaintenanceWindow.name)))


def get_window(window_id: int) -> MaintenanceWindow:
    """Return a window. Raises NotFoundError."""
    found = db.session.get(MaintenanceWindow, window_id)
    if found is None:
        raise NotFoundError("There is no such maintenance window.")
    return found


def count_waiting(window_id: int) -> int:
    """How many actions are not over and belong to a window."""
    query = select(func.count()).select_from(MaintenanceAction)
    return (
        db.session.scalar(
            query.where(MaintenanceAction.window_id == window_id, MaintenanceAction.status.in_(OPEN))
        )
        or 0
    )


def find_undo(action_id: int) -> MaintenanceAction | None:
    """Return the newest action that takes this one back, unless it failed."""
    query = select(MaintenanceAction).where(
        MaintenanceAction.undo_of == action_id,
        MaintenanceAction.status.not_in((Status.FAILED, Status.CANCELLED)),
    )
    return db.session.scalar(query.order_by(MaintenanceAction.id.desc()).limit(1))


def find_session(pid: int, started: str) -> tuple[dict[str, Any] | None, datetime | None]:
    """Return what the last probe knew of a session, and when that was; the server is not asked."""
    reading = get_reading(ACTIVITY)
    if reading is None:
        return None, None
    lists = [rows for rows in reading.data.values() if isinstance(rows, list)]
    known = [row for rows in lists for row in rows if isinstance(row, dict) and row.get("pid") == pid]
    began = datetime.fromisoformat(started)
    fitting = [
        row
        for row in known
        if not (told := row.get("backend_start_at") or row.get("started_at"))
        or datetime.fromisoformat(str(told)) == began
    ]
    return (fitting[0] if fitting else None), reading.taken_at
