"""`flask upgrade` brings every schema of the ledger along, tenants, spares and templates."""

import pytest

from dashboard.schema_migrations.fleet.running import Options
from dashboard.schema_migrations.fleet.tasks import FleetError
from dashboard.schema_migrations.fleet.upgrading import bring_up
from tests.schema_migrations.fleet.ground import Ground


def bring(ground: Ground) -> tuple[int, int, list[str]]:
    lines: list[str] = []
    scripts = ground.history.scripts
    chosen = Options(actor="system", scripts=scripts)
    done = bring_up(ground.url, actor="system", say=lines.append, scripts=scripts, options=chosen)
    return done.moved, done.total, lines


def test_all_schemas_arrive_and_a_second_time_there_is_nothing_to_do(ground: Ground) -> None:
    ground.settle(4, spares=2)
    assert bring(ground) == (6, 6, [])
    assert set(ground.versions().values()) == set(ground.ledger().values()) == {"a3"}
    assert bring(ground) == (0, 6, [])
    assert ground.rows("SELECT FROM fleet_task") == []


def test_it_begins_where_the_schemas_are_not_where_the_ledger_thinks(ground: Ground) -> None:
    ground.settle(2)
    ground.rows("UPDATE schema_head SET revision = 'a3'")
    moved, _total, lines = bring(ground)
    assert moved == 2
    assert lines[0] == "tenant_01: the ledger said a3, the schema itself says a1"


def test_a_schema_without_a_revision_begins_at_the_first(ground: Ground) -> None:
    ground.settle(2)
    ground.rows("DROP TABLE tenant_02.item, tenant_02.alembic_version")
    assert bring(ground)[:2] == (2, 2)
    assert ground.versions() == {"tenant_01": "a3", "tenant_02": "a3"}


def test_a_failure_an_unknown_revision_and_a_second_upgrade_are_told(ground: Ground) -> None:
    ground.settle(3)
    ground.history.write("a4", "a3", ["op.execute('SELECT nothing')"])
    with pytest.raises(FleetError, match='column "nothing" does not exist'):
        bring(ground)
    assert ground.rows("SELECT FROM fleet_task") == []
    ground.rows("UPDATE tenant_02.alembic_version SET version_num = 'zz'")
    with pytest.raises(FleetError, match="tenant_02 at zz"):
        bring(ground)
    with ground.link() as link, link.cursor() as at:
        at.execute("SELECT pg_advisory_lock(7310003)")
        with pytest.raises(FleetError, match="Another upgrade"):
            bring(ground)
