"""Every action asks first, says what follows, and becomes a job."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.tenants.lifecycle.models import TenantArchive
from tests.tenants.lifecycle.conftest import Town

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]
NAMES = {"name": "Past", "slug": "past-tense", "colour": "#0f766e", "domain": "past.example.com"}


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        pytest.param("rename", NAMES, id="rename"),
        pytest.param("suspend", {"reason": "Unpaid"}, id="suspend"),
        pytest.param("clone", {"name": "Second", "with_data": "y"}, id="clone"),
        pytest.param("archive", {"reason": "Closed"}, id="archive"),
        pytest.param("delete", {"reason": "Gone"}, id="delete"),
    ],
)
def test_an_action_asks_then_is_a_job(
    town: Town, admin: FlaskClient, action: str, fields: dict[str, str]
) -> None:
    url = f"/admin/tenants/{town.tenant.slug}/{action}"
    page = admin.get(url)
    assert page.status_code == 200
    is_red = "btn-danger" in page.get_data(as_text=True)
    assert is_red == (action in {"suspend", "archive", "delete"}), "red is for what people lose by"
    refused = admin.post(url, data={"slug": "-", "name": "", "confirmation": "no"})
    assert refused.status_code == 422
    answer = admin.post(url, data=fields | {"confirmation": town.tenant.slug})
    assert answer.status_code == 302, answer.get_data(as_text=True)
    with control_transaction() as session:
        run = session.scalars(select(JobRun).where(JobRun.job == f"tenants.{action}")).one()
    assert run.args["slug"] == town.tenant.slug
    assert str(run.id) in answer.location
    again = admin.post(url, data=fields | {"confirmation": town.tenant.slug})
    assert again.status_code == 409
    assert "is under way" in admin.get(url).get_data(as_text=True)


def test_the_list_of_archives_leads_to_the_restore(town: Town, admin: FlaskClient) -> None:
    assert "No tenant was archived" in admin.get("/admin/tenants/archives/").get_data(as_text=True)
    named = {"slug": "left", "name": "Left", "schema_name": "tenant_left", "role_name": "tenant_left"}
    dump = {"path": "tenants/left.dump", "bytes": 2048, "sha256": "0" * 64, "counts": {"unit": 3}}
    archive = TenantArchive(kind="deleted", tenant_id=999, revision="0007", actor="me", **named, **dump)
    with control_transaction() as session:
        session.add(archive)
    page = admin.get("/admin/tenants/archives/").get_data(as_text=True)
    assert "Left" in page
    assert "not verified" in page
    url = f"/admin/tenants/archives/{archive.id}/restore"
    assert "Registry, domains and people" in admin.get(url).get_data(as_text=True)
    assert admin.post(url).status_code == 302
    assert admin.get("/admin/tenants/archives/999999/restore").status_code == 404
    assert admin.get("/admin/tenants/acme/restore").status_code == 409
