"""What a sweep must leave alone: dumps that somebody is restoring, and whoever has a short name now."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import delete, update

from dashboard.core.db import db
from dashboard.jobs import service as jobs
from dashboard.jobs.store import control_transaction
from dashboard.tenancy import queries as tenancy
from dashboard.tenants.lifecycle import archiving, queries, renaming
from dashboard.tenants.lifecycle.models import TenantArchive
from dashboard.users import service as users
from dashboard.users.models import Operator
from tests.conftest import PASSWORD
from tests.tenants.lifecycle.conftest import Town, files_of

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]
PEOPLE = ("leaver", "comer", "porter", "native")
May = Callable[[str, str], bool]


@pytest.fixture
def may(town: Town) -> Iterator[May]:
    """Whether somebody has a role in a tenant; whom a test lets in goes with it."""

    def has_role(name: str, slug: str) -> bool:
        db.session.remove()
        return users.operator_can(f"{name}@example.com", "records.rfq.view", slug)

    yield has_role
    with control_transaction() as session:
        session.execute(delete(Operator).where(Operator.name.in_(PEOPLE)))


def let_in(name: str, slug: str) -> None:
    """Give one of the people a role in a tenant."""
    users.create_operator(f"{name}@example.com", name, PASSWORD, [("staff", slug)])
    db.session.commit()


def deleted(town: Town) -> TenantArchive:
    """A deleted tenant with a file, whose dump has come to its time."""
    assert town.run("clone", name="Brief", new_slug="brief", with_data=False).status == "succeeded"
    town.attach(tenancy.get_tenant("brief"))
    done = town.run("delete", slug="brief", reason="They left.")
    assert done.result is not None, done.error
    with control_transaction() as session:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        session.execute(update(TenantArchive).values(expires_at=yesterday))
    return queries.get_archive(done.result["archive"])


def test_a_dump_whose_time_comes_stays_while_it_is_being_restored(town: Town) -> None:
    archive = deleted(town)
    waiting = town.enqueue("restore", slug="brief", archive=archive.id)
    assert town.sweep()["forgotten"] == 0, "it was asked for in time"
    jobs.cancel(waiting.id, actor="tester@example.com")
    with archiving.held(archiving.past_tenant(archive)):
        assert town.sweep()["forgotten"] == 0, "it is being loaded"
    assert files_of("tenant_brief")
    done = town.run("restore", slug="brief", archive=archive.id)
    assert done.status == "succeeded", done.error
    assert town.sweep()["forgotten"] == 0, "a restored one is kept for longer"


def test_a_dump_that_nobody_restores_goes_with_its_files(town: Town) -> None:
    archive = deleted(town)
    assert town.sweep()["forgotten"] == 1
    assert queries.get_archive(archive.id).gone_at is not None
    assert not files_of("tenant_brief")


def test_who_has_the_name_of_a_deleted_tenant_keeps_its_people(town: Town, may: May) -> None:
    assert town.run("clone", name="Brief", new_slug="brief", with_data=False).status == "succeeded"
    let_in("leaver", "brief")
    town.lose(town.kill("delete", archiving, "finish", slug="brief", reason="They left."))
    town.sweep()
    assert not may("leaver", "brief")
    assert town.run("clone", name="Another", new_slug="brief", with_data=False).status == "succeeded"
    let_in("comer", "brief")
    town.sweep()
    assert may("comer", "brief")


def test_a_restored_dump_outlives_the_run_that_made_it(town: Town) -> None:
    assert town.run("clone", name="Brief", new_slug="brief", with_data=False).status == "succeeded"
    run = town.kill("delete", archiving, "finish", slug="brief", reason="They left.")
    town.lose(run)
    made = archiving.find_made(run.id)
    assert made is not None
    assert town.run("restore", slug="brief", archive=made.id).status == "succeeded"
    town.sweep()
    assert queries.get_archive(made.id).restored_at is not None


def test_people_of_a_tenant_get_no_role_in_one_that_took_the_name_first(town: Town, may: May) -> None:
    assert town.run("clone", name="Old Name", new_slug="old-name", with_data=False).status == "succeeded"
    let_in("porter", "old-name")
    names = {"name": "New Name", "slug": "new-name", "owner_email": "", "colour": "#0f766e"}
    number = tenancy.get_tenant("old-name").id
    run = town.kill("rename", renaming, "_register", slug="old-name", tenant_id=number, names=names)
    assert town.run("clone", name="First", new_slug="new-name", with_data=False).status == "succeeded"
    let_in("native", "new-name")
    assert "has the short name new-name" in town.take_up(run).error
    assert (may("porter", "old-name"), may("porter", "new-name")) == (True, False)
    assert may("native", "new-name")


def test_one_that_cannot_be_settled_holds_up_no_other(town: Town) -> None:
    assert "no such archive" in town.run("restore", archive=999_999).error
    run = town.kill("archive", archiving, "_drop", reason="Killed.")
    town.lose(run)
    assert town.sweep()["settled"] == 1
    assert town.tenant.status == "active"
