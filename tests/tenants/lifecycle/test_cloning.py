"""A clone is what its original was at one moment, sealed where that is; a broken one leaves nothing."""

import pytest
from sqlalchemy import text

from dashboard.core.db import db
from dashboard.schema_migrations.drift import definition
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenancy.scope import use_tenant
from dashboard.tenants.lifecycle import copying
from tests.tenants.lifecycle.conftest import CONTENT, Town

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]


def fingerprint(tenant: TenantRef) -> str:
    """What a tenant's schema consists of."""
    with db.engines["owner"].begin() as connection:
        return definition.fingerprint(connection, tenant.schema, role=tenant.role)


def test_a_clone_with_data_has_every_row_number_seal_and_file(town: Town) -> None:
    attachment = town.attach()
    source = town.tenant
    run = town.run("clone", name="Twin", new_slug="twin-of-it", with_data=True)
    assert run.status == "succeeded", run.error
    twin = tenancy.get_tenant("twin-of-it")
    assert (twin.status, town.tenant.status) == ("suspended", "active")
    theirs, ours = town.past.truth(twin.schema), town.past.truth()
    assert {table for table in ours if ours[table] != theirs[table]} == {"attachment"}
    assert town.past.sequences(twin.schema) == town.past.sequences()
    assert fingerprint(twin) == fingerprint(source)
    assert town.run("resume", slug="twin-of-it").status == "succeeded"
    assert town.read(tenancy.get_tenant("twin-of-it"), attachment) == CONTENT
    with use_tenant(twin, actor="tester") as session:
        sealed = session.scalar(text("SELECT count(*) FROM quote_price"))
    (everything,) = town.past.sql(f"SELECT count(*) FROM {twin.schema}.quote_price")[0]
    assert sealed < everything, "what is not opened yet is not seen in the copy either"


def test_a_clone_without_data_is_an_empty_tenant(town: Town) -> None:
    run = town.run("clone", name="Empty twin", new_slug="empty-twin", with_data=False)
    assert run.status == "succeeded", run.error
    twin = tenancy.get_tenant("empty-twin")
    assert twin.status == "active"
    assert fingerprint(twin) == fingerprint(town.tenant)
    assert sum(sum(rows.values()) for rows in town.past.truth(twin.schema).values()) == 1  # its version


def test_a_clone_killed_in_the_middle_leaves_nothing_after_the_sweep(town: Town) -> None:
    before = town.names()
    run = town.kill("clone", copying.Copier, "_tie", name="Half", new_slug="half-twin", with_data=True)
    assert town.names() - before == {"tenant_half_twin"}
    assert "half-twin" not in {one.slug for one in tenancy.list_tenants()}
    assert town.sweep()["settled"] == 0, "its run may still be at work"
    town.lose(run)
    assert town.sweep()["settled"] == 1
    assert town.names() == before


def test_a_clone_under_a_taken_name_is_refused_and_leaves_nothing(town: Town) -> None:
    before = town.names()
    run = town.run("clone", name="Acme", new_slug="acme", with_data=False)
    assert (run.status, run.error) == ("failed", "Acme has the short name acme.")
    town.past.sql("CREATE TABLE by_hand (id int)")
    run = town.run("clone", name="Odd", new_slug="odd-twin", with_data=True)
    town.past.sql("DROP TABLE by_hand")
    assert "is not what its migration says: column by_hand.id, table by_hand" in run.error
    assert town.names() == before
