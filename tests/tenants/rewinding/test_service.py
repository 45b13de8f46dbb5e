"""When a rewind may begin, what may be done with it, and what becomes of one whose worker died."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from dashboard.backups.queries import REPOSITORY
from dashboard.core.config import Settings
from dashboard.core.db import db
from dashboard.core.errors import ConflictError, InvalidInputError
from dashboard.health.models import Reading
from dashboard.health.service import store_reading
from dashboard.jobs.models import JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.queries import get_tenant
from dashboard.tenants.rewinding import preparing, queries, service, settling, wording
from dashboard.tenants.rewinding.models import Rewind, RewindStatus
from dashboard.tenants.rewinding.naming import aside_name, beside_name

Login = Callable[..., FlaskClient]
PAGE = "/database/rewinds/"
HOUR = timedelta(hours=1)


@pytest.fixture
def here(app: Flask) -> Iterator[None]:
    """Within the app, for tests that commit."""
    with app.app_context():
        yield
        db.session.remove()


@pytest.fixture
def window(here: None) -> Iterator[datetime]:
    """The repository reaches from two hours ago until now; the moment that is returned lies within."""
    now = datetime.now(UTC).replace(microsecond=0)
    span = {"from_at": (now - 2 * HOUR).isoformat(), "until_at": now.isoformat(), "last_wal": "0"}
    store_reading(REPOSITORY, {"window": span, "checks": [], "version": "3"}, every=60)
    db.session.commit()
    yield now - timedelta(seconds=1)
    with control_transaction() as session:
        session.execute(delete(Rewind).where(Rewind.tenant.in_(("acme", "globex"))))
        session.execute(delete(JobRun).where(JobRun.job == "tenants.rewind"))
        session.execute(delete(Reading).where(Reading.key == REPOSITORY))


def made_at(tenant: TenantRef, *moments: tuple[datetime, str | None, str]) -> None:
    """Write the ledger of a tenant's migrations anew."""
    with db.engines["owner"].begin() as owner:
        owner.execute(text("DELETE FROM public.tenant_revision WHERE tenant_id = :id"), {"id": tenant.id})
        for at, before, after in moments:
            owner.execute(
                text(
                    "INSERT INTO public.tenant_revision"
                    " (tenant_id, from_revision, to_revision, applied_at, applied_by, duration_ms)"
                    " VALUES (:id, :before, :after, :at, 'test', 1)"
                ),
                {"id": tenant.id, "before": before, "after": after, "at": at},
            )


@pytest.fixture
def old(here: None) -> Iterator[TenantRef]:
    """A tenant that is a day old."""
    acme, now = get_tenant("acme"), datetime.now(UTC)
    made_at(acme, (now - 24 * HOUR, None, "0007"))
    yield acme
    made_at(acme, (now, None, "0007"))


@pytest.mark.commits
def test_a_rewind_begins_within_the_window_and_only_one_at_a_time(
    app: Flask, old: TenantRef, window: datetime
) -> None:
    with app.app_context():
        session = db.session()
        for wrong, words in ((window - 3 * HOUR, "first moment"), (window + HOUR, "future")):
            with pytest.raises(InvalidInputError, match=words):
                service.open_rewind(session, old, wrong, actor="dba")
        made = service.open_rewind(session, old, window, actor="dba")
        session.commit()
        assert made.beside_schema == beside_name(old.schema, made.id)
        with pytest.raises(ConflictError, match=f"Rewind {made.id} of Acme is preparing"):
            service.open_rewind(session, old, window, actor="dba")


@pytest.mark.commits
def test_a_tenant_that_was_made_or_migrated_since_is_refused_at_once(
    app: Flask, old: TenantRef, window: datetime
) -> None:
    with app.app_context():
        made_at(old, (window - 24 * HOUR, None, "0006"), (window + timedelta(milliseconds=1), "0006", "0007"))
        with pytest.raises(ConflictError, match="at migration 0006 then and are at 0007 now"):
            service.open_rewind(db.session(), old, window, actor="dba")
        made_at(old, (window + timedelta(milliseconds=1), None, "0007"))
        with pytest.raises(InvalidInputError, match="Acme did not exist then"):
            service.open_rewind(db.session(), old, window, actor="dba")


