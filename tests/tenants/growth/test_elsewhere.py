"""What reads whole schemas goes on with partitions: clones, archives of a tenant, the time machine."""

from datetime import date

import pytest
from flask import Flask

from dashboard.core.db import db
from dashboard.tenancy import queries as tenancy
from dashboard.tenancy.models import TenantRef
from dashboard.tenants.growth import partitioning
from dashboard.tenants.rewinding import comparing
from tests.tenants.growth.conftest import fingerprint
from tests.tenants.growth.test_partitioning import TODAY, convert, parts
from tests.tenants.lifecycle.conftest import Town, shared_town, town  # noqa: F401  # fixtures

pytestmark = [pytest.mark.commits, pytest.mark.xdist_group("lifecycle")]
TABLES = ("row_history", "stock_move")


def test_a_partitioned_tenant_is_cloned_archived_and_restored(
    app: Flask,
    acme: TenantRef,
    town: Town,  # noqa: F811
) -> None:
    past = town.past
    before = past.truth()
    assert convert(past, *TABLES) == [True, True]
    with partitioning.owner_link(past.tenant.schema) as link, link.cursor() as at:
        role = past.tenant.role
        partitioning.keep(at, past.tenant.schema, "row_history", tenant_role=role, today=date(2026, 12, 1))
    truth, sequences, shape = past.truth(), past.sequences(), fingerprint(past)

    done = town.run("clone", name="Twin", new_slug="grown-twin", with_data=True)
    assert done.status == "succeeded", done.error
    twin = past.truth(tenancy.get_tenant("grown-twin").schema)
    assert {table: twin[table] for table in before} == before
    assert "row_history_2026_11" not in twin, "a clone begins whole"

    done = town.run("archive", reason="They closed the plant.")
    assert done.status == "succeeded", done.error
    done = town.run("restore")
    assert done.status == "succeeded", done.error
    assert done.result is not None
    assert done.result["same_definitions"] is True
    assert (past.truth(), past.sequences(), fingerprint(past)) == (truth, sequences, shape)
    assert len(parts(past, "row_history")) == 4

    with db.engines["owner"].begin() as connection:
        shapes = {one.name: one for one in comparing.list_shapes(connection, past.tenant.schema, acme.schema)}
    assert set(TABLES) <= set(shapes)
    assert not {name for name in shapes if name.endswith(f"{TODAY:_%Y_%m}")}
