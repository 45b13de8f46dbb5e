"""A tenant that is announced as read-only is so in PostgreSQL, whatever the pages do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from dashboard.core.db import db
from dashboard.core.errors import InvalidInputError, NotFoundError
from dashboard.tenancy import notices
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.maintenance import service as maintenance

WRITE = text("UPDATE organization SET name = name")
SOON = timedelta(hours=2)


@pytest.fixture(autouse=True)
def cleared(app: object) -> Iterator[None]:
    """Announcing commits at once; whatever a test announced is taken away."""
    yield
    with db.engines["owner"].begin() as connection:
        connection.execute(text("DELETE FROM public.maintenance"))
    tenancy.forget()


def is_refused(tenant: TenantRef, *, despite_read_only: bool = False) -> bool:
    """Whether PostgreSQL refuses a change because the transaction is read-only."""
    with use_tenant(tenant, actor="tester", despite_read_only=despite_read_only) as session:
        try:
            session.execute(WRITE)
        except InternalError as error:
            session.rollback()
            return getattr(error.orig, "pgcode", "") == "25006"
    return False


def test_postgresql_refuses_changes_of_a_tenant_that_is_read_only(acme: TenantRef, globex: TenantRef) -> None:
    announced = maintenance.announce("Moving house", tenant=acme, read_only=True)
    assert is_refused(acme)
    assert not is_refused(globex)
    maintenance.end(announced)
    assert not is_refused(acme)


def test_without_a_tenant_all_are_read_only(acme: TenantRef, globex: TenantRef) -> None:
    maintenance.announce("A release", read_only=True)
    assert is_refused(acme)
    assert is_refused(globex)


def test_the_work_itself_may_write(acme: TenantRef) -> None:
    maintenance.announce("A release", read_only=True)
    assert not is_refused(acme, despite_read_only=True)


def test_reading_goes_on(acme: TenantRef) -> None:
    maintenance.announce("A release", read_only=True)
    with use_tenant(acme, actor="tester") as session:
        assert session.scalar(text("SELECT count(*) FROM organization")) is not None


def test_what_is_only_told_forbids_nothing(acme: TenantRef) -> None:
    maintenance.announce("Slow today")
    maintenance.announce("Tonight", read_only=True, starts_at=datetime.now(UTC) + SOON)
    assert not is_refused(acme)
    assert [notice.message for notice in notices.told_to(acme)] == ["Slow today", "Tonight"]


def test_a_process_that_keeps_running_learns_of_it(acme: TenantRef, monkeypatch: pytest.MonkeyPatch) -> None:
    """No registry is read in a long job: the transaction's beginning reads what is announced."""
    tenancy.list_tenants()
    with db.engines["owner"].begin() as connection:
        connection.execute(
            text("INSERT INTO public.maintenance (message, is_read_only, actor) VALUES ('now', true, 'else')")
        )
    assert not is_refused(acme)
    monkeypatch.setattr(notices, "OLD_SECONDS", 0.0)
    assert is_refused(acme)


def test_it_begins_and_ends_by_the_clock(acme: TenantRef) -> None:
    now = datetime.now(UTC)
    start, end = now + SOON, now + 2 * SOON
    maintenance.announce("Tonight", tenant=acme, read_only=True, starts_at=start, ends_at=end)
    tenancy.list_tenants()
    found = [notices.forbids_writing(acme, moment) is not None for moment in (now, start, end)]
    assert found == [False, True, False]
    assert notices.told_to(acme, now - timedelta(days=1)) == []
    assert notices.told_to(None, start) == []


def test_what_has_not_begun_is_taken_back_and_what_is_over_cannot_end_again(acme: TenantRef) -> None:
    ahead = maintenance.announce("Tonight", starts_at=datetime.now(UTC) + SOON)
    maintenance.end(ahead)
    assert notices.told_to(acme) == []
    with pytest.raises(NotFoundError):
        maintenance.end(ahead)


@pytest.mark.parametrize(
    ("message", "ends_in", "field"),
    [(" ", SOON, "message"), ("x" * 501, SOON, "message"), ("fine", -SOON, "ends_at")],
    ids=["blank", "endless", "over already"],
)
def test_an_announcement_must_make_sense(app: object, message: str, ends_in: timedelta, field: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        maintenance.announce(message, ends_at=datetime.now(UTC) + ends_in)
    assert list(refused.value.fields) == [field]
