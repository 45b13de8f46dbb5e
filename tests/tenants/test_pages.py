"""The pages of tenants: creating by form and changing domains."""

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, text

from dashboard.core.db import db
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.lifecycle.models import TenantArchive
from tests.conftest import PASSWORD


@pytest.fixture
def admin(login: Callable[..., FlaskClient]) -> Iterator[FlaskClient]:
    """An administrator; the domains they add to acme are removed again."""
    yield login("admin")
    with db.engines["owner"].begin() as connection:
        connection.execute(text("DELETE FROM domain WHERE host LIKE '%.example.com'"))
        connection.execute(text("UPDATE domain SET is_primary = true WHERE host = 'acme.localhost'"))
    tenancy.forget()


@pytest.fixture
def asked_for(app: Flask) -> Iterator[None]:
    """Remove what the button commits on its own connection, outside the test's transaction."""
    yield
    with control_transaction() as session:
        session.execute(delete(JobRun).where(JobRun.job == "tenants.inspect"))


def change(browser: FlaskClient, action: str, host: str) -> str:
    """Send the domain form and return the page that follows."""
    answer = browser.post(
        "/admin/tenants/acme/domains", data={"action": action, "host": host}, follow_redirects=True
    )
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_a_wrong_form_keeps_what_was_typed(admin: FlaskClient) -> None:
    answer = admin.post("/admin/tenants/new", data={"name": "Fine Name", "slug": "NOT FINE", "domain": ""})
    assert answer.status_code == 422
    assert "Fine Name" in answer.get_data(as_text=True)


def test_a_taken_short_name_is_said_at_its_field(admin: FlaskClient) -> None:
    answer = admin.post("/admin/tenants/new", data={"name": "Again", "slug": "acme", "domain": ""})
    assert answer.status_code == 409
    assert "is taken by another tenant." in answer.get_data(as_text=True)


def test_a_second_tenant_of_the_same_name_is_refused(admin: FlaskClient) -> None:
    name = tenancy.get_tenant("acme").name
    answer = admin.post("/admin/tenants/new", data={"name": f" {name.upper()} ", "slug": "acme-two"})
    assert answer.status_code == 422
    assert "There is a tenant of this name already." in answer.get_data(as_text=True)


def test_check_now_leads_to_its_run(admin: FlaskClient, asked_for: None) -> None:
    answer = admin.post("/admin/tenants/inspect")
    assert answer.status_code == 302
    assert "Inspect tenants" in admin.get(answer.location).get_data(as_text=True)


@pytest.mark.parametrize("host", [".", "-erp.example.com", "erp..example.com", "not a host"])
def test_what_is_no_host_name_is_refused(admin: FlaskClient, host: str) -> None:
    assert "A host name such as" in change(admin, "add", host)


def test_a_host_name_may_be_typed_in_capitals(admin: FlaskClient) -> None:
    change(admin, "add", " ERP.Example.com ")
    assert tenancy.find_by_host("erp.example.com") == tenancy.get_tenant("acme")


def test_a_domain_can_be_added_made_primary_and_removed(admin: FlaskClient) -> None:
    change(admin, "add", "erp.example.com")
    assert tenancy.find_by_host("erp.example.com") == tenancy.get_tenant("acme")
    change(admin, "make_primary", "erp.example.com")
    domains = tenancy.list_domains(tenancy.get_tenant("acme").id)
    assert [(domain.host, domain.is_primary) for domain in domains] == [
        ("erp.example.com", True),
        ("acme.localhost", False),
    ]
    assert "primary domain" in change(admin, "remove", "erp.example.com")
    change(admin, "make_primary", "acme.localhost")
    change(admin, "remove", "erp.example.com")
    assert tenancy.find_by_host("erp.example.com") is None


def test_a_domain_of_another_tenant_is_refused(admin: FlaskClient) -> None:
    assert "is taken" in change(admin, "add", "globex.localhost")
    assert "not a domain of this tenant" in change(admin, "make_primary", "globex.localhost")
    assert "host name" in change(admin, "add", "NOT A HOST")


def test_whoever_comes_by_a_host_name_is_in_its_tenant(admin: FlaskClient) -> None:
    change(admin, "add", "erp.example.com")
    there = "http://erp.example.com"
    person = {"email": admin.email, "password": PASSWORD}  # type: ignore[attr-defined]
    assert admin.post("/login", data=person, base_url=there).status_code == 302
    assert admin.get("/", base_url=there).location == "/t/acme/"
    assert admin.get("/t/globex/", base_url=there).status_code == 404
    change(admin, "remove", "erp.example.com")
    assert admin.get("/t/globex/", base_url=there).status_code == 200


