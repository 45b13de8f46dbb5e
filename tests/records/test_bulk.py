"""Actions on many rows: what is left out, what is undone, and what a job does."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from dashboard.changes.models import ChangeSet
from dashboard.core.db import db
from dashboard.erp.models import Supplier
from dashboard.jobs.models import JobRun
from dashboard.records import bulk_work, saved_views
from dashboard.records.bulk import Selection
from dashboard.records.bulk_work import Order
from dashboard.records.spec import Spec
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

Make = Callable[..., Any]
SUPPLIERS = "/t/acme/records/supplier/"


@pytest.fixture
def five(make: Make) -> list[Any]:
    """Five suppliers of one organization."""
    organization = make("organization")
    return [make("supplier", organization=organization, name=f"S{n}", region="North") for n in range(5)]


def everything(rows: list[Any], **more: str) -> dict[str, str]:
    return {"all": "1", "query": f"?org_id={rows[0].org_id}", **more}


def set_region(staff: FlaskClient, rows: list[Any], region: str, confirmed: int) -> Any:
    data = everything(rows, action="set", field="region", region=region, confirmed=str(confirmed))
    return staff.post(f"{SUPPLIERS}bulk", data=data)


def regions(stored: Make, rows: list[Any]) -> list[str]:
    return [stored(Supplier, row.id).region for row in rows]


def test_a_change_of_many_rows_is_undone_from_its_message(
    five: list[Any], staff: FlaskClient, stored: Make
) -> None:
    answer = set_region(staff, five, "South", 5)
    page = staff.get(answer.location).text
    assert "5 rows changed." in page
    undo = re.search(r'action="([^"]*/undo/\d+)"', page)
    assert undo
    assert regions(stored, five) == ["South"] * 5
    assert staff.post(undo.group(1)).status_code == 302
    assert regions(stored, five) == ["North"] * 5
    assert staff.post(undo.group(1)).status_code == 409  # undone already
    assert staff.post(undo.group(1).replace("supplier", "rfq")).status_code == 404


def test_undoing_leaves_what_was_changed_since(five: list[Any], staff: FlaskClient, stored: Make) -> None:
    page = staff.get(set_region(staff, five, "South", 5).location).text
    undo = re.search(r'action="([^"]*/undo/\d+)"', page)
    assert undo
    cell = f"{SUPPLIERS}{five[2].id}/cell/region"
    staff.post(cell, data={"region": "West", "base": "South", "version": str(five[2].version + 1)})
    page = staff.get(staff.post(undo.group(1)).location).text
    assert "Undone: 4 rows" in page
    assert f"#{five[2].id} was left as it is" in page
    assert regions(stored, five) == ["North", "North", "West", "North", "North"]


def test_deleting_is_undone_too(five: list[Any], staff: FlaskClient, stored: Make) -> None:
    answer = staff.post(f"{SUPPLIERS}bulk", data=everything(five, action="delete", confirmed="5"))
    undo = re.search(r'action="([^"]*/undo/\d+)"', staff.get(answer.location).text)
    assert undo
    assert all(stored(Supplier, row.id).deleted_at for row in five)
    staff.post(undo.group(1))
    assert not any(stored(Supplier, row.id).deleted_at for row in five)


def test_locked_and_frozen_rows_are_left_out_by_name(
    five: list[Any],
    staff: FlaskClient,
    stored: Make,
    specs: dict[str, Spec],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spec = specs["supplier"]
    rules = {
        "lock_reason": lambda row: "It is being audited." if row.name == "S1" else "",
        "frozen_fields": lambda row: frozenset({"region"} if row and row.name == "S3" else ()),
    }
    for name, rule in rules.items():
        monkeypatch.setitem(vars(spec), name, rule)
    asked = staff.post(f"{SUPPLIERS}bulk", data=everything(five, action="set", field="region")).text
    assert "2 of them are left out" in asked
    assert "S1: It is being audited." in asked
    assert "S3: Region cannot be changed now." in asked
    page = staff.get(set_region(staff, five, "South", 5).location).text
    assert "3 rows changed." in page
    assert "2 left out. S1: It is being audited." in page
    assert regions(stored, five) == ["South", "North", "South", "North", "South"]
    gone = staff.post(f"{SUPPLIERS}bulk", data=everything(five, action="delete", confirmed="5"))
    assert "1 left out" in staff.get(gone.location).text
    assert stored(Supplier, five[1].id).deleted_at is None


def test_no_change_set_is_left_where_nothing_changed(five: list[Any], staff: FlaskClient) -> None:
    page = staff.get(set_region(staff, five, "North", 5).location).text
    assert "No row was changed" in page
    assert "/undo/" not in page


def test_many_rows_are_the_work_of_a_job(
    five: list[Any], staff: FlaskClient, stored: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.records.bulk.AT_ONCE", 2)
    asked = staff.post(f"{SUPPLIERS}bulk", data=everything(five, action="set", field="region")).text
    assert "A job does this" in asked
    answer = set_region(staff, five, "South", 5)
    assert answer.status_code == 302
    run = db.session.scalars(select(JobRun).where(JobRun.job == "records.bulk")).one()
    assert str(run.id) in answer.location
    assert run.args["value"] == "South"
    assert run.args["zone"]
    assert regions(stored, five) == ["North"] * 5


def test_someone_without_the_grant_can_neither_undo_nor_change(
    five: list[Any], staff: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    page = staff.get(set_region(staff, five, "South", 5).location).text
    undo = re.search(r'action="([^"]*/undo/\d+)"', page)
    assert undo
    assert login("manager", tenant="acme").post(undo.group(1)).status_code == 403


class Stop(Exception):  # noqa: N818
    """What a cancelled run raises between two batches."""


@pytest.mark.parametrize("stop", [True, False])
def test_batches_are_one_transaction_and_one_change(
    stop: bool, five: list[Any], specs: dict[str, Spec], acme: TenantRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_work, "BATCH", 2)
    spec, seen = specs["supplier"], []

    def watch(done: int, total: int) -> None:
        seen.append((done, total))
        if stop and done >= 4:
            raise Stop

    query = f"org_id={five[0].org_id}"
    with use_tenant(acme, actor="tester@example.com") as session:
        selection = Selection((), query, everything=True, state=saved_views.read_state(spec, query))
        try:
            outcome = bulk_work.carry_out(session, spec, Order("set", selection, "region", "South"), watch)
            session.commit()
        except Stop:
            session.rollback()
        changed = session.scalar(select(func.count()).where(Supplier.region == "South", Supplier.name < "S9"))
        sets = session.scalars(select(ChangeSet)).all()
        assert seen == [(0, 5), (2, 5), (4, 5), *([] if stop else [(5, 5)])]
        assert changed == (0 if stop else 5)
        assert [(one.row_count, one.kind) for one in sets] == ([] if stop else [(5, "bulk")])
        assert stop or outcome.done == 5
