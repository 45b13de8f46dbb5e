"""Comments tell whom they name, activities whom they are given to."""

from collections.abc import Callable
from datetime import date

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from dashboard.collaboration import queries, service
from dashboard.collaboration.models import Notification
from dashboard.core.errors import ForbiddenError, InvalidInputError

ADA, BO = "ada@example.com", "bo@example.com"


def told(session: Session) -> list[tuple[str, str]]:
    return [(row.recipient, row.title) for row in session.scalars(select(Notification))]


def test_a_notification_goes_to_each_person_once(tenant: Session) -> None:
    service.notify(tenant, [ADA, ADA.upper(), BO, " "], "Late", entity="rfq", record_id=1)
    assert told(tenant) == [(ADA, "Late"), (BO, "Late")]
    assert queries.count_unread(tenant, ADA) == 1
    assert service.mark_read(tenant, ADA) == 1
    assert service.mark_read(tenant, ADA) == 0
    assert (queries.count_unread(tenant, ADA), queries.count_unread(tenant, BO)) == (0, 1)


def test_activities_come_by_day_and_leave_when_done(tenant: Session) -> None:
    days = (None, date(2031, 5, 2), date(2031, 5, 1))
    made = [
        service.add_activity(tenant, "rfq", 1, f"Call {day}", assignee=ADA, due_on=day, author=BO)
        for day in days
    ]
    assert queries.open_activities(tenant, ADA.upper()) == [made[2], made[1], made[0]]
    assert len(told(tenant)) == 3
    service.set_done(tenant, made[2], done=True, author=ADA)
    assert queries.open_activities(tenant, ADA) == [made[1], made[0]]
    service.set_done(tenant, made[2], done=False, author=ADA)
    assert queries.activities_of(tenant, "rfq", 1)[0] == made[2]


def test_nobody_is_told_of_what_they_gave_themselves(tenant: Session) -> None:
    service.add_activity(tenant, "rfq", 1, "Call", assignee=ADA, author=ADA)
    assert told(tenant) == []


@pytest.mark.parametrize("body", ["", " \n ", "a\x00b", "\ud800", "x" * 10_001])
def test_a_comment_that_cannot_be_stored_is_refused(body: str, tenant: Session) -> None:
    with pytest.raises(InvalidInputError):
        service.add_comment(tenant, "rfq", 1, body, author=ADA, about="RFQ", tenant="acme")


def test_only_its_author_changes_a_comment(tenant: Session) -> None:
    comment = service.add_comment(
        tenant, "rfq", 1, "Hello", author="tester@example.com", about="R", tenant="acme"
    )
    tenant.refresh(comment)
    with pytest.raises(ForbiddenError):
        service.edit_comment(tenant, comment, "Hi", author=BO, about="R", tenant="acme")
    with pytest.raises(ForbiddenError):
        service.delete_comment(tenant, comment, author=BO)
    service.edit_comment(tenant, comment, "Hi", author="tester@example.com", about="R", tenant="acme")
    assert comment.body == "Hi"


def test_a_mention_tells_operators_of_the_tenant_only(
    login: Callable[..., FlaskClient], tenant: Session
) -> None:
    inside, outside = login("staff", tenant="acme"), login("staff", tenant="globex")
    named = f"@{inside.email}, @{outside.email} and @nobody@example.com: look"  # type: ignore[attr-defined]
    session = tenant
    comment = service.add_comment(session, "rfq", 1, named, author=ADA, about="Bolts", tenant="acme")
    assert told(session) == [(inside.email, f"{ADA} mentioned you on Bolts")]  # type: ignore[attr-defined]
    session.refresh(comment)
    author = comment.created_by or ""
    service.edit_comment(session, comment, f"{named} again", author=author, about="Bolts", tenant="acme")
    assert len(told(session)) == 1
