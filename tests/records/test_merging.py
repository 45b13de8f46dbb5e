"""Two people save one record: what does not touch merges by itself, what does is asked, nothing is lost."""

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from dashboard.erp.models import Supplier, SupplierContact
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.records.forms import read_form

Make = Callable[..., Any]
RECORDS = "/t/acme/records"
Rows = list[tuple[str, str | None, str | None]]


@pytest.fixture
def contacts(acme: TenantRef) -> Callable[[int], Rows]:
    """Name, role and phone of the stored contacts of a supplier, in order."""

    def read(supplier_id: int) -> Rows:
        with use_tenant(acme, actor="reader@example.com") as session:
            query = sa.select(SupplierContact).where(SupplierContact.supplier_id == supplier_id)
            ordered = query.order_by(SupplierContact.position, SupplierContact.id)
            return [(row.name, row.role, row.phone) for row in session.scalars(ordered)]

    return read


class Editor:
    """One person with the form of one supplier open."""

    def __init__(self, browser: FlaskClient, supplier_id: int) -> None:
        self.browser = browser
        self.path = f"{RECORDS}/supplier/{supplier_id}/edit"
        self.form = read_form(browser.get(self.path).text)

    def save(self, **changes: str) -> Any:
        answer = self.browser.post(self.path, data=self.form | changes)
        if answer.status_code != 302:
            self.form = read_form(answer.text)
        return answer

    def row(self, index: int, **values: str) -> dict[str, str]:
        return {f"supplier_contact-{index}-{key}": value for key, value in values.items()}


@pytest.fixture
def pair(make: Make, login: Callable[..., FlaskClient]) -> Callable[..., tuple[int, Editor, Editor]]:
    """A supplier with contacts Ada and Bo, and two people who opened its form."""

    def do(**values: str) -> tuple[int, Editor, Editor]:
        supplier = make("supplier", **values)
        first = Editor(login("staff", tenant="acme"), supplier.id)
        rows = first.row(0, name="Ada", role="Sales") | first.row(1, name="Bo", role="Quality")
        assert first.save(**rows).status_code == 302
        other = login("staff", tenant="acme")
        return supplier.id, Editor(first.browser, supplier.id), Editor(other, supplier.id)

    return do


def test_edits_of_different_fields_both_survive_and_it_is_said(pair: Any, stored: Make) -> None:
    row_id, mine, theirs = pair(phone="1", website="a.example")
    assert theirs.save(phone="2").status_code == 302
    answer = mine.save(website="b.example")
    assert answer.status_code == 302
    after = stored(Supplier, row_id)
    assert (after.phone, after.website) == ("2", "b.example")
    page = mine.browser.get(answer.location).text
    assert f"{theirs.browser.email} had saved meanwhile" in page
    assert "Phone (1 → 2)" in page


def test_the_same_field_is_asked_with_all_three_values(pair: Any, stored: Make) -> None:
    row_id, mine, theirs = pair(phone="before", website="a.example")
    theirs.save(phone="theirs", website="b.example")
    answer = mine.save(phone="mine", email="new@example.com")
    assert answer.status_code == 409
    for text in ("before", "mine", "theirs", "a.example → <strong>b.example"):
        assert text in answer.text
    assert mine.form["phone"] == "mine"
    assert mine.form["email"] == "new@example.com"
    assert mine.form["resolve-phone"] == "mine"
    assert mine.save(**{"resolve-phone": "theirs"}).status_code == 302
    after = stored(Supplier, row_id)
    assert (after.phone, after.website, after.email) == ("theirs", "b.example", "new@example.com")


def test_the_same_value_typed_twice_is_no_conflict(pair: Any, stored: Make) -> None:
    row_id, mine, theirs = pair(reliability="50")
    theirs.save(reliability="60.0")
    assert mine.save(reliability="60").status_code == 302
    assert stored(Supplier, row_id).reliability == 60


def test_a_third_save_while_one_chooses_is_asked_again(pair: Any, stored: Make) -> None:
    row_id, mine, theirs = pair(phone="1")
    theirs.save(phone="2")
    assert mine.save(phone="3").status_code == 409
    assert Editor(theirs.browser, row_id).save(phone="4").status_code == 302
    answer = mine.save()
    assert answer.status_code == 409
    assert mine.form["phone"] == "3"
    assert ">4<" in answer.text
    assert mine.save(**{"resolve-phone": "mine"}).status_code == 302
    assert stored(Supplier, row_id).phone == "3"


def test_a_wrong_value_in_a_merged_form_keeps_both_sides(pair: Any, stored: Make) -> None:
    row_id, mine, theirs = pair(phone="1")
    theirs.save(phone="2")
    answer = mine.save(reliability="many")
    assert answer.status_code == 422
    assert (mine.form["phone"], mine.form["reliability"]) == ("2", "many")
    assert mine.save(reliability="70").status_code == 302
    after = stored(Supplier, row_id)
    assert (after.phone, after.reliability) == ("2", 70)


