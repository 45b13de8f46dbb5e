"""Owns who else may hide files: features register why the files of a record are not to be seen yet."""

from collections.abc import Callable

from flask import Flask, current_app
from sqlalchemy.orm import Session

from dashboard.core.errors import ForbiddenError

EXTENSION = "steward_file_guards"
Guard = Callable[[Session, int], str]
"""Gets the session and the record's id; returns why its files are hidden now, empty where they are not."""


def add_guard(app: Flask, entity: str, guard: Guard) -> None:
    """Hide the files of an entity's record while the guard gives a reason."""
    app.extensions.setdefault(EXTENSION, {}).setdefault(entity, []).append(guard)


def hidden_reason(session: Session, entity: str, record_id: int) -> str:
    """Why the files of a record are hidden now; empty: they are not."""
    guards: list[Guard] = current_app.extensions.get(EXTENSION, {}).get(entity, [])
    return next((reason for guard in guards if (reason := guard(session, record_id))), "")


def demand_visible(session: Session, entity: str, record_id: int) -> None:
    """Raise ForbiddenError while the files of a record are hidden."""
    if reason := hidden_reason(session, entity, record_id):
        raise ForbiddenError("These files are not shown now.", fix=reason)
