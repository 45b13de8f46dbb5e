"""A change of many rows as a job: done, undone and refused for real, in a tenant of its own."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text

from dashboard.core.db import db
from dashboard.erp.models import Supplier
from dashboard.jobs.models import JobRun
from dashboard.jobs.runner import perform
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.service import create_tenant

ROWS = 30
Login = Callable[..., FlaskClient]
pytestmark = pytest.mark.commits


@pytest.fixture
def fresh(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[TenantRef]:
    """A tenant with suppliers, where more than two rows are many."""
    monkeypatch.setattr("dashboard.records.bulk.AT_ONCE", 2)
    monkeypatch.setattr("dashboard.records.bulk_work.BATCH", 7)
    with app.app_context():
        tenant = create_tenant("Many Rows", f"many-{secrets.token_hex(3)}")
        with use_tenant(tenant, actor="maker@example.com") as session:
            session.execute(text("INSERT INTO organization (name) VALUES ('Only')"))
            session.execute(
                text(
                    "INSERT INTO supplier (org_id, code, name, region, lead_time_days)"
                    " SELECT o.id, 'S' || n, 'Supplier ' || n, 'North', n"
                    " FROM organization o, generate_series(1, :rows) n"
                ),
                {"rows": ROWS},
            )
            session.commit()
        yield tenant
        db.session.remove()
        with db.engines["owner"].begin() as connection:
            connection.exec_driver_sql(
                f"DROP SCHEMA {tenant.schema} CASCADE; DELETE FROM public.tenant WHERE id = {tenant.id};"
                f" DROP ROLE {tenant.role}"
            )
        tenancy.forget()


def ask(browser: FlaskClient, tenant: TenantRef, data: dict[str, str], rows: int = ROWS) -> str:
    """Order a change of all rows; returns the id of its run."""
    address = f"/t/{tenant.slug}/records/supplier/bulk"
    order = {"all": "1", "query": "?", "confirmed": str(rows), **data}
    answer = browser.post(address, data=order)
    assert answer.status_code == 302, answer.text[:3000]
    return str(answer.location.rstrip("/").rpartition("/")[2])


def finished(run_id: str) -> JobRun:
    perform(run_id)
    with control_transaction() as session:
        run = session.get_one(JobRun, run_id)
        session.delete(run)
    return run


def regions(tenant: TenantRef) -> dict[str, int]:
    with use_tenant(tenant, actor="reader@example.com") as session:
        found = session.execute(select(Supplier.region, func.count()).group_by(Supplier.region)).all()
        return {str(region): rows for region, rows in found}


def test_a_job_changes_all_matching_rows_and_another_one_takes_them_back(
    fresh: TenantRef, login: Login
) -> None:
    staff = login("staff", fresh.slug)
    run = finished(ask(staff, fresh, {"action": "set", "field": "region", "region": "South"}))
    assert (run.status, run.error) == ("succeeded", "")
    assert run.result is not None
    assert run.result["rows"] == ROWS
    assert (run.progress_done, run.progress_total) == (ROWS, ROWS)
    assert regions(fresh) == {"South": ROWS}
    undo = f"/t/{fresh.slug}/records/supplier/undo/{run.result['change_set']}"
    run = finished(staff.post(undo).location.rstrip("/").rpartition("/")[2])
    assert (run.status, run.error) == ("succeeded", "")
    assert run.result == {"rows": ROWS, "left_out": 0}
    assert regions(fresh) == {"North": ROWS}


def test_a_row_the_database_refuses_leaves_all_others_as_they_were(fresh: TenantRef, login: Login) -> None:
    staff = login("staff", fresh.slug)
    data = {"action": "set", "field": "lead_time_days", "lead_time_days": "-1"}
    run = finished(ask(staff, fresh, data))
    assert run.status == "failed"
    assert "must not be negative" in run.error
    assert regions(fresh) == {"North": ROWS}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"action": "explode"}, "There is no such action"),
        (
            {"action": "set", "field": "region", "value": "x", "query": "status=purple"},
            "not one of the choices",
        ),
        ({"action": "delete", "entity": "nothing"}, "cannot be changed this way"),
        ({"action": "delete", "entity": "stock_move"}, "cannot be changed this way"),
    ],
)
def test_an_order_that_makes_no_sense_fails_and_says_why(
    arguments: dict[str, str], message: str, fresh: TenantRef, login: Login
) -> None:
    staff: Any = login("staff", fresh.slug)
    order = {"entity": "supplier", "query": "", "zone": "UTC", **arguments}
    run_id = ask(staff, fresh, {"action": "delete"})
    with control_transaction() as session:
        session.get_one(JobRun, run_id).args = order
    run = finished(run_id)
    assert run.status == "failed"
    assert message in run.error
    assert regions(fresh) == {"North": ROWS}


def test_an_actor_who_lost_the_grant_changes_nothing(fresh: TenantRef, login: Login) -> None:
    run_id = ask(login("staff", fresh.slug), fresh, {"action": "delete"})
    manager: Any = login("manager", fresh.slug)
    with control_transaction() as session:
        session.get_one(JobRun, run_id).actor = manager.email
    run = finished(run_id)
    assert run.status == "failed"
    assert regions(fresh) == {"North": ROWS}
