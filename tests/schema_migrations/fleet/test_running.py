"""A run over a small fleet: everything arrives, what fails stops the rest, and nothing is done twice."""

import pytest

from dashboard.schema_migrations.fleet.running import Outcome
from tests.schema_migrations.fleet.ground import Ground


def test_a_column_and_a_concurrent_index_reach_every_schema(ground: Ground) -> None:
    tenants = ground.settle(12, spares=2)
    steps = ground.steps()
    assert ground.create(steps).schemas == 14
    result = ground.run(steps)
    assert result.outcome is Outcome.DONE, result
    assert result.counts == {"pending": 0, "running": 0, "done": 14, "failed": 0, "skipped": 0}
    assert set(ground.versions().values()) == {"a3"}
    assert ground.ledger() == ground.versions()
    assert set(ground.applied().values()) == {1}
    assert ground.indexed() >= set(tenants)
    assert ground.invalid_indexes() == []
    lines = ground.rows("SELECT from_revision, to_revision, applied_by, count(*) FROM tenant_revision GROUP BY 1, 2, 3")
    assert sorted(lines) == [("a1", "a2", "dba@example.com", 12), ("a2", "a3", "dba@example.com", 12)]
