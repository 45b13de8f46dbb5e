"""Reads of comments, activities and notifications."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from dashboard.collaboration.models import Activity, Comment, Notification

PAGE = 50
MANY = 100


def open_activities(session: Session, email: str, limit: int = MANY) -> list[Activity]:
    """What a person has to do, the most urgent first; what has no day comes last."""
    query = (
        select(Activity)
        .where(Activity.assignee == email.lower(), Activity.done_at.is_(None), Activity.deleted_at.is_(None))
        .order_by(Activity.due_on.asc().nulls_last(), Activity.id)
        .limit(limit)
    )
    return list(session.scalars(query))


def activities_of(session: Session, entity: str, record_id: int) -> list[Activity]:
    """What is still to do about a record, the most urgent first."""
    query = (
        select(Activity)
        .where(
            Activity.entity == entity,
            Activity.record_id == record_id,
            Activity.done_at.is_(None),
            Activity.deleted_at.is_(None),
        )
        .order_by(Activity.due_on.asc().nulls_last(), Activity.id)
        .limit(MANY)
    )
    return list(session.scalars(query))


def comments_before(
    session: Session, entity: str, record_id: int, before: datetime | None, limit: int
) -> list[Comment]:
    """The newest comments on a record, older than a moment."""
    query = select(Comment).where(
        Comment.entity == entity, Comment.record_id == record_id, Comment.deleted_at.is_(None)
    )
    if before is not None:
        query = query.where(Comment.created_at < before)
    return list(session.scalars(query.order_by(Comment.created_at.desc(), Comment.id.desc()).limit(limit)))


def activities_before(
    session: Session, entity: str, record_id: int, before: datetime | None, limit: int
) -> list[Activity]:
    """The newest activities on a record, open or done, older than a moment (when they were made)."""
    query = select(Activity).where(
        Activity.entity == entity, Activity.record_id == record_id, Activity.deleted_at.is_(None)
    )
    if before is not None:
        query = query.where(Activity.created_at < before)
    return list(session.scalars(query.order_by(Activity.created_at.desc(), Activity.id.desc()).limit(limit)))


def count_unread(session: Session, email: str) -> int:
    """How many notifications a person has not read, counted up to 100."""
    unread = (
        select(Notification.id)
        .where(Notification.recipient == email.lower(), Notification.read_at.is_(None))
        .limit(MANY)
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(unread)) or 0


def list_notifications(session: Session, email: str, before_id: int | None = None) -> list[Notification]:
    """A page of what a person was told, the newest first."""
    query = select(Notification).where(Notification.recipient == email.lower())
    if before_id is not None:
        query = query.where(Notification.id < before_id)
    return list(session.scalars(query.order_by(Notification.id.desc()).limit(PAGE)))
