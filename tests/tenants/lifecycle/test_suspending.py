"""A suspended tenant is closed to people, jobs, suppliers and forgetful code, and opens again as it was."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from dashboard.core.db import db
from dashboard.erp.portal import access, links
from dashboard.jobs import queries as job_queries
from dashboard.jobs import service as jobs
from dashboard.jobs.models import SYSTEM_ACTOR
from dashboard.jobs.runner import perform
from dashboard.schema_migrations import service as migrations
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.lifecycle import suspending
from tests.tenants.lifecycle.conftest import Town

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]


@pytest.fixture
def closed(town: Town) -> Town:
    """The tenant, suspended; opened again by the test's end."""
    assert town.run("suspend", reason="The invoice is open").status == "succeeded"
    return town


def test_people_read_why_and_administrators_still_look_after_it(
    town: Town, login: Callable[..., FlaskClient], admin: FlaskClient
) -> None:
    slug = town.tenant.slug
    staff = login("staff", slug)
    page = f"/t/{slug}/records/supplier/"
    assert staff.get(page).status_code == 200
    run = jobs.enqueue("suppliers.find_duplicates", {}, actor=SYSTEM_ACTOR, tenant=slug)
    done = town.run("suspend", reason="The invoice is open")
    assert (done.status, (done.result or {})["stopped"]) == ("succeeded", 1)
    assert job_queries.get_run(run.id).status == "cancelled"
    answer = staff.get(page)
    assert answer.status_code == 423
    assert "The invoice is open." in answer.get_data(as_text=True)
    assert staff.post(f"{page}new", data={"name": "x"}).status_code == 423
    assert login("staff", "acme").get(page).status_code == 404, "strangers do not even learn that it exists"
    assert admin.get(f"/admin/tenants/{slug}/").status_code == 200
    assert admin.get(f"/admin/tenants/{slug}/resume").status_code == 200
    assert town.run("resume").status == "succeeded"
    assert staff.get(page).status_code == 200


def test_jobs_suppliers_and_forgetful_code_are_refused_even_after_a_migration(closed: Town) -> None:
    tenant = closed.tenant
    with migrations.locked_connection("owner") as connection:
        migrations.upgrade_tenant(connection, tenant, actor="tester@example.com")
    with use_tenant(tenant, actor="forgetful") as session, pytest.raises(ProgrammingError, match="set role"):
        session.execute(text("SELECT count(*) FROM supplier"))
    run = jobs.enqueue("suppliers.find_duplicates", {}, actor=SYSTEM_ACTOR, tenant=tenant.slug)
    perform(str(run.id))
    assert "is suspended: its jobs do not run" in job_queries.get_run(run.id).error
    assert tenant not in tenancy.list_active()
    with pytest.raises(access.ClosedError, match="takes no answers on this page at present"):
        access.enter(db.session(), links.make(links.Link(tenant.id, 1, 1)).rpartition("key=")[2])
    assert closed.run("resume").status == "succeeded"
    assert closed.tenant in tenancy.list_active()


def test_a_process_that_does_not_know_yet_answers_as_one_that_does(
    town: Town, login: Callable[..., FlaskClient]
) -> None:
    slug = town.tenant.slug
    staff = login("staff", slug)
    page = f"/t/{slug}/records/supplier/"
    assert staff.get(page).status_code == 200
    with db.engines["owner"].begin() as connection:
        suspending.close(connection, town.tenant)
    closing = "UPDATE public.tenant SET status = 'suspended', status_reason = 'Elsewhere' WHERE slug = %s"
    town.past.sql(closing, slug)
    answer = staff.get(page)
    assert answer.status_code == 423
    assert "Elsewhere." in answer.get_data(as_text=True)
    assert town.run("resume").status == "succeeded"


def test_what_its_state_does_not_allow_is_refused(closed: Town) -> None:
    assert "is suspended: suspend is not possible" in closed.run("suspend", reason="Twice").error
    assert closed.run("resume").status == "succeeded"
    assert "is active: restore is not possible" in closed.run("restore").error
