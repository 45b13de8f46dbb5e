"""A renamed tenant keeps its people, files and jobs; old addresses lead on and nobody else gets them."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.core.errors import ConflictError
from dashboard.jobs import service as jobs
from dashboard.jobs.models import JobRun
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.lifecycle import renaming
from dashboard.tenants.service import create_tenant
from dashboard.users import service as users
from tests.conftest import PASSWORD
from tests.tenants.lifecycle.conftest import CONTENT, Town

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]
PORTER = "porter-12345678@example.com"
NAMES = {"name": "New Name", "slug": "new-name", "owner_email": "boss@example.com", "colour": "#0f766e"}


@pytest.fixture
def old(town: Town) -> int:
    """A tenant called old-name; returns its id."""
    assert town.run("clone", name="Old Name", new_slug="old-name", with_data=False).status == "succeeded"
    return tenancy.get_tenant("old-name").id


def rename(town: Town, tenant_id: int, **changes: object) -> JobRun:
    """Rename the tenant of the fixture."""
    return town.run("rename", slug="old-name", tenant_id=tenant_id, names=NAMES | changes)


def test_people_files_runs_and_links_follow_a_rename(
    town: Town, old: int, login: Callable[..., FlaskClient]
) -> None:
    before = tenancy.get_tenant("old-name")
    staff = login("staff", "old-name")
    attachment = town.attach(before)
    waiting = jobs.enqueue("suppliers.find_duplicates", {}, actor="schedule", tenant="old-name")
    busy = rename(town, old)
    assert "Jobs of it are under way: Look for duplicate suppliers" in busy.error
    jobs.cancel(waiting.id, actor="tester@example.com")
    done = rename(town, old, domain="new.example.com", keep_domain=False)
    assert done.status == "succeeded", done.error
    after = tenancy.get_tenant("new-name")
    assert (after.id, after.schema, after.role) == (before.id, before.schema, before.role)
    assert town.read(after, attachment) == CONTENT
    assert [domain.host for domain in tenancy.list_domains(old)] == ["new.example.com"]
    with control_transaction() as session:
        moved = session.get(JobRun, waiting.id)
        assert moved is not None
        assert moved.tenant == "new-name"
    answer = staff.get("/t/old-name/records/supplier/?q=x")
    assert (answer.status_code, answer.location) == (302, "/t/new-name/records/supplier/?q=x")
    assert staff.get("/t/new-name/records/supplier/").status_code == 200
    assert staff.post("/t/old-name/records/supplier/new").status_code == 404
    with pytest.raises(ConflictError, match="was another tenant's until not long ago"):
        create_tenant("Usurper", "old-name")


def test_strangers_learn_nothing_from_an_old_address(
    town: Town, old: int, login: Callable[..., FlaskClient]
) -> None:
    assert rename(town, old).status == "succeeded"
    assert login("staff", "acme").get("/t/old-name/records/supplier/").status_code == 404


def test_a_rename_killed_in_the_middle_locks_nobody_out_and_goes_on(town: Town, old: int) -> None:
    users.create_operator(PORTER, "Porter", PASSWORD, [("staff", "old-name")])
    db.session.commit()

    def may(slug: str) -> bool:
        db.session.remove()
        return users.operator_can(PORTER, "records.rfq.view", slug)

    arguments = {"slug": "old-name", "tenant_id": old, "names": NAMES}
    run = town.kill("rename", renaming, "_register", **arguments)
    assert (may("old-name"), may("new-name")) == (True, True)
    town.lose(run)
    town.sweep()
    assert (may("old-name"), may("new-name")) == (True, False)
    run = town.kill("rename", renaming, "_follow", **arguments)
    assert (may("new-name"), tenancy.get_tenant("new-name").id) == (True, old)
    assert town.take_up(run).status == "succeeded"
    assert (may("old-name"), may("new-name")) == (False, True)


def test_a_taken_name_is_refused_and_nothing_is_lent(town: Town, old: int) -> None:
    assert "has the short name acme" in rename(town, old, slug="acme").error
    assert "acme.localhost is taken" in rename(town, old, domain="acme.localhost").error
    with control_transaction() as session:
        lent = session.scalar(text("SELECT count(*) FROM operator_grant WHERE tenant_slug = 'new-name'"))
    assert lent == 0
    assert tenancy.get_tenant("old-name").name == "Old Name"
