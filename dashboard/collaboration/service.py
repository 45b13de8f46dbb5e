"""Writes comments, activities and notifications. The caller commits."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TypeVar

from sqlalchemy import update
from sqlalchemy.orm import Session

from dashboard.collaboration import people
from dashboard.collaboration.models import Activity, Comment, Notification
from dashboard.core.errors import ForbiddenError, InvalidInputError, NotFoundError

Row = TypeVar("Row", Comment, Activity)
MAX_TEXT, MAX_TITLE = 10_000, 200
NUL = "\x00"


def notify(
    session: Session,
    recipients: Iterable[str],
    title: str,
    *,
    entity: str | None,
    record_id: int | None,
    body: str = "",
) -> list[Notification]:
    """Tell operators (by e-mail address) something about a record; each is told once."""
    addresses = dict.fromkeys(address.strip().lower() for address in recipients)
    made = [
        Notification(
            recipient=address,
            title=title[:MAX_TITLE],
            body=body or None,
            entity=entity,
            record_id=record_id,
        )
        for address in addresses
        if address
    ]
    session.add_all(made)
    session.flush()
    return made


def add_comment(
    session: Session, entity: str, record_id: int, body: str, *, author: str, about: str, tenant: str
) -> Comment:
    """Say something about a record; people named as @address are told. Raises InvalidInputError."""
    comment = Comment(entity=entity, record_id=record_id, body=_text(body, "comment", MAX_TEXT))
    session.add(comment)
    _tell_mentioned(session, comment, author, about, tenant, before="")
    return comment


def edit_comment(
    session: Session, comment: Comment, body: str, *, author: str, about: str, tenant: str
) -> None:
    """Change one's own comment; people it newly names are told. Raises ForbiddenError, InvalidInputError."""
    _own(comment, author)
    before, comment.body = comment.body, _text(body, "comment", MAX_TEXT)
    _tell_mentioned(session, comment, author, about, tenant, before=before)


def delete_comment(session: Session, comment: Comment, *, author: str) -> None:
    """Take one's own comment back; the row history keeps it. Raises ForbiddenError."""
    _own(comment, author)
    comment.deleted_at = datetime.now(UTC)
    session.flush()


def add_activity(
    session: Session,
    entity: str,
    record_id: int,
    title: str,
    *,
    assignee: str,
    due_on: date | None = None,
    note: str = "",
    author: str = "",
) -> Activity:
    """Note something to do about a record; the assignee is told, unless it is the author.

    Raises InvalidInputError. `due_on` is a day in the assignee's own calendar.
    """
    activity = Activity(
        entity=entity,
        record_id=record_id,
        title=_text(title, "title", MAX_TITLE),
        assignee=_text(assignee, "assignee", MAX_TITLE).lower(),
        due_on=due_on,
        note=_text(note, "note", MAX_TEXT, blank=True) or None,
    )
    session.add(activity)
    session.flush()
    if activity.assignee != author.lower():
        words = f"To do: {activity.title}"
        due = f"Due on {due_on.isoformat()}." if due_on else ""
        notify(session, [activity.assignee], words, entity=entity, record_id=record_id, body=due)
    return activity


def set_done(session: Session, activity: Activity, *, done: bool, author: str) -> None:
    """Tick an activity off, or open it again."""
    activity.done_at, activity.done_by = (datetime.now(UTC), author) if done else (None, None)
    session.flush()


def mark_read(session: Session, recipient: str, notification_id: int | None = None) -> int:
    """Mark one notification of a person as read, or all of them; returns how many were unread."""
    query = (
        update(Notification)
        .where(Notification.recipient == recipient.lower(), Notification.read_at.is_(None))
        .values(read_at=datetime.now(UTC))
        .returning(Notification.id)
    )
    if notification_id is not None:
        query = query.where(Notification.id == notification_id)
    return len(session.scalars(query).all())


def live(session: Session, model: type[Row], row_id: int) -> Row:
    """A comment or activity that is not deleted. Raises NotFoundError."""
    found = session.get(model, row_id)
    if found is None or found.deleted_at is not None:
        raise NotFoundError(f"There is no such {model.__tablename__} any more.")
    return found


def _own(comment: Comment, author: str) -> None:
    if (comment.created_by or "").lower() != author.lower():
        raise ForbiddenError("This comment is somebody else's.", fix="Only its author can change it.")


def _text(text: str, field: str, limit: int, *, blank: bool = False) -> str:
    text = text.replace("\r\n", "\n").strip()
    message = ""
    if NUL in text or any("\ud800" <= sign <= "\udfff" for sign in text):
        message = "This text contains a character that cannot be stored."
    elif not text and not blank:
        message = "This is required."
    elif len(text) > limit:
        message = f"At most {limit:,} characters can be stored; these are {len(text):,}."
    if message:
        raise InvalidInputError(message, fields={field: message})
    return text


def _tell_mentioned(
    session: Session, comment: Comment, author: str, about: str, tenant: str, *, before: str
) -> None:
    session.flush()
    known = {person.email.lower() for person in people.list_people(tenant)}
    named = [address for address in people.mentioned(comment.body) if address in known]
    fresh = set(named) - set(people.mentioned(before)) - {author.lower()}
    notify(
        session,
        sorted(fresh),
        f"{author} mentioned you on {about}",
        entity=comment.entity,
        record_id=comment.record_id,
        body=comment.body[:500],
    )
