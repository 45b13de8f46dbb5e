"""Owns comments, activities and notifications; each names its record by entity and id."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from dashboard.core.db import TenantModel
from dashboard.core.tables import Created, Key, Record, Restorable, Words, check, not_blank


class Comment(Record, Restorable, TenantModel):
    """What a person said about a record; `created_by` is who."""

    __tablename__ = "comment"
    __table_args__ = (*not_blank("entity", "body"), Index("ix_comment_record", "entity", "record_id", "id"))

    entity: Mapped[Words]
    record_id: Mapped[Key]
    body: Mapped[Words]

    def __str__(self) -> str:
        return self.body[:60]


class Activity(Record, Restorable, TenantModel):
    """Something to do about a record by a day. `assignee` is the e-mail of an operator."""

    __tablename__ = "activity"
    __table_args__ = (
        *not_blank("entity", "title", "assignee"),
        check("done_at_by_somebody", "(done_at IS NULL) = (done_by IS NULL)"),
        Index("ix_activity_record", "entity", "record_id", "id"),
        Index("ix_activity_open", "assignee", "due_on", "id", postgresql_where=text("done_at IS NULL")),
    )

    entity: Mapped[Words]
    record_id: Mapped[Key]
    title: Mapped[Words]
    note: Mapped[Words | None]
    due_on: Mapped[date | None]
    assignee: Mapped[Words]
    done_at: Mapped[datetime | None]
    done_by: Mapped[Words | None]

    def __str__(self) -> str:
        return self.title


class Notification(Created, TenantModel):
    """Something a person should know. `recipient` is the e-mail of an operator."""

    __tablename__ = "notification"
    __table_args__ = (
        *not_blank("recipient", "title"),
        Index("ix_notification_unread", "recipient", "id", postgresql_where=text("read_at IS NULL")),
        Index("ix_notification_recipient", "recipient", "id"),
    )

    recipient: Mapped[Words]
    title: Mapped[Words]
    body: Mapped[Words | None]
    entity: Mapped[Words | None]
    record_id: Mapped[int | None] = mapped_column(BigInteger)
    read_at: Mapped[datetime | None]

    def __str__(self) -> str:
        return self.title
