"""What forms do with child rows, refused values, conflicts and pickers."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from dashboard.erp.models import Product, Rfq, RfqLine, Supplier, SupplierContact
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from tests.records.forms import read_form

Make = Callable[..., Any]
RECORDS = "/t/acme/records"


@pytest.fixture
def contacts(acme: TenantRef) -> Callable[[int], list[SupplierContact]]:
    """Stored contacts of a supplier, in order."""

    def read(supplier_id: int) -> list[SupplierContact]:
        with use_tenant(acme, actor="reader@example.com") as session:
            query = sa.select(SupplierContact).where(SupplierContact.supplier_id == supplier_id)
            return list(session.scalars(query.order_by(SupplierContact.position, SupplierContact.id)))

    return read


def edit(staff: FlaskClient, entity: str, row_id: int, **changes: str) -> Any:
    """Open a form, change it, save it."""
    path = f"{RECORDS}/{entity}/{row_id}/edit"
    return staff.post(path, data=read_form(staff.get(path).text) | changes)


def contact(index: int, **values: str) -> dict[str, str]:
    return {f"supplier_contact-{index}-{key}": value for key, value in values.items()}


def test_child_rows_are_added_changed_ordered_and_removed(
    make: Make, staff: FlaskClient, contacts: Callable[[int], list[SupplierContact]]
) -> None:
    supplier = make("supplier")
    added = contact(7, name="Ada", email="ada@example.com") | contact(3, name="Bo")
    assert edit(staff, "supplier", supplier.id, **added, **contact(9, name="", role=" ")).status_code == 302
    rows = contacts(supplier.id)
    assert [(row.name, row.position, row.org_id) for row in rows] == [
        ("Ada", 1, supplier.org_id),
        ("Bo", 2, supplier.org_id),
    ]
    changes = contact(0, name="Ada Byron") | contact(1, removed="1")
    assert edit(staff, "supplier", supplier.id, **changes).status_code == 302
    assert [row.name for row in contacts(supplier.id)] == ["Ada Byron"]


def test_changing_only_a_row_is_a_change_of_the_record(make: Make, stored: Make, staff: FlaskClient) -> None:
    supplier = make("supplier")
    assert edit(staff, "supplier", supplier.id, **contact(0, name="Ada")).status_code == 302
    assert stored(Supplier, supplier.id).version > supplier.version


def test_a_wrong_row_keeps_everything_that_was_typed(make: Make, staff: FlaskClient) -> None:
    supplier = make("supplier")
    answer = edit(
        staff,
        "supplier",
        supplier.id,
        name="New name",
        **contact(0, name="Ada", email="no address"),
        reliability="101",
    )
    assert answer.status_code == 422
    again = read_form(answer.text)
    assert again["name"] == "New name"
    assert again["supplier_contact-0-email"] == "no address"
    assert "between 0 and 100" in answer.text or "right form" in answer.text


def test_rows_left_out_of_a_form_stay(make: Make, staff: FlaskClient, contacts: Any) -> None:
    supplier = make("supplier")
    edit(staff, "supplier", supplier.id, **contact(0, name="Ada"))
    form = read_form(staff.get(f"{RECORDS}/supplier/{supplier.id}/edit").text)
    kept = {key: value for key, value in form.items() if not key.startswith("supplier_contact")}
    assert staff.post(f"{RECORDS}/supplier/{supplier.id}/edit", data=kept).status_code == 302
    assert [row.name for row in contacts(supplier.id)] == ["Ada"]


def test_a_new_document_is_stored_with_its_rows(make: Make, staff: FlaskClient, acme: TenantRef) -> None:
    product = make("product")
    form = {
        "title": "Bolts",
        "status": "draft",
        "currency": "EUR",
        "org_id": str(product.org_id),
        "rfq_line-0-product_id": str(product.id),
        "rfq_line-0-quantity": "12.5",
        "rfq_line-4-description": "Washers",
        "rfq_line-4-quantity": "3",
        "rfq_line-4-need_by": "2031-05-01",
    }
    answer = staff.post(f"{RECORDS}/rfq/new", data=form)
    assert answer.status_code == 302
    assert "Washers" in staff.get(answer.location).text
    with use_tenant(acme, actor="reader@example.com") as session:
        rows = list(
            session.scalars(
                sa.select(RfqLine).join(Rfq, Rfq.id == RfqLine.rfq_id).where(Rfq.title == "Bolts")
            )
        )
    assert [(row.position, row.description) for row in rows] == [(1, None), (2, "Washers")]


@pytest.mark.parametrize(
    ("field", "value", "status", "message"),
    [
        ("code", "TAKEN", 409, "already has this code"),
        ("email", "nobody", 422, "does not have the right form"),
        ("country", "Germany", 422, "not a valid ISO code"),
        ("reliability", "100.5", 422, "must be between 0 and 100"),
        ("reliability", "1e9", 422, "too large"),
        ("reliability", "1.234", 422, "At most 2 decimals"),
        ("reliability", "12,50", 422, "not a number; write it as 1234.5"),
        ("reliability", "NaN", 422, "not a number"),
        ("lead_time_days", "-1", 422, "must not be negative"),
        ("lead_time_days", "3.5", 422, "not a whole number"),
        ("lead_time_days", "99999999999", 422, "too large"),
        ("name", "   ", 422, "This is required."),
        ("name", "a\x00b", 422, "cannot be stored"),
        ("name", "x" * 201, 422, "At most 200 characters"),
        ("website", "9" * 10_001, 422, "At most 10,000 characters"),
        ("capabilities", '{"a": "' + "x" * 100_000 + '"}', 422, "At most 100,000 characters"),
        ("status", "unknown", 422, "Choose one of the listed values."),
        ("category_id", "987654321", 409, "does not exist any more"),
        ("category_id", "abc", 422, "was not found: choose one"),
        ("org_id", "", 422, "This is required."),
        ("capabilities", "{", 422, "not valid JSON"),
        ("capabilities", "[1]", 422, "must be a JSON object"),
        ("capabilities", '{"a": "\\u0000"}', 422, "cannot be stored"),
    ],
)
def test_a_refused_value_becomes_a_message_on_its_field(
    field: str, value: str, status: int, message: str, make: Make, staff: FlaskClient
) -> None:
    organization = make("organization")
    make("supplier", code="TAKEN", organization=organization)
    supplier = make("supplier", organization=organization)
    answer = edit(staff, "supplier", supplier.id, phone="+49 30 1", **{field: value})
    assert answer.status_code == status
    assert message in answer.text
    assert f'id="{field}-error"' in answer.text
    again = read_form(answer.text)
    assert again["phone"] == "+49 30 1"
    if "\x00" not in value:
        assert again[field] == value.strip()


def test_a_record_of_another_organization_cannot_be_referred_to(make: Make, staff: FlaskClient) -> None:
    category, supplier = make("product_category"), make("supplier")
    answer = edit(staff, "supplier", supplier.id, category_id=str(category.id))
    assert answer.status_code == 409
    assert "belongs to another organization" in answer.text


def test_a_used_record_is_not_removed(make: Make, staff: FlaskClient, stored: Make) -> None:
    profile = make("profile")
    answer = staff.post(f"{RECORDS}/profile/{profile.id}/delete")
    assert answer.status_code == 302
    assert stored(type(profile), profile.id) is None


def test_a_numbered_document_is_never_deleted(make: Make, staff: FlaskClient, stored: Make) -> None:
    rfq = make("rfq", status="cancelled", cancel_reason="No need any more")
    assert stored(Rfq, rfq.id).number
    answer = staff.post(f"{RECORDS}/rfq/{rfq.id}/delete")
    assert answer.status_code == 409
    assert stored(Rfq, rfq.id).deleted_at is None


def test_a_broken_base_still_shows_both_versions(make: Make, staff: FlaskClient) -> None:
    supplier = make("supplier", phone="1")
    form = read_form(staff.get(f"{RECORDS}/supplier/{supplier.id}/edit").text)
    edit(staff, "supplier", supplier.id, phone="2", is_active="y")
    for base in ("", "{", "[]", "null"):
        data = form | {"phone": "3", "base": base}
        answer = staff.post(f"{RECORDS}/supplier/{supplier.id}/edit", data=data)
        assert answer.status_code == 409
        assert read_form(answer.text)["phone"] == "3"


def test_a_picker_finds_the_beginning_and_the_middle_of_names(make: Make, staff: FlaskClient) -> None:
    made = make("product", name="Hexagon bolt", sku="HB-1")
    for text in ("hexa", "gon b", "HB-1", f"#{made.id}"):
        results = json.loads(staff.get(f"{RECORDS}/product/lookup", query_string={"q": text}).text)["results"]
        assert {"id": str(made.id), "text": "Hexagon bolt", "hint": "HB-1"} in results, text
    assert json.loads(staff.get(f"{RECORDS}/product/lookup?q=%00%25_").text)["results"] == []


def test_a_picker_tells_records_of_the_same_name_apart_by_their_organization(
    make: Make, staff: FlaskClient
) -> None:
    for name in ("Twin North", "Twin South"):
        make("product_category", name="Twinned", code="TW-1", organization=make("organization", name=name))
    answer = staff.get(f"{RECORDS}/product_category/lookup?q=twinned").text
    assert [item["hint"] for item in json.loads(answer)["results"]] == [
        "TW-1 · Twin North",
        "TW-1 · Twin South",
    ]


def test_a_picker_makes_a_record_from_its_name(make: Make, stored: Make, staff: FlaskClient) -> None:
    organization = make("organization")
    answer = staff.post(f"{RECORDS}/supplier/quick", data={"text": " Brand new "})
    assert answer.status_code == 201
    made = stored(Supplier, int(json.loads(answer.text)["id"]))
    assert (made.name, made.created_by) == ("Brand new", staff.email)  # type: ignore[attr-defined]
    assert made.org_id <= organization.id
    assert staff.post(f"{RECORDS}/supplier/quick", data={"text": " "}).status_code == 422
    assert staff.post(f"{RECORDS}/quote/quick", data={"text": "Q"}).status_code == 422


def test_a_name_taken_in_a_picker_is_said(make: Make, staff: FlaskClient) -> None:
    make("organization")
    assert staff.post(f"{RECORDS}/product_category/quick", data={"text": "Tools"}).status_code == 201
    answer = staff.post(f"{RECORDS}/product_category/quick", data={"text": "Tools"})
    assert answer.status_code == 409
    assert "already has this code" in json.loads(answer.text)["error"]


def test_the_address_fills_a_new_form(make: Make, staff: FlaskClient) -> None:
    rfq = make("rfq")
    form = read_form(staff.get(f"{RECORDS}/quote/new?rfq_id={rfq.id}&lead_time_days=abc").text)
    assert form["rfq_id"] == str(rfq.id)
    assert form["lead_time_days"] == ""


def test_save_and_enter_another_opens_an_empty_form(make: Make, staff: FlaskClient) -> None:
    organization = make("organization")
    data = {"name": "One", "status": "active", "org_id": str(organization.id), "next": "new"}
    answer = staff.post(f"{RECORDS}/supplier/new", data=data)
    assert answer.status_code == 302
    assert answer.location.endswith("/supplier/new")


def test_a_moment_that_was_not_touched_keeps_its_microseconds(
    make: Make, stored: Make, staff: FlaskClient
) -> None:
    message = make("message")
    assert edit(staff, "message", message.id, subject="Touched").status_code == 302
    assert stored(type(message), message.id).sent_at == message.sent_at
    answer = edit(staff, "message", message.id, sent_at="not a time")
    assert answer.status_code == 422


def test_a_stock_move_is_neither_changed_nor_deleted(make: Make, staff: FlaskClient, login: Any) -> None:
    move = make("stock_move")
    for browser in (staff, login("admin")):
        assert browser.get(f"{RECORDS}/stock_move/{move.id}/edit").status_code == 403
        assert browser.post(f"{RECORDS}/stock_move/{move.id}/delete").status_code == 403
        data = {"action": "delete", "ids": str(move.id)}
        assert browser.post(f"{RECORDS}/stock_move/bulk", data=data).status_code == 403


def test_a_product_in_a_line_keeps_its_name_in_the_form(make: Make, staff: FlaskClient) -> None:
    product = make("product", name="Hexagon <bolt>")
    page = staff.get(f"{RECORDS}/stock_move/new?product_id={product.id}").text
    assert "Hexagon &lt;bolt&gt;" in page
    assert Product.__tablename__ == "product"


def test_a_picker_offers_records_of_the_chosen_organization_only(make: Make, staff: FlaskClient) -> None:
    north, south = make("organization", name="North"), make("organization", name="South")
    for place in (north, south):
        make("product_category", name=f"Bolts {place.name}", organization=place)
    path = f"{RECORDS}/product_category/lookup"

    def names(**query: Any) -> list[str]:
        answer = json.loads(staff.get(path, query_string={"q": "bolts"} | query).text)
        return [item["text"] for item in answer["results"]]

    assert names(org_id=north.id) == ["Bolts North"]
    for nothing in ("", "x", "-1", "9" * 30, "1,2"):
        assert names(org_id=nothing) == ["Bolts North", "Bolts South"], nothing
    answer = staff.post(f"{RECORDS}/supplier/quick", data={"text": "In the south", "org_id": str(south.id)})
    assert answer.status_code == 201
    page = staff.get(f"{RECORDS}/supplier/{json.loads(answer.text)['id']}").text
    assert f"/organization/{south.id}" in page


def test_many_texts_find_the_one_record_each_names(make: Make, staff: FlaskClient) -> None:
    bolt = make("product", name="Hexagon bolt", sku="HB-77")
    for _ in range(2):
        make("product", name="Washer", organization=make("organization"))
    texts = ["hexagon BOLT", "hb-77", "Washer", "nothing", ""]
    found = json.loads(staff.get(f"{RECORDS}/product/lookup", query_string={"exact": texts}).text)["found"]
    one = {"id": str(bolt.id), "text": "Hexagon bolt"}
    assert found == {"hexagon BOLT": one, "hb-77": one, "Washer": None, "nothing": None, "": None}


@pytest.mark.parametrize("text", ["a\x00b", "x" * 201, "", "  "])
def test_a_picker_makes_no_record_of_a_name_that_cannot_be_stored(
    text: str, make: Make, staff: FlaskClient
) -> None:
    make("organization")
    assert staff.post(f"{RECORDS}/supplier/quick", data={"text": text}).status_code == 422


@pytest.mark.parametrize(
    ("left", "query"),
    [
        ("?status=active&sort=-name", "?status=active&sort=-name"),
        ("", ""),
        ("?a=//evil.example\r\nX: 1", "?a=%2F%2Fevil.example%0D%0AX%3A+1"),
    ],
)
def test_after_deleting_the_list_opens_as_it_was_left(
    make: Make, staff: FlaskClient, left: str, query: str
) -> None:
    answer = staff.post(f"{RECORDS}/supplier/{make('supplier').id}/delete", data={"list_search": left})
    assert answer.location == f"{RECORDS}/supplier/{query}"


def test_the_delete_page_says_what_uses_the_record(make: Make, staff: FlaskClient) -> None:
    line = make("rfq_line")
    page = staff.get(f"{RECORDS}/rfq/{line.rfq_id}/delete").text
    assert re.search(rf'rfq_line/\?rfq_id={line.rfq_id}">RFQ lines</a>: 1<', page)
    assert "What uses it" not in staff.get(f"{RECORDS}/rfq/{make('rfq').id}/delete").text
