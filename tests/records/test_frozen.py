"""What a screen freezes is shown in its form and cannot be changed through it."""

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboard.erp.models import Rfq, Supplier
from dashboard.records.spec import Spec
from tests.records.forms import read_form

Make = Callable[..., Any]
RECORDS = "/t/acme/records"


@pytest.fixture
def freeze(specs: dict[str, Spec], monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Freeze fields and child entities of an entity."""

    def do(entity: str, *keys: str) -> None:
        monkeypatch.setitem(specs[entity].__dict__, "frozen_fields", lambda _record: frozenset(keys))

    return do


def test_a_frozen_field_is_text_and_whatever_is_posted_for_it_is_ignored(
    freeze: Callable[..., None], make: Make, stored: Make, staff: FlaskClient
) -> None:
    freeze("supplier", "phone", "supplier_contact")
    supplier = make("supplier", phone="+49 30 1234", website="a.example")
    path = f"{RECORDS}/supplier/{supplier.id}/edit"
    page = staff.get(path).text
    form = read_form(page)
    assert "phone" not in form
    assert "+49 30 1234" in page
    assert not any(name.startswith("supplier_contact-") for name in form)
    posted = form | {"phone": "666", "website": "b.example", "supplier_contact-0-name": "Eve"}
    answer = staff.post(path, data=posted)
    assert answer.status_code == 302
    after = stored(Supplier, supplier.id)
    assert (after.phone, after.website) == ("+49 30 1234", "b.example")
    assert "Eve" not in staff.get(answer.location).text


def test_frozen_rows_are_a_plain_table(
    freeze: Callable[..., None], make: Make, stored: Make, staff: FlaskClient
) -> None:
    rfq = make("rfq")
    line = make("rfq_line", rfq=rfq, description="Washers, frozen")
    freeze("rfq", "rfq_line")
    path = f"{RECORDS}/rfq/{rfq.id}/edit"
    page = staff.get(path).text
    assert "Washers, frozen" in page
    form = read_form(page) | {f"rfq_line-0-{key}": value for key, value in {"row_id": str(line.id)}.items()}
    assert staff.post(path, data=form | {"rfq_line-0-description": "Changed"}).status_code == 302
    assert stored(type(line), line.id).description == "Washers, frozen"


def test_a_frozen_field_of_a_new_record_keeps_its_default(
    freeze: Callable[..., None], make: Make, stored: Make, staff: FlaskClient
) -> None:
    freeze("rfq", "status", "org_id")
    organization = make("organization")
    form = read_form(staff.get(f"{RECORDS}/rfq/new").text)
    assert "status" not in form
    data = form | {"title": "Bolts", "status": "awarded", "org_id": "987654"}
    answer = staff.post(f"{RECORDS}/rfq/new", data=data)
    assert answer.status_code == 302
    made = stored(Rfq, int(answer.location.rpartition("/")[2]))
    assert made.status == "draft"
    assert made.org_id <= organization.id
