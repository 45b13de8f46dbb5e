"""Evidence that was tampered with or ran out rings."""

from datetime import timedelta

import pytest
from flask import Flask

from dashboard.compliance import looking
from tests.compliance.test_attesting import KEY, state
from tests.compliance.world import World
from tests.health.bell import Bell


@pytest.fixture
def bell(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> Bell:
    return Bell(app, monkeypatch)


@pytest.mark.breaks("promises.chain_broken")
def test_a_changed_statement_rings_until_it_is_put_back(world: World, bell: Bell) -> None:
    state(world)
    state(world)
    looking.follow()
    assert bell.is_quiet("promises.chain_broken")
    first = "number = (SELECT min(number) FROM attestation)"
    change = f"UPDATE attestation SET expires_on = expires_on + {{}} WHERE {first}"
    world.sql("ALTER TABLE attestation DISABLE TRIGGER refuse_change", change.format(90))
    looking.follow()
    reasons = bell.reasons("promises.chain_broken")
    assert "changed afterwards" in reasons["statement"]
    world.sql(change.format(-90))
    looking.follow()
    assert bell.is_quiet("promises.chain_broken")


@pytest.mark.breaks("promises.statement_expired")
def test_a_statement_that_ran_out_rings_until_it_is_made_again(world: World, bell: Bell) -> None:
    state(world, days=30)
    assert bell.is_quiet("promises.statement_expired")
    bell.clock += timedelta(days=32)
    assert "expired on" in bell.reasons("promises.statement_expired")[KEY]
    state(world, days=90)
    assert bell.is_quiet("promises.statement_expired")
