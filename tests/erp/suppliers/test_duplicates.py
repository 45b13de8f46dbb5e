"""Suppliers entered twice are found by what they share, with the evidence said, and nothing else is."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from dashboard.erp.models import Organization, Supplier, SupplierPair
from dashboard.erp.suppliers import duplicates, pairs
from dashboard.erp.suppliers.jobs import find_duplicates
from dashboard.jobs.models import JobRun, RunStatus
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant

PAGE = "/t/acme/records/supplier/duplicates"


@pytest.fixture
def org(make: Callable[..., Any]) -> Organization:
    """One organization for all."""
    made: Organization = make("organization")
    return made


@pytest.fixture
def pair_of(
    make: Callable[..., Any], org: Organization, acme: TenantRef
) -> Callable[..., list[SupplierPair]]:
    """Store two suppliers with the fields given and look for pairs."""

    def compare(first: dict[str, Any], second: dict[str, Any]) -> list[SupplierPair]:
        with use_tenant(acme, actor="tester@example.com") as session:
            for fields in (first, second):
                session.add(Supplier(**{"org_id": org.id} | fields))
            session.flush()
            duplicates.refresh(session)
            session.commit()
            return list(session.scalars(select(SupplierPair)))

    return compare


def kinds(found: list[SupplierPair]) -> dict[str, int]:
    """The evidence of the only pair, with its points."""
    assert len(found) == 1
    return {piece["kind"]: piece["points"] for piece in found[0].evidence}


def test_one_misspelt_word_is_found(pair_of: Callable[..., list[SupplierPair]]) -> None:
    found = pair_of({"name": "Silberbergwerke Maschinen GmbH"}, {"name": "Silberbergwerk Maschinen AG"})
    assert kinds(found).keys() == {"name"}
    assert pairs.say(found[0].evidence[0]).startswith("name 0.")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Alpen Steel GmbH & Co. KG", "ALPEN STEEL AG"),
        ("Acme S.p.A.", "Acme, SpA"),
        ("Müller Söhne Ltd.", "müller  söhne limited"),
        ("Zeta Sp. z o.o.", "Zeta"),
        ("Steel Alpen", "Alpen Steel"),
    ],
)
def test_the_legal_form_and_signs_make_no_difference(
    pair_of: Callable[..., list[SupplierPair]], first: str, second: str
) -> None:
    assert "name" in kinds(pair_of({"name": first}, {"name": second}))


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        (({"tax_id": "DE 123.456.789"}, {"tax_id": "de123456789"}), "tax_id"),
        (({"email": "a@alpen.example"}, {"email": "b@ALPEN.example"}), "domain"),
        (({"email": "a@alpen.example"}, {"website": "https://www.alpen.example/shop"}), "domain"),
        (({"email": "Same@alpen.example"}, {"email": "same@alpen.example"}), "email"),
        (({"phone": "+49 (30) 1234-567"}, {"phone": "0049 30 1234567"}), "phone"),
    ],
)
def test_what_two_share_is_evidence(
    pair_of: Callable[..., list[SupplierPair]], fields: tuple[dict[str, Any], dict[str, Any]], kind: str
) -> None:
    first, second = fields
    found = pair_of({"name": "Quartz Optics"} | first, {"name": "Vega Cables"} | second)
    assert kinds(found).keys() == {kind}
    assert found[0].score == duplicates.POINTS[kind]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"name": "Alpen Steel", "email": "a@gmail.com"}, {"name": "Vega Cables", "email": "b@gmail.com"}),
        ({"name": "Warehouse 12"}, {"name": "Warehouse 13"}),
        ({"name": "Alpen Steel"}, {"name": "Vega Cables"}),
        ({"name": "Alpen Steel", "phone": "1"}, {"name": "Vega Cables", "phone": "1"}),
        ({"name": "Alpen Steel"}, {"name": "Alpen Cables"}),
    ],
)
def test_what_many_share_is_none(
    pair_of: Callable[..., list[SupplierPair]], first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert pair_of(first, second) == []


def test_different_tax_ids_speak_against_a_pair(pair_of: Callable[..., list[SupplierPair]]) -> None:
    found = pair_of({"name": "Alpen Steel", "tax_id": "DE1"}, {"name": "Alpen Steel AG", "tax_id": "DE2"})
    assert kinds(found) == {"name": 50, "other_tax_id": -15}
    assert found[0].score == 35


def test_organizations_are_kept_apart(make: Callable[..., Any], tenant: Session) -> None:
    make("supplier", name="Alpen Steel", tax_id="DE1")
    make("supplier", name="Alpen Steel", tax_id="DE1")  # the factory gives it an organization of its own
    assert duplicates.refresh(tenant) == 0


def test_a_pair_that_is_called_no_duplicate_is_not_offered_again(
    staff: FlaskClient, pair_of: Callable[..., list[SupplierPair]], acme: TenantRef
) -> None:
    found = pair_of({"name": "Alpen Steel", "tax_id": "DE1"}, {"name": "Alpen Steel AG", "tax_id": "DE1"})
    text = staff.get(PAGE).get_data(as_text=True)
    assert "same tax ID DE1, same name" in text
    assert staff.post(f"{PAGE}/{found[0].id}/dismiss").status_code == 302
    with use_tenant(acme, actor="tester@example.com") as session:
        duplicates.refresh(session)
        session.commit()
    assert "same tax ID" not in staff.get(PAGE).get_data(as_text=True)
    assert "same tax ID DE1" in staff.get(f"{PAGE}?dismissed=1").get_data(as_text=True)
    staff.post(f"{PAGE}/{found[0].id}/dismiss", data={"again": "1"})
    assert "same tax ID" in staff.get(PAGE).get_data(as_text=True)


def test_a_pair_that_is_none_any_more_disappears(
    pair_of: Callable[..., list[SupplierPair]], acme: TenantRef, stored: Callable[..., Any]
) -> None:
    found = pair_of({"name": "Alpen Steel", "tax_id": "DE1"}, {"name": "Vega Cables", "tax_id": "DE1"})
    with use_tenant(acme, actor="tester@example.com") as session:
        pair = session.get(SupplierPair, found[0].id)
        assert pair
        session.execute(select(1))
        session.connection().exec_driver_sql(f"UPDATE supplier SET tax_id = NULL WHERE id = {pair.first_id}")
        assert duplicates.refresh(session) == 0
        session.commit()
    assert stored(SupplierPair, found[0].id) is None


def test_the_list_of_suppliers_leads_to_the_duplicates(staff: FlaskClient) -> None:
    assert PAGE in staff.get("/t/acme/records/supplier/").get_data(as_text=True)
    assert staff.get(f"{PAGE}?page=-1").status_code == 200
    assert staff.get(f"{PAGE}?page=1,2").status_code == 200
    assert staff.post(f"{PAGE}/999999/dismiss").status_code == 404


def test_the_page_knows_whether_anybody_has_looked(staff: FlaskClient, control: Session) -> None:
    control.execute(delete(JobRun).where(JobRun.job == "suppliers.find_duplicates"))
    control.commit()
    untouched = staff.get(PAGE).get_data(as_text=True)
    assert "Nobody has looked yet" in untouched
    assert "Look through all suppliers" in untouched
    when = datetime(2026, 3, 5, 2, 30, tzinfo=UTC)
    values = {"status": RunStatus.SUCCEEDED, "enqueued_at": when, "started_at": when, "finished_at": when}
    control.add(
        JobRun(
            job="suppliers.find_duplicates", title="Look", queue="records", actor="system", args={}, **values
        )
    )
    control.commit()
    looked = staff.get(PAGE).get_data(as_text=True)
    assert "No pair to decide" in looked
    assert "As of 5 Mar 2026" in looked
    assert "Nobody has looked yet" not in looked


def test_a_manager_sees_pairs_and_may_do_nothing(
    login: Callable[..., FlaskClient], pair_of: Callable[..., list[SupplierPair]]
) -> None:
    found = pair_of({"name": "Alpen Steel", "tax_id": "DE1"}, {"name": "Vega Cables", "tax_id": "DE1"})
    manager = login("manager", tenant="acme")
    text = manager.get(PAGE).get_data(as_text=True)
    assert "same tax ID" in text
    assert "Compare" not in text
    assert manager.post(f"{PAGE}/{found[0].id}/dismiss").status_code == 403


def test_evidence_is_said_in_words() -> None:
    assert pairs.say({"kind": "name", "text": " 0.86"}) == "name 0.86"
    assert pairs.say({"kind": "phone", "text": "301234567"}) == "same telephone …234567"
    assert pairs.say({"kind": "unknown", "text": "x"}) == "x"


def test_every_night_all_tenants_are_looked_through(make: Callable[..., Any], acme: TenantRef) -> None:
    first = make("supplier", name="Vega Cables", tax_id="DE5")
    with use_tenant(acme, actor="tester@example.com") as session:
        session.add(Supplier(org_id=first.org_id, name="Vega Cable", tax_id="DE5"))
        session.commit()
    run: Any = SimpleNamespace(tenant=None, id="nightly", progress=lambda *_: None)
    found = find_duplicates(run)
    assert (found["acme"], found["globex"]) == (1, 0)
    with use_tenant(acme, actor="tester@example.com") as session:
        assert [pair.first_id for pair in session.scalars(select(SupplierPair))] == [first.id]
