"""A spare belongs to one tenant wholly, or is a spare."""

from itertools import islice
from threading import Barrier, Thread

import pytest
from flask import Flask
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.core.errors import DashboardError
from dashboard.jobs.models import SYSTEM_ACTOR, RunStatus
from dashboard.jobs.queries import get_run
from dashboard.jobs.runner import perform
from dashboard.jobs.service import enqueue
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.creating import dropping, naming, pool
from dashboard.tenants.service import create_tenant
from tests.tenants.creating.conftest import Makings
from tests.tenants.creating.test_blueprint import way_of

pytestmark = [
    pytest.mark.commits,
    pytest.mark.xdist_group("creating"),
    pytest.mark.usefixtures("blueprint"),
]
WHOLE = ["head", "role", "schema", "tenant"]


def at_once(app: Flask, slugs: list[str]) -> list[TenantRef | DashboardError]:
    """Create tenants in as many threads, all begun at the same moment."""
    barrier, made = Barrier(len(slugs)), list[TenantRef | DashboardError]()

    def create(slug: str) -> None:
        with app.app_context():
            barrier.wait()
            try:
                made.append(create_tenant(f"Of {slug}", slug))
            except DashboardError as error:
                made.append(error)
            db.session.remove()

    threads = [Thread(target=create, args=(slug,)) for slug in slugs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def test_two_creations_at_once_take_two_spares_and_a_third_goes_without(makings: Makings) -> None:
    pool.keep(2)
    made = at_once(makings.app, [makings.slug() for _ in range(3)])
    tenants = [one for one in made if isinstance(one, TenantRef)]
    assert sorted(way_of(one) for one in tenants) == ["blueprint", "spare", "spare"]
    assert makings.spares() == []
    for tenant in tenants:
        assert [trace.split()[0] for trace in makings.traces(tenant.slug)] == WHOLE


def test_of_two_that_ask_for_one_short_name_one_gets_it_and_no_spare_is_lost(makings: Makings) -> None:
    pool.keep(2)
    slug = makings.slug()
    made = at_once(makings.app, [slug, slug])
    refused = [one for one in made if isinstance(one, DashboardError)]
    assert [(type(one).__name__, one.status) for one in refused] == [("ConflictError", 409)]
    assert refused[0].message == f"The short name {slug!r} is taken by another tenant."
    assert len(makings.spares()) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE schema_head SET revision = '0001' WHERE kind = 'spare'",
        "UPDATE schema_head SET fingerprint = 'another' WHERE kind = 'spare'",
        "DROP SCHEMA {spare} CASCADE",
        "DROP SCHEMA {spare} CASCADE; DROP ROLE {role}; CREATE SCHEMA {spare}",
    ],
    ids=["another revision", "other definitions", "no schema", "no role"],
)
def test_a_spare_that_is_not_as_it_should_be_is_never_used_but_made_anew(
    makings: Makings, spoil: str
) -> None:
    [spare] = pool.keep(1).made
    makings.sql(spoil.format(spare=spare, role=naming.role_of(spare)))
    assert way_of(create_tenant("Made", makings.slug())) == "blueprint"
    kept = pool.keep(1)
    assert (kept.dropped, kept.ready) == ([spare], 1)


def test_a_tenant_keeps_the_role_of_its_spare_and_no_later_one_gets_that_name(makings: Makings) -> None:
    [spare] = pool.keep(1).made
    made = create_tenant("Made", makings.slug())
    assert (made.role, made.schema) == (naming.role_of(spare), naming.tenant_name(made.slug))
    assert tenancy.get_tenant(made.slug).role == made.role
    [later] = pool.keep(1).made
    assert later != spare
    assert dropping.drop(spare), "nothing of that name is there any more"
    with use_tenant(made, actor="tester") as session:
        assert session.scalar(text("SELECT count(*) FROM supplier")) == 0, "its role still works"


def test_a_spare_of_a_former_release_goes_with_its_role(makings: Makings) -> None:
    [spare] = pool.keep(1).made
    makings.sql(f"ALTER ROLE {naming.role_of(spare)} RENAME TO {spare}")
    assert way_of(create_tenant("Made", makings.slug())) == "blueprint"
    assert pool.keep(0).dropped == [spare]
    assert makings.spares() == [], "neither schema nor role"


def test_a_spare_in_a_fleet_run_is_neither_taken_nor_dropped(makings: Makings) -> None:
    [spare] = pool.keep(1).made
    task = "INSERT INTO fleet_task (run_id, schema_name, wave) VALUES (:run, :schema, 0)"
    makings.sql(task, run=987_654, schema=spare)
    try:
        assert way_of(create_tenant("Made", makings.slug())) == "blueprint"
        assert pool.keep(0).dropped == []
        assert makings.spares() == [spare]
    finally:
        makings.sql("DELETE FROM fleet_task WHERE run_id = 987654")


def test_a_spare_that_was_moved_is_looked_at_before_it_is_used(makings: Makings) -> None:
    pool.keep(1)
    makings.sql("UPDATE schema_head SET fingerprint = NULL WHERE kind = 'spare'")
    assert way_of(create_tenant("Made", makings.slug())) == "blueprint"
    assert pool.keep(1) == pool.Kept(ready=1)


def test_a_failure_after_the_renaming_leaves_a_spare(
    makings: Makings, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool.keep(1)
    slug, before = makings.slug(), makings.spares()
    rename = naming.renaming_schema
    monkeypatch.setattr(naming, "renaming_schema", lambda *names: f"{rename(*names)}; SELECT 1 / 0")
    with pytest.raises(Exception, match="division by zero"):
        create_tenant("Half", slug)
    monkeypatch.undo()
    assert makings.traces(slug) == []
    assert makings.spares() == before
    assert way_of(create_tenant("Whole", slug)) == "spare"


def test_the_job_keeps_as_many_as_are_wanted_and_is_asked_for_after_each_creation(makings: Makings) -> None:
    first = enqueue("tenants.keep_spares", actor=SYSTEM_ACTOR)
    perform(str(first.id))
    db.session.remove()
    run = get_run(first.id)
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, "")
    assert len(makings.spares()) == 2
    create_tenant("Takes one", makings.slug())
    query = "SELECT id FROM job_run WHERE job = 'tenants.keep_spares' AND status = 'queued'"
    with db.engines["control"].connect() as connection:
        [asked] = connection.scalars(text(query)).all()
    perform(str(asked))
    db.session.remove()
    run = get_run(asked)
    assert (run.status, run.error) == (RunStatus.SUCCEEDED, "")
    assert len(makings.spares()) == 2


def test_a_process_of_an_older_release_leaves_the_pool_alone(makings: Makings) -> None:
    [spare] = pool.keep(1).made
    makings.sql("UPDATE schema_head SET revision = '9999' WHERE schema_name = :name", name=spare)
    assert pool.keep(3) == pool.Kept()
    assert makings.spares() == [spare]


def test_names_go_on_where_one_is_taken(makings: Makings) -> None:
    [first, second] = pool.keep(2).made
    assert int(second.removeprefix("spare_")) == int(first.removeprefix("spare_")) + 1
    names = list(islice(naming.candidates("a-b"), 3))
    assert names == ["tenant_a_b", "tenant_a_b_2", "tenant_a_b_3"]
