"""The past of a record: its timeline, the record as it was, going back to a value or a version."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from dashboard.changes.models import ChangeSet
from dashboard.erp.models import Supplier, SupplierContact
from dashboard.records.spec import Spec
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.records.forms import read_form

Make = Callable[..., Any]
RECORDS = "/t/acme/records"


class Desk:
    """One supplier and somebody who works on it."""

    def __init__(self, browser: FlaskClient, supplier_id: int, acme: TenantRef) -> None:
        self.browser, self.id, self.acme = browser, supplier_id, acme
        self.path = f"{RECORDS}/supplier/{supplier_id}"

    def edit(self, **changes: str) -> None:
        form = read_form(self.browser.get(f"{self.path}/edit").text)
        assert self.browser.post(f"{self.path}/edit", data=form | changes).status_code == 302

    def entries(self) -> list[int]:
        """The changes of the timeline that can be gone back to, the newest first."""
        page = self.browser.get(f"{self.path}/history").text
        return [int(number) for number in re.findall(r"/revert\?entry=(\d+)\"", page)]

    def field_entry(self, key: str) -> int:
        """The newest change of a field."""
        page = self.browser.get(f"{self.path}/history").text
        return int(re.findall(rf"/revert\?entry=(\d+)&amp;field={key}\"", page)[0])

    def go_back(self, entry: int, field: str = "", **changes: str) -> Any:
        asked = self.browser.get(f"{self.path}/revert", query_string={"entry": entry, "field": field})
        assert asked.status_code == 200
        version = re.findall(r'name="version" value="(\d+)"', asked.text)[0]
        data = {"entry": str(entry), "field": field, "version": version} | changes
        return self.browser.post(f"{self.path}/revert", data=data)

    def contacts(self) -> list[tuple[str, str | None]]:
        with use_tenant(self.acme, actor="reader@example.com") as session:
            query = sa.select(SupplierContact).where(SupplierContact.supplier_id == self.id)
            rows = session.scalars(query.order_by(SupplierContact.position, SupplierContact.id))
            return [(row.name, row.phone) for row in rows]


@pytest.fixture
def desk(make: Make, staff: FlaskClient, acme: TenantRef) -> Desk:
    """A supplier with the phone 1."""
    return Desk(staff, make("supplier", phone="1", website="a.example").id, acme)


def contact(index: int, **values: str) -> dict[str, str]:
    return {f"supplier_contact-{index}-{key}": value for key, value in values.items()}


def test_the_timeline_tells_a_record_and_its_rows_in_one(desk: Desk) -> None:
    desk.edit(phone="2", **contact(0, name="Ada", phone="9"))
    desk.edit(**contact(0, removed="1"))
    page = desk.browser.get(f"{desk.path}/history").text
    assert page.index("removed") < page.index("<del>1</del>") < page.index("maker@example.com")
    assert page.count("Ada") == 2  # when it came and when it went
    assert "<del>1</del>" in desk.browser.get(desk.path).text


def test_the_timeline_is_paged_and_filtered(desk: Desk) -> None:
    for number in range(30):
        desk.edit(phone=f"phone {number}")
    first = desk.browser.get(f"{desk.path}/history").text
    assert ("phone 29" in first, "phone 2<" in first) == (True, False)
    older = re.findall(r'href="([^"]*history\?before=[^"]*)"', first)[0].replace("&amp;", "&")
    second = desk.browser.get(older).text
    assert "phone 2<" in second
    shown = re.findall(r"<ins>phone (\d+)</ins>", first) + re.findall(r"<ins>phone (\d+)</ins>", second)
    assert [int(number) for number in shown] == list(range(29, -1, -1))
    assert "phone 29" in desk.browser.get(f"{desk.path}/history?kind=change").text
    assert "phone 29" in desk.browser.get(f"{desk.path}/history?kind=nothing&before=yesterday").text


def test_one_field_goes_back_and_the_others_stay(desk: Desk, stored: Make) -> None:
    desk.edit(phone="2", website="b.example")
    entry = desk.field_entry("phone")
    desk.edit(phone="3")
    assert desk.go_back(entry, "phone").status_code == 302
    after = stored(Supplier, desk.id)
    assert (after.phone, after.website) == ("1", "b.example")


def test_going_back_is_a_change_set_that_can_be_undone(desk: Desk, stored: Make) -> None:
    desk.edit(phone="2")
    desk.go_back(desk.field_entry("phone"), "phone")
    with use_tenant(desk.acme, actor="reader@example.com") as session:
        change = session.scalars(sa.select(ChangeSet).order_by(ChangeSet.id.desc())).first()
        assert change is not None
        assert (change.kind, change.row_count) == ("revert", 1)
        number = change.id
    assert desk.browser.post(f"{RECORDS}/changes/{number}/undo").status_code == 200
    assert stored(Supplier, desk.id).phone == "2"


def test_a_version_comes_back_with_its_rows(desk: Desk, stored: Make) -> None:
    desk.edit(phone="2", **contact(0, name="Ada", phone="1") | contact(1, name="Bo"))
    version = desk.entries()[0]
    desk.edit(phone="3", **contact(0, removed="1") | contact(1, phone="7") | contact(2, name="Cy"))
    assert [name for name, _ in desk.contacts()] == ["Bo", "Cy"]
    asked = desk.browser.get(f"{desk.path}/revert?entry={version}").text
    assert "added again" in asked
    assert desk.go_back(version).status_code == 302
    assert desk.contacts() == [("Ada", "1"), ("Bo", None)]
    assert stored(Supplier, desk.id).phone == "2"


def test_a_change_made_meanwhile_stops_going_back(desk: Desk, stored: Make) -> None:
    desk.edit(phone="2")
    entry = desk.field_entry("phone")
    answer = desk.go_back(entry, "phone", version="1")
    assert answer.status_code == 409
    assert "changed meanwhile" in answer.text
    assert stored(Supplier, desk.id).phone == "2"


def test_what_is_frozen_or_locked_stays_and_it_is_said_why(
    desk: Desk, specs: dict[str, Spec], monkeypatch: pytest.MonkeyPatch, stored: Make
) -> None:
    desk.edit(phone="2", website="b.example", **contact(0, name="Ada"))
    first = desk.entries()[-1]
    declared = specs["supplier"].__dict__
    frozen = frozenset({"phone", "supplier_contact"})
    monkeypatch.setitem(declared, "frozen_fields", lambda _record: frozen)
    asked = desk.browser.get(f"{desk.path}/revert?entry={first}").text
    assert asked.count("only the workflow changes it now") == 2
    assert desk.go_back(first).status_code == 302
    after = stored(Supplier, desk.id)
    assert (after.phone, after.website) == ("2", "a.example")
    assert [name for name, _ in desk.contacts()] == ["Ada"]
    monkeypatch.setitem(declared, "lock_reason", lambda _record: "It is sealed.")
    answer = desk.browser.get(f"{desk.path}/revert?entry={first}")
    assert answer.status_code == 409
    assert "It is sealed." in answer.text
    assert "revert?" not in desk.browser.get(f"{desk.path}/history").text


def test_a_value_that_broke_a_rule_meanwhile_does_not_come_back(desk: Desk, make: Make, stored: Make) -> None:
    desk.edit(code="FIRST")
    desk.edit(code="SECOND")
    other = Desk(desk.browser, make("supplier").id, desk.acme)
    other.edit(code="FIRST", org_id=str(stored(Supplier, desk.id).org_id))
    answer = desk.go_back(desk.field_entry("code"), "code")
    assert answer.status_code == 409
    assert "already has this code" in answer.text
    assert stored(Supplier, desk.id).code == "SECOND"


@pytest.mark.parametrize("query", ["", "entry=0", "entry=x", "entry=99999999999999999999", "entry=-1"])
def test_no_such_change_is_no_page(desk: Desk, query: str) -> None:
    assert desk.browser.get(f"{desk.path}/revert?{query}").status_code == 404


def test_changes_of_another_record_are_not_taken_for_its_own(desk: Desk, make: Make, acme: TenantRef) -> None:
    other = Desk(desk.browser, make("supplier").id, acme)
    other.edit(phone="7")
    assert desk.browser.get(f"{desk.path}/revert?entry={other.entries()[0]}").status_code == 404
    assert desk.browser.get(f"{desk.path}/revert?entry={desk.entries()[0]}&field=none").status_code == 404


def test_a_record_is_shown_as_it_was_beside_what_it_is(desk: Desk) -> None:
    desk.edit(phone="2", **contact(0, name="Ada", phone="1") | contact(1, name="Bo"))
    then = desk.entries()[0]
    desk.edit(phone="3", **contact(0, removed="1") | contact(1, name="Bob") | contact(2, name="Cy"))
    page = desk.browser.get(f"{desk.path}/as-of?entry={then}").text
    assert re.search(r"Phone</th>\s*<td[^>]*>2</td>\s*<td[^>]*><strong>3</strong>", page)
    assert "Contacts (2)" in page
    assert "1 added since" in page
    assert "Removed" in page
    assert "Changed: Name" in page
    now = desk.browser.get(f"{desk.path}/as-of?at=2099-01-01T00:00").text
    assert "<strong>" not in now.partition("Values then and now")[2].partition("</table>")[0]


def test_before_its_beginning_a_record_did_not_exist(desk: Desk) -> None:
    assert "did not exist then" in desk.browser.get(f"{desk.path}/as-of?at=2001-01-01T00:00:00").text
    assert desk.browser.get(f"{desk.path}/as-of").status_code == 200


@pytest.mark.parametrize(
    "moment", ["yesterday", "99999-01-01", "0001-01-01T00:00", "9999-12-31T23:59", "\x00"]
)
def test_a_moment_that_cannot_be_is_said(desk: Desk, moment: str) -> None:
    answer = desk.browser.get(f"{desk.path}/as-of", query_string={"at": moment})
    assert answer.status_code in {200, 422}
    assert answer.status_code == 200 or "not a date and time" in answer.text


def test_exact_numbers_come_back_exactly(
    make: Make, staff: FlaskClient, stored: Make, acme: TenantRef
) -> None:
    product = make("product", price="12345678901234.5678")
    path = f"{RECORDS}/product/{product.id}"
    form = read_form(staff.get(f"{path}/edit").text)
    assert staff.post(f"{path}/edit", data=form | {"price": "1"}).status_code == 302
    page = staff.get(f"{path}/history").text
    entry = int(re.findall(r"/revert\?entry=(\d+)&amp;field=price\"", page)[0])
    desk = Desk(staff, product.id, acme)
    desk.path = path
    assert desk.go_back(entry, "price").status_code == 302
    assert str(stored(type(product), product.id).price) == "12345678901234.5678"


def test_a_reader_sees_the_past_and_cannot_go_back(desk: Desk, login: Callable[..., FlaskClient]) -> None:
    desk.edit(phone="2")
    entry = desk.field_entry("phone")
    manager = login("manager", tenant="acme")
    assert "revert" not in manager.get(f"{desk.path}/history").text
    assert manager.get(f"{desk.path}/revert?entry={entry}").status_code == 403
    assert manager.get(f"{desk.path}/as-of?entry={entry}").status_code == 200
