"""The pages of the time machine, on a rewind that is loaded from a copy of the database."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select, text

from dashboard.core.db import db
from dashboard.jobs.models import JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.rewinding import preparing
from dashboard.tenants.rewinding.models import Rewind, RewindStatus
from tests.tenants.rewinding.past import Past

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("rewinding")]
Login = Callable[..., FlaskClient]


@pytest.fixture
def rewind(past: Past) -> Iterator[Rewind]:
    """A rewind that is ready; suppliers were damaged since, a message was removed and one added."""
    row = Rewind(
        tenant=past.tenant.slug,
        live_schema=past.tenant.schema,
        target_at=datetime.now(UTC),
        status=RewindStatus.READY,
        actor="tester",
    )
    with control_transaction() as session:
        session.add(row)
        session.flush()
        past.number = row.id
        row.beside_schema = past.beside
    then = past.copy()
    past.load(then)
    with use_tenant(past.tenant, actor="mishap") as session:
        session.execute(text("UPDATE supplier SET name = name || ' by mishap' WHERE id <= 3"))
        session.execute(text("INSERT INTO unit (code, name, factor) VALUES ('new', 'New since', 1)"))
        session.commit()
    preparing.compare(row, preparing.owner_engine(past.settings), _Quiet())
    yield row
    with control_transaction() as session:
        session.execute(delete(Rewind).where(Rewind.id == row.id))
        session.execute(delete(JobRun).where(JobRun.tenant == past.tenant.slug))


class _Quiet:
    def progress(self, done: int, total: int, text: str = "") -> None:
        """Nobody looks."""


def run_asked(past: Past, job: str) -> JobRun:
    """Work off what a button asked for."""
    db.session.rollback()
    asked = db.session.scalars(
        select(JobRun).where(JobRun.job == job).order_by(JobRun.enqueued_at.desc())
    ).first()
    assert asked is not None
    perform(str(asked.id))
    with control_transaction() as session:
        done = session.get(JobRun, asked.id)
        assert done is not None
        return done


def page_of(browser: FlaskClient, address: str) -> str:
    answer = browser.get(address)
    assert answer.status_code == 200, answer.get_data(as_text=True)[:3000]
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def test_a_tenant_is_looked_at_brought_back_swapped_undone_and_discarded(
    past: Past, rewind: Rewind, dba: FlaskClient
) -> None:
    address = f"/database/rewinds/{rewind.id}/"
    shown = page_of(dba, address)
    assert "supplier" in shown
    assert "sealed prices: never read" in shown
    rows = page_of(dba, f"{address}tables/supplier?kind=changed")
    assert " by mishap" in rows
    assert 'value="supplier changed 1"' in rows

    chosen = {"row": ["supplier changed 1", "supplier changed 2"]}
    asked = dba.post(f"{address}bring-back", data=chosen)
    assert "2 rows of supplier that changed get their old values" in asked.get_data(as_text=True)
    choice = '{"supplier": {"changed": [1, 2]}}'
    wrong = dba.post(f"{address}bring-back", data={"choice": choice, "confirmation": "acme"})
    assert wrong.status_code == 422
    dba.post(f"{address}bring-back", data={"choice": choice, "confirmation": past.tenant.slug})
    done = run_asked(past, "tenants.bring_back")
    assert (done.status, done.error) == ("succeeded", ""), done.traceback
    assert done.result is not None
    assert done.result["rows"] == {"supplier": {"changed": 2}}
    spoilt = "SELECT count(*) FROM supplier WHERE name LIKE '%% by mishap'"
    assert past.sql(spoilt) == [(1,)]
    assert f"Change {done.result['change_set']}" in page_of(dba, address)

    before = past.truth()
    for action, left in (("swap", 0), ("undo", 1)):
        assert dba.post(f"{address}{action}", data={"confirmation": "no"}).status_code == 422
        dba.post(f"{address}{action}", data={"confirmation": past.tenant.slug})
        done = run_asked(past, f"tenants.{action}_rewind")
        assert (done.status, done.error) == ("succeeded", ""), done.traceback
        assert past.sql(spoilt) == [(left,)]
        page_of(dba, address)
    assert past.truth() == before
    dba.post(f"{address}discard", data={"confirmation": past.tenant.slug})
    assert run_asked(past, "tenants.discard_rewind").status == "succeeded"
    assert "Discarded" in page_of(dba, "/database/rewinds/")
    assert past.sql("SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%%__then_%%'") == [(0,)]
