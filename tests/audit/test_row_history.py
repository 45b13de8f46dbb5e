"""Every change of a row is recorded by the database, with the claimed actor and the server's own facts."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from dashboard.audit.queries import HistoryEntry, list_history
from dashboard.core.db import db
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

INSERT = text("INSERT INTO unit (code, name, factor) VALUES ('box', 'Box', 12) RETURNING id")


@pytest.fixture
def session(acme: TenantRef) -> Iterator[Session]:
    """A session in acme with a known actor and request."""
    with use_tenant(acme, actor="ada@example.com", request_id="req-1") as session:
        yield session


def history(session: Session, record_id: int) -> list[HistoryEntry]:
    """The timeline of a unit."""
    return list_history(session, "unit", record_id)


def test_a_new_row_is_recorded_with_its_actor_and_request(session: Session) -> None:
    (entry,) = history(session, session.scalar(INSERT))
    assert (entry.verb, entry.actor, entry.request_id) == ("created", "ada@example.com", "req-1")
    assert ("name", None, "Box") in entry.changes


def test_a_change_keeps_old_and_new_of_changed_fields_only(session: Session) -> None:
    unit = session.scalar(INSERT)
    session.execute(text("UPDATE unit SET name = 'Crate' WHERE id = :id"), {"id": unit})
    newest = history(session, unit)[0]
    assert (newest.verb, newest.changes) == ("changed", (("name", "Box", "Crate"),))


def test_an_update_that_changes_nothing_leaves_no_entry(session: Session) -> None:
    unit = session.scalar(INSERT)
    session.execute(text("UPDATE unit SET name = name WHERE id = :id"), {"id": unit})
    assert len(history(session, unit)) == 1


def test_a_bare_new_version_is_no_entry(session: Session) -> None:
    unit = session.scalar(INSERT)
    session.execute(text("UPDATE unit SET version = version + 1 WHERE id = :id"), {"id": unit})
    assert [entry.verb for entry in history(session, unit)] == ["created"]


def test_a_removed_row_is_still_in_its_history(session: Session) -> None:
    unit = session.scalar(INSERT)
    session.execute(text("DELETE FROM unit WHERE id = :id"), {"id": unit})
    newest = history(session, unit)[0]
    assert newest.verb == "removed"
    assert ("name", "Box", None) in newest.changes


def test_the_servers_own_facts_stand_beside_the_claimed_actor(session: Session) -> None:
    (entry,) = history(session, session.scalar(INSERT))
    assert entry.session_user == "steward_app"
    assert entry.client_addr == "127.0.0.1"
    assert entry.application_name == "steward"


def test_raw_sql_of_the_owner_is_recorded_and_cannot_touch_the_history(acme: TenantRef) -> None:
    with db.engines["owner"].connect() as connection, connection.begin() as transaction:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {acme.schema}")
        unit = connection.scalar(INSERT)
        rows = connection.execute(
            text("SELECT session_user_name FROM row_history WHERE record_id = :id"), {"id": unit}
        )
        assert "steward_owner" in rows.scalars().all()
        for statement in (
            "DELETE FROM row_history",
            "UPDATE row_history SET actor = 'x'",
            "TRUNCATE row_history",
        ):
            with pytest.raises(Exception, match="append-only"), connection.begin_nested():
                connection.exec_driver_sql(statement)
        transaction.rollback()


def test_a_rolled_back_change_leaves_no_history(session: Session) -> None:
    savepoint = session.begin_nested()
    unit = session.scalar(INSERT)
    savepoint.rollback()
    assert history(session, unit) == []
