"""Editing one cell in the list."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard.erp.models import Supplier
from dashboard.records.spec import Spec
from tests.records.forms import read_form

Make = Callable[..., Any]
SUPPLIERS = "/t/acme/records/supplier/"


def opened(staff: FlaskClient, address: str) -> dict[str, str]:
    """What the editor would send back untouched."""
    page = staff.get(address)
    assert page.status_code == 200, page.text
    return read_form(f'<form class="record-form">{page.text}</form>')


@pytest.fixture
def cell(make: Make) -> tuple[Any, str]:
    """A supplier and the address of its region's cell."""
    made = make("supplier", name="Anvil", region="North", lead_time_days=7)
    return made, f"{SUPPLIERS}{made.id}/cell/region"


def test_a_cell_is_stored_and_answers_with_its_row(
    cell: tuple[Any, str], staff: FlaskClient, stored: Make
) -> None:
    made, address = cell
    form = opened(staff, address)
    assert form["region"] == "North"
    answer = staff.post(address, data={**form, "region": "<South>", "cols": "name,region"})
    assert answer.status_code == 200
    assert answer.text.startswith("<tr data-row>")
    assert "<td>&lt;South&gt;</td>" in answer.text
    assert f'value="{made.id}"' in answer.text
    after = stored(Supplier, made.id)
    assert (after.region, after.version) == ("<South>", made.version + 1)


def test_a_value_that_cannot_be_kept_is_told_and_stays_in_the_field(
    cell: tuple[Any, str], staff: FlaskClient, stored: Make
) -> None:
    address = cell[1].replace("region", "lead_time_days")
    form = opened(staff, address)
    for typed, message in (("soon", "whole number"), ("-4", "must not be negative"), ("9" * 30, "too large")):
        answer = staff.post(address, data={**form, "lead_time_days": typed})
        assert answer.status_code == 422
        assert message in answer.text
        assert f'value="{typed}"' in answer.text
    assert stored(Supplier, cell[0].id).lead_time_days == 7


def test_a_change_of_the_same_field_meanwhile_is_a_conflict_that_shows_both(
    cell: tuple[Any, str], staff: FlaskClient, stored: Make
) -> None:
    made, address = cell
    form = opened(staff, address)
    assert staff.post(address, data={**form, "region": "Theirs"}).status_code == 200
    answer = staff.post(address, data={**form, "region": "Mine"})
    assert answer.status_code == 409
    assert "stored “Theirs” meanwhile" in answer.text
    again = read_form(f'<form class="record-form">{answer.text}</form>')
    assert again["region"] == "Mine"
    assert stored(Supplier, made.id).region == "Theirs"
    assert staff.post(address, data=again).status_code == 200
    assert stored(Supplier, made.id).region == "Mine"


def test_a_change_of_another_field_meanwhile_is_none(
    cell: tuple[Any, str], staff: FlaskClient, stored: Make
) -> None:
    made, address = cell
    form = opened(staff, address)
    other = address.replace("region", "lead_time_days")
    assert staff.post(other, data={**opened(staff, other), "lead_time_days": "9"}).status_code == 200
    assert staff.post(address, data={**form, "region": "Mine"}).status_code == 200
    after = stored(Supplier, made.id)
    assert (after.region, after.lead_time_days) == ("Mine", 9)


def test_locked_deleted_and_frozen_cells_say_why_they_stay(
    cell: tuple[Any, str], staff: FlaskClient, specs: dict[str, Spec], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, address = cell
    form = opened(staff, address)
    spec = specs["supplier"]
    for rule, value, words in (
        ("lock_reason", lambda _record: "Take it out of the archive first.", "Take it out of the archive"),
        ("frozen_fields", lambda _record: frozenset({"region"}), "Region cannot be changed now"),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(vars(spec), rule, value)
            for answer in (staff.get(address), staff.post(address, data={**form, "region": "x"})):
                assert answer.status_code == 409
                assert words in answer.text
    staff.post(f"{SUPPLIERS}{made.id}/delete")
    answer = staff.post(address, data={**form, "region": "x"})
    assert answer.status_code == 409
    assert "Restore it" in answer.text


def test_only_those_who_may_edit_get_cells_that_open(
    cell: tuple[Any, str], staff: FlaskClient, login: Callable[..., FlaskClient]
) -> None:
    manager = login("manager", tenant="acme")
    assert manager.get(cell[1]).status_code == 403
    assert manager.post(cell[1], data={"region": "x"}).status_code == 403
    assert "data-editable" not in manager.get(SUPPLIERS).text
    page = staff.get(f"{SUPPLIERS}?cols=region,created_at,id").text
    assert re.search(r'data-column="region"\s+data-editable', page)
    assert not re.search(r'data-column="created_at"\s+data-editable', page)
    for key in ("id", "created_at", "version", "nothing", "capabilities"):
        assert staff.get(cell[1].replace("region", key)).status_code == 404