@pytest.mark.commits
def test_the_form_asks_for_a_job_that_fails_clearly_without_a_backup(
    app: Flask, old: TenantRef, window: datetime, dba: FlaskClient
) -> None:
    form = dba.get(f"{PAGE}?tenant=acme").get_data(as_text=True)
    assert re.search(r'<option selected[^>]*value="acme"', form)
    assert "Time machine" in form
    assert dba.post(PAGE, data={"tenant": "", "at": "yesterday"}).status_code == 422
    late = dba.post(PAGE, data={"tenant": "acme", "at": "2099-01-01T00:00"})
    assert (late.status_code, "in the future" in late.get_data(as_text=True)) == (422, True)
    typed = window.strftime("%Y-%m-%dT%H:%M:%S")
    answer = dba.post(PAGE, data={"tenant": "acme", "at": typed})
    assert answer.status_code == 302
    shown = dba.get(answer.location).get_data(as_text=True)
    assert "Bring a tenant" in shown
    again = dba.post(PAGE, data={"tenant": "acme", "at": typed})
    assert again.status_code == 409
    with app.app_context():
        asked = db.session.scalars(select(JobRun).where(JobRun.job == "tenants.rewind")).one()
        db.session.rollback()
        perform(str(asked.id))
        row = queries.get_rewind(db.session(), int(answer.location.rstrip("/").rpartition("/")[2]))
        assert row.status == RewindStatus.FAILED
        assert row.reason
    assert row.reason[:20] in dba.get(answer.location).get_data(as_text=True)
    assert dba.get(f"{answer.location}tables/unit").status_code == 409
    assert dba.get(f"{answer.location}swap").status_code == 409


def test_only_those_of_the_tenant_see_its_rewinds(control: Session, login: Login) -> None:
    row = Rewind(tenant="globex", live_schema="tenant_globex", target_at=datetime.now(UTC), actor="x")
    control.add(row)
    control.commit()
    assert login("dba", tenant="acme").get(f"{PAGE}{row.id}/").status_code in {403, 404}
    assert login("staff").get(PAGE).status_code == 403
    assert login("dba").get(f"{PAGE}{row.id}/").status_code == 200
    assert login("dba").get(f"{PAGE}99999/").status_code == 404


@pytest.mark.commits
def test_rows_follow_the_schemas_after_a_crash(app: Flask, here: None, settings: Settings) -> None:
    acme = get_tenant("acme")
    with app.app_context(), control_transaction() as session:
        row = Rewind(
            tenant="acme",
            live_schema=acme.schema,
            target_at=datetime.now(UTC),
            status=RewindStatus.READY,
            actor="x",
            created_at=datetime.now(UTC) - HOUR,
        )
        session.add(row)
    beside, aside = (name(acme.schema, row.id) for name in (beside_name, aside_name))
    with app.app_context():
        owner = preparing.owner_engine(settings)

        def settled(*schemas: str) -> str:
            with owner.begin() as connection:
                for name in (beside, aside):
                    connection.exec_driver_sql(f"DROP SCHEMA IF EXISTS {name}")
                for name in schemas:
                    connection.exec_driver_sql(f"CREATE SCHEMA {name}")
            settling.sweep(owner, settings)
            with control_transaction() as session:
                return queries.get_rewind(session, row.id).status

        assert settled(beside) == RewindStatus.READY
        assert settled(aside) == RewindStatus.SWAPPED
        assert settled(beside) == RewindStatus.UNDONE
        assert settled() == RewindStatus.DISCARDED
        with control_transaction() as session:
            queries.get_rewind(session, row.id).status = RewindStatus.PREPARING
        assert settled(beside) == RewindStatus.FAILED
        assert settled() == RewindStatus.FAILED
        with control_transaction() as session:
            session.execute(delete(Rewind).where(Rewind.id == row.id))


@pytest.mark.parametrize(
    "form",
    [{"choice": "{"}, {"choice": "[1]"}, {"choice": "[" * 100_000}, {"row": "unit"}, {"row": "unit gone x"}],
    ids=["cut", "list", "nested", "table", "number"],
)
def test_a_choice_that_cannot_be_read_is_refused(form: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError, match="cannot be read"):
        wording.read_choice(MultiDict(form))


def test_a_choice_of_tables_and_rows_is_read_and_told(app: Flask) -> None:
    ticked = MultiDict([("table", "unit"), ("also_added", "1"), ("row", "rfq gone 7"), ("row", "rfq gone 8")])
    choice = wording.read_choice(ticked)
    assert choice == {"unit": {"gone": None, "changed": None, "added": None}, "rfq": {"gone": [7, 8]}}
    row = Rewind(tenant="acme", differences=[{"table": "unit", "changed": 3, "added": 1}], status="ready")
    told = wording.of_choice(row, choice)
    assert "All 3 rows of unit that changed get their old values." in told
    assert "2 rows of rfq that are gone are inserted again." in told