def test_a_domain_leads_to_its_tenant_and_to_no_other(login: Callable[..., FlaskClient]) -> None:
    browser = login("admin")
    assert browser.get("/t/globex/switch", base_url="http://acme.localhost").status_code == 404


def test_one_of_many_tenants_is_found_by_its_name(login: Callable[..., FlaskClient]) -> None:
    page = login("admin").get("/tenants/?q=glo&place=records/supplier").get_data(as_text=True)
    assert "/t/globex/switch?next=/t/globex/records/supplier/" in page
    assert "/t/acme/switch?next=/t/acme/records/supplier/" not in page
    page = login("staff", tenant="acme").get("/tenants/?place=//evil.example").get_data(as_text=True)
    assert "Globex" not in page
    assert "evil.example" not in page.partition("<table")[2]


def test_the_switcher_goes_to_the_same_page_of_the_other_tenant(login: Callable[..., FlaskClient]) -> None:
    browser = login("admin")
    there = browser.get("/t/globex/switch?next=/t/globex/insights/")
    assert there.location == "/t/globex/insights/"
    assert browser.get("/t/globex/switch?next=/database/jobs/").location == "/database/jobs/"
    hostile_targets = (
        "//evil.example",
        "https://evil.example",
        "/t/acme/insights/",
        "/t/globex/\\evil",
        "/\t/evil",
    )
    for hostile in hostile_targets:
        assert browser.get("/t/globex/switch", query_string={"next": hostile}).location == "/"


def test_a_tenant_without_a_grant_does_not_exist_for_a_person(login: Callable[..., FlaskClient]) -> None:
    browser = login("staff", tenant="acme")
    assert "Globex" not in browser.get("/").get_data(as_text=True)
    assert browser.get("/t/globex/insights/").status_code == 404


@pytest.fixture
def closed() -> Iterator[Callable[[str], None]]:
    """Close acme as a worker does, behind the back of this process; it is opened again afterwards."""

    def set_status(status: str) -> None:
        with db.engines["owner"].begin() as connection:
            change = "UPDATE public.tenant SET status = :status WHERE slug = 'acme'"
            connection.execute(text(change), {"status": status})

    tenancy.list_tenants()
    yield set_status
    set_status("active")
    tenancy.forget()


def test_what_a_worker_has_closed_is_closed_on_its_page_at_once(
    admin: FlaskClient, closed: Callable[[str], None]
) -> None:
    assert "/admin/tenants/acme/suspend" in admin.get("/admin/tenants/acme/").get_data(as_text=True)
    closed("suspended")
    page = admin.get("/admin/tenants/acme/").get_data(as_text=True)
    assert "/admin/tenants/acme/resume" in page
    assert admin.get("/admin/tenants/acme/resume").status_code == 200
    assert "not while suspended" in admin.get("/admin/tenants/").get_data(as_text=True)
    closed("archived")
    deleting = admin.get("/admin/tenants/acme/delete").get_data(as_text=True)
    assert "Its archive is all there is of it." in deleting
    assert "Who opens one of its pages is told that there is no such tenant." in deleting
    closed("active")
    assert "a last dump is made" in admin.get("/admin/tenants/acme/delete").get_data(as_text=True)


def test_an_archived_tenant_tells_of_its_archive_and_of_nothing_that_it_has_not_got(
    admin: FlaskClient, closed: Callable[[str], None]
) -> None:
    closed("archived")
    page = admin.get("/admin/tenants/acme/").get_data(as_text=True)
    assert "It has no schema while it is archived" in page
    for elsewhere in ("/database/rewinds/?tenant=acme", "/admin/tenants/acme/growth"):
        assert elsewhere not in page
    assert "No archive of it is on record here." in page
    for asked in ("not measured yet", "Not measured yet", "Not tried yet", "Last dump"):
        assert asked not in page
    with control_transaction() as session:
        acme = tenancy.get_tenant("acme")
        dump = {"path": "tenants/acme.dump", "bytes": 2048, "sha256": "0" * 64, "counts": {"unit": 34_567}}
        named = {"slug": "acme", "name": acme.name, "schema_name": acme.schema, "role_name": acme.role}
        session.add(
            TenantArchive(kind="archived", tenant_id=acme.id, revision="0007", actor="me", **named, **dump)
        )
    try:
        assert "34,567" in admin.get("/admin/tenants/acme/").get_data(as_text=True)
    finally:
        with control_transaction() as session:
            session.execute(delete(TenantArchive).where(TenantArchive.tenant_id == acme.id))