def test_rows_that_either_side_adds_are_all_kept(pair: Any, contacts: Any) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(2, name="Cy"))
    answer = mine.save(**mine.row(2, name="Di"))
    assert answer.status_code == 302
    assert [name for name, _, _ in contacts(row_id)] == ["Ada", "Bo", "Cy", "Di"]
    assert "1 row added" in mine.browser.get(answer.location).text


def test_different_cells_of_one_row_merge(pair: Any, contacts: Any) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(0, phone="1"))
    assert mine.save(**mine.row(0, role="Sales, north") | mine.row(1, phone="2")).status_code == 302
    assert contacts(row_id) == [("Ada", "Sales, north", "1"), ("Bo", "Quality", "2")]


@pytest.mark.parametrize(("choice", "role"), [("mine", "Mine"), ("theirs", "Theirs")])
def test_one_cell_changed_by_both_is_asked(pair: Any, contacts: Any, choice: str, role: str) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(0, role="Theirs", phone="1"))
    answer = mine.save(**mine.row(0, role="Mine") | mine.row(1, phone="2"))
    assert answer.status_code == 409
    assert "Contacts, row 1, Role" in answer.text
    assert mine.form["supplier_contact-0-role"] == "Mine"
    assert mine.save(**{"resolve-supplier_contact-0-role": choice}).status_code == 302
    assert contacts(row_id) == [("Ada", role, "1"), ("Bo", "Quality", "2")]


def test_a_row_they_removed_and_i_left_alone_is_gone(pair: Any, contacts: Any) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(0, removed="1"))
    assert mine.save(**mine.row(1, phone="2")).status_code == 302
    assert contacts(row_id) == [("Bo", "Quality", "2")]


@pytest.mark.parametrize(("choice", "names"), [("mine", ["Bo", "Ada"]), ("theirs", ["Bo"])])
def test_a_row_they_removed_and_i_changed_is_asked(
    pair: Any, contacts: Any, choice: str, names: list[str]
) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(0, removed="1"))
    answer = mine.save(**mine.row(0, phone="9"))
    assert answer.status_code == 409
    assert "They removed the row" in answer.text
    assert mine.form["supplier_contact-0-phone"] == "9"
    assert mine.save(**{"resolve-supplier_contact-0": choice}).status_code == 302
    assert sorted(name for name, _, _ in contacts(row_id)) == sorted(names)


@pytest.mark.parametrize(("choice", "names"), [("mine", ["Bo"]), ("theirs", ["Ada", "Bo"])])
def test_a_row_i_removed_and_they_changed_is_asked(
    pair: Any, contacts: Any, choice: str, names: list[str]
) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(0, phone="9"))
    answer = mine.save(**mine.row(0, removed="1"))
    assert answer.status_code == 409
    assert "They changed Phone" in answer.text
    assert mine.save(**{"resolve-supplier_contact-0": choice}).status_code == 302
    assert [name for name, _, _ in contacts(row_id)] == names


def test_rows_both_removed_are_gone_without_a_question(pair: Any, contacts: Any) -> None:
    row_id, mine, theirs = pair()
    theirs.save(**theirs.row(0, removed="1"))
    assert mine.save(**mine.row(0, removed="1")).status_code == 302
    assert [name for name, _, _ in contacts(row_id)] == ["Bo"]


def test_their_order_of_rows_is_kept_where_i_moved_none(pair: Any, contacts: Any) -> None:
    row_id, mine, theirs = pair()
    rows = {name: value for name, value in theirs.form.items() if name.startswith("supplier_contact-")}
    rest = {name: value for name, value in theirs.form.items() if name not in rows}
    moved = dict(sorted(rows.items(), key=lambda item: item[0].split("-")[1], reverse=True))
    assert theirs.browser.post(theirs.path, data=rest | moved).status_code == 302
    assert [name for name, _, _ in contacts(row_id)] == ["Bo", "Ada"]
    assert mine.save(phone="7").status_code == 302
    assert [name for name, _, _ in contacts(row_id)] == ["Bo", "Ada"]


def test_rows_left_out_of_a_stale_form_stay(pair: Any, contacts: Any) -> None:
    row_id, mine, theirs = pair()
    theirs.save(phone="2")
    mine.form = {key: value for key, value in mine.form.items() if not key.startswith("supplier_contact")}
    assert mine.save(website="b.example").status_code == 302
    assert [name for name, _, _ in contacts(row_id)] == ["Ada", "Bo"]


@pytest.mark.parametrize(
    "base", ["", "{", "[]", '{"rows:supplier_contact": 5}', '{"rows:supplier_contact": {"1": 2}}']
)
def test_without_knowing_what_was_seen_every_difference_is_asked(pair: Any, contacts: Any, base: str) -> None:
    row_id, mine, theirs = pair(phone="1")
    theirs.save(phone="2", **theirs.row(0, role="Theirs"))
    mine.form["base"] = base
    answer = mine.save(phone="1")
    assert answer.status_code == 409
    assert mine.form["supplier_contact-0-role"] == "Sales"
    assert mine.save().status_code == 302
    assert contacts(row_id)[0][1] == "Sales"
